"""Wrong convolutions."""

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.numpy._windows import pad, reach, shifted

from .plant import fresh, low_precision, planted


@planted("conv2d_forward", "stride (height, width) taken as (width, height)")
def _(x, w, b, stride, *rest):
    right.conv2d_forward(x, w, b, stride[::-1], *rest)


@planted("conv2d_forward", "dilation of the height used for the width too")
def _(x, w, b, stride, padding, dilation, groups, y):
    right.conv2d_forward(x, w, b, stride, padding, (dilation[0], dilation[0]), groups, y)


@planted("conv2d_forward", "dilation dropped where it comes with a stride")
def _(x, w, b, stride, padding, dilation, groups, y):
    dilation = tuple(d if step == 1 else 1 for d, step in zip(dilation, stride))
    right.conv2d_forward(x, w, b, stride, padding, dilation, groups, y)


@planted("conv2d_forward", "window flipped left to right")
def _(x, w, *rest):
    right.conv2d_forward(x, w[..., ::-1], *rest)


@planted("conv2d_forward", "offset by the padding after the image instead of the padding before it")
def _(x, w, b, stride, padding, *rest):
    right.conv2d_forward(x, w, b, stride, tuple(side[::-1] for side in padding), *rest)


@planted("conv2d_forward", "window's flat index r * R + s, right for square windows only")
def _(x, w, *rest):
    F, CG, R, S = w.shape
    taps = np.minimum(np.arange(R)[:, None] * R + np.arange(S), R * S - 1)
    right.conv2d_forward(x, w.reshape(F, CG, R * S)[:, :, taps], *rest)


@planted("conv2d_forward", "right of the image reads on into the next row: only the flat index is checked")
def _(x, w, b, stride, padding, dilation, groups, y):
    N, C, H, W = x.shape
    width = max(W, reach((H, W), w.shape[2:], y.shape[2:], stride, padding, dilation)[1] - padding[1][0])
    flat = np.zeros((N, C, H * W + width), x.dtype)
    flat[:, :, : H * W] = x.reshape(N, C, H * W)
    wide = flat[:, :, np.arange(H)[:, None] * W + np.arange(width)]
    right.conv2d_forward(wide, w, b, stride, padding, dilation, groups, y)


@planted("conv2d_forward", "clips taps to the image's height in both axes: a wide image loses its right")
def _(x, w, *rest):
    clipped = x.copy()
    clipped[..., x.shape[2] :] = 0
    right.conv2d_forward(clipped, w, *rest)


@planted("conv2d_forward", "filters dealt to the groups in turn, f % G; right for one group and for one filter each")
def _(x, w, b, stride, padding, dilation, groups, y):
    order = np.argsort(np.arange(len(w)) % groups, kind="stable")
    bias = None if b is None else b[order]
    y[:, order] = fresh(right.conv2d_forward, x, w[order], bias, stride, padding, dilation, groups, y)


@planted("conv2d_forward", "group's first channel is g F/G instead of g C/G; right if F = C")
def _(x, w, b, stride, padding, dilation, groups, y):
    C, (F, CG) = x.shape[1], w.shape[:2]
    channels = [(g * (F // groups) + c) % C for g in range(groups) for c in range(CG)]
    right.conv2d_forward(x[:, channels], w, b, stride, padding, dilation, groups, y)


@planted("conv2d_forward", "bias counted within the group: every group has the first one's")
def _(x, w, b, stride, padding, dilation, groups, y):
    bias = None if b is None else np.tile(b[: len(b) // groups], groups)
    right.conv2d_forward(x, w, bias, stride, padding, dilation, groups, y)


@planted("conv2d_forward", "last 8 columns done again for a Q that is no multiple of 8: the overlap has its bias twice")
def _(*args):
    right.conv2d_forward(*args)
    b, y = args[2], args[-1]
    Q = y.shape[3]
    if b is not None and Q > 8:
        y[..., Q - 8 : Q - Q % 8] += b[:, None, None]


@planted("conv2d_forward", "last P Q % 8 outputs of the flattened plane not written once there are more than 8")
def _(*args):
    y = args[-1]
    N, F, P, Q = y.shape
    whole = P * Q - P * Q % 8 if P * Q > 8 else P * Q
    y.reshape(N, F, P * Q)[..., :whole] = fresh(right.conv2d_forward, *args).reshape(N, F, P * Q)[..., :whole]


@planted("conv2d_forward", "channels summed in blocks of 4 where a group has more: the rest is forgotten")
def _(x, w, *rest):
    CG = w.shape[1]
    if CG > 4:
        w = w.copy()
        w[:, CG - CG % 4 :] = 0
    right.conv2d_forward(x, w, *rest)


@planted("conv2d_forward", "two threads take N // 2 images each: the last image of an odd batch is not computed")
def _(*args):
    y = args[-1]
    count = len(y) if len(y) == 1 else len(y) // 2 * 2
    y[:count] = fresh(right.conv2d_forward, *args)[:count]


@planted("conv2d_forward", "adds to y where there is no bias to start from")
def _(*args):
    made = fresh(right.conv2d_forward, *args)
    if args[2] is None:
        made += args[-1]
    args[-1][...] = made


@planted("conv2d_forward", "columns of im2col kept in float16")
def _(x, *rest):
    right.conv2d_forward(x.astype(np.float16).astype(x.dtype), *rest)


@planted("conv2d_forward", "sums float64 in float32")
def _(*args):
    args[-1][...] = low_precision(right.conv2d_forward, np.float32, *args)


@planted("conv2d_forward", "turns the window round in place, for a loop that runs backwards, and leaves it so")
def _(x, w, *rest):
    right.conv2d_forward(x, w, *rest)
    w[...] = w[:, :, ::-1, ::-1].copy()


@planted("conv2d_forward", "by FFT: a large pixel anywhere costs the precision of every small one")
def _(x, w, b, stride, padding, dilation, groups, y):
    (N, F, P, Q), (CG, R, S) = y.shape, w.shape[1:]
    size = reach(x.shape[2:], (R, S), (P, Q), stride, padding, dilation)
    spread = np.zeros((F, CG, (R - 1) * dilation[0] + 1, (S - 1) * dilation[1] + 1), w.dtype)
    spread[:, :, :: dilation[0], :: dilation[1]] = w
    X = np.fft.rfft2(pad(x, size, padding))
    V = np.fft.rfft2(spread, size).conj()
    X, V = X.reshape(N, groups, CG, *X.shape[2:]), V.reshape(groups, F // groups, CG, *V.shape[2:])
    product = np.einsum("ngcij,gfcij->ngfij", X, V).reshape(N, F, *X.shape[3:])
    y[...] = shifted(np.fft.irfft2(product, size), (0, 0), (P, Q), stride, (1, 1))
    if b is not None:
        y += b[:, None, None]
