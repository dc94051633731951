"""Views on a padded image, shared by convolution and pooling."""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def reach(size: Pair, window: Pair, outputs: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Pair:
    """Height and width of the padded image: all of it, and all that the last windows touch."""
    rows, columns = (
        max(before + n, (m - 1) * step + (taps - 1) * gap + 1)
        for n, taps, m, step, (before, _), gap in zip(size, window, outputs, stride, padding, dilation, strict=True)
    )
    return rows, columns


def pad(x: NDArray, shape: Pair, padding: Padding, fill: float = 0.0) -> NDArray:
    """`x` (N, C, H, W) inside a plane of `shape`, `fill` around it."""
    N, C, H, W = x.shape
    (top, _), (left, _) = padding
    padded = np.full((N, C, *shape), fill, x.dtype)
    padded[:, :, top : top + H, left : left + W] = x
    return padded


def shifted(padded: NDArray, r: int, s: int, outputs: Pair, stride: Pair, dilation: Pair) -> NDArray:
    """What tap (r, s) of every window reads: a view (N, C, P, Q)."""
    rows = slice(r * dilation[0], r * dilation[0] + (outputs[0] - 1) * stride[0] + 1, stride[0])
    columns = slice(s * dilation[1], s * dilation[1] + (outputs[1] - 1) * stride[1] + 1, stride[1])
    return padded[:, :, rows, columns]


def windows(padded: NDArray, window: Pair, outputs: Pair, stride: Pair, dilation: Pair) -> NDArray:
    """Every window of every channel, as a view (N, C, R, S, P, Q) in which elements stand many times."""
    n, c, h, w = padded.strides
    shape = (*padded.shape[:2], *window, *outputs)
    strides = (n, c, h * dilation[0], w * dilation[1], h * stride[0], w * stride[1])
    return as_strided(padded, shape, strides, writeable=False)
