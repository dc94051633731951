"""How a wrong kernel is planted, and what several of them share."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Planted(NamedTuple):
    kernel: str
    bug: str
    function: Callable[..., None]


PLANTED: list[Planted] = []


def planted(kernel: str, bug: str) -> Callable:
    def add(function: Callable[..., None]) -> Callable[..., None]:
        PLANTED.append(Planted(kernel, bug, function))
        return function

    return add


def fresh(kernel: Callable[..., None], *args: Any) -> np.ndarray:
    """What `kernel` writes into its last argument, which itself stays as it is."""
    made = np.empty_like(args[-1])
    kernel(*args[:-1], made)
    return made


def low_precision(kernel: Callable[..., None], dtype: Any, *args: Any) -> np.ndarray:
    """`kernel` with every floating-point array, its last argument included, in `dtype`."""
    floating = [isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in args]
    return fresh(kernel, *(a.astype(dtype) if f else a for a, f in zip(args, floating)))
