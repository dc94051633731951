"""Wrong adaptive pooling, and unpooling."""

import numpy as np

from cuarzo.kernels import numpy as right

from .plant import fresh, low_precision, planted


def _bins(H, P, first=lambda p, H, P: p * H // P, stop=lambda p, H, P: -(-(p + 1) * H // P)):
    return [(max(0, min(first(p, H, P), H - 1)), max(1, min(stop(p, H, P), H))) for p in range(P)]


def _means(x, y, bins):
    for p, (first, stop) in enumerate(bins):
        stop = max(stop, first + 1)
        y[:, p] = x[:, first:stop].sum(axis=1) / (stop - first)


def _send_means(dy, dx, bins):
    dx[...] = 0
    for p, (first, stop) in enumerate(bins):
        stop = max(stop, first + 1)
        dx[:, first:stop] += (dy[:, p] / (stop - first))[:, None]


def _maxima(x, y, indices, bins):
    for p, (first, stop) in enumerate(bins):
        indices[:, p] = first + x[:, first : max(stop, first + 1)].argmax(axis=1)
    y[...] = np.take_along_axis(x, indices, axis=1)


@planted("adaptive_avg_pool_forward", "windows end at floor((p + 1) H / P): they do not overlap")
def _(x, y):
    if y.size:
        _means(x, y, _bins(x.shape[1], y.shape[1], stop=lambda p, H, P: (p + 1) * H // P))


@planted("adaptive_avg_pool_forward", "windows begin at ceil(p H / P)")
def _(x, y):
    if y.size:
        _means(x, y, _bins(x.shape[1], y.shape[1], first=lambda p, H, P: -(-p * H // P)))


@planted("adaptive_avg_pool_forward", "windows of H // P, the last one takes the rest")
def _(x, y):
    if y.size:
        H, P = x.shape[1], y.shape[1]
        size = max(H // P, 1)
        _means(x, y, _bins(H, P, lambda p, H, P: p * size, lambda p, H, P: H if p == P - 1 else (p + 1) * size))


@planted("adaptive_avg_pool_forward", "all windows divided by ceil(H / P)")
def _(x, y):
    right.adaptive_avg_pool_forward(x, y)
    H, P = x.shape[1], y.shape[1]
    for p, (first, stop) in enumerate(_bins(H, P) if y.size else []):
        y[:, p] *= (stop - first) / -(-H // P)


@planted("adaptive_avg_pool_forward", "sums float64 in float32")
def _(*args):
    args[-1][...] = low_precision(right.adaptive_avg_pool_forward, np.float32, *args)


@planted("adaptive_avg_pool_forward", "differences of a running sum: a NaN spoils the windows after it")
def _(x, y):
    if y.size:
        table = np.concatenate([np.zeros_like(x[:, :1]), x.cumsum(1)], 1)
        for p, (first, stop) in enumerate(_bins(x.shape[1], y.shape[1])):
            y[:, p] = (table[:, stop] - table[:, first]) / (stop - first)


@planted("adaptive_avg_pool_backward", "assigned, not added, where windows overlap")
def _(dy, dx):
    dx[...] = 0
    for p, (first, stop) in enumerate(_bins(dx.shape[1], dy.shape[1]) if dy.size else []):
        dx[:, first:stop] = (dy[:, p] / (stop - first))[:, None]


@planted("adaptive_avg_pool_backward", "divides by the mean size H / P")
def _(dy, dx):
    H, P = dx.shape[1], dy.shape[1]
    if dy.size:
        sizes = np.array([stop - first for first, stop in _bins(H, P)])
        dy = (dy * (sizes / (H / P))[:, None]).astype(dy.dtype)
    right.adaptive_avg_pool_backward(dy, dx)


@planted("adaptive_avg_pool_backward", "windows end at floor((p + 1) H / P)")
def _(dy, dx):
    _send_means(dy, dx, _bins(dx.shape[1], dy.shape[1], stop=lambda p, H, P: (p + 1) * H // P) if dy.size else [])


@planted("adaptive_avg_pool_backward", "adds to what dx held")
def _(dy, dx):
    dx += fresh(right.adaptive_avg_pool_backward, dy, dx)


@planted("adaptive_max_pool_forward", "windows end at floor((p + 1) H / P)")
def _(x, y, indices):
    if y.size:
        _maxima(x, y, indices, _bins(x.shape[1], y.shape[1], stop=lambda p, H, P: (p + 1) * H // P))


@planted("adaptive_max_pool_forward", "ties to the last maximum")
def _(x, y, indices):
    right.adaptive_max_pool_forward(x, y, indices)
    for p, (first, stop) in enumerate(_bins(x.shape[1], y.shape[1]) if y.size else []):
        part = x[:, first:stop]
        last = stop - 1 - part[:, ::-1].argmax(axis=1)
        indices[:, p] = np.where(np.isnan(y[:, p]), indices[:, p], last)


@planted("adaptive_max_pool_forward", "the last NaN wins")
def _(x, y, indices):
    right.adaptive_max_pool_forward(x, y, indices)
    for p, (first, stop) in enumerate(_bins(x.shape[1], y.shape[1]) if y.size else []):
        last = stop - 1 - np.isnan(x[:, first:stop])[:, ::-1].argmax(axis=1)
        indices[:, p] = np.where(np.isnan(y[:, p]), last, indices[:, p])


@planted("adaptive_max_pool_forward", "NaN is passed over")
def _(x, y, indices):
    if y.size:
        low = np.where(np.isnan(x), -np.inf, x).astype(x.dtype)
        right.adaptive_max_pool_forward(low, y, indices)


@planted("adaptive_max_pool_forward", "index within the window")
def _(x, y, indices):
    right.adaptive_max_pool_forward(x, y, indices)
    for p, (first, _) in enumerate(_bins(x.shape[1], y.shape[1]) if y.size else []):
        indices[:, p] -= first


@planted("adaptive_max_pool_forward", "index h K + k into the flattened slice; right for K = 1")
def _(x, y, indices):
    right.adaptive_max_pool_forward(x, y, indices)
    K = x.shape[2]
    indices[...] = indices * K + np.arange(K)


@planted("adaptive_max_pool_backward", "dx[index] += dy: an element that wins two windows has one gradient")
def _(dy, indices, dx):
    dx[...] = 0
    np.put_along_axis(dx, indices, dy, axis=1)


@planted("adaptive_max_pool_backward", "elements that won nothing keep what they held")
def _(dy, indices, dx):
    won = fresh(right.adaptive_max_pool_backward, np.ones_like(dy), indices, dx) > 0
    np.copyto(dx, fresh(right.adaptive_max_pool_backward, dy, indices, dx), where=won)


@planted("adaptive_max_pool_backward", "uses the first column's indices for all k")
def _(dy, indices, dx):
    right.adaptive_max_pool_backward(dy, np.ascontiguousarray(np.broadcast_to(indices[..., :1], dy.shape)), dx)


@planted("max_unpool_forward", "of equal indices the first wins")
def _(x, indices, y):
    right.max_unpool_forward(np.ascontiguousarray(x[:, ::-1]), np.ascontiguousarray(indices[:, ::-1]), y)


@planted("max_unpool_forward", "equal indices are added")
def _(x, indices, y):
    y[...] = 0
    for m, q in np.ndindex(x.shape):
        if indices[m, q] >= 0:
            y[m, indices[m, q]] += x[m, q]


@planted("max_unpool_forward", "equal indices keep the largest")
def _(x, indices, y):
    total = np.full_like(y, -np.inf)
    for m, q in np.ndindex(x.shape):
        if indices[m, q] >= 0:
            total[m, indices[m, q]] = max(total[m, indices[m, q]], x[m, q])
    right.max_unpool_forward(x, indices, y)
    np.copyto(y, total, where=total > -np.inf)


@planted("max_unpool_forward", "index -1 writes to the end of the row")
def _(x, indices, y):
    right.max_unpool_forward(x, np.where(indices < 0, y.shape[1] - 1, indices), y)


@planted("max_unpool_forward", "places that no index names keep what they held")
def _(x, indices, y):
    named = fresh(right.max_unpool_forward, np.ones_like(x), indices, y) > 0
    np.copyto(y, fresh(right.max_unpool_forward, x, indices, y), where=named)


@planted("max_unpool_backward", "equal indices all have the gradient")
def _(dy, indices, dx):
    dx[...] = np.where(indices >= 0, np.take_along_axis(dy, np.maximum(indices, 0), axis=1), 0) if dx.size else 0


@planted("max_unpool_backward", "of equal indices the first has the gradient")
def _(dy, indices, dx):
    turned = np.empty_like(dx)
    right.max_unpool_backward(dy, np.ascontiguousarray(indices[:, ::-1]), turned)
    dx[...] = turned[:, ::-1]


@planted("max_unpool_backward", "index -1 reads the end of the row")
def _(dy, indices, dx):
    right.max_unpool_backward(dy, indices, dx)
    if dy.size:
        np.copyto(dx, dy[:, -1:], where=indices < 0)


@planted("max_unpool_backward", "index -1 is not written")
def _(dy, indices, dx):
    np.copyto(dx, fresh(right.max_unpool_backward, dy, indices, dx), where=indices >= 0)


@planted("max_unpool_backward", "winners of the rows before are not forgotten: an index counts once in all rows")
def _(dy, indices, dx):
    right.max_unpool_backward(dy, indices, dx)
    seen = {}
    for m, q in np.ndindex(dx.shape):
        seen[int(indices[m, q])] = m
    for m, q in np.ndindex(dx.shape):
        if seen[int(indices[m, q])] != m:
            dx[m, q] = 0
