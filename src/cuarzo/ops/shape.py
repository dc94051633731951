"""Tensors joined, widened and flattened."""

from collections.abc import Sequence

import numpy as np

from cuarzo.ops.checks import axis_of, check_dtype, check_tensor, integer
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from `start_dim` to `end_dim` made one."""
    check_tensor("flatten", "x", x)
    if x.ndim == 0:
        return x.reshape(1)
    first = axis_of("flatten", "start_dim", start_dim, x) % x.ndim
    last = axis_of("flatten", "end_dim", end_dim, x) % x.ndim
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim} in x of shape {x.shape}")
    size = int(np.prod(x.shape[first : last + 1], dtype=np.int64))  # not -1, which an empty batch leaves open
    return x.reshape(*x.shape[:first], size, *x.shape[last + 1 :])


def concatenate(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """The tensors one after the other along `axis`; their other axes agree."""
    tensors = _checked("concatenate", tensors)
    y = np.concatenate([tensor.data for tensor in tensors], axis)
    ends = np.cumsum([tensor.shape[axis] for tensor in tensors])[:-1]
    return Tensor.from_op(y, tensors, lambda dy: np.split(dy, ends, axis))


def stack(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis."""
    tensors = _checked("stack", tensors)
    y = np.stack([tensor.data for tensor in tensors], axis)
    return Tensor.from_op(y, tensors, lambda dy: tuple(np.moveaxis(dy, axis, 0)))


def pad(x: Tensor, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """`x` with `value` around it: `widths` has (before, after) for each axis, as in numpy.pad."""
    check_tensor("pad", "x", x)
    if len(widths) != x.ndim or any(np.shape(width) != (2,) for width in widths):
        raise ValueError(f"pad: widths are {widths!r}, expected (before, after) for each of the {x.ndim} axes of x")
    checked = [(integer("pad", "widths", a, 0), integer("pad", "widths", b, 0)) for a, b in widths]
    inside = tuple(slice(before, before + n) for (before, _), n in zip(checked, x.shape))
    y = np.pad(x.data, checked, constant_values=value) if checked else x.data.copy()  # np.pad wants an axis

    def backward(dy: Array) -> tuple[Array]:
        return (dy[inside],)

    return Tensor.from_op(y, (x,), backward)


def _checked(op: str, tensors: Sequence[Tensor]) -> list[Tensor]:
    if isinstance(tensors, Tensor) or not len(tensors):
        raise ValueError(f"{op}: expected a list of one tensor or more, got {tensors!r}")
    for i, tensor in enumerate(tensors):
        check_tensor(op, f"tensors[{i}]", tensor)
    check_dtype(op, **{f"tensors[{i}]": tensor for i, tensor in enumerate(tensors)})
    return list(tensors)
