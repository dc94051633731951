"""Resampling along one axis, whole slices (M, K) at a time. See naive/resample.py."""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border

# invalid="ignore": infinity times 0, or less infinity, is NaN; that is the result, and no mistake to warn of.


@np.errstate(invalid="ignore")
def adaptive_avg_pool_forward(x: NDArray, y: NDArray) -> None:
    _border.check("adaptive_avg_pool_forward", x, y)
    for p, first, stop in _windows(y, x):
        np.divide(x[:, first:stop].sum(axis=1), stop - first, out=y[:, p])


@np.errstate(invalid="ignore")
def adaptive_avg_pool_backward(dy: NDArray, dx: NDArray) -> None:
    _border.check("adaptive_avg_pool_backward", dy, dx)
    dx[...] = 0
    for p, first, stop in _windows(dy, dx):
        dx[:, first:stop] += (dy[:, p] / (stop - first))[:, None]


def adaptive_max_pool_forward(x: NDArray, y: NDArray, indices: NDArray) -> None:
    _border.check("adaptive_max_pool_forward", x, y, indices)
    for p, first, stop in _windows(y, x):
        indices[:, p] = first + x[:, first:stop].argmax(axis=1)  # the first of equals, the first NaN
    y[...] = np.take_along_axis(x, indices, axis=1)


def adaptive_max_pool_backward(dy: NDArray, indices: NDArray, dx: NDArray) -> None:
    _border.check("adaptive_max_pool_backward", dy, indices, dx)
    M, H, K = dx.shape
    positions = (np.arange(M)[:, None, None] * H + indices) * K + np.arange(K)
    # bincount adds in float64, in order, and lets one element win many windows, which `dx[...] += dy` would not
    dx[...] = np.bincount(positions.ravel(), dy.ravel(), dx.size).reshape(dx.shape)


def upsample_nearest_forward(x: NDArray, y: NDArray) -> None:
    _border.check("upsample_nearest_forward", x, y)
    if y.size:
        y[...] = x[:, _nearest(y, x)]


def upsample_nearest_backward(dy: NDArray, dx: NDArray) -> None:
    _border.check("upsample_nearest_backward", dy, dx)
    dx[...] = 0
    if dy.size:
        _send_back(dy, _nearest(dy, dx), dx)


@np.errstate(invalid="ignore")
def upsample_linear_forward(x: NDArray, align_corners: bool, y: NDArray) -> None:
    _border.check("upsample_linear_forward", x, align_corners, y)
    if y.size:
        i, after, far, near = _positions(y, x, align_corners)
        y[...] = near * x[:, i] + far * x[:, after]


@np.errstate(invalid="ignore")
def upsample_linear_backward(dy: NDArray, align_corners: bool, dx: NDArray) -> None:
    _border.check("upsample_linear_backward", dy, align_corners, dx)
    dx[...] = 0
    if dy.size:
        i, after, far, near = _positions(dy, dx, align_corners)
        _send_back(near * dy, i, dx)
        _send_back(far * dy, after, dx)


def max_unpool_forward(x: NDArray, indices: NDArray, y: NDArray) -> None:
    _border.check("max_unpool_forward", x, indices, y)
    y[...] = 0
    at, wanted = _flat(indices, y)
    y.reshape(-1)[at[wanted]] = x[wanted]  # of equal indices NumPy assigns the last


def max_unpool_backward(dy: NDArray, indices: NDArray, dx: NDArray) -> None:
    _border.check("max_unpool_backward", dy, indices, dx)
    at, wanted = _flat(indices, dy)
    number = np.arange(dx.size).reshape(dx.shape)
    last = np.empty(dy.size, np.int64)
    last[at[wanted]] = number[wanted]
    dx[...] = 0
    wanted[wanted] = last[at[wanted]] == number[wanted]
    dx[wanted] = dy.reshape(-1)[at[wanted]]


def _windows(y: NDArray, x: NDArray) -> list[tuple[int, int, int]]:
    """(p, first, stop) of each adaptive window; none where there is nothing to do."""
    H, P = x.shape[1], y.shape[1]
    return [(p, p * H // P, -(-(p + 1) * H // P)) for p in range(P)] if y.size else []


def _nearest(y: NDArray, x: NDArray) -> NDArray:
    """(P,): the input that each output takes."""
    H, P = x.shape[1], y.shape[1]
    return np.arange(P) * H // P


def _positions(y: NDArray, x: NDArray, align_corners: bool) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """The two inputs that each output lies between, and their weights (P, 1): far f for the second, near 1 - f."""
    H, P = x.shape[1], y.shape[1]
    p = np.arange(P)
    if align_corners:
        above, below = p * (H - 1), max(1, P - 1)
    else:
        above, below = np.maximum(0, (2 * p + 1) * H - P), 2 * P
    i, rest = np.divmod(above, below)
    far, near = ((weight / below).astype(x.dtype)[:, None] for weight in (rest, below - rest))
    return i, np.minimum(i + 1, H - 1), far, near


def _send_back(dy: NDArray, source: NDArray, dx: NDArray) -> None:
    """dx[:, source[p]] += dy[:, p] for each p; the sources ascend, so equal ones stand side by side."""
    h, first = np.unique(source, return_index=True)
    dx[:, h] += np.add.reduceat(dy, first, axis=1)


def _flat(indices: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    """Where each index points in the flattened y (M, K), and whether it points anywhere."""
    return indices + np.arange(len(y))[:, None] * y.shape[1], indices >= 0
