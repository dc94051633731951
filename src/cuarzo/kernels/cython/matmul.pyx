"""Matrix product. See naive/matmul.py for the definition.

What this adds over the three loops:
- the innermost loop runs along a row, over consecutive memory, so that the C compiler makes it vector instructions (the
  definition's innermost loop is a sum, whose order a compiler may not change);
- two rows of c and three rows of b meet at a time (product.pxd);
- blocks: a tile of b is copied to consecutive memory, where it stays in the cache while 64 rows of a meet it;
- tiles of c are computed in parallel. Their borders depend on the shape alone, and each belongs to one thread.
"""

from cython cimport floating
from cython.parallel cimport prange, threadid

from cuarzo.kernels.cython.product cimport add_product

import numpy as np

from cuarzo.kernels import _border
from cuarzo.kernels.threads import get_num_threads

cdef enum:
    ROWS = 64  # a tile of c is ROWS x COLUMNS
    COLUMNS = 512
    DEPTH = 64  # a tile of b, DEPTH x COLUMNS, fits into L2


def matmul(a, b, transpose_a, transpose_b, c):
    _border.check("matmul", a, b, transpose_a, transpose_b, c)
    _matmul(a, b, transpose_a, transpose_b, c)


def _matmul(
    const floating[:, ::1] a,  # IN (M, K), or (K, M) if transpose_a
    const floating[:, ::1] b,  # IN (K, N), or (N, K) if transpose_b
    bint transpose_a,
    bint transpose_b,
    floating[:, ::1] c,  # OUT (M, N)
):
    cdef const floating[:, :] A = a, B = b
    if transpose_a:
        A = a.T  # the same memory, read with other strides
    if transpose_b:
        B = b.T
    cdef Py_ssize_t M = c.shape[0], N = c.shape[1]
    cdef Py_ssize_t across = (N + COLUMNS - 1) // COLUMNS, down = (M + ROWS - 1) // ROWS
    cdef int threads = min(get_num_threads(), max(1, across * down))
    dtype = np.float32 if floating is float else np.float64
    cdef floating[:, :, ::1] sums = np.empty((threads, min(ROWS, M), min(COLUMNS, N)), dtype)
    cdef floating[:, :, ::1] tiles = np.empty((threads, DEPTH, min(COLUMNS, N)), dtype)
    cdef Py_ssize_t tile
    for tile in prange(down * across, nogil=True, schedule="dynamic", num_threads=threads):
        _fill_tile(A, B, tile // across * ROWS, tile % across * COLUMNS, tiles[threadid()], sums[threadid()], c)


cdef void _fill_tile(
    const floating[:, :] a,  # IN (M, K)
    const floating[:, :] b,  # IN (K, N)
    Py_ssize_t i,
    Py_ssize_t j,
    floating[:, ::1] tile,  # scratch
    floating[:, ::1] total,  # scratch
    floating[:, ::1] c,  # OUT (M, N): the tile at (i, j)
) noexcept nogil:
    cdef Py_ssize_t K = a.shape[1], m = min(ROWS, c.shape[0] - i), n = min(COLUMNS, c.shape[1] - j)
    cdef Py_ssize_t row, column, block, k, depth
    total[:m, :n] = 0
    for block in range((K + DEPTH - 1) // DEPTH):
        k = block * DEPTH
        depth = min(DEPTH, K - k)
        for row in range(depth):
            for column in range(n):
                tile[row, column] = b[k + row, j + column]
        add_product[floating](a[i : i + m, k : k + depth], tile, total, n)
    for row in range(m):
        for column in range(n):
            c[i + row, j + column] = total[row, column]
