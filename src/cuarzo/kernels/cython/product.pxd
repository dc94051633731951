# The innermost loops that matmul.pyx and conv.pyx share: inline, so that each module has a copy the compiler can see.
# b and c are tiles in consecutive memory of which the first n columns are in use.

from cython cimport floating


cdef inline void add_product(
    const floating[:, :] a,  # IN (M, K), any strides: its elements are read one at a time
    const floating[:, ::1] b,  # IN (K, n)
    floating[:, ::1] c,  # INOUT (M, n)
    Py_ssize_t n,
) noexcept nogil:
    """c += a @ b"""
    cdef Py_ssize_t M = a.shape[0], K = a.shape[1], i, j, k
    cdef floating a00, a01, a02, a10, a11, a12
    # Two rows of c and three of b at a time: six products for each pair of elements of c that is loaded and stored, and
    # few enough rows that the compiler still checks, as it runs, that none overlaps another, and vectorises.
    for i in range(0, M - M % 2, 2):
        for k in range(0, K - K % 3, 3):
            a00, a01, a02 = a[i, k], a[i, k + 1], a[i, k + 2]
            a10, a11, a12 = a[i + 1, k], a[i + 1, k + 1], a[i + 1, k + 2]
            for j in range(n):
                c[i, j] = c[i, j] + a00 * b[k, j] + a01 * b[k + 1, j] + a02 * b[k + 2, j]
                c[i + 1, j] = c[i + 1, j] + a10 * b[k, j] + a11 * b[k + 1, j] + a12 * b[k + 2, j]
        for k in range(K - K % 3, K):
            a00, a10 = a[i, k], a[i + 1, k]
            for j in range(n):
                c[i, j] += a00 * b[k, j]
                c[i + 1, j] += a10 * b[k, j]
    for i in range(M - M % 2, M):
        for k in range(K):
            a00 = a[i, k]
            for j in range(n):
                c[i, j] += a00 * b[k, j]
