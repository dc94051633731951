"""Convolution over 1, 2 or 3 axes: one implementation. The formula stands in kernels/naive/conv.py."""

from typing import Any

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty, empty_like
from cuarzo.ops.checks import check_dtype, check_elements, check_tensor, integer
from cuarzo.ops.windows import IMAGE, WINDOW, entries, output_size, padding_of
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def conv1d(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of signals x (N, C, W) with filters w (F, C / groups, S), plus b (F,): y (N, F, Q).

    Options as for conv2d, for one axis: an integer or (integer,); `padding` also ((left, right),).

    Kernels: conv1d_forward, conv1d_backward_input, conv1d_backward_weight.
    """
    return _conv("conv1d", 1, x, w, b, stride, padding, dilation, groups)


def conv2d(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of images x (N, C, H, W) with filters w (F, C / groups, R, S), plus b (F,): y (N, F, P, Q).

    `stride` and `dilation` are an integer or (height, width); `padding` is an integer, (height, width),
    ((top, bottom), (left, right)), "same" or "valid". Raises TypeError for unequal dtypes; ValueError for shapes that
    do not fit, groups that do not divide C and F, and a window larger than the padded image.

    Kernels: conv2d_forward, conv2d_backward_input, conv2d_backward_weight.
    """
    return _conv("conv2d", 2, x, w, b, stride, padding, dilation, groups)


def conv3d(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of volumes x (N, C, D, H, W) with filters w (F, C / groups, E, R, S), plus b (F,):
    y (N, F, O, P, Q).

    Options as for conv2d, for the axes (depth, height, width).

    Kernels: conv3d_forward, conv3d_backward_input, conv3d_backward_weight.
    """
    return _conv("conv3d", 3, x, w, b, stride, padding, dilation, groups)


def _conv(
    op: str, n: int, x: Tensor, w: Tensor, b: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    groups = integer(op, "groups", groups, 1)
    _check(op, n, x, w, b, groups)
    window = w.shape[2:]
    stride, dilation = entries(op, "stride", stride, n), entries(op, "dilation", dilation, n)
    padding = padding_of(op, padding, window, stride, dilation)
    size = output_size(op, x.shape[2:], window, stride, padding, dilation)
    y = empty(check_elements(op, (x.shape[0], w.shape[0], *size)), x.dtype)

    backend, options = kernels.current(), (stride, padding, dilation, groups)
    image, weight = np.ascontiguousarray(x.data), np.ascontiguousarray(w.data)
    forward = getattr(backend, f"{op}_forward")
    forward(image, weight, None if b is None else np.ascontiguousarray(b.data), *options, y)
    needs_x, needs_w, needs_b = x.requires_grad, w.requires_grad, b is not None and b.requires_grad

    def backward(dy: Array) -> tuple[Array | None, ...]:
        dy = np.ascontiguousarray(dy)
        dx = empty_like(image) if needs_x else None
        dw = empty_like(weight) if needs_w else None
        db = np.empty(weight.shape[0], dy.dtype) if needs_b and needs_w else None
        if dx is not None:
            getattr(backend, f"{op}_backward_input")(dy, weight, *options, dx)
        if dw is not None:
            getattr(backend, f"{op}_backward_weight")(image, dy, *options, dw, db)
        elif needs_b:
            db = dy.sum((0, *range(2, dy.ndim)))
        return (dx, dw, db) if b is not None else (dx, dw)

    return Tensor.from_op(y, (x, w) if b is None else (x, w, b), backward)


def _check(op: str, n: int, x: Tensor, w: Tensor, b: Tensor | None, groups: int) -> None:
    check_tensor(op, "x", x, f"N, C, {IMAGE[n]}")
    check_tensor(op, "w", w, f"F, C / groups, {WINDOW[n]}")
    channels, filters = x.shape[1], w.shape[0]
    if channels == 0 or channels % groups:
        raise ValueError(f"{op}: x has {channels} channels, expected a multiple of groups = {groups}")
    if filters == 0 or filters % groups:
        raise ValueError(f"{op}: w has {filters} filters, expected a multiple of groups = {groups}")
    if w.shape[1] != channels // groups:
        raise ValueError(
            f"{op}: w has {w.shape[1]} input channels per group, x has {channels} channels in {groups} "
            f"group{'s' * (groups > 1)}: expected w of shape {(filters, channels // groups, *w.shape[2:])}, "
            f"got {w.shape}"
        )
    if 0 in w.shape:
        raise ValueError(f"{op}: w has shape {w.shape}, expected a window of at least {' x '.join('1' * n)}")
    if b is not None:
        check_tensor(op, "b", b, "F")
        if b.shape != (filters,):
            raise ValueError(f"{op}: b has shape {b.shape}, expected ({filters},), one number per filter")
    check_dtype(op, x=x, w=w, b=b)
