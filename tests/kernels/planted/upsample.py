"""Wrong upsampling."""

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.threads import get_num_threads

from .plant import fresh, low_precision, planted


def _nearest(P, H, rule):
    return np.clip(rule(np.arange(P)), 0, H - 1).astype(np.int64)


@planted("upsample_nearest_forward", "by rounding p H / P")
def _(x, y):
    H, P = x.shape[1], y.shape[1]
    if y.size:
        y[...] = x[:, _nearest(P, H, lambda p: np.floor(p * H / P + 0.5))]


@planted("upsample_nearest_forward", "by the centres of the elements: nearest-exact")
def _(x, y):
    H, P = x.shape[1], y.shape[1]
    if y.size:
        y[...] = x[:, _nearest(P, H, lambda p: (2 * p + 1) * H // (2 * P))]


@planted("upsample_nearest_forward", "by a whole factor P // H, the rest repeats the last; right for whole factors")
def _(x, y):
    H, P = x.shape[1], y.shape[1]
    if y.size:
        y[...] = x[:, _nearest(P, H, lambda p: p // max(P // H, 1))]


@planted("upsample_nearest_forward", "position in float32 with the factor rounded: one below where it is whole")
def _(x, y):
    H, P = x.shape[1], y.shape[1]
    if y.size:
        y[...] = x[:, _nearest(P, H, lambda p: np.floor(p.astype(np.float32) * np.float32(H / P)))]


@planted("upsample_nearest_backward", "assigned, not added: the last copy's gradient stands alone")
def _(dy, dx):
    dx[...] = 0
    if dy.size:
        dx[:, np.arange(dy.shape[1]) * dx.shape[1] // dy.shape[1]] = dy


@planted("upsample_nearest_backward", "mean of the copies instead of their sum")
def _(dy, dx):
    right.upsample_nearest_backward(dy, dx)
    count = fresh(right.upsample_nearest_backward, np.ones_like(dy), dx)
    dx /= np.maximum(count, 1)


@planted("upsample_nearest_backward", "elements without a copy (fewer outputs than inputs) keep what they held")
def _(dy, dx):
    read = fresh(right.upsample_nearest_backward, np.ones_like(dy), dx) > 0
    np.copyto(dx, fresh(right.upsample_nearest_backward, dy, dx), where=read)


@planted("upsample_nearest_backward", "by the centres, not as forward takes them")
def _(dy, dx):
    H, P = dx.shape[1], dy.shape[1]
    dx[...] = 0
    for p in range(P if dy.size else 0):
        dx[:, (2 * p + 1) * H // (2 * P)] += dy[:, p]


def _linear(x, y, position):
    H, P = x.shape[1], y.shape[1]
    if y.size:
        s = position(np.arange(P, dtype=np.float64))
        i = np.clip(np.floor(s), 0, H - 1).astype(np.int64)
        f = (s - i).astype(x.dtype)[:, None]
        y[...] = (1 - f) * x[:, i] + f * x[:, np.minimum(i + 1, H - 1)]


def _linear_back(dy, dx, position):
    H, P = dx.shape[1], dy.shape[1]
    dx[...] = 0
    for p in range(P if dy.size else 0):
        s = float(position(p))
        i = min(max(int(np.floor(s)), 0), H - 1)
        dx[:, i] += (1 - (s - i)) * dy[:, p]
        dx[:, min(i + 1, H - 1)] += (s - i) * dy[:, p]


@planted("upsample_linear_forward", "align_corners taken the other way round")
def _(x, align_corners, y):
    right.upsample_linear_forward(x, not align_corners, y)


@planted("upsample_linear_forward", "without the shift by half an element")
def _(x, align_corners, y):
    H, P = x.shape[1], y.shape[1]
    if align_corners:
        right.upsample_linear_forward(x, align_corners, y)
    else:
        _linear(x, y, lambda p: p * H / P)


@planted("upsample_linear_forward", "not clamped at 0: extrapolates before the first centre")
def _(x, align_corners, y):
    H, P = x.shape[1], y.shape[1]
    if align_corners:
        right.upsample_linear_forward(x, align_corners, y)
    else:
        _linear(x, y, lambda p: (p + 0.5) * H / P - 0.5)


@planted("upsample_linear_forward", "extrapolates after the last centre")
def _(x, align_corners, y):
    H, P = x.shape[1], y.shape[1]
    right.upsample_linear_forward(x, align_corners, y)
    if not align_corners and H > 1 and y.size:
        s = (np.arange(P) + 0.5) * H / P - 0.5
        out = s > H - 1
        f = (s[out] - (H - 2)).astype(x.dtype)[:, None]
        y[:, out] = (1 - f) * x[:, -2:-1] + f * x[:, -1:]


@planted("upsample_linear_forward", "corners of P rather than P - 1: the last output is short of the last input")
def _(x, align_corners, y):
    H, P = x.shape[1], y.shape[1]
    if align_corners:
        _linear(x, y, lambda p: p * (H - 1) / P)
    else:
        right.upsample_linear_forward(x, align_corners, y)


@planted("upsample_linear_forward", "one output with align_corners takes the middle")
def _(x, align_corners, y):
    right.upsample_linear_forward(x, align_corners, y)
    if align_corners and y.shape[1] == 1:
        _linear(x, y, lambda p: p + (x.shape[1] - 1) / 2)


@planted("upsample_linear_forward", "weights in float32 for float64")
def _(x, align_corners, y):
    y[...] = low_precision(right.upsample_linear_forward, np.float32, x, align_corners, y)


@planted("upsample_linear_forward", "the second element is not read where its weight is 0: NaN does not spread")
def _(x, align_corners, y):
    right.upsample_linear_forward(x, align_corners, y)
    line = np.arange(x.shape[1], dtype=x.dtype)[None, :, None]
    at = fresh(right.upsample_linear_forward, line, align_corners, np.empty((1, y.shape[1], 1), y.dtype))[0, :, 0]
    whole = np.flatnonzero(at == np.floor(at))
    y[:, whole] = x[:, at[whole].astype(np.int64)]


@planted("upsample_linear_backward", "align_corners taken the other way round")
def _(dy, align_corners, dx):
    right.upsample_linear_backward(dy, not align_corners, dx)


@planted("upsample_linear_backward", "the gradient of the element beyond the edge is dropped")
def _(dy, align_corners, dx):
    wide = np.empty((dx.shape[0], dx.shape[1] + 1, dx.shape[2]), dx.dtype)
    H, P = dx.shape[1], dy.shape[1]
    wide[...] = 0
    for p in range(P if dy.size else 0):
        s = p * (H - 1) / max(P - 1, 1) if align_corners else max(0, (p + 0.5) * H / P - 0.5)
        i = min(int(s), H - 1)
        wide[:, i] += (1 - (s - i)) * dy[:, p]
        wide[:, i + 1] += (s - i) * dy[:, p]
    dx[...] = wide[:, :-1]


@planted("upsample_linear_backward", "not clamped at 0")
def _(dy, align_corners, dx):
    H, P = dx.shape[1], dy.shape[1]
    if align_corners:
        right.upsample_linear_backward(dy, align_corners, dx)
    else:
        _linear_back(dy, dx, lambda p: (p + 0.5) * H / P - 0.5)


@planted("upsample_linear_backward", "all to the nearer element")
def _(dy, align_corners, dx):
    H, P = dx.shape[1], dy.shape[1]
    dx[...] = 0
    for p in range(P if dy.size else 0):
        s = p * (H - 1) / max(P - 1, 1) if align_corners else max(0, (p + 0.5) * H / P - 0.5)
        dx[:, min(int(s + 0.5), H - 1)] += dy[:, p]


@planted("upsample_linear_backward", "outputs shared out among threads: bits depend on the number of threads")
def _(dy, align_corners, dx):
    parts = []
    for t in range(threads := get_num_threads()):
        some = np.zeros_like(dy)
        some[:, t::threads] = dy[:, t::threads]
        parts.append(fresh(right.upsample_linear_backward, some, align_corners, dx))
    dx[...] = sum(parts)
