"""Pooling, compiled. See naive/pool.py for the definition.

What this adds over the definition: compiled loops, the borders of a window found once instead of asked at every tap,
and planes in parallel. A plane (n, c) belongs to one thread: backward, windows that overlap add to the same pixel.
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from cuarzo.kernels import _border
from cuarzo.kernels.numba._compile import parallel, serial

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def max_pool2d_forward(
    x: NDArray, window: Pair, stride: Pair, padding: Padding, dilation: Pair, y: NDArray, indices: NDArray | None
) -> None:
    _border.check("max_pool2d_forward", x, window, stride, padding, dilation, y, indices)
    wanted = indices is not None
    _max_forward(x, *window, *stride, padding[0][0], padding[1][0], *dilation, y, indices if wanted else _NONE, wanted)


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
    _border.check("max_pool2d_backward", dy, x, indices, window, stride, padding, dilation, dx)
    if x is not None and indices is None:  # find the winners again
        indices = np.empty(dy.shape, np.int64)
        max_pool2d_forward(x, window, stride, padding, dilation, np.empty_like(dy), indices)
    _max_backward(dy, indices, dx)


def avg_pool2d_forward(
    x: NDArray, window: Pair, stride: Pair, padding: Padding, count_include_pad: bool, y: NDArray
) -> None:
    _border.check("avg_pool2d_forward", x, window, stride, padding, count_include_pad, y)
    _avg_forward(x, *window, *stride, *padding[0], *padding[1], bool(count_include_pad), y)


def avg_pool2d_backward(
    dy: NDArray, window: Pair, stride: Pair, padding: Padding, count_include_pad: bool, dx: NDArray
) -> None:
    _border.check("avg_pool2d_backward", dy, window, stride, padding, count_include_pad, dx)
    _avg_backward(dy, *window, *stride, *padding[0], *padding[1], bool(count_include_pad), dx)


_NONE = np.empty((0, 0, 0, 0), np.int64)  # stands for indices that nobody asked for: None would compile a second time


@parallel
def _max_forward(x, R, S, su, sv, top, left, du, dv, y, indices, wanted):
    # x        IN  (N, C, H, W)
    # y        OUT (N, C, P, Q)
    # indices  OUT (N, C, P, Q) if wanted
    N, C, P, Q = y.shape
    H, W = x.shape[2:]
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        for p in range(P):
            h0, h1 = _taps(p * su - top, H, R, du)
            for q in range(Q):
                k0, k1 = _taps(q * sv - left, W, S, dv)
                best, winner = -np.inf, -1
                for h in range(h0, h1, du):
                    for k in range(k0, k1, dv):
                        value = x[n, c, h, k]
                        # strictly greater: the first maximum stays; NaN is greater than nothing and is asked for apart
                        if value > best or winner < 0 or (np.isnan(value) and not np.isnan(best)):
                            best, winner = value, h * W + k
                y[n, c, p, q] = best
                if wanted:
                    indices[n, c, p, q] = winner


@parallel
def _max_backward(dy, indices, dx):
    # dy       IN  (N, C, P, Q)
    # indices  IN  (N, C, P, Q), each in -1 ... H W - 1
    # dx       OUT (N, C, H, W)
    N, C, P, Q = dy.shape
    W = dx.shape[3]
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        dx[n, c] = 0
        for p in range(P):
            for q in range(Q):
                winner = indices[n, c, p, q]
                if winner >= 0:
                    dx[n, c, winner // W, winner % W] += dy[n, c, p, q]


@parallel
def _avg_forward(x, R, S, su, sv, top, bottom, left, right, count_include_pad, y):
    # x  IN  (N, C, H, W)
    # y  OUT (N, C, P, Q)
    N, C, P, Q = y.shape
    H, W = x.shape[2:]
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        for p in range(P):
            h0, h1 = _taps(p * su - top, H, R, 1)
            rows = _counted(p * su - top, H, R, bottom, count_include_pad)
            for q in range(Q):
                k0, k1 = _taps(q * sv - left, W, S, 1)
                total = x.dtype.type(0)
                for h in range(h0, h1):
                    for k in range(k0, k1):
                        total += x[n, c, h, k]
                y[n, c, p, q] = total / (rows * _counted(q * sv - left, W, S, right, count_include_pad))


@parallel
def _avg_backward(dy, R, S, su, sv, top, bottom, left, right, count_include_pad, dx):
    # dy  IN  (N, C, P, Q)
    # dx  OUT (N, C, H, W)
    N, C, P, Q = dy.shape
    H, W = dx.shape[2:]
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        dx[n, c] = 0
        for p in range(P):
            h0, h1 = _taps(p * su - top, H, R, 1)
            rows = _counted(p * su - top, H, R, bottom, count_include_pad)
            for q in range(Q):
                k0, k1 = _taps(q * sv - left, W, S, 1)
                share = dy[n, c, p, q] / (rows * _counted(q * sv - left, W, S, right, count_include_pad))
                for h in range(h0, h1):
                    for k in range(k0, k1):
                        dx[n, c, h, k] += share


@serial
def _taps(start, size, window, dilation):
    """The positions range(first, stop, dilation) that a window from `start` reads inside the image."""
    skipped = (-start + dilation - 1) // dilation if start < 0 else 0
    return start + skipped * dilation, min(start + (window - 1) * dilation + 1, size)


@serial
def _counted(start, size, window, after, count_include_pad):
    """How many positions of the window count in the mean's divisor, along one axis."""
    stop = min(start + window, size + after)
    return stop - start if count_include_pad else min(stop, size) - max(start, 0)
