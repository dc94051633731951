"""Wrong convolutions of volumes."""

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.numpy._windows import reach
from cuarzo.kernels.threads import get_num_threads

from .conv1d import whole_windows
from .plant import fresh, low_precision, planted


@planted("conv3d_forward", "stride of the depth used for the height")
def _(x, w, b, stride, *rest):
    right.conv3d_forward(x, w, b, (stride[0], stride[0], stride[2]), *rest)


@planted("conv3d_forward", "strides of height and width exchanged")
def _(x, w, b, stride, *rest):
    right.conv3d_forward(x, w, b, (stride[0], stride[2], stride[1]), *rest)


@planted("conv3d_forward", "no dilation along the depth")
def _(x, w, b, stride, padding, dilation, *rest):
    right.conv3d_forward(x, w, b, stride, padding, (1, *dilation[1:]), *rest)


@planted("conv3d_forward", "dilation of height and width exchanged")
def _(x, w, b, stride, padding, dilation, *rest):
    right.conv3d_forward(x, w, b, stride, padding, (dilation[0], dilation[2], dilation[1]), *rest)


@planted("conv3d_forward", "front and back padding exchanged")
def _(x, w, b, stride, padding, *rest):
    right.conv3d_forward(x, w, b, stride, (padding[0][::-1], *padding[1:]), *rest)


@planted("conv3d_forward", "padding of the depth used for the height")
def _(x, w, b, stride, padding, *rest):
    right.conv3d_forward(x, w, b, stride, (padding[0], padding[0], padding[2]), *rest)


@planted("conv3d_forward", "filter flipped along the depth")
def _(x, w, *rest):
    right.conv3d_forward(x, w[:, :, ::-1], *rest)


@planted("conv3d_forward", "last window in depth not written where there are several")
def _(*args):
    y = args[-1]
    whole = y.shape[2] - (y.shape[2] > 1)
    y[:, :, :whole] = fresh(right.conv3d_forward, *args)[:, :, :whole]


@planted("conv3d_forward", "windows that hang over the back padding (ceil mode) miss their last tap in the volume")
def _(x, w, b, stride, padding, dilation, groups, y):
    right.conv3d_forward(x, w, b, stride, padding, dilation, groups, y)
    o = whole_windows(x.shape[2:], w.shape[2:], stride, padding, dilation)[0]
    x = x.copy()
    x[:, :, -1:] = 0
    y[:, :, o:] = fresh(right.conv3d_forward, x, w, b, stride, padding, dilation, groups, y)[:, :, o:]


@planted("conv3d_forward", "depth is not checked: taps before and after the volume read the channel beside it")
def _(x, w, b, stride, padding, dilation, groups, y):
    N, C, D, H, W = x.shape
    front = padding[0][0]
    behind = max(0, reach(x.shape[2:], w.shape[2:], y.shape[2:], stride, padding, dilation)[0] - front - D)
    flat = np.zeros((N, front + C * D + behind, H, W), x.dtype)
    flat[:, front : front + C * D] = x.reshape(N, C * D, H, W)
    wide = flat[:, np.arange(C)[:, None] * D + np.arange(front + D + behind)]
    right.conv3d_forward(wide, w, b, stride, ((0, 0), *padding[1:]), dilation, groups, y)


@planted("conv3d_forward", "sums float64 in float32")
def _(*args):
    args[-1][...] = low_precision(right.conv3d_forward, np.float32, *args)


