"""Room for results: arrays that are not initialised, of memory that is used again.

A large array fresh from the system costs more to fetch, page by page, than to fill. Its block is kept when the array
and all views of it are gone, never before, and serves the next array of its size: csrc/memory.cpp. Without the C++
backend NumPy's memory serves.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

Array = np.ndarray[Any, np.dtype[Any]]

SMALL = 4096  # elements: below that malloc has a block at hand, and is quicker

try:
    from cuarzo.kernels.cpp._memory import empty as _recycled
except ImportError:
    _recycled = np.empty


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """An array of this shape and dtype, in C order, not initialised."""
    if math.prod(shape) < SMALL:
        return np.empty(shape, dtype)
    return _recycled(shape, np.dtype(dtype))


def empty_like(array: Array) -> Array:
    """One of the shape and dtype of `array`, in C order."""
    return empty(array.shape, array.dtype)
