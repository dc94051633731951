"""Wrong average pooling."""

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.numpy._windows import pad, reach, shifted
from cuarzo.kernels.numpy.pool import _divisors

from .plant import fresh, low_precision, planted


def _one_sided(size, window, outputs, stride, padding, count_include_pad):
    """Divisors that leave out the padding before the image but not that after it."""
    counts = []
    for n, taps, m, step, (before, after) in zip(size, window, outputs, stride, padding):
        low = np.arange(m) * step - before
        high = np.minimum(low + taps, n + after)
        counts.append(high - (low if count_include_pad else np.maximum(low, 0)))
    return counts[0][:, None] * counts[1]


def _divide(array, size, options, wrong):
    """`array` (N, C, P, Q) with the divisors `wrong` instead of the right ones; those below 1 count as 1."""
    window, stride, padding, count_include_pad = options
    truth = _divisors(size, window, array.shape[2:], stride, padding, count_include_pad)
    return (array * (truth / np.maximum(wrong, 1))).astype(array.dtype)


@planted("avg_pool2d_forward", "with padding counted, always divides by the whole window: not clipped in ceil mode")
def _(x, *rest):
    *options, y = rest
    right.avg_pool2d_forward(x, *rest)
    if options[-1]:
        y[...] = _divide(y, x.shape[2:], options, options[0][0] * options[0][1])


@planted("avg_pool2d_forward", "padding after the image is not counted, padding before it is")
def _(x, window, stride, padding, count_include_pad, y):
    right.avg_pool2d_forward(x, window, stride, padding, count_include_pad, y)
    before = [(side[0], 0) for side in padding]
    wrong = _divisors(x.shape[2:], window, y.shape[2:], stride, before, count_include_pad)
    y[...] = _divide(y, x.shape[2:], (window, stride, padding, count_include_pad), wrong)


@planted("avg_pool2d_forward", "padding after the image counted as wide as that before it")
def _(x, window, stride, padding, count_include_pad, y):
    right.avg_pool2d_forward(x, window, stride, padding, count_include_pad, y)
    before = [(side[0], side[0]) for side in padding]
    wrong = _divisors(x.shape[2:], window, y.shape[2:], stride, before, count_include_pad)
    y[...] = _divide(y, x.shape[2:], (window, stride, padding, count_include_pad), wrong)


@planted("avg_pool2d_forward", "with padding not counted, leaves out that before the image but not that after it")
def _(x, *rest):
    *options, y = rest
    right.avg_pool2d_forward(x, *rest)
    window, stride, padding, count_include_pad = options
    wrong = _one_sided(x.shape[2:], window, y.shape[2:], stride, padding, count_include_pad)
    y[...] = _divide(y, x.shape[2:], options, wrong)


@planted("avg_pool2d_forward", "differences of a running sum: a large or NaN pixel spoils the windows after it")
def _(x, window, stride, padding, count_include_pad, y):
    P, Q = y.shape[2:]
    rows, columns = reach(x.shape[2:], window, (P, Q), stride, padding, (1, 1))
    (top, _), (left, _) = padding
    table = pad(x, (rows + 1, columns + 1), ((top + 1, 0), (left + 1, 0))).cumsum(2).cumsum(3)
    corners = [[shifted(table, (r, s), (P, Q), stride, (1, 1)) for s in (0, window[1])] for r in (0, window[0])]
    sums = corners[1][1] - corners[1][0] - corners[0][1] + corners[0][0]
    y[...] = sums / _divisors(x.shape[2:], window, (P, Q), stride, padding, count_include_pad)


@planted("avg_pool2d_forward", "sums float64 in float32")
def _(*args):
    args[-1][...] = low_precision(right.avg_pool2d_forward, np.float32, *args)


@planted("avg_pool2d_forward", "mask of an 8-wide tail one lane short: the last column is not written for Q % 8 == 7")
def _(*args):
    y = args[-1]
    whole = y.shape[3] - (y.shape[3] % 8 == 7)
    y[..., :whole] = fresh(right.avg_pool2d_forward, *args)[..., :whole]


@planted("avg_pool2d_backward", "always divides by the whole window, though forward may leave out the padding")
def _(dy, *rest):
    *options, dx = rest
    dy = _divide(dy, dx.shape[2:], options, options[0][0] * options[0][1])
    right.avg_pool2d_backward(dy, *rest)


@planted("avg_pool2d_backward", "with padding counted, does not clip the window to it in ceil mode")
def _(dy, *rest):
    *options, dx = rest
    if options[-1]:
        dy = _divide(dy, dx.shape[2:], options, options[0][0] * options[0][1])
    right.avg_pool2d_backward(dy, *rest)


@planted("avg_pool2d_backward", "table of divisors written by rows and read by columns")
def _(dy, *rest):
    *options, dx = rest
    window, stride, padding, count_include_pad = options
    P, Q = dy.shape[2:]
    truth = _divisors(dx.shape[2:], window, (P, Q), stride, padding, count_include_pad)
    wrong = truth.reshape(Q, P).T
    right.avg_pool2d_backward(_divide(dy, dx.shape[2:], options, wrong), *rest)


@planted("avg_pool2d_backward", "assigned, not added: where windows overlap, the last one's gradient stands alone")
def _(dy, window, stride, padding, count_include_pad, dx):
    (P, Q), (H, W) = dy.shape[2:], dx.shape[2:]
    share = dy / _divisors((H, W), window, (P, Q), stride, padding, count_include_pad).astype(dy.dtype)
    padded = np.zeros((*dx.shape[:2], *reach((H, W), window, (P, Q), stride, padding, (1, 1))), dx.dtype)
    for p, q in np.ndindex(P, Q):
        h, k = p * stride[0], q * stride[1]
        padded[:, :, h : h + window[0], k : k + window[1]] = share[:, :, p, q, None, None]
    (top, _), (left, _) = padding
    dx[...] = padded[:, :, top : top + H, left : left + W]


@planted("avg_pool2d_backward", "gaps between windows, where the stride is longer than the window, keep what they held")
def _(dy, *rest):
    covered = fresh(right.avg_pool2d_backward, np.ones_like(dy), *rest) > 0
    np.copyto(rest[-1], fresh(right.avg_pool2d_backward, dy, *rest), where=covered)


@planted("avg_pool2d_backward", "divides dy by the divisors in place")
def _(dy, window, stride, padding, count_include_pad, dx):
    right.avg_pool2d_backward(dy, window, stride, padding, count_include_pad, dx)
    dy /= _divisors(dx.shape[2:], window, dy.shape[2:], stride, padding, count_include_pad).astype(dy.dtype)


@planted("avg_pool2d_backward", "with padding not counted, leaves out that before the image but not that after it")
def _(dy, *rest):
    *options, dx = rest
    window, stride, padding, count_include_pad = options
    wrong = _one_sided(dx.shape[2:], window, dy.shape[2:], stride, padding, count_include_pad)
    right.avg_pool2d_backward(_divide(dy, dx.shape[2:], options, wrong), *rest)
