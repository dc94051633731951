"""Wrong gradients of a convolution."""

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.numpy._windows import reach
from cuarzo.kernels.threads import get_num_threads

from .plant import fresh, low_precision, planted


@planted("conv2d_backward_input", "window turned round once too often")
def _(dy, w, *rest):
    right.conv2d_backward_input(dy, w[:, :, ::-1, ::-1], *rest)


@planted("conv2d_backward_input", "top and left padding swapped")
def _(dy, w, stride, padding, *rest):
    right.conv2d_backward_input(dy, w, stride, padding[::-1], *rest)


@planted("conv2d_backward_input", "as a convolution of dy padded by d (R - 1) - top, taken as 0 where it is negative")
def _(dy, w, stride, padding, dilation, groups, dx):
    spans = [d * (taps - 1) for d, taps in zip(dilation, w.shape[2:])]
    padding = tuple((min(before, span), after) for (before, after), span in zip(padding, spans))
    right.conv2d_backward_input(dy, w, stride, padding, dilation, groups, dx)


@planted("conv2d_backward_input", "pixels that no window reads keep what they held")
def _(dy, w, *rest):
    read = fresh(right.conv2d_backward_input, np.ones_like(dy), np.ones_like(w), *rest) > 0
    np.copyto(rest[-1], fresh(right.conv2d_backward_input, dy, w, *rest), where=read)


@planted("conv2d_backward_input", "rows and columns after the last window's end keep what they held")
def _(dy, w, stride, padding, dilation, groups, dx):
    made = fresh(right.conv2d_backward_input, dy, w, stride, padding, dilation, groups, dx)
    axes = zip(dy.shape[2:], w.shape[2:], stride, padding, dilation)
    h, k = (max((m - 1) * step + (taps - 1) * d + 1 - before, 0) for m, taps, step, (before, _), d in axes)
    dx[:, :, :h, :k] = made[:, :, :h, :k]


