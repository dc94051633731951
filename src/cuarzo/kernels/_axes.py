"""Signals and images as volumes, so that compiled loops are written once; windows as lists of their taps.

Axes of size 1 stand in front of those that are there: a window of one tap with stride 1 and no padding, which reads the
one slice and changes nothing. They are views: nothing is copied.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray


def volume(array: NDArray) -> NDArray:
    """(N, C, W) and (N, C, H, W) as (N, C, D, H, W)."""
    return array.reshape(*array.shape[:2], *(1,) * (5 - array.ndim), *array.shape[2:])


def triple(option: Any, neutral: Any) -> tuple:
    """An option with an entry for each axis, `neutral` for those that were put in front."""
    return (neutral,) * (3 - len(option)) + tuple(option)


def window_taps(window: Sequence[int], padding: Any, dilation: Sequence[int]) -> NDArray[np.int64]:
    """(E R S, 3), not to be written to: where the taps of the first window read; one in the padding reads outside."""
    before = tuple(int(before) for before, _ in triple(padding, (0, 0)))  # integers of few bits would overflow
    return _taps(triple(window, 1), before, tuple(map(int, triple(dilation, 1))))


@lru_cache(256)  # a network has few layers, and calls each of them often
def _taps(window: tuple, before: tuple, dilation: tuple) -> NDArray[np.int64]:
    reads = (range(-first, n * gap - first, gap) for n, first, gap in zip(window, before, dilation))
    places = np.array([*product(*reads)], np.int64)
    places.flags.writeable = False
    return places
