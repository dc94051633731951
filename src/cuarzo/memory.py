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
    from cuarzo.kernels.cpp._memory import is_block as _is_block
except ImportError:
    _recycled = np.empty

    def _is_block(base: object) -> bool:
        return False


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """An array of this shape and dtype, in C order, not initialised."""
    dtype = np.dtype(dtype)
    if math.prod(shape) < SMALL or dtype.hasobject:
        return np.empty(shape, dtype)
    return _recycled(shape, dtype)


def owns(array: Array) -> bool:
    """Whether no other array or buffer has the memory of `array`, unless it is a view of it."""
    return array.base is None or _is_block(array.base)


def empty_like(array: Array) -> Array:
    """One of the shape and dtype of `array`, in C order."""
    return empty(array.shape, array.dtype)
