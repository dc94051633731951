"""Pooling. Formulas and the rules for ties, NaN and divisors stand in kernels/naive/pool.py."""

from typing import Any

import numpy as np

from cuarzo import kernels
from cuarzo.ops.checks import Padding, Pair, check_elements, check_tensor, output_size, padding_of, pair
from cuarzo.tensor import Tensor, recording
from cuarzo.tensor.graph import Array


def max_pool2d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of x (N, C, H, W): y (N, C, P, Q). The gradient goes to the first maximum.

    `stride` is that of the window unless given. With `return_indices`: (y, indices), int64 positions h W + w in the
    input plane, -1 for a window that sees padding only. Raises TypeError, ValueError for arguments that do not fit,
    among them padding of more than half the window.
    """
    check_tensor("max_pool2d", "x", x, "N, C, H, W")
    window, stride, padding, dilation = geometry("max_pool2d", kernel_size, stride, padding, dilation)
    y = np.empty(_output_shape("max_pool2d", x, window, stride, padding, dilation, ceil_mode), x.dtype)
    needed = return_indices or (x.requires_grad and recording())
    indices = np.empty(y.shape, np.int64) if needed else None

    backend, options, shape = kernels.current(), (window, stride, padding, dilation), x.shape
    backend.max_pool2d_forward(np.ascontiguousarray(x.data), *options, y, indices)

    def backward(dy: Array) -> tuple[Array]:
        dx = np.empty(shape, dy.dtype)
        backend.max_pool2d_backward(np.ascontiguousarray(dy), None, indices, *options, dx)
        return (dx,)

    pooled = Tensor.from_op(y, (x,), backward)
    return (pooled, indices.copy()) if return_indices and indices is not None else pooled


def avg_pool2d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of x (N, C, H, W): y (N, C, P, Q). Divisors as in torch, see kernels/naive/pool.py.

    `stride` is that of the window unless given. Raises TypeError, ValueError for arguments that do not fit, among them
    padding of more than half the window.
    """
    check_tensor("avg_pool2d", "x", x, "N, C, H, W")
    window, stride, padding, _ = geometry("avg_pool2d", kernel_size, stride, padding, 1)
    y = np.empty(_output_shape("avg_pool2d", x, window, stride, padding, (1, 1), ceil_mode), x.dtype)

    backend, options, shape = kernels.current(), (window, stride, padding, bool(count_include_pad)), x.shape
    backend.avg_pool2d_forward(np.ascontiguousarray(x.data), *options, y)

    def backward(dy: Array) -> tuple[Array]:
        dx = np.empty(shape, dy.dtype)
        backend.avg_pool2d_backward(np.ascontiguousarray(dy), *options, dx)
        return (dx,)

    return Tensor.from_op(y, (x,), backward)


def geometry(op: str, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> tuple[Pair, Pair, Padding, Pair]:
    """Window, stride, padding and dilation for both axes, checked as far as they can be without an image."""
    window, dilation = pair(op, "kernel_size", kernel_size), pair(op, "dilation", dilation)
    stride = window if stride is None else pair(op, "stride", stride)
    padding = padding_of(op, padding, window, stride, dilation)
    for sides, r, d in zip(padding, window, dilation):
        if max(sides) > (d * (r - 1) + 1) // 2:
            raise ValueError(f"{op}: padding is {padding}, expected at most half the window {window}")
    return window, stride, padding, dilation


def _output_shape(
    op: str, x: Tensor, window: Pair, stride: Pair, padding: Padding, dilation: Pair, ceil_mode: bool
) -> tuple[int, ...]:
    size = output_size(op, (x.shape[2], x.shape[3]), window, stride, padding, dilation, ceil_mode)
    return check_elements(op, (*x.shape[:2], *size))
