"""Wrong maximum pooling."""

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.numpy._windows import pad, reach, shifted

from .plant import fresh, planted


def _max_pool(x, window, stride, padding, dilation, y, indices, wins, taps=None):
    """Maximum pooling with a rule of its own: wins(tap, best, first) tells where a tap takes the window."""
    (H, W), (P, Q) = x.shape[2:], y.shape[2:]
    padded = pad(x, reach((H, W), window, (P, Q), stride, padding, dilation), padding, -np.inf)
    indices = np.empty(y.shape, np.int64) if indices is None else indices
    y[...], indices[...] = -np.inf, -1
    for r, s in np.ndindex(*window) if taps is None else taps:
        tap = shifted(padded, (r, s), (P, Q), stride, dilation)
        h = (np.arange(P) * stride[0] + r * dilation[0] - padding[0][0])[:, None]
        k = np.arange(Q) * stride[1] + s * dilation[1] - padding[1][0]
        taken = (h >= 0) & (h < H) & (k >= 0) & (k < W) & wins(tap, y, indices == -1)
        np.copyto(y, tap, where=taken)
        np.copyto(indices, h * W + k, where=taken)


def _definition(tap, best, first):
    return first | (tap > best) | (np.isnan(tap) & ~np.isnan(best))


@planted("max_pool2d_forward", "ties to the last maximum")
def _(*args):
    _max_pool(*args, lambda tap, best, first: first | (tap >= best) | (np.isnan(tap) & ~np.isnan(best)))


@planted("max_pool2d_forward", "columns outside, rows inside: ties to the first maximum in column-major order")
def _(x, window, *rest):
    taps = [(r, s) for s in range(window[1]) for r in range(window[0])]
    _max_pool(x, window, *rest, _definition, taps)


@planted("max_pool2d_forward", "a NaN is kept as the window's first element only")
def _(*args):
    _max_pool(*args, lambda tap, best, first: first | (tap > best))


@planted("max_pool2d_forward", "the last NaN wins, not the first")
def _(*args):
    _max_pool(*args, lambda tap, best, first: first | (tap > best) | np.isnan(tap))


@planted("max_pool2d_forward", "y is NaN where it should be, with the index of the largest number")
def _(*args):
    *rest, y, _ = args
    _max_pool(*args, lambda tap, best, first: first | (tap > best) | (np.isnan(best) & ~np.isnan(tap)))
    right.max_pool2d_forward(*rest, y, None)


@planted("max_pool2d_forward", "NaN lost where no indices are asked for")
def _(*args):
    indices = args[-1]
    if indices is None:
        _max_pool(*args, lambda tap, best, first: first | (tap > best) | (np.isnan(best) & ~np.isnan(tap)))
    else:
        right.max_pool2d_forward(*args)


@planted("max_pool2d_forward", "padding is 0: it beats negative pixels, though the index stays in the image")
def _(x, window, stride, padding, dilation, y, indices):
    right.max_pool2d_forward(x, window, stride, padding, dilation, y, indices)
    inside = pad(np.ones_like(x), reach(x.shape[2:], window, y.shape[2:], stride, padding, dilation), padding)
    for r, s in np.ndindex(*window):
        np.maximum(y, 0, out=y, where=shifted(inside, (r, s), y.shape[2:], stride, dilation) == 0)


@planted("max_pool2d_forward", "pixels of -inf taken for padding: index -1")
def _(*args):
    _max_pool(*args, lambda tap, best, first: (tap > best) | (np.isnan(tap) & ~np.isnan(best)))


@planted("max_pool2d_forward", "starts from the least finite number: -inf is never the result")
def _(*args):
    y = args[-2]
    right.max_pool2d_forward(*args)
    np.maximum(y, np.finfo(y.dtype).min, out=y)


@planted("max_pool2d_forward", "a window that sees only padding has index 0")
def _(*args):
    right.max_pool2d_forward(*args)
    if args[-1] is not None:
        np.maximum(args[-1], 0, out=args[-1])


@planted("max_pool2d_forward", "index within the window")
def _(x, window, stride, padding, dilation, y, indices):
    right.max_pool2d_forward(x, window, stride, padding, dilation, y, indices)
    if indices is not None:
        h, k = np.divmod(indices, x.shape[3])
        r = (h + padding[0][0] - np.arange(y.shape[2])[:, None] * stride[0]) // dilation[0]
        s = (k + padding[1][0] - np.arange(y.shape[3]) * stride[1]) // dilation[1]
        np.copyto(indices, r * window[1] + s, where=indices >= 0)


@planted("max_pool2d_forward", "index in the padded plane")
def _(x, window, stride, padding, dilation, y, indices):
    right.max_pool2d_forward(x, window, stride, padding, dilation, y, indices)
    if indices is not None:
        (top, _), (left, after) = padding
        h, k = np.divmod(indices, x.shape[3])
        np.copyto(indices, (h + top) * (left + x.shape[3] + after) + k + left, where=indices >= 0)


@planted("max_pool2d_forward", "index h H + k, right for square images only")
def _(x, *rest):
    right.max_pool2d_forward(x, *rest)
    indices = rest[-1]
    if indices is not None:
        h, k = np.divmod(indices, x.shape[3])
        np.copyto(indices, h * x.shape[2] + k, where=indices >= 0)


@planted("max_pool2d_forward", "index counts on through the channels of an image")
def _(x, *rest):
    right.max_pool2d_forward(x, *rest)
    indices = rest[-1]
    if indices is not None:
        C, H, W = x.shape[1:]
        indices += np.where(indices >= 0, np.arange(C)[:, None, None] * (H * W), 0)


