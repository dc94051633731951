"""Pooling, one pass over the image for each tap of the window: R S passes instead of N C P Q windows.

See naive/pool.py and naive/pool3d.py. The number of axes is that of x: sequences, images and volumes share the code.
"""

from math import prod

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border

from ._windows import Padding, Sizes, inner, pad, reach, shifted


def _max_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, y: NDArray, indices: NDArray | None
) -> None:
    if indices is not None:
        _best_and_winner(x, window, stride, padding, dilation, y, indices)
        return
    outputs = y.shape[2:]
    padded = pad(x, reach(x.shape[2:], window, outputs, stride, padding, dilation), padding, -np.inf)
    y[...] = -np.inf
    for tap in np.ndindex(*window):
        np.maximum(y, shifted(padded, tap, outputs, stride, dilation), out=y)  # a NaN stays


def _best_and_winner(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, y: NDArray, indices: NDArray
) -> None:
    size, outputs = x.shape[2:], y.shape[2:]
    padded = pad(x, reach(size, window, outputs, stride, padding, dilation), padding, -np.inf)
    y[...], indices[...] = -np.inf, -1
    for tap in np.ndindex(*window):
        value = shifted(padded, tap, outputs, stride, dilation)
        inside, position = _places(tap, size, outputs, stride, padding, dilation)
        # The first tap in the image takes the window even with -inf; after it only more, or the first NaN, wins.
        wins = inside & ((indices == -1) | (value > y) | (np.isnan(value) & ~np.isnan(y)))
        np.copyto(y, value, where=wins)
        np.copyto(indices, position, where=wins)


def _places(
    tap: Sizes, size: Sizes, outputs: Sizes, stride: Sizes, padding: Padding, dilation: Sizes
) -> tuple[NDArray, NDArray]:
    """Whether a tap of each window lies in the image, and where in the flattened image."""
    inside, position = np.array(True), np.array(0)
    for t, n, m, step, (before, _), gap in zip(tap, size, outputs, stride, padding, dilation):
        at = np.arange(m) * step + t * gap - before
        inside = inside[..., None] & (at >= 0) & (at < n)
        position = position[..., None] * n + at
    return inside, position


def _max_backward(
    dy: NDArray,
    x: NDArray | None,
    indices: NDArray | None,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    dx: NDArray,
) -> None:
    if indices is None:
        assert x is not None, "x is needed where indices is None"
        indices = np.empty(dy.shape, np.int64)
        _best_and_winner(x, window, stride, padding, dilation, np.empty_like(dy), indices)
    first = np.arange(prod(dx.shape[:2])) * prod(dx.shape[2:])  # of each plane, in the flattened dx
    won = indices >= 0
    positions = indices + first.reshape(*dx.shape[:2], *(1,) * len(window))
    # bincount adds in float64, in order, and lets one element win many windows, which `dx[...] += dy` would not
    dx[...] = np.bincount(positions[won], dy[won], dx.size).reshape(dx.shape)


@np.errstate(invalid="ignore")  # the mean of infinities of both signs is NaN
def _avg_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, y: NDArray
) -> None:
    size, outputs, no_gaps = x.shape[2:], y.shape[2:], (1,) * len(window)
    padded = pad(x, reach(size, window, outputs, stride, padding, no_gaps), padding)
    y[...] = 0.0
    for tap in np.ndindex(*window):
        y += shifted(padded, tap, outputs, stride, no_gaps)
    y /= _divisors(size, window, outputs, stride, padding, count_include_pad).astype(y.dtype)


def _avg_backward(
    dy: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, dx: NDArray
) -> None:
    size, outputs, no_gaps = dx.shape[2:], dy.shape[2:], (1,) * len(window)
    share = dy / _divisors(size, window, outputs, stride, padding, count_include_pad).astype(dy.dtype)
    padded = np.zeros((*dx.shape[:2], *reach(size, window, outputs, stride, padding, no_gaps)), dx.dtype)
    for tap in np.ndindex(*window):
        shifted(padded, tap, outputs, stride, no_gaps)[...] += share
    dx[...] = inner(padded, size, padding)


