"""Philox4x32-10, parallel over blocks. See naive/random.py for the definition.

A counter-based generator parallelises by itself: block i is computed from i, wherever. C's unsigned integers wrap, as
the formula wants, and the product of two 32-bit words is a plain 64-bit multiplication.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.stdint cimport uint32_t, uint64_t

import numpy as np

from cuarzo.kernels import _border
from cuarzo.kernels.threads import get_num_threads


def philox_uniform(key, counter, u):
    # u  OUT any shape, filled in row-major order
    _border.check("philox_uniform", key, counter, u)
    if u.dtype == np.float32:
        _fill[float](key, counter, u.reshape(-1), get_num_threads())
    else:
        _fill[double](key, counter, u.reshape(-1), get_num_threads())


cdef void _fill(
    uint64_t key,
    uint64_t counter,
    floating[::1] u,  # OUT (n,)
    int threads,
):
    cdef Py_ssize_t size = u.shape[0], block
    cdef Py_ssize_t per_block = 4 if floating is float else 2  # a number of 32 or 64 bits takes one word or two
    cdef Py_ssize_t blocks = (size + per_block - 1) // per_block
    for block in prange(blocks, nogil=True, schedule="static", num_threads=min(threads, max(1, blocks))):
        _fill_block(key, counter + <uint64_t> block, block * per_block, min(size, (block + 1) * per_block), u)


cdef inline void _fill_block(
    uint64_t key, uint64_t counter, Py_ssize_t start, Py_ssize_t stop, floating[::1] u
) noexcept nogil:
    cdef uint32_t[4] words
    cdef Py_ssize_t i
    cdef uint64_t high, low
    _philox(key, counter, words)
    for i in range(stop - start):
        if floating is float:
            u[start + i] = <float> (words[i] >> 8) * <float> 2.0**-24
        else:
            high, low = words[2 * i] >> 5, words[2 * i + 1] >> 6
            u[start + i] = <double> ((high << 26) + low) * 2.0**-53


cdef inline void _philox(uint64_t key, uint64_t counter, uint32_t* x) noexcept nogil:
    """The four words of one block, in x."""
    cdef uint32_t k0 = <uint32_t> key, k1 = <uint32_t> (key >> 32)
    cdef uint64_t p0, p1
    cdef int _round
    x[0], x[1], x[2], x[3] = <uint32_t> counter, <uint32_t> (counter >> 32), 0, 0
    for _round in range(10):
        p0, p1 = <uint64_t> 0xD2511F53 * x[0], <uint64_t> 0xCD9E8D57 * x[2]
        x[0], x[1] = <uint32_t> (p1 >> 32) ^ x[1] ^ k0, <uint32_t> p1
        x[2], x[3] = <uint32_t> (p0 >> 32) ^ x[3] ^ k1, <uint32_t> p0
        k0, k1 = k0 + <uint32_t> 0x9E3779B9, k1 + <uint32_t> 0xBB67AE85
