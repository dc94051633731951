"""Convolution. The formula stands in kernels/naive/conv.py."""

from typing import Any

import numpy as np

from cuarzo import kernels
from cuarzo.ops.checks import check_dtype, check_elements, check_tensor, integer, output_size, padding_of, pair
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


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
    """
    groups = integer("conv2d", "groups", groups, 1)
    _check(x, w, b, groups)
    window = (w.shape[2], w.shape[3])
    stride, dilation = pair("conv2d", "stride", stride), pair("conv2d", "dilation", dilation)
    padding = padding_of("conv2d", padding, window, stride, dilation)
    size = output_size("conv2d", (x.shape[2], x.shape[3]), window, stride, padding, dilation)
    y = np.empty(check_elements("conv2d", (x.shape[0], w.shape[0], *size)), x.dtype)

    backend, options = kernels.current(), (stride, padding, dilation, groups)
    image, weight = np.ascontiguousarray(x.data), np.ascontiguousarray(w.data)
    backend.conv2d_forward(image, weight, None if b is None else np.ascontiguousarray(b.data), *options, y)
    needs_x, needs_w, needs_b = x.requires_grad, w.requires_grad, b is not None and b.requires_grad

    def backward(dy: Array) -> tuple[Array | None, ...]:
        dy = np.ascontiguousarray(dy)
        dx = np.empty_like(image) if needs_x else None
        dw = np.empty_like(weight) if needs_w else None
        db = np.empty(weight.shape[0], dy.dtype) if needs_b and needs_w else None
        if dx is not None:
            backend.conv2d_backward_input(dy, weight, *options, dx)
        if dw is not None:
            backend.conv2d_backward_weight(image, dy, *options, dw, db)
        elif needs_b:
            db = dy.sum((0, 2, 3))
        return (dx, dw, db) if b is not None else (dx, dw)

    return Tensor.from_op(y, (x, w) if b is None else (x, w, b), backward)


def _check(x: Tensor, w: Tensor, b: Tensor | None, groups: int) -> None:
    check_tensor("conv2d", "x", x, "N, C, H, W")
    check_tensor("conv2d", "w", w, "F, C / groups, R, S")
    channels, filters = x.shape[1], w.shape[0]
    if channels == 0 or channels % groups:
        raise ValueError(f"conv2d: x has {channels} channels, expected a multiple of groups = {groups}")
    if filters == 0 or filters % groups:
        raise ValueError(f"conv2d: w has {filters} filters, expected a multiple of groups = {groups}")
    if w.shape[1] != channels // groups:
        raise ValueError(
            f"conv2d: w has {w.shape[1]} input channels per group, x has {channels} channels in {groups} "
            f"group{'s' * (groups > 1)}: expected w of shape ({filters}, {channels // groups}, "
            f"{w.shape[2]}, {w.shape[3]}), got {w.shape}"
        )
    if 0 in w.shape:
        raise ValueError(f"conv2d: w has shape {w.shape}, expected a window of at least 1 x 1")
    if b is not None:
        check_tensor("conv2d", "b", b, "F")
        if b.shape != (filters,):
            raise ValueError(f"conv2d: b has shape {b.shape}, expected ({filters},), one number per filter")
    check_dtype("conv2d", x=x, w=w, b=b)
