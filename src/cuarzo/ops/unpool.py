"""Max-unpooling: the elements go back to where max pooling found them, zeros elsewhere.

Source: Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks" (the switches).
"""

import math
from typing import Any

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty
from cuarzo.ops.arrays import as_array
from cuarzo.ops.checks import check_elements, check_tensor
from cuarzo.ops.windows import IMAGE, Ints, axis_names, check_size, entries, pool_options, transposed_size
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def max_unpool1d(
    x: Tensor, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """x (N, C, Q) and the indices of max_pool1d: y (N, C, W), see max_unpool2d."""
    return _max_unpool("max_unpool1d", 1, x, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    x: Tensor, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """x (N, C, P, Q) and the indices (N, C, P, Q) of max_pool2d: y (N, C, H, W), zero but y[indices] = x.

    H = (P - 1) stride - padding before - padding after + kernel, unless `output_size`, (H, W) or a whole shape, says
    another one, less than a stride away. Where an index comes twice the last one wins, and alone gets the gradient;
    an index of -1 goes nowhere. Raises TypeError, ValueError for arguments that do not fit.
    """
    return _max_unpool("max_unpool2d", 2, x, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    x: Tensor, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """x (N, C, O, P, Q) and the indices of max_pool3d: y (N, C, D, H, W), see max_unpool2d."""
    return _max_unpool("max_unpool3d", 3, x, indices, kernel_size, stride, padding, output_size)


def _max_unpool(
    op: str, n: int, x: Tensor, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    check_tensor(op, "x", x, f"N, C, {IMAGE[n]}")
    window, stride, padding, dilation = pool_options(op, n, kernel_size, stride, padding, 1)
    usual = transposed_size(op, x.shape[2:], window, stride, padding, dilation)
    size = check_size(op, usual if output_size is None else _near(op, output_size, x.shape, usual, stride))
    shape = check_elements(op, (*x.shape[:2], *size))
    places = _places(op, indices, x, math.prod(size))
    rows, windows, backend, before = math.prod(shape[:2]), math.prod(x.shape[2:]), kernels.current(), x.shape
    y = empty((rows, math.prod(size)), x.dtype)
    flat = np.ascontiguousarray(x.data).reshape(rows, windows)
    backend.max_unpool_forward(flat, places.reshape(rows, windows), y)

    def backward(dy: Array) -> tuple[Array]:
        dx = empty((rows, windows), dy.dtype)
        gradient = np.ascontiguousarray(dy).reshape(rows, math.prod(size))
        backend.max_unpool_backward(gradient, places.reshape(rows, windows), dx)
        return (dx.reshape(before),)

    return Tensor.from_op(y.reshape(shape), (x,), backward)


def _near(op: str, output_size: Any, shape: tuple[int, ...], usual: Ints, stride: Ints) -> Ints:
    """`output_size`, with or without batch and channels, refused a stride or more away from the usual one."""
    n = len(usual)
    if isinstance(output_size, tuple | list) and len(output_size) == n + 2:
        if tuple(output_size[:2]) != shape[:2]:
            raise ValueError(f"{op}: output_size is {tuple(output_size)}, expected {shape[:2]} first, as in x {shape}")
        output_size = output_size[2:]
    size = entries(op, "output_size", output_size, n)
    for axis, m, u, s in zip(axis_names(n), size, usual, stride):
        if not u - s < m < u + s:
            raise ValueError(f"{op}: output_size has {axis} {m}, expected {max(u - s + 1, 1)} to {u + s - 1}")
    return size


def _places(op: str, indices: Any, x: Tensor, pixels: int) -> Array:
    """A copy of the indices as int64, so that the caller may change theirs before the backward pass."""
    array = as_array(op, "indices", indices)
    if array.dtype.kind not in "iu" or isinstance(indices, np.ma.MaskedArray):
        raise TypeError(f"{op}: indices are a {type(indices).__name__} of dtype {array.dtype}, expected integers")
    if array.shape != x.shape:
        raise ValueError(f"{op}: indices have shape {array.shape}, expected {x.shape}, the shape of x")
    if array.size and not -1 <= array.min() <= array.max() < pixels:
        outside = array[(array < -1) | (array >= pixels)].flat[0]
        raise ValueError(
            f"{op}: indices have an element {outside}, expected -1 ... {pixels - 1}: y has {pixels} pixels"
        )
    return np.array(array, np.int64, order="C")