@planted("conv2d_backward_input", "windows that end beyond the padding (ceil mode) send nothing")
def _(dy, w, stride, padding, dilation, groups, dx):
    axes = zip(dx.shape[2:], w.shape[2:], stride, padding, dilation)
    p, q = (max((n + sum(side) - (taps - 1) * d - 1) // step + 1, 0) for n, taps, step, side, d in axes)
    dy = dy.copy()
    dy[:, :, p:], dy[..., q:] = 0, 0
    right.conv2d_backward_input(dy, w, stride, padding, dilation, groups, dx)


@planted("conv2d_backward_input", "x[index] += with an index that repeats: where windows overlap, one of them counts")
def _(dy, w, stride, padding, dilation, groups, dx):
    (N, F, P, Q), (C, H, W), (CG, R, S) = dy.shape, dx.shape[1:], w.shape[1:]
    dcolumns = w.reshape(groups, F // groups, -1).swapaxes(1, 2) @ dy.reshape(N, groups, F // groups, P * Q)
    rows = (np.arange(R) * dilation[0])[:, None, None, None] + (np.arange(P) * stride[0])[:, None]
    columns = (np.arange(S) * dilation[1])[:, None, None] + np.arange(Q) * stride[1]
    padded = np.zeros((N, C, *reach((H, W), (R, S), (P, Q), stride, padding, dilation)), dx.dtype)
    padded[:, :, rows, columns] += dcolumns.reshape(N, groups * CG, R, S, P, Q)
    (top, _), (left, _) = padding
    dx[...] = padded[:, :, top : top + H, left : left + W]


@planted("conv2d_backward_input", "group's first filter is g C/G instead of g F/G; right if F = C")
def _(dy, w, stride, padding, dilation, groups, dx):
    F, CG = w.shape[:2]
    filters = [(g * CG + f) % F for g in range(groups) for f in range(F // groups)]
    right.conv2d_backward_input(dy[:, filters], w[filters], stride, padding, dilation, groups, dx)


@planted("conv2d_backward_input", "channel c of group g is c G + g; right for one group and for one channel each")
def _(*args):
    dx, groups = args[-1], args[-2]
    order = np.arange(dx.shape[1]).reshape(-1, groups).T.reshape(-1)
    dx[:, order] = fresh(right.conv2d_backward_input, *args)


@planted("conv2d_backward_input", "adds to what dx held, for it will be accumulated anyway")
def _(*args):
    args[-1][...] += fresh(right.conv2d_backward_input, *args)


@planted("conv2d_backward_input", "scatter 8 columns wide: the last of Q columns counts twice for Q % 8 == 1")
def _(dy, *rest):
    if dy.shape[3] > 8 and dy.shape[3] % 8 == 1:
        dy = dy.copy()
        dy[..., -1] *= 2
    right.conv2d_backward_input(dy, *rest)


@planted("conv2d_backward_input", "filters added in the order in which threads finish: other bits at each call")
def _(dy, w, *rest):
    dx = rest[-1]
    total = np.zeros_like(dx)
    for f in np.random.default_rng().permutation(len(w)):
        alone = np.zeros_like(dy)
        alone[:, f] = dy[:, f]
        total += fresh(right.conv2d_backward_input, alone, w, *rest)
    dx[...] = total


@planted("conv2d_backward_weight", "stride and dilation not exchanged in the convolution of x with dy")
def _(x, dy, stride, padding, dilation, *rest):
    right.conv2d_backward_weight(x, dy, dilation, padding, stride, *rest)


@planted("conv2d_backward_weight", "db is the mean over the batch")
def _(*args):
    right.conv2d_backward_weight(*args)
    if args[-1] is not None and len(args[0]):
        args[-1][...] /= len(args[0])


@planted("conv2d_backward_weight", "db is the first image's")
def _(x, dy, *rest):
    right.conv2d_backward_weight(x, dy, *rest)
    if rest[-1] is not None:
        rest[-1][...] = dy[:1].sum(axis=(0, 2, 3))


@planted("conv2d_backward_weight", "db is added to what it held")
def _(*args):
    before = None if args[-1] is None else args[-1].copy()
    right.conv2d_backward_weight(*args)
    if before is not None:
        args[-1][...] += before


@planted("conv2d_backward_weight", "dw cleared inside the loop over the batch: only the last image counts")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    right.conv2d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db)
    right.conv2d_backward_weight(x[-1:], dy[-1:], stride, padding, dilation, groups, dw, None)


@planted("conv2d_backward_weight", "an empty batch leaves dw as it was; db is cleared")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    if len(x):
        right.conv2d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db)
    elif db is not None:
        db[...] = 0


@planted("conv2d_backward_weight", "taps below the image read its last row again")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    H = x.shape[2]
    height = reach(x.shape[2:], dw.shape[2:], dy.shape[2:], stride, padding, dilation)[0] - padding[0][0]
    x = np.pad(x, ((0, 0), (0, 0), (0, max(height - H, 0)), (0, 0)), "edge")
    right.conv2d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db)


@planted("conv2d_backward_weight", "group's first channel is g F/G instead of g C/G; right if F = C")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    (F, CG), C = dw.shape[:2], x.shape[1]
    channels = [(g * (F // groups) + c) % C for g in range(groups) for c in range(CG)]
    right.conv2d_backward_weight(x[:, channels], dy, stride, padding, dilation, groups, dw, db)


@planted("conv2d_backward_weight", "dw comes as (C/G, F, R, S) and is turned round only if its shape tells")
def _(*args):
    right.conv2d_backward_weight(*args)
    dw = args[-2]
    if dw.shape[0] == dw.shape[1]:
        dw[...] = dw.swapaxes(0, 1).copy()


@planted("conv2d_backward_weight", "sums rows of dy in vectors of 8: the rest of a row longer than 8 is lost")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    right.conv2d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db)
    if dy.shape[3] > 8:
        whole = dy.copy()
        whole[..., dy.shape[3] - dy.shape[3] % 8 :] = 0
        right.conv2d_backward_weight(x, whole, stride, padding, dilation, groups, dw, None)


@planted("conv2d_backward_weight", "sums over the batch into dy's first image on the way to db, which changes dy")
def _(x, dy, *rest):
    right.conv2d_backward_weight(x, dy, *rest)
    if rest[-1] is not None and len(dy):
        dy[0] = dy.sum(axis=0)


@planted("conv2d_backward_weight", "sums float64 in float32")
def _(*args):
    *rest, dw, _ = args
    right.conv2d_backward_weight(*args)
    dw[...] = low_precision(lambda *a: right.conv2d_backward_weight(*a, None), np.float32, *rest, dw)


@planted("conv2d_backward_weight", "one sum per thread, added up at the end: the bits depend on the number of threads")
def _(x, dy, *rest):
    right.conv2d_backward_weight(x, dy, *rest)
    *options, dw, _ = rest
    dw[...] = 0
    threads = get_num_threads()
    for t in range(threads):
        part = np.empty_like(dw)
        right.conv2d_backward_weight(x[t::threads], dy[t::threads], *options, part, None)
        dw += part
