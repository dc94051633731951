"""Pooling. See naive/pool.py for the definition.

What this adds over the definition: C loops, the borders of a window found once instead of asked at every tap, and
planes in parallel. A plane (n, c) belongs to one thread: backward, windows that overlap add to the same pixel.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport INFINITY
from libc.stdint cimport int64_t

import numpy as np

from cuarzo.kernels import _border
from cuarzo.kernels.threads import get_num_threads


cdef struct Axis:
    # A window along one axis of the image, rows or columns.
    Py_ssize_t size, window, stride, before, after, dilation


cdef Axis _axis(Py_ssize_t size, Py_ssize_t window, Py_ssize_t stride, padding, Py_ssize_t dilation=1):
    return Axis(size, window, stride, padding[0], padding[1], dilation)


cdef inline Py_ssize_t _first(Axis axis, Py_ssize_t output) noexcept nogil:
    """The first position inside the image that the window of an output reads."""
    cdef Py_ssize_t start = output * axis.stride - axis.before
    return start if start >= 0 else start + (axis.dilation - 1 - start) // axis.dilation * axis.dilation


cdef inline Py_ssize_t _stop(Axis axis, Py_ssize_t output) noexcept nogil:
    """The positions that it reads end before this one."""
    return min(output * axis.stride - axis.before + (axis.window - 1) * axis.dilation + 1, axis.size)


cdef inline Py_ssize_t _counted(Axis axis, Py_ssize_t output, bint count_include_pad) noexcept nogil:
    """How many positions of the window count in the mean's divisor."""
    cdef Py_ssize_t start = output * axis.stride - axis.before
    cdef Py_ssize_t stop = min(start + axis.window, axis.size + axis.after)
    return stop - start if count_include_pad else min(stop, axis.size) - max(start, 0)


def max_pool2d_forward(x, window, stride, padding, dilation, y, indices):
    _border.check("max_pool2d_forward", x, window, stride, padding, dilation, y, indices)
    _max_forward(x, window, stride, padding, dilation, y, indices)


