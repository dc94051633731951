"""Uniform random numbers by Philox4x32-10, a counter-based generator: no state, element i is a function of i.

A block is four 32-bit words, ten rounds of multiplying and mixing a 128-bit counter with a 64-bit key:

    (x0, x1, x2, x3) <- (hi(M1 x2) ^ x1 ^ k0,  lo(M1 x2),  hi(M0 x0) ^ x3 ^ k1,  lo(M0 x0))
    (k0, k1)         <- (k0 + W0, k1 + W1)                                          all modulo 2**32

Word i of a stream is word i % 4 of block (counter + i // 4) mod 2**64; the upper half of the 128-bit counter is 0.

    float32:  u[i] = (word[i] >> 8) 2**-24
    float64:  u[i] = ((word[2i] >> 5) 2**26 + (word[2i + 1] >> 6)) 2**-53

so that u lies in [0, 1) on an even grid and is exact. Every backend gives these very bits.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; the float64 form as in Matsumoto and
Nishimura's genrand_res53.
"""

import numpy as np
from numpy.typing import NDArray

_M0, _M1 = 0xD2511F53, 0xCD9E8D57  # the multipliers
_W0, _W1 = 0x9E3779B9, 0xBB67AE85  # the Weyl sequence of the key: golden ratio, sqrt(3) - 1
_LOW = 0xFFFFFFFF


def philox4x32(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """One block: four words of 32 bits from a counter of four and a key of two."""
    x0, x1, x2, x3 = counter
    k0, k1 = key
    for _ in range(10):
        low_product, high_product = _M0 * x0, _M1 * x2
        x0, x1, x2, x3 = (
            (high_product >> 32) ^ x1 ^ k0,
            high_product & _LOW,
            (low_product >> 32) ^ x3 ^ k1,
            low_product & _LOW,
        )
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return x0, x1, x2, x3


def philox_uniform(key: int, counter: int, u: NDArray) -> None:
    # u  OUT any shape, filled in row-major order
    flat = u.reshape(-1)
    per_number = 1 if u.dtype == np.float32 else 2
    words: list[int] = []
    for i in range(flat.size):
        while len(words) < per_number * (i + 1):
            block = (counter + len(words) // 4) % 2**64
            words += philox4x32((block & _LOW, block >> 32, 0, 0), (key & _LOW, key >> 32))
        if per_number == 1:
            flat[i] = (words[i] >> 8) * 2.0**-24
        else:
            flat[i] = ((words[2 * i] >> 5) * 2**26 + (words[2 * i + 1] >> 6)) * 2.0**-53