def _divisors(
    size: Sizes, window: Sizes, outputs: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool
) -> NDArray:
    """(*outputs): the number of positions that count in each window."""
    counted = np.array(1)
    for n, taps, m, step, (before, after) in zip(size, window, outputs, stride, padding, strict=True):
        low = np.arange(m) * step - before
        high = np.minimum(low + taps, n + after)
        along = high - low if count_include_pad else np.minimum(high, n) - np.maximum(low, 0)
        counted = counted[..., None] * along
    return counted


def max_pool1d_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, y: NDArray, indices: NDArray | None
) -> None:
    _border.check("max_pool1d_forward", x, window, stride, padding, dilation, y, indices)
    _max_forward(x, window, stride, padding, dilation, y, indices)


def max_pool2d_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, y: NDArray, indices: NDArray | None
) -> None:
    _border.check("max_pool2d_forward", x, window, stride, padding, dilation, y, indices)
    _max_forward(x, window, stride, padding, dilation, y, indices)


def max_pool3d_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, y: NDArray, indices: NDArray | None
) -> None:
    _border.check("max_pool3d_forward", x, window, stride, padding, dilation, y, indices)
    _max_forward(x, window, stride, padding, dilation, y, indices)


def max_pool1d_backward(
    dy: NDArray,
    x: NDArray | None,
    indices: NDArray | None,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    dx: NDArray,
) -> None:
    _border.check("max_pool1d_backward", dy, x, indices, window, stride, padding, dilation, dx)
    _max_backward(dy, x, indices, window, stride, padding, dilation, dx)


def max_pool2d_backward(
    dy: NDArray,
    x: NDArray | None,
    indices: NDArray | None,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    dx: NDArray,
) -> None:
    _border.check("max_pool2d_backward", dy, x, indices, window, stride, padding, dilation, dx)
    _max_backward(dy, x, indices, window, stride, padding, dilation, dx)


def max_pool3d_backward(
    dy: NDArray,
    x: NDArray | None,
    indices: NDArray | None,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    dx: NDArray,
) -> None:
    _border.check("max_pool3d_backward", dy, x, indices, window, stride, padding, dilation, dx)
    _max_backward(dy, x, indices, window, stride, padding, dilation, dx)


def avg_pool1d_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, y: NDArray
) -> None:
    _border.check("avg_pool1d_forward", x, window, stride, padding, count_include_pad, y)
    _avg_forward(x, window, stride, padding, count_include_pad, y)


def avg_pool2d_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, y: NDArray
) -> None:
    _border.check("avg_pool2d_forward", x, window, stride, padding, count_include_pad, y)
    _avg_forward(x, window, stride, padding, count_include_pad, y)


def avg_pool3d_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, y: NDArray
) -> None:
    _border.check("avg_pool3d_forward", x, window, stride, padding, count_include_pad, y)
    _avg_forward(x, window, stride, padding, count_include_pad, y)


def avg_pool1d_backward(
    dy: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, dx: NDArray
) -> None:
    _border.check("avg_pool1d_backward", dy, window, stride, padding, count_include_pad, dx)
    _avg_backward(dy, window, stride, padding, count_include_pad, dx)


def avg_pool2d_backward(
    dy: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, dx: NDArray
) -> None:
    _border.check("avg_pool2d_backward", dy, window, stride, padding, count_include_pad, dx)
    _avg_backward(dy, window, stride, padding, count_include_pad, dx)


def avg_pool3d_backward(
    dy: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, dx: NDArray
) -> None:
    _border.check("avg_pool3d_backward", dy, window, stride, padding, count_include_pad, dx)
    _avg_backward(dy, window, stride, padding, count_include_pad, dx)
