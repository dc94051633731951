"""Dropout with inverted scaling: the mean of each element stays what it was.

    y[i] = x[i] m[i],    m[i] = 1 / (1 - p) where u[i] >= p, else 0

u: the float32 numbers of philox_uniform at (key, counter), for x of either dtype; element i uses u[i]. p is compared
after rounding to float32, the grid of u. With p = 1 all is 0. An element dropped is multiplied by 0: an infinity or NaN
gives NaN. The gradient is dx = dy m: this kernel again, on dy with the same key and counter.

Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".
"""

import numpy as np
from numpy.typing import NDArray

from .random import philox_uniform


def dropout(x: NDArray, p: float, key: int, counter: int, y: NDArray) -> None:
    # x  IN  (K,)
    # y  OUT (K,)
    u = np.empty(x.shape, np.float32)
    philox_uniform(key, counter, u)
    scale = 1 / (1 - p) if p < 1 else 0.0
    for i, value in enumerate(memoryview(x)):
        y[i] = value * (scale if u[i] >= np.float32(p) else 0.0)
