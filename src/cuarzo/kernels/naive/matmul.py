"""Matrix product.

    c[m, n] = sum_k A[m, k] B[k, n],    A = a or its transpose, B = b or its transpose

The sum over an empty k is 0.
"""

from numpy.typing import NDArray


def matmul(a: NDArray, b: NDArray, transpose_a: bool, transpose_b: bool, c: NDArray) -> None:
    # a  IN  (M, K), or (K, M) if transpose_a
    # b  IN  (K, N), or (N, K) if transpose_b
    # c  OUT (M, N)
    A = memoryview(a.T if transpose_a else a)
    B = memoryview(b.T if transpose_b else b)
    (M, N), K = c.shape, a.shape[0 if transpose_a else 1]
    for m in range(M):
        for n in range(N):
            total = 0.0
            for k in range(K):
                total += A[m, k] * B[k, n]
            c[m, n] = total
