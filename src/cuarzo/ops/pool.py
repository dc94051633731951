"""Pooling over 1, 2 or 3 axes. Formulas and the rules for ties, NaN and divisors stand in kernels/naive/pool.py."""

from functools import reduce
from typing import Any

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty
from cuarzo.ops.checks import check_elements, check_tensor, flag, integer
from cuarzo.ops.windows import IMAGE, Ints, Padding, output_size, pool_options
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def max_pool1d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of x (N, C, W): y (N, C, Q). Options as for max_pool2d.

    Kernels: max_pool1d_forward, max_pool1d_backward.
    """
    return _max_pool("max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


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

    Kernels: max_pool2d_forward, max_pool2d_backward.
    """
    return _max_pool("max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of x (N, C, D, H, W): y (N, C, O, P, Q). Options as for max_pool2d; indices
    are positions (d H + h) W + w in the input volume.

    Kernels: max_pool3d_forward, max_pool3d_backward.
    """
    return _max_pool("max_pool3d", 3, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool1d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of x (N, C, W): y (N, C, Q). Options as for avg_pool2d.

    Kernels: avg_pool1d_forward, avg_pool1d_backward.
    """
    return _avg_pool("avg_pool1d", 1, x, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of x (N, C, H, W): y (N, C, P, Q). Divisors as in torch, see kernels/naive/pool.py.

    `stride` is that of the window unless given. `divisor_override`: the sum divided by that number instead. Raises
    TypeError, ValueError for arguments that do not fit, among them padding of more than half the window.

    Kernels: avg_pool2d_forward, avg_pool2d_backward.
    """
    return _avg_pool("avg_pool2d", 2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of x (N, C, D, H, W): y (N, C, O, P, Q). Options as for avg_pool2d.

    Kernels: avg_pool3d_forward, avg_pool3d_backward.
    """
    return _avg_pool("avg_pool3d", 3, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _max_pool(
    op: str,
    n: int,
    x: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    check_tensor(op, "x", x, f"N, C, {IMAGE[n]}")
    ceil_mode, return_indices = flag(op, "ceil_mode", ceil_mode), flag(op, "return_indices", return_indices)
    options = pool_options(op, n, kernel_size, stride, padding, dilation)
    size = output_size(op, x.shape[2:], *options, ceil_mode)
    y = empty(check_elements(op, (*x.shape[:2], *size)), x.dtype)
    indices = empty(y.shape, np.int64) if return_indices else None
    backend, image = kernels.current(), np.ascontiguousarray(x.data)
    getattr(backend, f"{op}_forward")(image, *options, y, indices)

    def backward(dy: Array) -> tuple[Array]:
        # The maxima are found again: reading the image once more costs less than writing and reading their indices. So,
        # as for every op, x must not be changed in between.
        dx = empty(image.shape, dy.dtype)
        getattr(backend, f"{op}_backward")(np.ascontiguousarray(dy), image, None, *options, dx)
        return (dx,)

    pooled = Tensor.from_op(y, (x,), backward)
    return pooled if indices is None else (pooled, indices)


def _avg_pool(
    op: str,
    n: int,
    x: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    check_tensor(op, "x", x, f"N, C, {IMAGE[n]}")
    ceil_mode, counted = flag(op, "ceil_mode", ceil_mode), flag(op, "count_include_pad", count_include_pad)
    window, stride, padding, dilation = pool_options(op, n, kernel_size, stride, padding, 1)
    divisor = None if divisor_override is None else integer(op, "divisor_override", divisor_override, 1)
    size = output_size(op, x.shape[2:], window, stride, padding, dilation, ceil_mode)
    y = empty(check_elements(op, (*x.shape[:2], *size)), x.dtype)

    options = (window, stride, padding, counted or divisor is not None)
    backend, shape = kernels.current(), x.shape
    getattr(backend, f"{op}_forward")(np.ascontiguousarray(x.data), *options, y)

    def backward(dy: Array) -> tuple[Array]:
        dx = empty(shape, dy.dtype)
        getattr(backend, f"{op}_backward")(np.ascontiguousarray(dy), *options, dx)
        return (dx,)

    mean = Tensor.from_op(y, (x,), backward)
    if divisor is None:
        return mean
    return mean * (_counted(shape[2:], window, stride, padding, size) / divisor).astype(x.dtype)


def _counted(image: Ints, window: Ints, stride: Ints, padding: Padding, size: Ints) -> Array:
    """How many pixels of the image and its padding each window covers: the divisors of count_include_pad."""
    counts = []
    for n, r, s, (before, after), p in zip(image, window, stride, padding, size):
        start = np.arange(p) * s
        counts.append(np.minimum(start + r, n + before + after) - start)
    return reduce(np.multiply.outer, counts)
