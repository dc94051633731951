"""Resampling along one axis. See naive/resample.py for the definition.

What this adds over the definition: C loops that run along the memory (k innermost), and the M parts in parallel, each by
one thread.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.stdint cimport int64_t

from cuarzo.kernels import _border
from cuarzo.kernels.threads import get_num_threads


cdef struct Window:
    # What an adaptive output covers.
    Py_ssize_t first, stop

cdef struct Between:
    # The two inputs that an upsampled output lies between.
    Py_ssize_t before, after
    double near, far  # their weights


cdef inline Window _window(Py_ssize_t p, Py_ssize_t H, Py_ssize_t P) noexcept nogil:
    return Window(p * H // P, ((p + 1) * H + P - 1) // P)


cdef inline Between _between(Py_ssize_t p, Py_ssize_t H, Py_ssize_t P, bint align_corners) noexcept nogil:
    cdef Py_ssize_t above, below, i, rest
    if align_corners:
        above, below = p * (H - 1), max(1, P - 1)
    else:
        above, below = max(0, (2 * p + 1) * H - P), 2 * P
    i, rest = above // below, above % below
    return Between(i, min(i + 1, H - 1), <double> (below - rest) / below, <double> rest / below)


def adaptive_avg_pool_forward(x, y):
    _border.check("adaptive_avg_pool_forward", x, y)
    _adaptive_avg_pool_forward(x, y)


def _adaptive_avg_pool_forward(
    const floating[:, :, ::1] x,  # IN (M, H, K)
    floating[:, :, ::1] y,  # OUT (M, P, K)
):
    cdef Py_ssize_t M = y.shape[0], m
    cdef int threads = min(get_num_threads(), max(1, M))
    for m in prange(M, nogil=True, schedule="static", num_threads=threads):
        _adaptive_avg_pool_forward_part(m, x, y)


cdef void _adaptive_avg_pool_forward_part(
    Py_ssize_t m, const floating[:, :, ::1] x, floating[:, :, ::1] y
) noexcept nogil:
    cdef Py_ssize_t H = x.shape[1], P = y.shape[1], K = x.shape[2], p, k, h
    cdef Window window
    for p in range(P if K else 0):
        window = _window(p, H, P)
        for k in range(K):
            y[m, p, k] = x[m, window.first, k]
        for h in range(window.first + 1, window.stop):
            for k in range(K):
                y[m, p, k] += x[m, h, k]
        for k in range(K):
            y[m, p, k] /= window.stop - window.first


def adaptive_avg_pool_backward(dy, dx):
    _border.check("adaptive_avg_pool_backward", dy, dx)
    _adaptive_avg_pool_backward(dy, dx)


def _adaptive_avg_pool_backward(
    const floating[:, :, ::1] dy,  # IN (M, P, K)
    floating[:, :, ::1] dx,  # OUT (M, H, K)
):
    cdef Py_ssize_t M = dx.shape[0], m
    cdef int threads = min(get_num_threads(), max(1, M))
    for m in prange(M, nogil=True, schedule="static", num_threads=threads):
        _adaptive_avg_pool_backward_part(m, dy, dx)


cdef void _adaptive_avg_pool_backward_part(
    Py_ssize_t m, const floating[:, :, ::1] dy, floating[:, :, ::1] dx
) noexcept nogil:
    cdef Py_ssize_t H = dx.shape[1], P = dy.shape[1], K = dx.shape[2], p, k, h
    cdef Window window
    dx[m, :, :] = 0
    for p in range(P if K else 0):
        window = _window(p, H, P)
        for h in range(window.first, window.stop):
            for k in range(K):
                dx[m, h, k] += dy[m, p, k] / (window.stop - window.first)


def adaptive_max_pool_forward(x, y, indices):
    _border.check("adaptive_max_pool_forward", x, y, indices)
    _adaptive_max_pool_forward(x, y, indices)


def _adaptive_max_pool_forward(
    const floating[:, :, ::1] x,  # IN (M, H, K)
    floating[:, :, ::1] y,  # OUT (M, P, K)
    int64_t[:, :, ::1] indices,  # OUT (M, P, K)
):
    cdef Py_ssize_t M = y.shape[0], m
    cdef int threads = min(get_num_threads(), max(1, M))
    for m in prange(M, nogil=True, schedule="static", num_threads=threads):
        _adaptive_max_pool_forward_part(m, x, y, indices)


cdef void _adaptive_max_pool_forward_part(
    Py_ssize_t m, const floating[:, :, ::1] x, floating[:, :, ::1] y, int64_t[:, :, ::1] indices
) noexcept nogil:
    cdef Py_ssize_t H = x.shape[1], P = y.shape[1], K = x.shape[2], p, k, h
    cdef Window window
    cdef floating best
    for p in range(P if K else 0):
        window = _window(p, H, P)
        for k in range(K):
            y[m, p, k], indices[m, p, k] = x[m, window.first, k], window.first
        for h in range(window.first + 1, window.stop):
            for k in range(K):
                best = y[m, p, k]
                # not <=: larger, or NaN. The first maximum stays, and so does the first NaN
                if not x[m, h, k] <= best and best == best:
                    y[m, p, k], indices[m, p, k] = x[m, h, k], h


def adaptive_max_pool_backward(dy, indices, dx):
    _border.check("adaptive_max_pool_backward", dy, indices, dx)
    _adaptive_max_pool_backward(dy, indices, dx)


def _adaptive_max_pool_backward(
    const floating[:, :, ::1] dy,  # IN (M, P, K)
    const int64_t[:, :, ::1] indices,  # IN (M, P, K), each in 0 ... H - 1
    floating[:, :, ::1] dx,  # OUT (M, H, K)
):
    cdef Py_ssize_t M = dx.shape[0], m
    cdef int threads = min(get_num_threads(), max(1, M))
    for m in prange(M, nogil=True, schedule="static", num_threads=threads):
        _adaptive_max_pool_backward_part(m, dy, indices, dx)


cdef void _adaptive_max_pool_backward_part(
    Py_ssize_t m, const floating[:, :, ::1] dy, const int64_t[:, :, ::1] indices, floating[:, :, ::1] dx
) noexcept nogil:
    cdef Py_ssize_t P = dy.shape[1], K = dx.shape[2], p, k
    dx[m, :, :] = 0
    for p in range(P if K else 0):
        for k in range(K):
            dx[m, indices[m, p, k], k] += dy[m, p, k]


def upsample_nearest_forward(x, y):
    _border.check("upsample_nearest_forward", x, y)
    _upsample_nearest_forward(x, y)


def _upsample_nearest_forward(
    const floating[:, :, ::1] x,  # IN (M, H, K)
    floating[:, :, ::1] y,  # OUT (M, P, K)
):
    cdef Py_ssize_t M = y.shape[0], m
    cdef int threads = min(get_num_threads(), max(1, M))
    for m in prange(M, nogil=True, schedule="static", num_threads=threads):
        _upsample_nearest_forward_part(m, x, y)


cdef void _upsample_nearest_forward_part(
    Py_ssize_t m, const floating[:, :, ::1] x, floating[:, :, ::1] y
) noexcept nogil:
    cdef Py_ssize_t H = x.shape[1], P = y.shape[1], K = x.shape[2], p, k
    for p in range(P if K else 0):
        for k in range(K):
            y[m, p, k] = x[m, p * H // P, k]


def upsample_nearest_backward(dy, dx):
    _border.check("upsample_nearest_backward", dy, dx)
    _upsample_nearest_backward(dy, dx)


def _upsample_nearest_backward(
    const floating[:, :, ::1] dy,  # IN (M, P, K)
    floating[:, :, ::1] dx,  # OUT (M, H, K)
):
    cdef Py_ssize_t M = dx.shape[0], m
    cdef int threads = min(get_num_threads(), max(1, M))
    for m in prange(M, nogil=True, schedule="static", num_threads=threads):
        _upsample_nearest_backward_part(m, dy, dx)


cdef void _upsample_nearest_backward_part(
    Py_ssize_t m, const floating[:, :, ::1] dy, floating[:, :, ::1] dx
) noexcept nogil:
    cdef Py_ssize_t H = dx.shape[1], P = dy.shape[1], K = dx.shape[2], p, k
    dx[m, :, :] = 0
    for p in range(P if K else 0):
        for k in range(K):
            dx[m, p * H // P, k] += dy[m, p, k]


def upsample_linear_forward(x, align_corners, y):
    _border.check("upsample_linear_forward", x, align_corners, y)
    _upsample_linear_forward(x, align_corners, y)


def _upsample_linear_forward(
    const floating[:, :, ::1] x,  # IN (M, H, K)
    bint align_corners,
    floating[:, :, ::1] y,  # OUT (M, P, K)
):
    cdef Py_ssize_t M = y.shape[0], m
    cdef int threads = min(get_num_threads(), max(1, M))
    for m in prange(M, nogil=True, schedule="static", num_threads=threads):
        _upsample_linear_forward_part(m, x, align_corners, y)


cdef void _upsample_linear_forward_part(
    Py_ssize_t m, const floating[:, :, ::1] x, bint align_corners, floating[:, :, ::1] y
) noexcept nogil:
    cdef Py_ssize_t H = x.shape[1], P = y.shape[1], K = x.shape[2], p, k
    cdef Between at
    cdef floating near, far
    for p in range(P if K else 0):
        at = _between(p, H, P, align_corners)
        near, far = <floating> at.near, <floating> at.far
        for k in range(K):
            y[m, p, k] = near * x[m, at.before, k] + far * x[m, at.after, k]


def upsample_linear_backward(dy, align_corners, dx):
    _border.check("upsample_linear_backward", dy, align_corners, dx)
    _upsample_linear_backward(dy, align_corners, dx)


def _upsample_linear_backward(
    const floating[:, :, ::1] dy,  # IN (M, P, K)
    bint align_corners,
    floating[:, :, ::1] dx,  # OUT (M, H, K)
):
    cdef Py_ssize_t M = dx.shape[0], m
    cdef int threads = min(get_num_threads(), max(1, M))
    for m in prange(M, nogil=True, schedule="static", num_threads=threads):
        _upsample_linear_backward_part(m, dy, align_corners, dx)


cdef void _upsample_linear_backward_part(
    Py_ssize_t m, const floating[:, :, ::1] dy, bint align_corners, floating[:, :, ::1] dx
) noexcept nogil:
    cdef Py_ssize_t H = dx.shape[1], P = dy.shape[1], K = dx.shape[2], p, k
    cdef Between at
    cdef floating near, far
    dx[m, :, :] = 0
    for p in range(P if K else 0):
        at = _between(p, H, P, align_corners)
        near, far = <floating> at.near, <floating> at.far
        for k in range(K):
            dx[m, at.before, k] += near * dy[m, p, k]
            dx[m, at.after, k] += far * dy[m, p, k]
