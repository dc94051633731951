"""Pooling over images, and over sequences, which are images of one row: each channel of each image by itself.

Maximum, over the taps h = p su + r du - top, k = q sv + s dv - left of a window (R, S):

    y[n, c, p, q]       = max_{r, s} x[n, c, h, k]
    indices[n, c, p, q] = h W + k of the tap that won
    dx[n, c, h, k]      = sum of dy[n, c, p, q] over the windows that (h, k) won

The first maximum in row-major order wins; the first NaN wins over all; padding counts as -inf and never wins: a window
that sees nothing else gives -inf and index -1, and its gradient goes nowhere.

Average, with no dilation:

    y[n, c, p, q]  = (sum of x over the window's taps in the image) / D[p, q]
    dx[n, c, h, k] = sum of dy[n, c, p, q] / D[p, q] over the windows that cover (h, k)

D counts the taps in the image, or, with count_include_pad, those in the image and its padding; a window that hangs over
even that (ceil mode) is clipped to it. Every window must see something that counts. The size P, Q of y says how many
windows there are.

A sequence x (N, C, W) has windows (S,), strides (sv,), padding ((left, right),), outputs (N, C, Q), and indices k.
Volumes: see pool3d.py.

Source: Ranzato et al. 2007, "Unsupervised learning of invariant feature hierarchies" (maximum); LeCun et al. 1998
(average). Ties, divisors and the dropped window of ceil mode as in torch.
"""

from itertools import product
from math import inf, isnan

import numpy as np
from numpy.typing import NDArray

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
One = tuple[int]  # an option of a sequence
Padding1d = tuple[Pair]


