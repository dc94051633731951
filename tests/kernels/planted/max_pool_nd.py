"""Wrong maximum pooling of sequences and volumes."""

from math import prod

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.numpy._windows import pad, reach, shifted
from cuarzo.kernels.numpy.pool import _places

from .plant import fresh, planted


def _max_pool(x, window, stride, padding, dilation, y, indices, wins, taps=None):
    """Maximum pooling with a rule of its own: wins(tap, best, first) tells where a tap takes the window."""
    size, outputs = x.shape[2:], y.shape[2:]
    padded = pad(x, reach(size, window, outputs, stride, padding, dilation), padding, -np.inf)
    indices = np.empty(y.shape, np.int64) if indices is None else indices
    y[...], indices[...] = -np.inf, -1
    for tap in np.ndindex(*window) if taps is None else taps:
        value = shifted(padded, tap, outputs, stride, dilation)
        inside, position = _places(tap, size, outputs, stride, padding, dilation)
        taken = inside & wins(value, y, indices == -1)
        np.copyto(y, value, where=taken)
        np.copyto(indices, position, where=taken)


def _definition(tap, best, first):
    return first | (tap > best) | (np.isnan(tap) & ~np.isnan(best))


def _last(tap, best, first):
    return first | (tap >= best) | (np.isnan(tap) & ~np.isnan(best))


def _numbers(tap, best, first):
    return first | (tap > best) | (np.isnan(best) & ~np.isnan(tap))


def _winners(dy, x, indices, *options):
    if indices is None:
        indices = np.empty(dy.shape, np.int64)
        _max_pool(x, *options, np.empty_like(dy), indices, _definition)
    return indices


for _name in ("max_pool1d_forward", "max_pool3d_forward"):

    @planted(_name, "ties to the last maximum")
    def _(*args):
        _max_pool(*args, _last)

    @planted(_name, "NaN never wins over a number")
    def _(*args):
        _max_pool(*args, _numbers)

    @planted(_name, "a NaN is kept as the window's first element only")
    def _(*args):
        _max_pool(*args, lambda tap, best, first: first | (tap > best))

    @planted(_name, "a window of nothing but -inf has index -1")
    def _(*args):
        _max_pool(*args, lambda tap, best, first: (tap > best) | (np.isnan(tap) & ~np.isnan(best)))

    @planted(_name, "dilation dropped where no indices are asked for")
    def _(x, window, stride, padding, dilation, y, indices, kernel=getattr(right, _name)):
        dilation = (1,) * len(window) if indices is None else dilation
        kernel(x, window, stride, padding, dilation, y, indices)

    @planted(_name, "last window along the first axis not written where there are several")
    def _(*args, kernel=getattr(right, _name)):
        *rest, y, indices = args
        whole = y.shape[2] - (y.shape[2] > 1)
        made, where = np.empty_like(y), np.empty(y.shape, np.int64)
        kernel(*rest, made, where)
        y[:, :, :whole] = made[:, :, :whole]
        if indices is not None:
            indices[:, :, :whole] = where[:, :, :whole]

    @planted(_name, "clamps the dilated window to the edge: taps outside read the nearest element")
    def _(x, window, stride, padding, dilation, y, indices, kernel=getattr(right, _name)):
        kernel(x, window, stride, padding, dilation, y, indices)
        if x.size:
            sides = [(before, 0) for before, _ in padding]
            for axis, n in enumerate(reach(x.shape[2:], window, y.shape[2:], stride, padding, dilation)):
                sides[axis] = (sides[axis][0], n - sides[axis][0] - x.shape[2 + axis])
            edge = np.pad(x, ((0, 0), (0, 0), *sides), "edge")
            kernel(edge, window, stride, ((0, 0),) * len(window), dilation, y, None)


@planted("max_pool1d_forward", "padding is 0")
def _(x, window, stride, padding, dilation, y, indices):
    right.max_pool1d_forward(x, window, stride, padding, dilation, y, indices)
    size = reach(x.shape[2:], window, y.shape[2:], stride, padding, dilation)
    inside = pad(np.ones_like(x), size, padding)
    for tap in np.ndindex(*window):
        np.maximum(y, 0, out=y, where=shifted(inside, tap, y.shape[2:], stride, dilation) == 0)


@planted("max_pool1d_forward", "index in the padded sequence")
def _(x, window, stride, padding, dilation, y, indices):
    right.max_pool1d_forward(x, window, stride, padding, dilation, y, indices)
    if indices is not None:
        indices += np.where(indices >= 0, padding[0][0], 0)


@planted("max_pool1d_forward", "running maximum for stride 1 starts with 0")
def _(x, window, stride, padding, dilation, y, indices):
    right.max_pool1d_forward(x, window, stride, padding, dilation, y, indices)
    if stride == (1,) and dilation == (1,) and indices is None:
        np.maximum(y, 0, out=y)


@planted("max_pool3d_forward", "index in the slice, not in the volume")
def _(x, *rest):
    right.max_pool3d_forward(x, *rest)
    if rest[-1] is not None:
        np.copyto(rest[-1], rest[-1] % (x.shape[3] * x.shape[4]), where=rest[-1] >= 0)


