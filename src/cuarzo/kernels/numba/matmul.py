"""Matrix product, compiled. See naive/matmul.py for the definition.

What this adds over the three loops:
- the innermost loop runs along a row, over consecutive memory, so that LLVM turns it into vector instructions (the
  definition's innermost loop is a sum, whose order LLVM may not change);
- six products for each pair of elements of c that is loaded and stored: two rows of c, three rows of b at a time;
- blocks: a tile of b is copied to consecutive memory, where it stays in the cache while 64 rows of a meet it;
- tiles of c are computed in parallel. Their borders depend on the shape alone, and each belongs to one thread.
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from cuarzo.kernels import _border
from cuarzo.kernels.numba._compile import parallel, serial

_ROWS, _COLUMNS, _DEPTH = 64, 512, 64  # a tile of c is _ROWS x _COLUMNS; a tile of b, _DEPTH x _COLUMNS, is in L2


def matmul(a: NDArray, b: NDArray, transpose_a: bool, transpose_b: bool, c: NDArray) -> None:
    _border.check("matmul", a, b, transpose_a, transpose_b, c)
    _product(a, b, bool(transpose_a), bool(transpose_b), c)


@parallel
def _product(a, b, transpose_a, transpose_b, c):
    # a  IN  (M, K), or (K, M) if transpose_a
    # b  IN  (K, N), or (N, K) if transpose_b
    # c  OUT (M, N)
    M, N = c.shape
    K = a.shape[0] if transpose_a else a.shape[1]
    across = (N + _COLUMNS - 1) // _COLUMNS
    down = (M + _ROWS - 1) // _ROWS
    for tile in prange(down * across):
        i, j = tile // across * _ROWS, tile % across * _COLUMNS
        m, n = min(_ROWS, M - i), min(_COLUMNS, N - j)
        c_tile = np.zeros((m, n), c.dtype)
        for k in range(0, K, _DEPTH):
            depth = min(_DEPTH, K - k)
            a_tile = _tile(a, transpose_a, i, k, m, depth)
            b_tile = _tile(b, transpose_b, k, j, depth, n)
            _add_product(a_tile, b_tile, c_tile)
        c[i : i + m, j : j + n] = c_tile


@serial
def _tile(a, transpose, i, j, m, n):
    """A copy of rows i ... i + m and columns j ... j + n of a, or of its transpose."""
    tile = np.empty((m, n), a.dtype)
    if transpose:
        for row in range(m):
            for column in range(n):
                tile[row, column] = a[j + column, i + row]
    else:
        for row in range(m):
            tile[row] = a[i + row, j : j + n]
    return tile


@serial
def _add_product(a, b, c):
    """c += a @ b for C-contiguous b and c: (M, N) += (M, K) (K, N).

    conv.py calls this too. Numba's cache watches the caller's file alone: after a change here, touch conv.py.
    """
    M, K = a.shape
    N = c.shape[1]
    even, threes = M - M % 2, K - K % 3
    for i in range(0, even, 2):
        c0, c1 = c[i], c[i + 1]
        # LLVM vectorises after checking, as it runs, that no row that is written overlaps another; beyond eight such
        # checks it gives up. Two rows of c and three of b need seven.
        for k in range(0, threes, 3):
            b0, b1, b2 = b[k], b[k + 1], b[k + 2]
            a00, a01, a02 = a[i, k], a[i, k + 1], a[i, k + 2]
            a10, a11, a12 = a[i + 1, k], a[i + 1, k + 1], a[i + 1, k + 2]
            for j in range(N):
                c0[j] = c0[j] + a00 * b0[j] + a01 * b1[j] + a02 * b2[j]
                c1[j] = c1[j] + a10 * b0[j] + a11 * b1[j] + a12 * b2[j]
        for k in range(threes, K):
            _add_row(a[i, k], b[k], c0)
            _add_row(a[i + 1, k], b[k], c1)
    for i in range(even, M):
        for k in range(K):
            _add_row(a[i, k], b[k], c[i])


@serial
def _add_row(factor, row, total):
    for j in range(total.size):
        total[j] += factor * row[j]
