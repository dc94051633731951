"""Pooling over volumes x (N, C, D, H, W): pool.py with a third axis, in front of the rows.

Maximum, over the taps l = o st + e dt - front, h = p su + r du - top, k = q sv + s dv - left of a window (E, R, S):

    y[n, c, o, p, q]       = max_{e, r, s} x[n, c, l, h, k]
    indices[n, c, o, p, q] = (l H + h) W + k of the tap that won
    dx[n, c, l, h, k]      = sum of dy[n, c, o, p, q] over the windows that (l, h, k) won

Average, with no dilation:

    y[n, c, o, p, q]  = (sum of x over the window's taps in the volume) / (D[o] D[p] D[q])
    dx[n, c, l, h, k] = sum of dy[n, c, o, p, q] / (D[o] D[p] D[q]) over the windows that cover (l, h, k)

Ties, NaN, padding, divisors along each axis (D) and ceil mode are those of pool.py.
"""

from itertools import product
from math import inf, isnan

import numpy as np
from numpy.typing import NDArray

from .pool import Pair, _counted, _taps

Triple = tuple[int, int, int]
Padding3d = tuple[Pair, Pair, Pair]


def max_pool3d_forward(
    x: NDArray,
    window: Triple,
    stride: Triple,
    padding: Padding3d,
    dilation: Triple,
    y: NDArray,
    indices: NDArray | None,
) -> None:
    # x        IN  (N, C, D, H, W)
    # y        OUT (N, C, O, P, Q)
    # indices  OUT (N, C, O, P, Q) int64, or None
    for n, c, o, p, q in np.ndindex(y.shape):
        best, winner = _winner(x[n, c], o, p, q, window, stride, padding, dilation)
        y[n, c, o, p, q] = best
        if indices is not None:
            indices[n, c, o, p, q] = winner


def _winner(
    volume: NDArray,
    o: int,
    p: int,
    q: int,
    window: Triple,
    stride: Triple,
    padding: Padding3d,
    dilation: Triple,
) -> tuple[float, int]:
    """The maximum of window (o, p, q) of a volume, and where it stands in the flattened volume."""
    D, H, W = volume.shape
    best, winner = -inf, -1
    for l in _taps(o, D, window[0], stride[0], padding[0][0], dilation[0]):
        for h in _taps(p, H, window[1], stride[1], padding[1][0], dilation[1]):
            for k in _taps(q, W, window[2], stride[2], padding[2][0], dilation[2]):
                value = float(volume[l, h, k])
                if winner == -1 or value > best or (isnan(value) and not isnan(best)):
                    best, winner = value, (l * H + h) * W + k
    return best, winner


def max_pool3d_backward(
    dy: NDArray,
    x: NDArray | None,
    indices: NDArray | None,
    window: Triple,
    stride: Triple,
    padding: Padding3d,
    dilation: Triple,
    dx: NDArray,
) -> None:
    # dy       IN  (N, C, O, P, Q)
    # x        IN  (N, C, D, H, W), may be None where indices are given
    # indices  IN  (N, C, O, P, Q) int64; None: the winners are found again in x
    # dx       OUT (N, C, D, H, W)
    size = dx.shape[2:]
    total = np.zeros(dx.shape, np.float64)
    for n, c, o, p, q in np.ndindex(dy.shape):
        if indices is not None:
            winner = int(indices[n, c, o, p, q])
        else:
            assert x is not None, "max_pool3d_backward: x is needed where indices is None"
            _, winner = _winner(x[n, c], o, p, q, window, stride, padding, dilation)
        if winner >= 0:
            l, h, k = np.unravel_index(winner, size)
            total[n, c, l, h, k] += dy[n, c, o, p, q]
    dx[...] = total


def avg_pool3d_forward(
    x: NDArray, window: Triple, stride: Triple, padding: Padding3d, count_include_pad: bool, y: NDArray
) -> None:
    # x  IN  (N, C, D, H, W)
    # y  OUT (N, C, O, P, Q)
    (N, C, *size), outputs = x.shape, y.shape[2:]
    for o, p, q in np.ndindex(outputs):
        slices, rows, columns, divisor = _averaged(o, p, q, size, window, stride, padding, count_include_pad)
        for n, c in product(range(N), range(C)):
            total = sum(float(x[n, c, l, h, k]) for l in slices for h in rows for k in columns)
            y[n, c, o, p, q] = total / divisor


def avg_pool3d_backward(
    dy: NDArray, window: Triple, stride: Triple, padding: Padding3d, count_include_pad: bool, dx: NDArray
) -> None:
    # dy  IN  (N, C, O, P, Q)
    # dx  OUT (N, C, D, H, W)
    (N, C, *size), outputs = dx.shape, dy.shape[2:]
    total = np.zeros(dx.shape, np.float64)
    for o, p, q in np.ndindex(outputs):
        slices, rows, columns, divisor = _averaged(o, p, q, size, window, stride, padding, count_include_pad)
        for n, c, l, h, k in product(range(N), range(C), slices, rows, columns):
            total[n, c, l, h, k] += float(dy[n, c, o, p, q]) / divisor
    dx[...] = total


def _averaged(
    o: int,
    p: int,
    q: int,
    size: list[int],
    window: Triple,
    stride: Triple,
    padding: Padding3d,
    count_include_pad: bool,
) -> tuple[range, range, range, int]:
    """The taps of window (o, p, q) along each axis, and its divisor."""
    D, H, W = size
    slices = _taps(o, D, window[0], stride[0], padding[0][0])
    rows = _taps(p, H, window[1], stride[1], padding[1][0])
    columns = _taps(q, W, window[2], stride[2], padding[2][0])
    divisor = _counted(o, D, window[0], stride[0], padding[0], count_include_pad)
    divisor *= _counted(p, H, window[1], stride[1], padding[1], count_include_pad)
    divisor *= _counted(q, W, window[2], stride[2], padding[2], count_include_pad)
    return slices, rows, columns, divisor
