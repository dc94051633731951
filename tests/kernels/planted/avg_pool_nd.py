"""Wrong average pooling of sequences and volumes."""

from math import prod

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.numpy._windows import inner, pad, reach, shifted
from cuarzo.kernels.numpy.pool import _divisors

from .plant import fresh, low_precision, planted


def _divide(array, size, options, wrong):
    """`array` with the divisors `wrong` instead of the right ones; those below 1 count as 1."""
    window, stride, padding, count_include_pad = options
    truth = _divisors(size, window, array.shape[2:], stride, padding, count_include_pad)
    return (array * (truth / np.maximum(wrong, 1))).astype(array.dtype)


for _name in ("avg_pool1d_forward", "avg_pool3d_forward"):

    @planted(_name, "with padding counted, always divides by the whole window: not clipped in ceil mode")
    def _(x, *rest, kernel=getattr(right, _name)):
        *options, y = rest
        kernel(x, *rest)
        if options[-1]:
            y[...] = _divide(y, x.shape[2:], options, prod(options[0]))

    @planted(_name, "padding is always counted")
    def _(x, window, stride, padding, count_include_pad, y, kernel=getattr(right, _name)):
        kernel(x, window, stride, padding, True, y)

    @planted(_name, "padding after counted as wide as that before")
    def _(x, window, stride, padding, count_include_pad, y, kernel=getattr(right, _name)):
        kernel(x, window, stride, padding, count_include_pad, y)
        sides = [(before, before) for before, _ in padding]
        wrong = _divisors(x.shape[2:], window, y.shape[2:], stride, sides, count_include_pad)
        y[...] = _divide(y, x.shape[2:], (window, stride, padding, count_include_pad), wrong)

    @planted(_name, "sums float64 in float32")
    def _(*args, kernel=getattr(right, _name)):
        args[-1][...] = low_precision(kernel, np.float32, *args)

    @planted(_name, "NaN counts as missing: left out of the sum")
    def _(x, *rest, kernel=getattr(right, _name)):
        kernel(np.where(np.isnan(x), 0, x).astype(x.dtype), *rest)

    @planted(_name, "running sums along the last axis: what is large spoils what comes after it")
    def _(x, window, stride, padding, count_include_pad, y):
        size, outputs, ones = x.shape[2:], y.shape[2:], (1,) * len(window)
        padded = pad(x, reach(size, window, outputs, stride, padding, ones), padding)
        table = np.concatenate([np.zeros_like(padded[..., :1]), padded.cumsum(-1)], -1)
        steps, total = table[..., window[-1] :] - table[..., : table.shape[-1] - window[-1]], 0
        for tap in np.ndindex(*window[:-1]):
            total = total + shifted(steps, (*tap, 0), outputs, stride, ones)
        y[...] = total / _divisors(size, window, outputs, stride, padding, count_include_pad)


@planted("avg_pool3d_forward", "divisor not clipped along the depth")
def _(x, window, stride, padding, count_include_pad, y):
    right.avg_pool3d_forward(x, window, stride, padding, count_include_pad, y)
    truth = _divisors(x.shape[2:], window, y.shape[2:], stride, padding, count_include_pad)
    plane = _divisors(x.shape[3:], window[1:], y.shape[3:], stride[1:], padding[1:], count_include_pad)
    y[...] = (y * (truth / (window[0] * plane))).astype(y.dtype)


@planted("avg_pool3d_forward", "a window in depth reads slices of the next channel instead of the padding behind")
def _(x, window, stride, padding, count_include_pad, y):
    N, C, D, H, W = x.shape
    behind = max(0, reach(x.shape[2:], window, y.shape[2:], stride, padding, (1, 1, 1))[0] - padding[0][0] - D)
    flat = np.zeros((N, C * D + behind, H, W), x.dtype)
    flat[:, : C * D] = x.reshape(N, C * D, H, W)
    wide = flat[:, np.arange(C)[:, None] * D + np.arange(D + behind)]
    right.avg_pool3d_forward(wide, window, stride, padding, True, y)
    whole = _divisors(wide.shape[2:], window, y.shape[2:], stride, padding, True)
    truth = _divisors(x.shape[2:], window, y.shape[2:], stride, padding, count_include_pad)
    y[...] = (y * (whole / truth)).astype(y.dtype)


for _name in ("avg_pool1d_backward", "avg_pool3d_backward"):

    @planted(_name, "always divides by the whole window")
    def _(dy, *rest, kernel=getattr(right, _name)):
        *options, dx = rest
        kernel(_divide(dy, dx.shape[2:], options, prod(options[0])), *rest)

    @planted(_name, "with padding counted, does not clip the window to it in ceil mode")
    def _(dy, *rest, kernel=getattr(right, _name)):
        *options, dx = rest
        kernel(_divide(dy, dx.shape[2:], options, prod(options[0])) if options[-1] else dy, *rest)

    @planted(_name, "gaps between windows keep what they held")
    def _(dy, *rest, kernel=getattr(right, _name)):
        covered = fresh(kernel, np.ones_like(dy), *rest) > 0
        np.copyto(rest[-1], fresh(kernel, dy, *rest), where=covered)

    @planted(_name, "assigned, not added: where windows overlap, the last one's gradient stands alone")
    def _(dy, window, stride, padding, count_include_pad, dx):
        size, outputs = dx.shape[2:], dy.shape[2:]
        share = dy / _divisors(size, window, outputs, stride, padding, count_include_pad).astype(dy.dtype)
        padded = np.zeros((*dx.shape[:2], *reach(size, window, outputs, stride, padding, (1,) * len(window))), dx.dtype)
        for place in np.ndindex(*outputs):
            area = [slice(m * step, m * step + taps) for m, step, taps in zip(place, stride, window)]
            padded[:, :, *area] = share[(..., *place)].reshape(*dy.shape[:2], *(1,) * len(window))
        dx[...] = inner(padded, size, padding)

    @planted(_name, "padding before and after exchanged")
    def _(dy, window, stride, padding, count_include_pad, dx, kernel=getattr(right, _name)):
        options = window, stride, padding, count_include_pad
        truth = _divisors(dx.shape[2:], window, dy.shape[2:], stride, padding, count_include_pad)
        turned = tuple(side[::-1] for side in padding)
        wrong = _divisors(dx.shape[2:], window, dy.shape[2:], stride, turned, count_include_pad)
        share = (dy * (np.maximum(wrong, 1) / truth)).astype(dy.dtype)
        if (wrong < 1).any():
            kernel(dy, *options, dx)
        else:
            kernel(share, window, stride, turned, count_include_pad, dx)


@planted("avg_pool3d_backward", "divisors of depth and height exchanged where O = P")
def _(dy, *rest):
    *options, dx = rest
    window, stride, padding, count_include_pad = options
    if dy.shape[2] == dy.shape[3]:
        wrong = _divisors(dx.shape[2:], window, dy.shape[2:], stride, padding, count_include_pad).swapaxes(0, 1)
        dy = _divide(dy, dx.shape[2:], options, wrong)
    right.avg_pool3d_backward(dy, *rest)
