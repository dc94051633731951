"""Philox4x32-10 on whole arrays of counters: the ten rounds run once, over all blocks together. See naive/random.py."""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox_uniform(key: int, counter: int, u: NDArray) -> None:
    _border.check("philox_uniform", key, counter, u)
    numbers = 4 if u.dtype == np.float32 else 2  # in a block
    blocks = np.uint64(counter) + np.arange(-(-u.size // numbers), dtype=np.uint64)  # wraps modulo 2**64
    words = _philox4x32(blocks, key)
    if numbers == 4:
        drawn = (words >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)
    else:
        high, low = words[:, 0::2] >> np.uint64(5), words[:, 1::2] >> np.uint64(6)
        drawn = ((high << np.uint64(26)) | low).astype(np.float64) * 2.0**-53
    u.reshape(-1)[...] = drawn.reshape(-1)[: u.size]


def _philox4x32(blocks: NDArray[np.uint64], key: int) -> NDArray[np.uint64]:
    """(blocks, 4): the four words of each block, 32 bits in a uint64 each, where a 32 x 32 product is exact."""
    x0, x1 = blocks & _LOW, blocks >> _HALF
    x2 = x3 = np.zeros_like(blocks)
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        low, high = _M0 * x0, _M1 * x2
        x0, x1 = (high >> _HALF) ^ x1 ^ np.uint64(k0), high & _LOW
        x2, x3 = (low >> _HALF) ^ x3 ^ np.uint64(k1), low & _LOW
        k0, k1 = (k0 + _W0) & 0xFFFFFFFF, (k1 + _W1) & 0xFFFFFFFF
    return np.stack([x0, x1, x2, x3], axis=1)
