"""Pooling to a given size: output p of P covers the inputs floor(p H / P) ... ceil((p + 1) H / P) - 1 of H.

Windows of a plane or a volume are products of windows along its axes, and so one axis is done after the other, the last
first: a mean is the mean of the rows' means, and the first maximum in row-major order is the first row's that has it.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty
from cuarzo.ops.checks import flag, integer
from cuarzo.ops.resample import along, spatial
from cuarzo.ops.windows import Ints, axis_names
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def adaptive_avg_pool1d(x: Tensor, output_size: Any) -> Tensor:
    """The mean of each of `output_size` windows of x (N, C, W), see adaptive_avg_pool2d."""
    return _adaptive_avg_pool("adaptive_avg_pool1d", 1, x, output_size)


def adaptive_avg_pool2d(x: Tensor, output_size: Any) -> Tensor:
    """The mean of each of `output_size` windows of x (N, C, H, W): y (N, C, P, Q) for (P, Q) or an integer for both.

    None keeps the size of that axis; 1 is global pooling. Raises TypeError, ValueError for arguments that do not fit.
    """
    return _adaptive_avg_pool("adaptive_avg_pool2d", 2, x, output_size)


def adaptive_avg_pool3d(x: Tensor, output_size: Any) -> Tensor:
    """The mean of each of `output_size` windows of x (N, C, D, H, W), see adaptive_avg_pool2d."""
    return _adaptive_avg_pool("adaptive_avg_pool3d", 3, x, output_size)


def adaptive_max_pool1d(x: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of each of `output_size` windows of x (N, C, W), see adaptive_max_pool2d."""
    return _adaptive_max_pool("adaptive_max_pool1d", 1, x, output_size, return_indices)


def adaptive_max_pool2d(x: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of each of `output_size` windows of x (N, C, H, W): y (N, C, P, Q), for (P, Q) or an integer
    for both.

    None keeps the size of that axis; 1 is global pooling. The first maximum in row-major order wins and gets the
    gradient; NaN wins over all. With `return_indices`: (y, indices), int64 positions h W + w in the input plane.
    """
    return _adaptive_max_pool("adaptive_max_pool2d", 2, x, output_size, return_indices)


def adaptive_max_pool3d(x: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of each of `output_size` windows of x (N, C, D, H, W), see adaptive_max_pool2d; indices are
    positions (d H + h) W + w in the input volume.
    """
    return _adaptive_max_pool("adaptive_max_pool3d", 3, x, output_size, return_indices)


def wanted_size(op: str, n: int, output_size: Any) -> tuple[int | None, ...]:
    """An integer or None for each axis."""
    value = output_size if isinstance(output_size, tuple | list) else (output_size,) * n
    if len(value) != n:
        names = ", ".join(axis_names(n))
        raise ValueError(f"{op}: output_size is {output_size!r}, expected an integer or one for each of {names}")
    return tuple(None if v is None else integer(op, "output_size", v, 1) for v in value)


def _sizes(op: str, n: int, x: Tensor, output_size: Any) -> tuple[Ints, Ints]:
    """The image's and the output's; for global pooling both as if all pixels lay along one axis."""
    image = spatial(op, x, n)
    size = tuple(m if p is None else p for m, p in zip(image, wanted_size(op, n, output_size)))
    return ((math.prod(image),), (1,)) if max(size) == 1 else (image, size)


def _adaptive_avg_pool(op: str, n: int, x: Tensor, output_size: Any) -> Tensor:
    image, size = _sizes(op, n, x, output_size)
    y = x.reshape(*x.shape[:2], *image)
    for axis in reversed(range(len(size))):
        if size[axis] != image[axis]:
            y = along("adaptive_avg_pool", y, axis + 2, size[axis])
    return y.reshape(*y.shape[:2], *(size if len(size) == n else (1,) * n))


def _adaptive_max_pool(op: str, n: int, x: Tensor, output_size: Any, return_indices: bool) -> Any:
    image, size = _sizes(op, n, x, output_size)
    return_indices = flag(op, "return_indices", return_indices)
    channels, backend = x.shape[:2], kernels.current()
    y, indices = _maxima(backend.adaptive_max_pool_forward, x.data.reshape(*channels, *image), size)
    shape, rows = (*channels, *(size if len(size) == n else (1,) * n)), math.prod(channels)
    before, pixels, windows = x.shape, math.prod(image), math.prod(size)

    def backward(dy: Array) -> tuple[Array]:
        flat = np.ascontiguousarray(dy).reshape(rows, windows, 1)
        dx = empty((rows, pixels, 1), dy.dtype)
        backend.adaptive_max_pool_backward(flat, indices.reshape(rows, windows, 1), dx)
        return (dx.reshape(before),)

    pooled = Tensor.from_op(y.reshape(shape), (x,), backward)
    return (pooled, indices.reshape(shape).copy()) if return_indices else pooled


def _maxima(forward: Callable[..., None], x: Array, size: Ints) -> tuple[Array, Array]:
    """The maxima of x (N, C, ...), and where they stand among the pixels of its image."""
    flat: Array | None = None  # where what is left stands behind the axes that are still to be done
    stride = 1
    for axis in reversed(range(2, x.ndim)):
        before, H, P, after = x.shape[:axis], x.shape[axis], size[axis - 2], x.shape[axis + 1 :]
        M, K = math.prod(before), math.prod(after)
        y, winners = empty((*before, P, *after), x.dtype), empty((*before, P, *after), np.int64)
        forward(np.ascontiguousarray(x).reshape(M, H, K), y.reshape(M, P, K), winners.reshape(M, P, K))
        flat = winners if flat is None else winners * stride + np.take_along_axis(flat, winners, axis)
        x, stride = y, stride * H
    assert flat is not None, "an image has an axis"
    return x, flat
