"""Augmentation: training images varied as the world varies them, so that fewer of them teach as much.

An augmentation is called with a batch and a stream of random numbers, and gives a batch of the same shape.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cuarzo.names import check_count
from cuarzo.random import Stream

Augmentation = Callable[[np.ndarray, Stream], np.ndarray]


@dataclass(frozen=True)
class Shift:
    """Move each image of x (N, C, H, W) by its own -pixels ... pixels rows and columns; what comes in is 0."""

    pixels: int

    def __post_init__(self) -> None:
        check_count("Shift: pixels", self.pixels, 0)

    def __call__(self, x: np.ndarray, stream: Stream) -> np.ndarray:
        if x.ndim != 4:
            raise ValueError(f"Shift: x has shape {x.shape}, expected (N, C, H, W)")
        if self.pixels > min(x.shape[2:]):
            raise ValueError(f"Shift: pixels is {self.pixels}, expected at most the size of the image, {x.shape[2:]}")
        room = (self.pixels, self.pixels)
        windows = sliding_window_view(np.pad(x, ((0, 0), (0, 0), room, room)), x.shape[2:], axis=(2, 3))
        row, column = (stream.uniform((2, len(x)), np.float64) * (2 * self.pixels + 1)).astype(np.int64)
        return np.ascontiguousarray(windows[np.arange(len(x)), :, row, column])


@dataclass(frozen=True)
class Binarize:
    """Each value of x becomes 1 with the probability that it is, else 0: a grey picture is a new binary one each time.

    As in Salakhutdinov and Murray 2008, "On the quantitative analysis of deep belief networks".
    """

    def __call__(self, x: np.ndarray, stream: Stream) -> np.ndarray:
        return (stream.uniform(x.shape, x.dtype) < x).astype(x.dtype)
