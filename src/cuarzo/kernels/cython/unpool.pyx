"""Max pooling undone. See naive/resample.py for the definition. The M parts run in parallel, each by one thread."""

from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t

import numpy as np

from cuarzo.kernels import _border
from cuarzo.kernels.threads import get_num_threads


def max_unpool_forward(x, indices, y):
    _border.check("max_unpool_forward", x, indices, y)
    _max_unpool_forward(x, indices, y)


def _max_unpool_forward(
    const floating[:, ::1] x,  # IN (M, Q)
    const int64_t[:, ::1] indices,  # IN (M, Q), each in -1 ... K - 1
    floating[:, ::1] y,  # OUT (M, K)
):
    cdef Py_ssize_t M = y.shape[0], m
    cdef int threads = min(get_num_threads(), max(1, M))
    for m in prange(M, nogil=True, schedule="static", num_threads=threads):
        _max_unpool_forward_part(m, x, indices, y)


cdef void _max_unpool_forward_part(
    Py_ssize_t m, const floating[:, ::1] x, const int64_t[:, ::1] indices, floating[:, ::1] y
) noexcept nogil:
    cdef Py_ssize_t q
    y[m, :] = 0
    for q in range(x.shape[1]):
        if indices[m, q] >= 0:
            y[m, indices[m, q]] = x[m, q]


def max_unpool_backward(dy, indices, dx):
    _border.check("max_unpool_backward", dy, indices, dx)
    _max_unpool_backward(dy, indices, dx)


def _max_unpool_backward(
    const floating[:, ::1] dy,  # IN (M, K)
    const int64_t[:, ::1] indices,  # IN (M, Q), each in -1 ... K - 1
    floating[:, ::1] dx,  # OUT (M, Q)
):
    cdef Py_ssize_t M = dx.shape[0], m
    cdef int threads = min(get_num_threads(), max(1, M))
    # The last q with each index; read only where one was written. A cache line between the threads.
    cdef int64_t[:, ::1] last = np.empty((threads, dy.shape[1] + 8), np.int64)
    for m in prange(M, nogil=True, schedule="static", num_threads=threads):
        _max_unpool_backward_part(m, dy, indices, dx, last[threadid()])


cdef void _max_unpool_backward_part(
    Py_ssize_t m, const floating[:, ::1] dy, const int64_t[:, ::1] indices, floating[:, ::1] dx, int64_t[::1] last
) noexcept nogil:
    cdef Py_ssize_t q, k
    for q in range(dx.shape[1]):
        if indices[m, q] >= 0:
            last[indices[m, q]] = q
    for q in range(dx.shape[1]):
        k = indices[m, q]
        dx[m, q] = 0
        if k >= 0 and last[k] == q:
            dx[m, q] = dy[m, k]
