"""Resampling along one axis: x (M, H, K) becomes y (M, P, K), the same for every m and k; and max pooling undone.

An axis of an array is resampled as the middle one of (all before it, the axis, all after it); images and volumes one
axis after the other.

Adaptive pooling: P windows of nearly one size that together cover the axis,

    window p = floor(p H / P) ... ceil((p + 1) H / P) - 1
    y[m, p, k]       = mean of x[m, h, k], or maximum, over h in window p
    indices[m, p, k] = h of the maximum: the first of equals, and the first NaN wins over all
    dx[m, h, k]      = sum of dy[m, p, k] / size of window p over the windows that cover h; or of dy over those h won

Upsampling (or down), the nearest element or a line between two:

    y[m, p, k] = x[m, floor(p H / P), k]
    y[m, p, k] = (1 - f) x[m, i, k] + f x[m, min(i + 1, H - 1), k]          s = i + f,  i = floor(s)
    s = max(0, (p + 1/2) H / P - 1/2)       the centres of elements as wide as they must be to fill the same length
    s = p (H - 1) / (P - 1)                 with align_corners: first on first, last on last; 0 where P = 1

s and p H / P are fractions of integers, so that i and the floor are exact. (For the nearest, torch multiplies p by a
rounded H / P in float32: at a few sizes, such as 54 to 98, it takes the element before.) Both elements of a line are
always read: NaN times f = 0 is NaN, as in torch; but where H = P torch copies, and `ops` calls no kernel. The backward
passes are the transposed maps.

Unpooling puts x (M, Q) where a pooling of y's shape (M, K) found its maxima:

    y[m, indices[m, q]] = x[m, q], 0 elsewhere;        dx[m, q] = dy[m, indices[m, q]]

Where an index comes twice the last q wins, and has the gradient alone. Index -1 goes nowhere.

Sources: He et al. 2014, "Spatial pyramid pooling" (adaptive windows); Zeiler et al. 2011, "Adaptive deconvolutional
networks for mid and high level feature learning" (unpooling). Windows and positions as in torch.
"""

from itertools import product
from math import inf, isnan

import numpy as np
from numpy.typing import NDArray


def _window(p: int, H: int, P: int) -> range:
    """What adaptive output p covers."""
    return range(p * H // P, -(-(p + 1) * H // P))


def adaptive_avg_pool_forward(x: NDArray, y: NDArray) -> None:
    # x  IN  (M, H, K)
    # y  OUT (M, P, K)
    (M, H, K), P = x.shape, y.shape[1]
    for m, p, k in product(range(M), range(P), range(K)):
        window = _window(p, H, P)
        y[m, p, k] = sum(float(x[m, h, k]) for h in window) / len(window)


def adaptive_avg_pool_backward(dy: NDArray, dx: NDArray) -> None:
    # dy  IN  (M, P, K)
    # dx  OUT (M, H, K)
    (M, P, K), H = dy.shape, dx.shape[1]
    total = np.zeros(dx.shape, np.float64)
    for m, p, k in product(range(M), range(P), range(K)):
        window = _window(p, H, P)
        for h in window:
            total[m, h, k] += float(dy[m, p, k]) / len(window)
    dx[...] = total


def adaptive_max_pool_forward(x: NDArray, y: NDArray, indices: NDArray) -> None:
    # x        IN  (M, H, K)
    # y        OUT (M, P, K)
    # indices  OUT (M, P, K) int64
    (M, H, K), P = x.shape, y.shape[1]
    for m, p, k in product(range(M), range(P), range(K)):
        best, winner = -inf, -1
        for h in _window(p, H, P):
            value = float(x[m, h, k])
            if winner == -1 or value > best or (isnan(value) and not isnan(best)):
                best, winner = value, h
        y[m, p, k], indices[m, p, k] = best, winner


def adaptive_max_pool_backward(dy: NDArray, indices: NDArray, dx: NDArray) -> None:
    # dy       IN  (M, P, K)
    # indices  IN  (M, P, K) int64, each in 0 ... H - 1
    # dx       OUT (M, H, K)
    M, P, K = dy.shape
    total = np.zeros(dx.shape, np.float64)
    for m, p, k in product(range(M), range(P), range(K)):
        total[m, indices[m, p, k], k] += dy[m, p, k]
    dx[...] = total


def upsample_nearest_forward(x: NDArray, y: NDArray) -> None:
    # x  IN  (M, H, K)
    # y  OUT (M, P, K)
    (M, H, K), P = x.shape, y.shape[1]
    for m, p, k in product(range(M), range(P), range(K)):
        y[m, p, k] = x[m, p * H // P, k]


def upsample_nearest_backward(dy: NDArray, dx: NDArray) -> None:
    # dy  IN  (M, P, K)
    # dx  OUT (M, H, K)
    (M, P, K), H = dy.shape, dx.shape[1]
    total = np.zeros(dx.shape, np.float64)
    for m, p, k in product(range(M), range(P), range(K)):
        total[m, p * H // P, k] += dy[m, p, k]
    dx[...] = total


def upsample_linear_forward(x: NDArray, align_corners: bool, y: NDArray) -> None:
    # x  IN  (M, H, K)
    # y  OUT (M, P, K)
    (M, H, K), P = x.shape, y.shape[1]
    for m, p, k in product(range(M), range(P), range(K)):
        i, f = _position(p, H, P, align_corners)
        y[m, p, k] = (1 - f) * float(x[m, i, k]) + f * float(x[m, min(i + 1, H - 1), k])


def upsample_linear_backward(dy: NDArray, align_corners: bool, dx: NDArray) -> None:
    # dy  IN  (M, P, K)
    # dx  OUT (M, H, K)
    (M, P, K), H = dy.shape, dx.shape[1]
    total = np.zeros(dx.shape, np.float64)
    for m, p, k in product(range(M), range(P), range(K)):
        i, f = _position(p, H, P, align_corners)
        total[m, i, k] += (1 - f) * float(dy[m, p, k])
        total[m, min(i + 1, H - 1), k] += f * float(dy[m, p, k])
    dx[...] = total


def _position(p: int, H: int, P: int, align_corners: bool) -> tuple[int, float]:
    """(i, f): output p lies at i + f among the inputs."""
    if align_corners:
        above, below = p * (H - 1), max(1, P - 1)
    else:
        above, below = max(0, (2 * p + 1) * H - P), 2 * P
    return above // below, above % below / below


def max_unpool_forward(x: NDArray, indices: NDArray, y: NDArray) -> None:
    # x        IN  (M, Q)
    # indices  IN  (M, Q) int64, each in -1 ... K - 1
    # y        OUT (M, K)
    y[...] = 0
    for m, q in np.ndindex(x.shape):
        if indices[m, q] >= 0:
            y[m, indices[m, q]] = x[m, q]


def max_unpool_backward(dy: NDArray, indices: NDArray, dx: NDArray) -> None:
    # dy       IN  (M, K)
    # indices  IN  (M, Q) int64, each in -1 ... K - 1
    # dx       OUT (M, Q)
    M, Q = dx.shape
    for m in range(M):
        last = {int(indices[m, q]): q for q in range(Q)}  # the last q with each index
        for q in range(Q):
            k = int(indices[m, q])
            dx[m, q] = dy[m, k] if k >= 0 and last[k] == q else 0
