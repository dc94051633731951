"""Views on a padded image of any number of axes, shared by convolution and pooling.

`x` is (N, C, *size); size, window, outputs, stride, dilation and a tap have one integer for each axis, padding has
(before, after).
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]


def reach(size: Sizes, window: Sizes, outputs: Sizes, stride: Sizes, padding: Padding, dilation: Sizes) -> Sizes:
    """The size of the padded image: all of it, and all that the last windows touch."""
    return tuple(
        max(before + n, (m - 1) * step + (taps - 1) * gap + 1)
        for n, taps, m, step, (before, _), gap in zip(size, window, outputs, stride, padding, dilation, strict=True)
    )


def pad(x: NDArray, shape: Sizes, padding: Padding, fill: float = 0.0) -> NDArray:
    """`x` inside an image of `shape`, `fill` around it."""
    padded = np.full((*x.shape[:2], *shape), fill, x.dtype)
    inner(padded, x.shape[2:], padding)[...] = x
    return padded


def inner(padded: NDArray, size: Sizes, padding: Padding) -> NDArray:
    """The image without its padding: a view (N, C, *size)."""
    inside = [slice(before, before + n) for n, (before, _) in zip(size, padding, strict=True)]
    return padded[:, :, *inside]


def shifted(padded: NDArray, tap: Sizes, outputs: Sizes, stride: Sizes, dilation: Sizes) -> NDArray:
    """What one tap of every window reads, `tap` being its place in the window: a view (N, C, *outputs)."""
    along = zip(tap, outputs, stride, dilation, strict=True)
    reads = [slice(r * gap, max(0, r * gap + (m - 1) * step + 1), step) for r, m, step, gap in along]
    return padded[:, :, *reads]


def windows(padded: NDArray, window: Sizes, outputs: Sizes, stride: Sizes, dilation: Sizes) -> NDArray:
    """Every window of every channel, as a view (N, C, *window, *outputs) in which elements stand many times."""
    (n, c), steps = padded.strides[:2], padded.strides[2:]
    taps = (width * gap for width, gap in zip(steps, dilation, strict=True))
    starts = (width * step for width, step in zip(steps, stride, strict=True))
    return as_strided(padded, (*padded.shape[:2], *window, *outputs), (n, c, *taps, *starts), writeable=False)
