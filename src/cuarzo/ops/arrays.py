"""What ops hand to kernels: contiguous arrays, integers as int64, room for the gradients that are wanted."""

from typing import Any

import numpy as np

from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def contiguous(tensor: Tensor | None) -> Array | None:
    """The data of an optional argument, copied only where it does not lie in C order."""
    return None if tensor is None else np.ascontiguousarray(tensor.data)


def needs(tensor: Tensor | None) -> bool:
    """Whether a gradient of an optional argument is wanted."""
    return tensor is not None and tensor.requires_grad


def integer_array(op: str, name: str, value: Any) -> Array:
    """A copy of `value` as int64, so that the caller may change theirs before the backward pass.

    Raises TypeError for anything but integers: floats and flags are not taken for them.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{op}: {name} are a masked array, expected a plain one: choose the rows first")
    array = value.data if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "iu" and not (isinstance(value, list | tuple) and not value):
        raise TypeError(f"{op}: {name} are of dtype {array.dtype}, expected an array of integers")
    return array.astype(np.int64, order="C")


def check_range(op: str, name: str, array: Array, least: int, stop: int, why: str) -> None:
    """Every element must be one of least ... stop - 1."""
    outside = (array < least) | (array >= stop)
    if outside.any():
        where = f"[{', '.join(map(str, np.argwhere(outside)[0]))}]" if array.ndim else ""
        raise ValueError(f"{op}: {name}{where} is {array[outside][0]}, expected {least} ... {stop - 1}: {why}")
