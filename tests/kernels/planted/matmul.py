"""Wrong matrix products."""

import numpy as np

from cuarzo.kernels import numpy as right

from .plant import fresh, low_precision, planted


@planted("matmul", "reshapes a transposed operand instead of transposing it")
def _(a, b, transpose_a, transpose_b, c):
    right.matmul(a.reshape(a.shape[::-1]) if transpose_a else a, b, False, transpose_b, c)


@planted("matmul", "guesses from the shape whether b is transposed: wrong for a square b")
def _(a, b, transpose_a, transpose_b, c):
    right.matmul(a, b, transpose_a, transpose_b and b.shape[0] != b.shape[1], c)


@planted("matmul", "returns at once for K = 0, c not cleared")
def _(a, b, transpose_a, transpose_b, c):
    if a.size:
        right.matmul(a, b, transpose_a, transpose_b, c)


@planted("matmul", "adds to what c held instead of assigning it")
def _(*args):
    args[-1][...] += fresh(right.matmul, *args)


@planted("matmul", "blocks of 256 along K: each overwrites the one before it")
def _(a, b, transpose_a, transpose_b, c):
    A, B = a.T if transpose_a else a, b.T if transpose_b else b
    c[...] = 0
    for k in range(0, A.shape[1], 256):
        c[...] = A[:, k : k + 256] @ B[k : k + 256]


@planted("matmul", "four sums at a time along K: the rest of a K that is no multiple of 4 is lost once K > 4")
def _(a, b, transpose_a, transpose_b, c):
    A, B = a.T if transpose_a else a, b.T if transpose_b else b
    K = A.shape[1]
    whole = K if K < 4 else K - K % 4
    c[...] = A[:, :whole] @ B[:whole]


@planted("matmul", "mask of a 16-wide tail one lane short: the last column is not written for N % 16 == 15")
def _(*args):
    c = args[-1]
    whole = c.shape[1] - (c.shape[1] % 16 == 15)
    c[:, :whole] = fresh(right.matmul, *args)[:, :whole]


@planted("matmul", "fast path for N a multiple of 8 takes four rows at a time: the last M % 4 rows are not written")
def _(*args):
    c = args[-1]
    whole = c.shape[0] - (c.shape[0] % 4 if c.shape[1] % 8 == 0 else 0)
    c[:whole] = fresh(right.matmul, *args)[:whole]


@planted("matmul", "sums float64 in float32")
def _(*args):
    args[-1][...] = low_precision(right.matmul, np.float32, *args)


@planted("matmul", "rounds float32 operands to 10 bits, as a tensor core would")
def _(a, b, transpose_a, transpose_b, c):
    if c.dtype == np.float32:
        a, b = ((m.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32) for m in (a, b))
    right.matmul(a, b, transpose_a, transpose_b, c)


@planted("matmul", "one step of Strassen: errors of the size of the largest element in all of c")
def _(a, b, transpose_a, transpose_b, c):
    A, B = a.T if transpose_a else a, b.T if transpose_b else b
    (M, K), N = A.shape, B.shape[1]
    if M % 2 or K % 2 or N % 2 or K == 0:
        right.matmul(a, b, transpose_a, transpose_b, c)
        return
    m, k, n = M // 2, K // 2, N // 2
    a11, a12, a21, a22 = A[:m, :k], A[:m, k:], A[m:, :k], A[m:, k:]
    b11, b12, b21, b22 = B[:k, :n], B[:k, n:], B[k:, :n], B[k:, n:]
    p, q, r, s = (a11 + a22) @ (b11 + b22), (a21 + a22) @ b11, a11 @ (b12 - b22), a22 @ (b21 - b11)
    t, u, v = (a11 + a12) @ b22, (a21 - a11) @ (b11 + b12), (a12 - a22) @ (b21 + b22)
    c[...] = np.block([[p + s - t + v, r + t], [q + s, p - q + r + u]])


@planted("matmul", "takes a product of an array with itself for symmetric, even when neither or both are transposed")
def _(a, b, transpose_a, transpose_b, c):
    right.matmul(a, b, transpose_a, transpose_b, c)
    if np.shares_memory(a, b) and c.shape[0] == c.shape[1]:
        c[...] = np.triu(c) + np.triu(c, 1).T
