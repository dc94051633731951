"""Resampling along one axis, compiled. See naive/resample.py for the definition.

What this adds over the definition: compiled loops that run along the memory (k innermost), and the M parts in parallel,
each by one thread.
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from cuarzo.kernels import _border
from cuarzo.kernels.numba._compile import parallel, serial


def adaptive_avg_pool_forward(x: NDArray, y: NDArray) -> None:
    _border.check("adaptive_avg_pool_forward", x, y)
    _avg_forward(x, y)


def adaptive_avg_pool_backward(dy: NDArray, dx: NDArray) -> None:
    _border.check("adaptive_avg_pool_backward", dy, dx)
    _avg_backward(dy, dx)


def adaptive_max_pool_forward(x: NDArray, y: NDArray, indices: NDArray) -> None:
    _border.check("adaptive_max_pool_forward", x, y, indices)
    _max_forward(x, y, indices)


def adaptive_max_pool_backward(dy: NDArray, indices: NDArray, dx: NDArray) -> None:
    _border.check("adaptive_max_pool_backward", dy, indices, dx)
    _max_backward(dy, indices, dx)


def upsample_nearest_forward(x: NDArray, y: NDArray) -> None:
    _border.check("upsample_nearest_forward", x, y)
    _nearest_forward(x, y)


def upsample_nearest_backward(dy: NDArray, dx: NDArray) -> None:
    _border.check("upsample_nearest_backward", dy, dx)
    _nearest_backward(dy, dx)


def upsample_linear_forward(x: NDArray, align_corners: bool, y: NDArray) -> None:
    _border.check("upsample_linear_forward", x, align_corners, y)
    _linear_forward(x, bool(align_corners), y)


def upsample_linear_backward(dy: NDArray, align_corners: bool, dx: NDArray) -> None:
    _border.check("upsample_linear_backward", dy, align_corners, dx)
    _linear_backward(dy, bool(align_corners), dx)


def max_unpool_forward(x: NDArray, indices: NDArray, y: NDArray) -> None:
    _border.check("max_unpool_forward", x, indices, y)
    _unpool_forward(x, indices, y)


def max_unpool_backward(dy: NDArray, indices: NDArray, dx: NDArray) -> None:
    _border.check("max_unpool_backward", dy, indices, dx)
    _unpool_backward(dy, indices, dx)


@parallel
def _avg_forward(x, y):
    # x  IN  (M, H, K)
    # y  OUT (M, P, K)
    M, P, K = y.shape
    for m in prange(M):
        for p in range(P if K else 0):
            first, stop = _window(p, x.shape[1], P)
            for k in range(K):
                y[m, p, k] = x[m, first, k]
            for h in range(first + 1, stop):
                for k in range(K):
                    y[m, p, k] += x[m, h, k]
            for k in range(K):
                y[m, p, k] /= stop - first


@parallel
def _avg_backward(dy, dx):
    # dy  IN  (M, P, K)
    # dx  OUT (M, H, K)
    M, P, K = dy.shape
    for m in prange(M):
        dx[m] = 0
        for p in range(P if K else 0):
            first, stop = _window(p, dx.shape[1], P)
            for h in range(first, stop):
                for k in range(K):
                    dx[m, h, k] += dy[m, p, k] / (stop - first)


@parallel
def _max_forward(x, y, indices):
    # x        IN  (M, H, K)
    # y        OUT (M, P, K)
    # indices  OUT (M, P, K)
    M, P, K = y.shape
    for m in prange(M):
        for p in range(P if K else 0):
            first, stop = _window(p, x.shape[1], P)
            for k in range(K):
                y[m, p, k], indices[m, p, k] = x[m, first, k], first
            for h in range(first + 1, stop):
                for k in range(K):
                    best = y[m, p, k]
                    # not <=: larger, or NaN. The first maximum stays, and so does the first NaN
                    if not x[m, h, k] <= best and best == best:
                        y[m, p, k], indices[m, p, k] = x[m, h, k], h


@parallel
def _max_backward(dy, indices, dx):
    # dy       IN  (M, P, K)
    # indices  IN  (M, P, K), each in 0 ... H - 1
    # dx       OUT (M, H, K)
    M, P, K = dy.shape
    for m in prange(M):
        dx[m] = 0
        for p in range(P if K else 0):
            for k in range(K):
                dx[m, indices[m, p, k], k] += dy[m, p, k]


@parallel
def _nearest_forward(x, y):
    # x  IN  (M, H, K)
    # y  OUT (M, P, K)
    M, P, K = y.shape
    for m in prange(M):
        for p in range(P if K else 0):
            h = p * x.shape[1] // P
            for k in range(K):
                y[m, p, k] = x[m, h, k]


@parallel
def _nearest_backward(dy, dx):
    # dy  IN  (M, P, K)
    # dx  OUT (M, H, K)
    M, P, K = dy.shape
    for m in prange(M):
        dx[m] = 0
        for p in range(P if K else 0):
            h = p * dx.shape[1] // P
            for k in range(K):
                dx[m, h, k] += dy[m, p, k]


@parallel
def _linear_forward(x, align_corners, y):
    # x  IN  (M, H, K)
    # y  OUT (M, P, K)
    M, P, K = y.shape
    for m in prange(M):
        for p in range(P if K else 0):
            i, after, near, far = _between(p, x.shape[1], P, align_corners, x.dtype.type(0))
            for k in range(K):
                y[m, p, k] = near * x[m, i, k] + far * x[m, after, k]


@parallel
def _linear_backward(dy, align_corners, dx):
    # dy  IN  (M, P, K)
    # dx  OUT (M, H, K)
    M, P, K = dy.shape
    for m in prange(M):
        dx[m] = 0
        for p in range(P if K else 0):
            i, after, near, far = _between(p, dx.shape[1], P, align_corners, dx.dtype.type(0))
            for k in range(K):
                dx[m, i, k] += near * dy[m, p, k]
                dx[m, after, k] += far * dy[m, p, k]


@parallel
def _unpool_forward(x, indices, y):
    # x        IN  (M, Q)
    # indices  IN  (M, Q), each in -1 ... K - 1
    # y        OUT (M, K)
    for m in prange(x.shape[0]):
        y[m] = 0
        for q in range(x.shape[1]):
            if indices[m, q] >= 0:
                y[m, indices[m, q]] = x[m, q]


@parallel
def _unpool_backward(dy, indices, dx):
    # dy       IN  (M, K)
    # indices  IN  (M, Q), each in -1 ... K - 1
    # dx       OUT (M, Q)
    for m in prange(dx.shape[0]):
        last = np.empty(dy.shape[1], np.int64)  # the last q with each index; read only where one was written
        for q in range(dx.shape[1]):
            if indices[m, q] >= 0:
                last[indices[m, q]] = q
        for q in range(dx.shape[1]):
            k = indices[m, q]
            dx[m, q] = 0
            if k >= 0 and last[k] == q:
                dx[m, q] = dy[m, k]


@serial
def _window(p, H, P):
    """First and stop of what adaptive output p covers."""
    return p * H // P, ((p + 1) * H + P - 1) // P


@serial
def _between(p, H, P, align_corners, zero):
    """The two inputs that output p lies between, and their weights, in the dtype of `zero`."""
    if align_corners:
        above, below = p * (H - 1), max(1, P - 1)
    else:
        above, below = max(0, (2 * p + 1) * H - P), 2 * P
    i, rest = above // below, above % below
    return i, min(i + 1, H - 1), type(zero)((below - rest) / below), type(zero)(rest / below)
