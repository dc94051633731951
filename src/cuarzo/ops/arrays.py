"""What ops hand to kernels: contiguous arrays, integers as int64, room for the gradients that are wanted."""

from numbers import Real
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


def as_array(op: str, name: str, value: Any) -> Array:
    """`value` as an array, whatever its dtype; ValueError for lists that are none."""
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{op}: {name} are lists of unequal lengths, expected an array, or lists that make one"
        ) from None


def like(op: str, name: str, value: Any, x: Tensor) -> Tensor:
    """`value` as a tensor of the dtype of `x`: numbers and lists take it, arrays and tensors must have it."""
    if isinstance(value, Real | list | tuple):
        value = as_array(op, name, value)
        value = value.astype(x.dtype) if value.dtype.kind in "fiub" else value
    if not isinstance(value, Tensor | np.ndarray):
        raise TypeError(f"{op}: {name} is a {type(value).__name__}, expected a tensor, an array or a list of numbers")
    if value.dtype != x.dtype:
        raise TypeError(f"{op}: {name} has dtype {value.dtype}, expected {x.dtype}, the dtype of x")
    return value if isinstance(value, Tensor) else Tensor(value)


def integer_array(op: str, name: str, value: Any) -> Array:
    """A copy of `value` as int64, so that the caller may change theirs before the backward pass.

    Raises TypeError for anything but integers: floats and flags are not taken for them.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{op}: {name} are a masked array, expected a plain one: choose the rows first")
    array = value.data if isinstance(value, Tensor) else as_array(op, name, value)
    if array.dtype.kind not in "iu" and not (isinstance(value, list | tuple) and not value):
        raise TypeError(f"{op}: {name} are of dtype {array.dtype}, expected an array of integers")
    return array.astype(np.int64, order="C")


def check_range(op: str, name: str, array: Array, least: int, stop: int, why: str) -> None:
    """Every element must be one of least ... stop - 1."""
    outside = (array < least) | (array >= stop)
    if outside.any():
        where = f"[{', '.join(map(str, np.argwhere(outside)[0]))}]" if array.ndim else ""
        raise ValueError(f"{op}: {name}{where} is {array[outside][0]}, expected {least} ... {stop - 1}: {why}")
