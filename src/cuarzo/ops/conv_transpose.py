"""Transposed convolution over 1, 2 or 3 axes: what convolution does to gradients, done to images.

    y[n, g F/G + f, h] = b[g F/G + f] + sum of w[c, f, r] x[n, c, p]  over all (c, r, p) with  h = p s + r d - before,
                                                                       c of group g, with C/G channels to a group

(one axis; the others alike). With the same options, y is the gradient by the input of a convolution with filters w that
gave x; so the kernels of convolution serve: forward is conv_backward_input, the gradient by x is conv_forward, and the
gradient by w is conv_backward_weight with image and gradient exchanged.

Source: Zeiler et al. 2010, "Deconvolutional networks"; arguments as in torch.
"""

from typing import Any

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty, empty_like
from cuarzo.ops.checks import check_dtype, check_elements, check_tensor, integer
from cuarzo.ops.shape import pad
from cuarzo.ops.windows import IMAGE, WINDOW, Ints, Padding, check_size, entries, padding_of, transposed_size
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def conv_transpose1d(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """x (N, C, W) with w (C, F / groups, S), plus b (F,): y (N, F, Q). Options as for conv_transpose2d.

    Kernels: conv1d_backward_input, and for the gradients conv1d_forward, conv1d_backward_weight.
    """
    return _conv_transpose("conv_transpose1d", 1, x, w, b, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """x (N, C, H, W) with w (C, F / groups, R, S), plus b (F,): y (N, F, P, Q).

    P = (H - 1) stride - padding before - padding after + dilation (R - 1) + output_padding + 1, and Q alike: `padding`
    cuts y, `output_padding` adds rows at its end that no tap reaches. It is smaller than the stride or the dilation:
    more is a mistake. `padding` is an integer, (height, width) or ((top, bottom), (left, right)). Raises TypeError for
    unequal dtypes; ValueError for shapes that do not fit, groups that do not divide C, and an output without pixels.

    Kernels: conv2d_backward_input, and for the gradients conv2d_forward, conv2d_backward_weight.
    """
    return _conv_transpose("conv_transpose2d", 2, x, w, b, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """x (N, C, D, H, W) with w (C, F / groups, E, R, S), plus b (F,): y (N, F, O, P, Q). Options as for
    conv_transpose2d.

    Kernels: conv3d_backward_input, and for the gradients conv3d_forward, conv3d_backward_weight.
    """
    return _conv_transpose("conv_transpose3d", 3, x, w, b, stride, padding, output_padding, groups, dilation)


def transposed_options(
    op: str, window: Ints, stride: Any, padding: Any, output_padding: Any, dilation: Any
) -> tuple[Ints, Padding, Ints, Ints]:
    """Stride, padding, output padding and dilation, checked as far as they can be without an image."""
    n = len(window)
    stride, dilation = entries(op, "stride", stride, n), entries(op, "dilation", dilation, n)
    if isinstance(padding, str):
        raise TypeError(f"{op}: padding is {padding!r}, expected integers: a name says nothing here")
    sides = padding_of(op, padding, window, stride, dilation)
    extra = entries(op, "output_padding", output_padding, n, 0)
    for e, s, d in zip(extra, stride, dilation):
        if e >= max(s, d):
            raise ValueError(
                f"{op}: output_padding is {extra}, expected less than the stride {stride} or the dilation {dilation}"
            )
    return stride, sides, extra, dilation


def _conv_transpose(
    op: str,
    n: int,
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    groups = integer(op, "groups", groups, 1)
    _check(op, n, x, w, b, groups)
    window = w.shape[2:]
    stride, sides, extra, dilation = transposed_options(op, window, stride, padding, output_padding, dilation)
    least = transposed_size(op, x.shape[2:], window, stride, sides, dilation)
    size = check_size(op, tuple(m + e for m, e in zip(least, extra)))
    shape = check_elements(op, (x.shape[0], w.shape[1] * groups, *size))
    if all(e < s for e, s in zip(extra, stride)):
        return _transposed(f"conv{n}d", x, w, b, shape, stride, sides, dilation, groups)
    # Into so wide an end one window more would fit: the whole first, then the end, then the cut.
    whole = _conv_transpose(op, n, x, w, None, stride, 0, 0, groups, dilation)
    ended = pad(whole, [(0, 0), (0, 0), *((0, e) for e in extra)])
    y = ended[(..., *(slice(before, before + m) for (before, _), m in zip(sides, size)))]
    return y if b is None else y + b.reshape(-1, *(1,) * n)


def _transposed(
    conv: str,
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    shape: tuple[int, ...],
    stride: Ints,
    padding: Padding,
    dilation: Ints,
    groups: int,
) -> Tensor:
    backend, options = kernels.current(), (stride, padding, dilation, groups)
    image, weight, y = np.ascontiguousarray(x.data), np.ascontiguousarray(w.data), empty(shape, x.dtype)
    getattr(backend, f"{conv}_backward_input")(image, weight, *options, y)
    if b is not None:
        y += b.data.reshape(-1, *(1,) * len(stride))
    needs_x, needs_w, needs_b = x.requires_grad, w.requires_grad, b is not None and b.requires_grad

    def backward(dy: Array) -> tuple[Array | None, ...]:
        dy = np.ascontiguousarray(dy)
        dx = dw = None
        if needs_x:
            getattr(backend, f"{conv}_forward")(dy, weight, None, *options, dx := empty_like(image))
        if needs_w:
            getattr(backend, f"{conv}_backward_weight")(dy, image, *options, dw := empty_like(weight), None)
        db = dy.sum((0, *range(2, dy.ndim))) if needs_b else None
        return (dx, dw, db) if b is not None else (dx, dw)

    return Tensor.from_op(y, (x, w) if b is None else (x, w, b), backward)


def _check(op: str, n: int, x: Tensor, w: Tensor, b: Tensor | None, groups: int) -> None:
    check_tensor(op, "x", x, f"N, C, {IMAGE[n]}")
    check_tensor(op, "w", w, f"C, F / groups, {WINDOW[n]}")
    channels = x.shape[1]
    if channels == 0 or channels % groups:
        raise ValueError(f"{op}: x has {channels} channels, expected a multiple of groups = {groups}")
    if w.shape[0] != channels:
        raise ValueError(f"{op}: w has shape {w.shape}, expected {channels} rows: x has {channels} channels")
    if 0 in w.shape:
        raise ValueError(f"{op}: w has shape {w.shape}, expected at least 1 of each")
    filters = w.shape[1] * groups
    if b is not None:
        check_tensor(op, "b", b, "F")
        if b.shape != (filters,):
            raise ValueError(f"{op}: b has shape {b.shape}, expected ({filters},), one number per channel of y")
    check_dtype(op, x=x, w=w, b=b)
