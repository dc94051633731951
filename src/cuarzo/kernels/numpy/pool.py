"""Pooling, one pass over the image for each tap of the window: R S passes instead of N C P Q windows.

See naive/pool.py.
"""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border

from ._windows import Padding, Pair, pad, reach, shifted


def max_pool2d_forward(
    x: NDArray, window: Pair, stride: Pair, padding: Padding, dilation: Pair, y: NDArray, indices: NDArray | None
) -> None:
    _border.check("max_pool2d_forward", x, window, stride, padding, dilation, y, indices)
    outputs = y.shape[2:]
    if indices is not None:
        _best_and_winner(x, window, stride, padding, dilation, y, indices)
        return
    padded = pad(x, reach(x.shape[2:], window, outputs, stride, padding, dilation), padding, -np.inf)
    y[...] = -np.inf
    for r, s in np.ndindex(*window):
        np.maximum(y, shifted(padded, r, s, outputs, stride, dilation), out=y)  # a NaN stays


def _best_and_winner(
    x: NDArray, window: Pair, stride: Pair, padding: Padding, dilation: Pair, y: NDArray, indices: NDArray
) -> None:
    H, W = x.shape[2:]
    P, Q = outputs = y.shape[2:]
    (top, _), (left, _) = padding
    padded = pad(x, reach((H, W), window, outputs, stride, padding, dilation), padding, -np.inf)
    y[...], indices[...] = -np.inf, -1
    for r, s in np.ndindex(*window):
        tap = shifted(padded, r, s, outputs, stride, dilation)
        h = (np.arange(P) * stride[0] + r * dilation[0] - top)[:, None]
        k = np.arange(Q) * stride[1] + s * dilation[1] - left
        inside = (h >= 0) & (h < H) & (k >= 0) & (k < W)
        # The first tap in the image takes the window even with -inf; after it only more, or the first NaN, wins.
        wins = inside & ((indices == -1) | (tap > y) | (np.isnan(tap) & ~np.isnan(y)))
        np.copyto(y, tap, where=wins)
        np.copyto(indices, h * W + k, where=wins)


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
    if indices is None:
        assert x is not None, "max_pool2d_backward: x is needed where indices is None"
        indices = np.empty(dy.shape, np.int64)
        _best_and_winner(x, window, stride, padding, dilation, np.empty_like(dy), indices)
    N, C, H, W = dx.shape
    planes = np.arange(N * C).reshape(N, C, 1, 1) * (H * W)
    won = indices >= 0
    # bincount adds in float64, in order, and lets one element win many windows, which `dx[...] += dy` would not
    dx[...] = np.bincount((planes + indices)[won], dy[won], dx.size).reshape(dx.shape)


def avg_pool2d_forward(
    x: NDArray, window: Pair, stride: Pair, padding: Padding, count_include_pad: bool, y: NDArray
) -> None:
    _border.check("avg_pool2d_forward", x, window, stride, padding, count_include_pad, y)
    outputs = y.shape[2:]
    padded = pad(x, reach(x.shape[2:], window, outputs, stride, padding, (1, 1)), padding)
    y[...] = 0.0
    for r, s in np.ndindex(*window):
        y += shifted(padded, r, s, outputs, stride, (1, 1))
    y /= _divisors(x.shape[2:], window, outputs, stride, padding, count_include_pad).astype(y.dtype)


def avg_pool2d_backward(
    dy: NDArray, window: Pair, stride: Pair, padding: Padding, count_include_pad: bool, dx: NDArray
) -> None:
    _border.check("avg_pool2d_backward", dy, window, stride, padding, count_include_pad, dx)
    H, W = dx.shape[2:]
    outputs = dy.shape[2:]
    share = dy / _divisors((H, W), window, outputs, stride, padding, count_include_pad).astype(dy.dtype)
    padded = np.zeros((*dx.shape[:2], *reach((H, W), window, outputs, stride, padding, (1, 1))), dx.dtype)
    for r, s in np.ndindex(*window):
        shifted(padded, r, s, outputs, stride, (1, 1))[...] += share
    (top, _), (left, _) = padding
    dx[...] = padded[:, :, top : top + H, left : left + W]


def _divisors(
    size: Pair, window: Pair, outputs: Pair, stride: Pair, padding: Padding, count_include_pad: bool
) -> NDArray:
    """(P, Q): the number of positions that count in each window."""
    counts = []
    for n, taps, m, step, (before, after) in zip(size, window, outputs, stride, padding, strict=True):
        low = np.arange(m) * step - before
        high = np.minimum(low + taps, n + after)
        counts.append(high - low if count_include_pad else np.minimum(high, n) - np.maximum(low, 0))
    return counts[0][:, None] * counts[1]