def _max_forward(
    const floating[:, :, :, ::1] x,  # IN (N, C, H, W)
    window, stride, padding, dilation,
    floating[:, :, :, ::1] y,  # OUT (N, C, P, Q)
    int64_t[:, :, :, ::1] indices,  # OUT (N, C, P, Q) or None
):
    cdef Axis rows = _axis(x.shape[2], window[0], stride[0], padding[0], dilation[0])
    cdef Axis columns = _axis(x.shape[3], window[1], stride[1], padding[1], dilation[1])
    cdef Py_ssize_t C = x.shape[1], plane
    cdef Py_ssize_t planes = x.shape[0] * C
    cdef int threads = min(get_num_threads(), max(1, planes))
    for plane in prange(planes, nogil=True, schedule="static", num_threads=threads):
        _max_plane(plane // C, plane % C, x, rows, columns, y, indices)


cdef void _max_plane(
    Py_ssize_t n, Py_ssize_t c,
    const floating[:, :, :, ::1] x,
    Axis rows, Axis columns,
    floating[:, :, :, ::1] y,
    int64_t[:, :, :, ::1] indices,
) noexcept nogil:
    cdef Py_ssize_t W = x.shape[3], p, q, h, k, winner
    cdef floating value, best
    for p in range(y.shape[2]):
        for q in range(y.shape[3]):
            best, winner = <floating> -INFINITY, -1
            h = _first(rows, p)
            while h < _stop(rows, p):
                k = _first(columns, q)
                while k < _stop(columns, q):
                    value = x[n, c, h, k]
                    # strictly greater: the first maximum stays; only NaN differs from itself, and the first of them wins
                    if value > best or winner < 0 or (value != value and best == best):
                        best, winner = value, h * W + k
                    k += columns.dilation
                h += rows.dilation
            y[n, c, p, q] = best
            if indices is not None:
                indices[n, c, p, q] = winner


def max_pool2d_backward(dy, x, indices, window, stride, padding, dilation, dx):
    _border.check("max_pool2d_backward", dy, x, indices, window, stride, padding, dilation, dx)
    _max_backward(dy, x, indices, window, stride, padding, dilation, dx)


def _max_backward(
    const floating[:, :, :, ::1] dy,  # IN (N, C, P, Q)
    const floating[:, :, :, ::1] x,  # IN (N, C, H, W), may be None where indices are given
    const int64_t[:, :, :, ::1] indices,  # IN (N, C, P, Q), or None: the winners are found again in x
    window, stride, padding, dilation,
    floating[:, :, :, ::1] dx,  # OUT (N, C, H, W)
):
    if indices is None:
        found = np.empty(np.shape(dy), np.int64)
        _max_forward(x, window, stride, padding, dilation, np.empty_like(dy), found)
        indices = found
    cdef Py_ssize_t C = dx.shape[1], plane
    cdef Py_ssize_t planes = dx.shape[0] * C
    cdef int threads = min(get_num_threads(), max(1, planes))
    for plane in prange(planes, nogil=True, schedule="static", num_threads=threads):
        _max_plane_backward(plane // C, plane % C, dy, indices, dx)


cdef void _max_plane_backward(
    Py_ssize_t n, Py_ssize_t c,
    const floating[:, :, :, ::1] dy,
    const int64_t[:, :, :, ::1] indices,
    floating[:, :, :, ::1] dx,
) noexcept nogil:
    cdef Py_ssize_t W = dx.shape[3], p, q, winner
    dx[n, c, :, :] = 0
    for p in range(dy.shape[2]):
        for q in range(dy.shape[3]):
            winner = indices[n, c, p, q]
            if winner >= 0:
                dx[n, c, winner // W, winner % W] += dy[n, c, p, q]


def avg_pool2d_forward(x, window, stride, padding, count_include_pad, y):
    _border.check("avg_pool2d_forward", x, window, stride, padding, count_include_pad, y)
    _avg_forward(x, window, stride, padding, count_include_pad, y)


def _avg_forward(
    const floating[:, :, :, ::1] x,  # IN (N, C, H, W)
    window, stride, padding, bint count_include_pad,
    floating[:, :, :, ::1] y,  # OUT (N, C, P, Q)
):
    cdef Axis rows = _axis(x.shape[2], window[0], stride[0], padding[0])
    cdef Axis columns = _axis(x.shape[3], window[1], stride[1], padding[1])
    cdef Py_ssize_t C = x.shape[1], plane
    cdef Py_ssize_t planes = x.shape[0] * C
    cdef int threads = min(get_num_threads(), max(1, planes))
    for plane in prange(planes, nogil=True, schedule="static", num_threads=threads):
        _avg_plane(plane // C, plane % C, x, rows, columns, count_include_pad, y)


cdef void _avg_plane(
    Py_ssize_t n, Py_ssize_t c,
    const floating[:, :, :, ::1] x,
    Axis rows, Axis columns, bint count_include_pad,
    floating[:, :, :, ::1] y,
) noexcept nogil:
    cdef Py_ssize_t p, q, h, k, high
    cdef floating total
    for p in range(y.shape[2]):
        high = _counted(rows, p, count_include_pad)
        for q in range(y.shape[3]):
            total = 0
            for h in range(_first(rows, p), _stop(rows, p)):
                for k in range(_first(columns, q), _stop(columns, q)):
                    total += x[n, c, h, k]
            y[n, c, p, q] = total / (high * _counted(columns, q, count_include_pad))


def avg_pool2d_backward(dy, window, stride, padding, count_include_pad, dx):
    _border.check("avg_pool2d_backward", dy, window, stride, padding, count_include_pad, dx)
    _avg_backward(dy, window, stride, padding, count_include_pad, dx)


def _avg_backward(
    const floating[:, :, :, ::1] dy,  # IN (N, C, P, Q)
    window, stride, padding, bint count_include_pad,
    floating[:, :, :, ::1] dx,  # OUT (N, C, H, W)
):
    cdef Axis rows = _axis(dx.shape[2], window[0], stride[0], padding[0])
    cdef Axis columns = _axis(dx.shape[3], window[1], stride[1], padding[1])
    cdef Py_ssize_t C = dx.shape[1], plane
    cdef Py_ssize_t planes = dx.shape[0] * C
    cdef int threads = min(get_num_threads(), max(1, planes))
    for plane in prange(planes, nogil=True, schedule="static", num_threads=threads):
        _avg_plane_backward(plane // C, plane % C, dy, rows, columns, count_include_pad, dx)


cdef void _avg_plane_backward(
    Py_ssize_t n, Py_ssize_t c,
    const floating[:, :, :, ::1] dy,
    Axis rows, Axis columns, bint count_include_pad,
    floating[:, :, :, ::1] dx,
) noexcept nogil:
    cdef Py_ssize_t p, q, h, k, high
    cdef floating share
    dx[n, c, :, :] = 0
    for p in range(dy.shape[2]):
        high = _counted(rows, p, count_include_pad)
        for q in range(dy.shape[3]):
            share = dy[n, c, p, q] / (high * _counted(columns, q, count_include_pad))
            for h in range(_first(rows, p), _stop(rows, p)):
                for k in range(_first(columns, q), _stop(columns, q)):
                    dx[n, c, h, k] += share
