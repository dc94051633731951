"""Tensors joined, widened and flattened."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cuarzo.ops.checks import LARGEST, axis_of, check_dtype, check_tensor, integer, real
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from `start_dim` to `end_dim` made one."""
    check_tensor("flatten", "x", x)
    shape = x.data.shape
    if not shape:
        return x.reshape(1)
    first = axis_of("flatten", "start_dim", start_dim, x) % len(shape)
    last = axis_of("flatten", "end_dim", end_dim, x) % len(shape)
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim} in x of shape {shape}")
    size = math.prod(shape[first : last + 1])  # not -1, which an empty batch leaves open
    y = x.data.reshape(*shape[:first], size, *shape[last + 1 :])
    return Tensor.from_op(y, (x,), lambda dy: (dy.reshape(shape),))


def concatenate(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """The tensors one after the other along `axis`; their other axes agree."""
    tensors = _checked("concatenate", tensors)
    first = tensors[0]
    axis = axis_of("concatenate", "axis", axis, first, "tensors[0]") % first.ndim
    for i, tensor in enumerate(tensors):
        if without(axis, tensor.shape) != without(axis, first.shape):
            raise ValueError(
                f"concatenate: tensors[{i}] has shape {tensor.shape}, expected {first.shape} as tensors[0] but along "
                f"axis {axis}"
            )
    y = np.concatenate([tensor.data for tensor in tensors], axis)
    ends = np.cumsum([tensor.shape[axis] for tensor in tensors])[:-1]
    return Tensor.from_op(y, tensors, lambda dy: np.split(dy, ends, axis))


def without(axis: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """What tensors joined along `axis` have in common: their other sizes, and the number of axes."""
    return (*shape[:axis], *shape[axis + 1 :], len(shape))


def stack(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis."""
    tensors = _checked("stack", tensors)
    shape, axes = tensors[0].shape, tensors[0].ndim + 1
    for i, tensor in enumerate(tensors):
        if tensor.shape != shape:
            raise ValueError(f"stack: tensors[{i}] has shape {tensor.shape}, expected {shape}, the shape of tensors[0]")
    axis = integer("stack", "axis", axis, -LARGEST)
    if not -axes <= axis < axes:
        raise ValueError(f"stack: axis is {axis}, expected one of the {axes} axes of the result")
    y = np.stack([tensor.data for tensor in tensors], axis)
    return Tensor.from_op(y, tensors, lambda dy: tuple(np.moveaxis(dy, axis, 0)))


def pad(x: Tensor, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """`x` with `value` around it: `widths` has (before, after) for each axis, as in numpy.pad."""
    check_tensor("pad", "x", x)
    checked, around = _widths(widths, x.ndim), real("pad", "value", value)
    inside = tuple(slice(before, before + n) for (before, _), n in zip(checked, x.shape))
    y = np.pad(x.data, checked, constant_values=around) if checked else x.data.copy()  # np.pad wants an axis

    def backward(dy: Array) -> tuple[Array]:
        return (dy[inside],)

    return Tensor.from_op(y, (x,), backward)


def _widths(widths: Any, axes: int) -> list[tuple[int, int]]:
    """(before, after) for each axis, from lists, tuples or arrays of integers."""
    expected = f"expected (before, after) for each of the {axes} axes of x"
    given = widths.tolist() if isinstance(widths, np.ndarray) else widths
    if not isinstance(given, Sequence):
        raise TypeError(f"pad: widths are {widths!r} of type {type(widths).__name__}, {expected}")
    pairs = [pair.tolist() if isinstance(pair, np.ndarray) else pair for pair in given]
    if len(pairs) != axes or any(not isinstance(pair, tuple | list) or len(pair) != 2 for pair in pairs):
        raise ValueError(f"pad: widths are {widths!r}, {expected}")
    return [(integer("pad", "widths", a, 0), integer("pad", "widths", b, 0)) for a, b in pairs]


def _checked(op: str, tensors: Sequence[Tensor]) -> list[Tensor]:
    if not isinstance(tensors, Sequence):
        raise TypeError(f"{op}: tensors is a {type(tensors).__name__}, expected a list of one tensor or more")
    if not tensors:
        raise ValueError(f"{op}: tensors is {tensors!r}, expected a list of one tensor or more")
    for i, tensor in enumerate(tensors):
        check_tensor(op, f"tensors[{i}]", tensor)
    check_dtype(op, **{f"tensors[{i}]": tensor for i, tensor in enumerate(tensors)})
    return list(tensors)