def _taps(p: int, size: int, window: int, stride: int, before: int, dilation: int = 1) -> range:
    """The inputs that output p reads along one axis, those outside the image left out."""
    start = p * stride - before
    skipped = max(0, -(start // dilation))  # taps before the image: ceil(-start / dilation)
    stop = min(start + (window - 1) * dilation + 1, size)
    return range(start + skipped * dilation, stop, dilation)


def max_pool2d_forward(
    x: NDArray, window: Pair, stride: Pair, padding: Padding, dilation: Pair, y: NDArray, indices: NDArray | None
) -> None:
    # x        IN  (N, C, H, W)
    # y        OUT (N, C, P, Q)
    # indices  OUT (N, C, P, Q) int64, or None
    N, C, P, Q = y.shape
    for n, c, p, q in product(range(N), range(C), range(P), range(Q)):
        best, winner = _winner(x[n, c], p, q, window, stride, padding, dilation)
        y[n, c, p, q] = best
        if indices is not None:
            indices[n, c, p, q] = winner


def _winner(
    plane: NDArray, p: int, q: int, window: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> tuple[float, int]:
    """The maximum of window (p, q) of a plane, and where it stands in the flattened plane."""
    H, W = plane.shape
    best, winner = -inf, -1
    for h in _taps(p, H, window[0], stride[0], padding[0][0], dilation[0]):
        for k in _taps(q, W, window[1], stride[1], padding[1][0], dilation[1]):
            value = float(plane[h, k])
            if winner == -1 or value > best or (isnan(value) and not isnan(best)):
                best, winner = value, h * W + k
    return best, winner


def max_pool2d_backward(
    dy: NDArray,
    x: NDArray | None,
    indices: NDArray | None,
    window: Pair,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    dx: NDArray,
) -> None:
    # dy       IN  (N, C, P, Q)
    # x        IN  (N, C, H, W), may be None where indices are given
    # indices  IN  (N, C, P, Q) int64; None: the winners are found again in x
    # dx       OUT (N, C, H, W)
    N, C, P, Q = dy.shape
    W = dx.shape[3]
    total = np.zeros(dx.shape, np.float64)
    for n, c, p, q in product(range(N), range(C), range(P), range(Q)):
        if indices is not None:
            winner = int(indices[n, c, p, q])
        else:
            assert x is not None, "max_pool2d_backward: x is needed where indices is None"
            _, winner = _winner(x[n, c], p, q, window, stride, padding, dilation)
        if winner >= 0:
            total[n, c, winner // W, winner % W] += dy[n, c, p, q]
    dx[...] = total


def avg_pool2d_forward(
    x: NDArray, window: Pair, stride: Pair, padding: Padding, count_include_pad: bool, y: NDArray
) -> None:
    # x  IN  (N, C, H, W)
    # y  OUT (N, C, P, Q)
    (N, C, H, W), (_, _, P, Q) = x.shape, y.shape
    for p, q in product(range(P), range(Q)):
        rows = _taps(p, H, window[0], stride[0], padding[0][0])
        columns = _taps(q, W, window[1], stride[1], padding[1][0])
        divisor = _counted(p, H, window[0], stride[0], padding[0], count_include_pad)
        divisor *= _counted(q, W, window[1], stride[1], padding[1], count_include_pad)
        for n, c in product(range(N), range(C)):
            total = sum(float(x[n, c, h, k]) for h in rows for k in columns)
            y[n, c, p, q] = total / divisor


def avg_pool2d_backward(
    dy: NDArray, window: Pair, stride: Pair, padding: Padding, count_include_pad: bool, dx: NDArray
) -> None:
    # dy  IN  (N, C, P, Q)
    # dx  OUT (N, C, H, W)
    (N, C, P, Q), (_, _, H, W) = dy.shape, dx.shape
    total = np.zeros(dx.shape, np.float64)
    for p, q in product(range(P), range(Q)):
        rows = _taps(p, H, window[0], stride[0], padding[0][0])
        columns = _taps(q, W, window[1], stride[1], padding[1][0])
        divisor = _counted(p, H, window[0], stride[0], padding[0], count_include_pad)
        divisor *= _counted(q, W, window[1], stride[1], padding[1], count_include_pad)
        for n, c, h, k in product(range(N), range(C), rows, columns):
            total[n, c, h, k] += float(dy[n, c, p, q]) / divisor
    dx[...] = total


def _counted(p: int, size: int, window: int, stride: int, padding: Pair, count_include_pad: bool) -> int:
    """The number of positions of window p that count, along one axis."""
    before, after = padding
    low = p * stride - before
    high = min(low + window, size + after)
    if not count_include_pad:
        low, high = max(low, 0), min(high, size)
    return high - low


def max_pool1d_forward(
    x: NDArray, window: One, stride: One, padding: Padding1d, dilation: One, y: NDArray, indices: NDArray | None
) -> None:
    # x        IN  (N, C, W)
    # y        OUT (N, C, Q)
    # indices  OUT (N, C, Q) int64, or None
    options = (1, *window), (1, *stride), ((0, 0), *padding), (1, *dilation)
    max_pool2d_forward(_one_row(x), *options, _one_row(y), _one_row_or_none(indices))


def max_pool1d_backward(
    dy: NDArray,
    x: NDArray | None,
    indices: NDArray | None,
    window: One,
    stride: One,
    padding: Padding1d,
    dilation: One,
    dx: NDArray,
) -> None:
    # dy       IN  (N, C, Q)
    # x        IN  (N, C, W), may be None where indices are given
    # indices  IN  (N, C, Q) int64; None: the winners are found again in x
    # dx       OUT (N, C, W)
    options = (1, *window), (1, *stride), ((0, 0), *padding), (1, *dilation)
    max_pool2d_backward(_one_row(dy), _one_row_or_none(x), _one_row_or_none(indices), *options, _one_row(dx))


def avg_pool1d_forward(
    x: NDArray, window: One, stride: One, padding: Padding1d, count_include_pad: bool, y: NDArray
) -> None:
    # x  IN  (N, C, W)
    # y  OUT (N, C, Q)
    options = (1, *window), (1, *stride), ((0, 0), *padding)
    avg_pool2d_forward(_one_row(x), *options, count_include_pad, _one_row(y))


def avg_pool1d_backward(
    dy: NDArray, window: One, stride: One, padding: Padding1d, count_include_pad: bool, dx: NDArray
) -> None:
    # dy  IN  (N, C, Q)
    # dx  OUT (N, C, W)
    options = (1, *window), (1, *stride), ((0, 0), *padding)
    avg_pool2d_backward(_one_row(dy), *options, count_include_pad, _one_row(dx))


def _one_row(sequences: NDArray) -> NDArray:
    """(N, C, W) as images (N, C, 1, W) on the same memory."""
    return sequences[:, :, None]


def _one_row_or_none(sequences: NDArray | None) -> NDArray | None:
    return None if sequences is None else _one_row(sequences)
