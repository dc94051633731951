"""What a user types: names of models, data sets, optimisers (an unknown one is answered with the near miss), counts."""

import operator
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

LARGEST = 2**31 - 1  # of anything that is counted


def check_name(what: str, given: str, known: Iterable[str]) -> str:
    """Return `given` if it is one of `known`; else raise ValueError, which lists them and suggests the closest."""
    known = list(known)
    if not isinstance(given, str):
        raise TypeError(f"{what} is {given!r} of type {type(given).__name__}, expected one of: {', '.join(known)}")
    if given in known:
        return given
    close = get_close_matches(given.lower().replace("-", "_"), known, n=1, cutoff=0.5)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ValueError(f"unknown {what} {given!r}{hint}; known: {', '.join(known)}")


def check_count(name: str, value: Any, least: int, largest: int = LARGEST) -> int:
    """`value` as a Python int from `least` to `largest`; else TypeError or ValueError naming it."""
    try:
        n = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r} of type {type(value).__name__}, expected an integer") from None
    if n < least:
        raise ValueError(f"{name} is {n}, expected {least} or more")
    if n > largest:
        raise ValueError(f"{name} is {n}, expected at most {largest}")
    return n
