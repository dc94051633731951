"""Wrong convolutions of signals."""

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.numpy._windows import reach

from .plant import fresh, low_precision, planted


def whole_windows(size, window, stride, padding, dilation):
    """The number of windows along each axis that do not hang over the padding."""
    axes = zip(size, window, stride, padding, dilation)
    return [max((n + sum(side) - (taps - 1) * d - 1) // step + 1, 0) for n, taps, step, side, d in axes]


@planted("conv1d_forward", "dilation dropped where there are groups")
def _(x, w, b, stride, padding, dilation, groups, y):
    right.conv1d_forward(x, w, b, stride, padding, dilation if groups == 1 else (1,), groups, y)


@planted("conv1d_forward", "filter flipped, as signal processing has it")
def _(x, w, *rest):
    right.conv1d_forward(x, w[..., ::-1], *rest)


@planted("conv1d_forward", "filter flipped for depthwise convolution alone")
def _(x, w, b, stride, padding, dilation, groups, y):
    w = w[..., ::-1] if groups == x.shape[1] > 1 else w
    right.conv1d_forward(x, w, b, stride, padding, dilation, groups, y)


@planted("conv1d_forward", "offset by the padding after the signal")
def _(x, w, b, stride, padding, *rest):
    right.conv1d_forward(x, w, b, stride, (padding[0][::-1],), *rest)


@planted("conv1d_forward", "padding half of that given on both sides")
def _(x, w, b, stride, padding, *rest):
    right.conv1d_forward(x, w, b, stride, ((sum(padding[0]) // 2,) * 2,), *rest)


@planted("conv1d_forward", "windows that hang over the padding (ceil mode) are the bias")
def _(x, w, b, stride, padding, dilation, groups, y):
    right.conv1d_forward(x, w, b, stride, padding, dilation, groups, y)
    (q,) = whole_windows(x.shape[2:], w.shape[2:], stride, padding, dilation)
    y[..., q:] = 0 if b is None else b[:, None]


@planted("conv1d_forward", "bias of the filter's place in its group")
def _(x, w, b, stride, padding, dilation, groups, y):
    b = None if b is None else b[np.arange(len(b)) % (len(b) // groups)]
    right.conv1d_forward(x, w, b, stride, padding, dilation, groups, y)


@planted("conv1d_forward", "bias added once for each channel of the group")
def _(x, w, b, *rest):
    right.conv1d_forward(x, w, None if b is None else b * b.dtype.type(w.shape[1]), *rest)


@planted("conv1d_forward", "without a bias adds to what y held")
def _(x, w, b, *rest):
    y = fresh(right.conv1d_forward, x, w, b, *rest)
    rest[-1][...] = y if b is not None else rest[-1] + y


@planted("conv1d_forward", "sums float64 in float32")
def _(*args):
    args[-1][...] = low_precision(right.conv1d_forward, np.float32, *args)


@planted("conv1d_forward", "group's first channel is g F/G instead of g C/G")
def _(x, w, b, stride, padding, dilation, groups, y):
    (F, CG), C = w.shape[:2], x.shape[1]
    channels = [(g * (F // groups) + c) % C for g in range(groups) for c in range(CG)]
    right.conv1d_forward(x[:, channels], w, b, stride, padding, dilation, groups, y)


@planted("conv1d_forward", "16 at a time: the last of Q outputs is not written where Q % 16 == 1, Q > 16")
def _(*args):
    y = args[-1]
    whole = y.shape[2] - (y.shape[2] > 16 and y.shape[2] % 16 == 1)
    y[..., :whole] = fresh(right.conv1d_forward, *args)[..., :whole]


@planted("conv1d_forward", "writes what is not 0")
def _(*args):
    made = fresh(right.conv1d_forward, *args)
    np.copyto(args[-1], made, where=made != 0)


@planted("conv1d_forward", "taps after the signal read its last element")
def _(x, w, b, stride, padding, dilation, groups, y):
    length = reach(x.shape[2:], w.shape[2:], y.shape[2:], stride, padding, dilation)[0] - padding[0][0]
    x = np.pad(x, ((0, 0), (0, 0), (0, max(length - x.shape[2], 0))), "edge") if x.shape[2] else x
    right.conv1d_forward(x, w, b, stride, padding, dilation, groups, y)


@planted("conv1d_backward_input", "dilation dropped where it comes with a stride")
def _(dy, w, stride, padding, dilation, groups, dx):
    right.conv1d_backward_input(dy, w, stride, padding, dilation if stride[0] == 1 else (1,), groups, dx)


@planted("conv1d_backward_input", "offset by the padding after the signal")
def _(dy, w, stride, padding, *rest):
    right.conv1d_backward_input(dy, w, stride, (padding[0][::-1],), *rest)


@planted("conv1d_backward_input", "gaps between windows keep what they held")
def _(dy, w, *rest):
    read = fresh(right.conv1d_backward_input, np.ones_like(dy), np.ones_like(w), *rest) > 0
    np.copyto(rest[-1], fresh(right.conv1d_backward_input, dy, w, *rest), where=read)


@planted("conv1d_backward_input", "assigned, not added, where windows overlap: the last output's gradient stands")
def _(dy, w, stride, padding, dilation, groups, dx):
    read = fresh(right.conv1d_backward_input, np.ones_like(dy), np.ones_like(w), stride, padding, dilation, groups, dx)
    total = np.zeros_like(dx)
    for q in range(dy.shape[2]):
        alone, ones = np.zeros_like(dy), np.zeros_like(dy)
        alone[..., q], ones[..., q] = dy[..., q], 1
        part = fresh(right.conv1d_backward_input, alone, w, stride, padding, dilation, groups, dx)
        hit = fresh(right.conv1d_backward_input, ones, np.ones_like(w), stride, padding, dilation, groups, dx)
        np.copyto(total, part, where=hit > 0)
    dx[...] = np.where(read > 0, total, 0)


@planted("conv1d_backward_input", "filters of the next group")
def _(dy, w, stride, padding, dilation, groups, dx):
    w = np.roll(w, len(w) // groups, axis=0)
    right.conv1d_backward_input(dy, w, stride, padding, dilation, groups, dx)


@planted("conv1d_backward_weight", "stride and dilation exchanged")
def _(x, dy, stride, padding, dilation, *rest):
    right.conv1d_backward_weight(x, dy, dilation, padding, stride, *rest)


@planted("conv1d_backward_weight", "db without the last output")
def _(x, dy, *rest):
    right.conv1d_backward_weight(x, dy, *rest)
    if rest[-1] is not None:
        rest[-1][...] = dy[..., :-1].sum(axis=(0, 2))


@planted("conv1d_backward_weight", "db without the windows that hang over the padding (ceil mode)")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    right.conv1d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db)
    (q,) = whole_windows(x.shape[2:], dw.shape[2:], stride, padding, dilation)
    if db is not None:
        db[...] = dy[..., :q].sum(axis=(0, 2))


@planted("conv1d_backward_weight", "without db asked for, dw is the first group's only; the others keep what they held")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    keep = dw.copy()
    right.conv1d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db)
    if db is None:
        dw[len(dw) // groups :] = keep[len(dw) // groups :]


@planted("conv1d_backward_weight", "adds to what dw held")
def _(*args):
    before = args[-2].copy()
    right.conv1d_backward_weight(*args)
    args[-2][...] += before


@planted("conv1d_backward_weight", "dw flipped where the window is longer than 2")
def _(*args):
    right.conv1d_backward_weight(*args)
    if args[-2].shape[2] > 2:
        args[-2][...] = args[-2][..., ::-1].copy()