@planted("max_pool2d_forward", "dilation of height and width swapped")
def _(x, window, stride, padding, dilation, y, indices):
    right.max_pool2d_forward(x, window, stride, padding, dilation[::-1], y, indices)


@planted("max_pool2d_forward", "index of the last Q % 8 columns of more than 8 not written")
def _(*args):
    *rest, y, indices = args
    keep = None if indices is None else indices.copy()
    right.max_pool2d_forward(*rest, y, indices)
    if indices is not None and y.shape[3] > 8:
        whole = y.shape[3] - y.shape[3] % 8
        indices[..., whole:] = keep[..., whole:]


def _winners(dy, x, indices, *options):
    """The indices that were given, or those of the definition."""
    if indices is None:
        indices = np.empty(dy.shape, np.int64)
        right.max_pool2d_forward(x, *options, np.empty_like(dy), indices)
    return indices


@planted("max_pool2d_backward", "index -1 sends its gradient to the plane's last pixel")
def _(dy, x, indices, *rest):
    *options, dx = rest
    winners = _winners(dy, x, indices, *options)
    last = dx.shape[2] * dx.shape[3] - 1
    right.max_pool2d_backward(dy, x, np.where(winners < 0, last, winners), *options, dx)


@planted("max_pool2d_backward", "assigned, not added: a pixel that wins many windows has the last one's gradient")
def _(dy, x, indices, *rest):
    *options, dx = rest
    (N, C, P, Q), (H, W) = dy.shape, dx.shape[2:]
    winners = _winners(dy, x, indices, *options)
    planes = np.zeros((N * C, H * W + 1), dx.dtype)  # index -1 goes to the extra column
    np.put_along_axis(planes, winners.reshape(N * C, P * Q), dy.reshape(N * C, P * Q), 1)
    dx[...] = planes[:, :-1].reshape(dx.shape)


@planted("max_pool2d_backward", "without indices, all pixels equal to the maximum have the gradient; NaN has none")
def _(dy, x, indices, window, stride, padding, dilation, dx):
    if indices is not None:
        right.max_pool2d_backward(dy, x, indices, window, stride, padding, dilation, dx)
        return
    (H, W), outputs = dx.shape[2:], dy.shape[2:]
    y = np.empty_like(dy)
    right.max_pool2d_forward(x, window, stride, padding, dilation, y, None)
    size = reach((H, W), window, outputs, stride, padding, dilation)
    padded, total = pad(x, size, padding, np.nan), np.zeros((*dx.shape[:2], *size), np.float64)
    for r, s in np.ndindex(*window):
        tap = shifted(padded, (r, s), outputs, stride, dilation)
        shifted(total, (r, s), outputs, stride, dilation)[...] += np.where(tap == y, dy, 0)
    (top, _), (left, _) = padding
    dx[...] = total[:, :, top : top + H, left : left + W]


@planted("max_pool2d_backward", "without indices, ties to the last maximum")
def _(dy, x, indices, *rest):
    def wins(tap, best, first):
        return first | (tap >= best) | (np.isnan(tap) & ~np.isnan(best))

    *options, dx = rest
    if indices is None:
        indices = np.empty(dy.shape, np.int64)
        _max_pool(x, *options, np.empty_like(dy), indices, wins)
    right.max_pool2d_backward(dy, x, indices, *options, dx)


@planted("max_pool2d_backward", "without indices, padding of 0 wins over negative pixels and takes their gradient")
def _(dy, x, indices, window, stride, padding, dilation, dx):
    if indices is None:
        inside = pad(np.ones_like(x), reach(x.shape[2:], window, dy.shape[2:], stride, padding, dilation), padding)
        y, indices = np.empty_like(dy), np.empty(dy.shape, np.int64)
        right.max_pool2d_forward(x, window, stride, padding, dilation, y, indices)
        for r, s in np.ndindex(*window):
            indices[(shifted(inside, (r, s), dy.shape[2:], stride, dilation) == 0) & (y < 0)] = -1
    right.max_pool2d_backward(dy, x, indices, window, stride, padding, dilation, dx)


@planted("max_pool2d_backward", "without indices, dilation forgotten")
def _(dy, x, indices, window, stride, padding, dilation, dx):
    dilation = (1, 1) if indices is None else dilation
    right.max_pool2d_backward(dy, x, indices, window, stride, padding, dilation, dx)


@planted("max_pool2d_backward", "index taken apart by H, right for square images only")
def _(dy, x, indices, *rest):
    *options, dx = rest
    H, W = dx.shape[2:]
    winners = _winners(dy, x, indices, *options)
    taken_apart = np.where(winners < 0, -1, (winners // H * W + winners % H) % (H * W))
    right.max_pool2d_backward(dy, x, taken_apart, *options, dx)


@planted("max_pool2d_backward", "makes the indices it was given count through the whole array, in place")
def _(dy, x, indices, *rest):
    right.max_pool2d_backward(dy, x, indices, *rest)
    if indices is not None:
        (N, C), plane = dy.shape[:2], rest[-1].shape[2] * rest[-1].shape[3]
        indices += np.where(indices >= 0, np.arange(N * C).reshape(N, C, 1, 1) * plane, 0)


@planted("max_pool2d_backward", "pixels that win no window keep what they held")
def _(dy, *rest):
    won = fresh(right.max_pool2d_backward, np.ones_like(dy), *rest) > 0
    np.copyto(rest[-1], fresh(right.max_pool2d_backward, dy, *rest), where=won)
