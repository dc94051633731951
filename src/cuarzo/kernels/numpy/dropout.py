"""Dropout: all numbers drawn at once, and one product with the mask. See naive/dropout.py."""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border

from .random import philox_uniform


@np.errstate(invalid="ignore")  # an infinity that is dropped: inf times 0
def dropout(x: NDArray, p: float, key: int, counter: int, y: NDArray) -> None:
    _border.check("dropout", x, p, key, counter, y)
    u = np.empty(x.shape, np.float32)
    philox_uniform(key, counter, u)
    np.multiply(x, (u >= np.float32(p)) * x.dtype.type(1 / (1 - p) if p < 1 else 0), out=y)
