"""Names that a user types: models, data sets, optimisers. An unknown one is answered with the near miss."""

from collections.abc import Iterable
from difflib import get_close_matches


def check_name(what: str, given: str, known: Iterable[str]) -> str:
    """Return `given` if it is one of `known`; else raise ValueError, which lists them and suggests the closest."""
    known = list(known)
    if given in known:
        return given
    close = get_close_matches(given.lower().replace("-", "_"), known, n=1, cutoff=0.5)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ValueError(f"unknown {what} {given!r}{hint}; known: {', '.join(known)}")