@planted("max_pool3d_forward", "index (l W + h) H + k, right where H = W")
def _(x, *rest):
    right.max_pool3d_forward(x, *rest)
    if rest[-1] is not None:
        H, W = x.shape[3:]
        rows, k = np.divmod(rest[-1], W)
        depth, h = np.divmod(rows, H)
        np.copyto(rest[-1], (depth * W + h) * H + k, where=rest[-1] >= 0)


@planted("max_pool3d_forward", "index (l D + h) W + k, right where D = H")
def _(x, *rest):
    right.max_pool3d_forward(x, *rest)
    if rest[-1] is not None:
        D, H, W = x.shape[2:]
        rows, k = np.divmod(rest[-1], W)
        depth, h = np.divmod(rows, H)
        np.copyto(rest[-1], (depth * D + h) * W + k, where=rest[-1] >= 0)


@planted("max_pool3d_forward", "slices inside, rows outside: ties to the first maximum in that order")
def _(x, window, *rest):
    taps = [(e, r, s) for r in range(window[1]) for s in range(window[2]) for e in range(window[0])]
    _max_pool(x, window, *rest, _definition, taps)


@planted("max_pool3d_forward", "index counts on through the channels")
def _(x, *rest):
    right.max_pool3d_forward(x, *rest)
    if rest[-1] is not None:
        rest[-1][...] += np.where(rest[-1] >= 0, np.arange(x.shape[1])[:, None, None, None] * prod(x.shape[2:]), 0)


@planted("max_pool3d_forward", "dilation of depth and width exchanged")
def _(x, window, stride, padding, dilation, *rest):
    right.max_pool3d_forward(x, window, stride, padding, dilation[::-1], *rest)


@planted("max_pool3d_forward", "stride of the depth used for the height")
def _(x, window, stride, *rest):
    right.max_pool3d_forward(x, window, (stride[0], stride[0], stride[2]), *rest)


for _name in ("max_pool1d_backward", "max_pool3d_backward"):

    @planted(_name, "assigned, not added: an element that wins many windows has the last one's gradient")
    def _(dy, x, indices, *rest):
        *options, dx = rest
        winners = _winners(dy, x, indices, *options)
        planes = np.zeros((dy.shape[0] * dy.shape[1], prod(dx.shape[2:]) + 1), dx.dtype)
        shape = len(planes), prod(dy.shape[2:])
        np.put_along_axis(planes, winners.reshape(shape), dy.reshape(shape), 1)
        dx[...] = planes[:, :-1].reshape(dx.shape)

    @planted(_name, "index -1 sends its gradient to the last element")
    def _(dy, x, indices, *rest, kernel=getattr(right, _name)):
        *options, dx = rest
        winners = _winners(dy, x, indices, *options)
        kernel(dy, x, np.where(winners < 0, prod(dx.shape[2:]) - 1, winners), *options, dx)

    @planted(_name, "without indices, ties to the last maximum")
    def _(dy, x, indices, *rest, kernel=getattr(right, _name)):
        if indices is None:
            indices = np.empty(dy.shape, np.int64)
            _max_pool(x, *rest[:-1], np.empty_like(dy), indices, _last)
        kernel(dy, x, indices, *rest)

    @planted(_name, "without indices, the gradient of a NaN goes to the largest number")
    def _(dy, x, indices, *rest, kernel=getattr(right, _name)):
        if indices is None:
            indices = np.empty(dy.shape, np.int64)
            _max_pool(x, *rest[:-1], np.empty_like(dy), indices, _numbers)
        kernel(dy, x, indices, *rest)

    @planted(_name, "elements that win no window keep what they held")
    def _(dy, *rest, kernel=getattr(right, _name)):
        won = fresh(kernel, np.ones_like(dy), *rest) > 0
        np.copyto(rest[-1], fresh(kernel, dy, *rest), where=won)

    @planted(_name, "without indices, dilation forgotten")
    def _(dy, x, indices, window, stride, padding, dilation, dx, kernel=getattr(right, _name)):
        dilation = (1,) * len(window) if indices is None else dilation
        kernel(dy, x, indices, window, stride, padding, dilation, dx)


@planted("max_pool3d_backward", "index taken for one in the slice: all goes to the first slice")
def _(dy, x, indices, *rest):
    *options, dx = rest
    winners = _winners(dy, x, indices, *options)
    in_slice = np.where(winners < 0, -1, winners % (dx.shape[3] * dx.shape[4]))
    right.max_pool3d_backward(dy, x, in_slice, *options, dx)


@planted("max_pool3d_backward", "given indices are trusted within their window only: overlapping windows' are lost")
def _(dy, x, indices, *rest):
    right.max_pool3d_backward(dy, x, indices, *rest)
    window, stride = rest[:2]
    if indices is not None and any(step < taps for step, taps in zip(stride, window)):
        dx = rest[-1]
        once = fresh(right.max_pool3d_backward, np.ones_like(dy), x, indices, *rest)
        np.copyto(dx, dx / np.maximum(once, 1), where=once > 2)
