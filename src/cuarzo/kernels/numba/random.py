"""Philox4x32-10, compiled and parallel over blocks. See naive/random.py for the definition.

A counter-based generator parallelises by itself: block i is computed from i, wherever. Words of 32 bits are kept in
unsigned 64-bit integers, where the product of two fits; Numba would turn a mixture of signed and unsigned into float64.
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from cuarzo.kernels import _border
from cuarzo.kernels.numba._compile import parallel, serial

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_5, _6, _8, _26 = np.uint64(5), np.uint64(6), np.uint64(8), np.uint64(26)


def philox_uniform(key: int, counter: int, u: NDArray) -> None:
    _border.check("philox_uniform", key, counter, u)
    fill = _fill_float32 if u.dtype == np.float32 else _fill_float64
    fill(np.uint64(key), np.uint64(counter), u.reshape(-1))


@parallel
def _fill_float32(key, counter, u):
    # u  OUT (n,): a block of four words makes four numbers
    for i in prange((u.size + 3) // 4):
        words = _philox(key, counter + np.uint64(i))
        for j in range(min(4, u.size - 4 * i)):
            u[4 * i + j] = np.float32(words[j] >> _8) * np.float32(2.0**-24)


@parallel
def _fill_float64(key, counter, u):
    # u  OUT (n,): a block of four words makes two numbers
    for i in prange((u.size + 1) // 2):
        words = _philox(key, counter + np.uint64(i))
        for j in range(min(2, u.size - 2 * i)):
            u[2 * i + j] = np.float64(((words[2 * j] >> _5) << _26) + (words[2 * j + 1] >> _6)) * 2.0**-53


@serial
def _philox(key, counter):
    """The four words of one block."""
    x0, x1, x2, x3 = counter & _LOW, counter >> _HALF, np.uint64(0), np.uint64(0)
    k0, k1 = key & _LOW, key >> _HALF
    for _ in range(10):
        p0, p1 = _M0 * x0, _M1 * x2
        x0, x1, x2, x3 = (p1 >> _HALF) ^ x1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ x3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return x0, x1, x2, x3