@planted("conv3d_forward", "bias of the group, not of the filter")
def _(x, w, b, stride, padding, dilation, groups, y):
    b = None if b is None else b[np.arange(len(b)) // (len(b) // groups)]
    right.conv3d_forward(x, w, b, stride, padding, dilation, groups, y)


@planted("conv3d_forward", "taps shared out among threads, their sums added: bits depend on the number of threads")
def _(x, w, b, *rest):
    y, threads = rest[-1], get_num_threads()
    parts = []
    for t in range(threads):
        part = np.zeros_like(w)
        part[:, t::threads] = w[:, t::threads]
        parts.append(fresh(right.conv3d_forward, x, part, b if t == 0 else None, *rest))
    y[...] = sum(parts)


@planted("conv3d_forward", "reads w as (F, C/G, E, S, R) where R = S")
def _(x, w, *rest):
    right.conv3d_forward(x, w.swapaxes(3, 4) if w.shape[3] == w.shape[4] else w, *rest)


@planted("conv3d_backward_input", "stride of the depth used for all axes")
def _(dy, w, stride, *rest):
    right.conv3d_backward_input(dy, w, (stride[0],) * 3, *rest)


@planted("conv3d_backward_input", "no dilation along the width")
def _(dy, w, stride, padding, dilation, *rest):
    right.conv3d_backward_input(dy, w, stride, padding, (*dilation[:2], 1), *rest)


@planted("conv3d_backward_input", "filter flipped along the depth")
def _(dy, w, *rest):
    right.conv3d_backward_input(dy, w[:, :, ::-1], *rest)


@planted("conv3d_backward_input", "the depth padded behind as in front")
def _(dy, w, stride, padding, *rest):
    right.conv3d_backward_input(dy, w, stride, (padding[0][::-1], *padding[1:]), *rest)


@planted("conv3d_backward_input", "slices that no window reads keep what they held")
def _(dy, w, *rest):
    dx = rest[-1]
    read = fresh(right.conv3d_backward_input, np.ones_like(dy), np.ones_like(w), *rest) > 0
    slices = read.any(axis=(0, 1, 3, 4))
    dx[:, :, slices] = fresh(right.conv3d_backward_input, dy, w, *rest)[:, :, slices]


@planted("conv3d_backward_input", "slices assigned, not added, where windows overlap in depth")
def _(dy, w, *rest):
    dx = rest[-1]
    total = np.zeros_like(dx)
    for o in range(dy.shape[2]):
        alone, ones = np.zeros_like(dy), np.zeros_like(dy)
        alone[:, :, o], ones[:, :, o] = dy[:, :, o], 1
        hit = fresh(right.conv3d_backward_input, ones, np.ones_like(w), *rest).any(axis=(0, 1, 3, 4))
        total[:, :, hit] = fresh(right.conv3d_backward_input, alone, w, *rest)[:, :, hit]
    dx[...] = total


@planted("conv3d_backward_input", "windows that hang over the padding send nothing, and are cleared in dy itself")
def _(dy, w, stride, padding, dilation, groups, dx):
    right.conv3d_backward_input(dy, w, stride, padding, dilation, groups, dx)
    o, p, q = whole_windows(dx.shape[2:], w.shape[2:], stride, padding, dilation)
    dy[:, :, o:], dy[:, :, :, p:], dy[..., q:] = 0, 0, 0


@planted("conv3d_backward_input", "windows that hang over the back padding send nothing")
def _(dy, w, stride, padding, dilation, groups, dx):
    dy = dy.copy()
    dy[:, :, whole_windows(dx.shape[2:], w.shape[2:], stride, padding, dilation)[0] :] = 0
    right.conv3d_backward_input(dy, w, stride, padding, dilation, groups, dx)


@planted("conv3d_backward_input", "adds to what dx held where there is one window only")
def _(dy, *rest):
    made = fresh(right.conv3d_backward_input, dy, *rest)
    rest[-1][...] = made + rest[-1] if dy.shape[2:] == (1, 1, 1) else made


@planted("conv3d_backward_weight", "db of the first slice")
def _(x, dy, *rest):
    right.conv3d_backward_weight(x, dy, *rest)
    if rest[-1] is not None:
        rest[-1][...] = dy[:, :, :1].sum(axis=(0, 2, 3, 4))


@planted("conv3d_backward_weight", "db without the last slice of several")
def _(x, dy, *rest):
    right.conv3d_backward_weight(x, dy, *rest)
    if rest[-1] is not None and dy.shape[2] > 1:
        rest[-1][...] = dy[:, :, :-1].sum(axis=(0, 2, 3, 4))


@planted("conv3d_backward_weight", "dw with depth and height exchanged where E = R")
def _(*args):
    right.conv3d_backward_weight(*args)
    dw = args[-2]
    if dw.shape[2] == dw.shape[3]:
        dw[...] = dw.swapaxes(2, 3).copy()


@planted("conv3d_backward_weight", "two volumes at a time: the last of an odd batch above 1 is lost")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    right.conv3d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db)
    if len(x) > 1 and len(x) % 2:
        right.conv3d_backward_weight(x[:-1], dy[:-1], stride, padding, dilation, groups, dw, None)


@planted("conv3d_backward_weight", "dilation of the depth used as its stride and the other way round")
def _(x, dy, stride, padding, dilation, *rest):
    stride, dilation = (dilation[0], *stride[1:]), (stride[0], *dilation[1:])
    right.conv3d_backward_weight(x, dy, stride, padding, dilation, *rest)


@planted("conv3d_backward_weight", "sums float64 in float32")
def _(*args):
    *rest, dw, _ = args
    right.conv3d_backward_weight(*args)
    dw[...] = low_precision(lambda *a: right.conv3d_backward_weight(*a, None), np.float32, *rest, dw)


@planted("conv3d_backward_weight", "slices of dy shared out among threads: bits depend on the number of threads")
def _(x, dy, *rest):
    right.conv3d_backward_weight(x, dy, *rest)
    *options, dw, _ = rest
    threads = get_num_threads()
    parts = []
    for t in range(threads):
        some, part = np.zeros_like(dy), np.empty_like(dw)
        some[:, :, t::threads] = dy[:, :, t::threads]
        right.conv3d_backward_weight(x, some, *options, part, None)
        parts.append(part)
    dw[...] = sum(parts)


@planted("conv3d_backward_weight", "channels of the first group for every group")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    x = x[:, np.arange(x.shape[1]) % dw.shape[1]]
    right.conv3d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db)
