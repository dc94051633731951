"""Pooling. See naive/pool.py and naive/pool3d.py for the definitions.

What this adds over the definition: C loops, the borders of a window found once instead of asked at every tap, and
planes in parallel. A plane (n, c) belongs to one thread: backward, windows that overlap add to the same pixel.

Sequences and images are volumes of one row and one slice. What a window reads in a flattened volume is a piece of each
of some rows; where these begin is the same for all windows side by side, and is found once for them.
"""

from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.math cimport INFINITY
from libc.stdint cimport int64_t

from cuarzo.kernels.cython.windows cimport Windows, counted, find_rows, first_of, stop_of, windows

from math import prod

import numpy as np

from cuarzo.kernels import _border
from cuarzo.kernels.threads import get_num_threads


def max_pool1d_forward(x, window, stride, padding, dilation, y, indices):
    _border.check("max_pool1d_forward", x, window, stride, padding, dilation, y, indices)
    _max_forward(x, window, stride, padding, dilation, y, indices)


def max_pool2d_forward(x, window, stride, padding, dilation, y, indices):
    _border.check("max_pool2d_forward", x, window, stride, padding, dilation, y, indices)
    _max_forward(x, window, stride, padding, dilation, y, indices)


def max_pool3d_forward(x, window, stride, padding, dilation, y, indices):
    _border.check("max_pool3d_forward", x, window, stride, padding, dilation, y, indices)
    _max_forward(x, window, stride, padding, dilation, y, indices)


def max_pool1d_backward(dy, x, indices, window, stride, padding, dilation, dx):
    _border.check("max_pool1d_backward", dy, x, indices, window, stride, padding, dilation, dx)
    _max_backward(dy, x, indices, window, stride, padding, dilation, dx)


def max_pool2d_backward(dy, x, indices, window, stride, padding, dilation, dx):
    _border.check("max_pool2d_backward", dy, x, indices, window, stride, padding, dilation, dx)
    _max_backward(dy, x, indices, window, stride, padding, dilation, dx)


def max_pool3d_backward(dy, x, indices, window, stride, padding, dilation, dx):
    _border.check("max_pool3d_backward", dy, x, indices, window, stride, padding, dilation, dx)
    _max_backward(dy, x, indices, window, stride, padding, dilation, dx)


def avg_pool1d_forward(x, window, stride, padding, count_include_pad, y):
    _border.check("avg_pool1d_forward", x, window, stride, padding, count_include_pad, y)
    _avg_forward(x, window, stride, padding, count_include_pad, y)


def avg_pool2d_forward(x, window, stride, padding, count_include_pad, y):
    _border.check("avg_pool2d_forward", x, window, stride, padding, count_include_pad, y)
    _avg_forward(x, window, stride, padding, count_include_pad, y)


def avg_pool3d_forward(x, window, stride, padding, count_include_pad, y):
    _border.check("avg_pool3d_forward", x, window, stride, padding, count_include_pad, y)
    _avg_forward(x, window, stride, padding, count_include_pad, y)


def avg_pool1d_backward(dy, window, stride, padding, count_include_pad, dx):
    _border.check("avg_pool1d_backward", dy, window, stride, padding, count_include_pad, dx)
    _avg_backward(dy, window, stride, padding, count_include_pad, dx)


def avg_pool2d_backward(dy, window, stride, padding, count_include_pad, dx):
    _border.check("avg_pool2d_backward", dy, window, stride, padding, count_include_pad, dx)
    _avg_backward(dy, window, stride, padding, count_include_pad, dx)


def avg_pool3d_backward(dy, window, stride, padding, count_include_pad, dx):
    _border.check("avg_pool3d_backward", dy, window, stride, padding, count_include_pad, dx)
    _avg_backward(dy, window, stride, padding, count_include_pad, dx)


def _axes(size, outputs, window, stride, padding, dilation=(1, 1, 1)):
    """What the windows of a volume are along each axis; a sequence or an image has one element along the first ones."""
    missing = [(1, 1, 1, 1, (0, 0), 1)] * (3 - len(size))
    return [*missing, *zip(size, outputs, window, stride, padding, dilation)]


def _flat(array):
    """(N, C, ...) as (N C, all else), on the same memory."""
    return None if array is None else array.reshape(array.shape[0] * array.shape[1], prod(array.shape[2:]))


cdef _rows_of_threads(Windows at, threads):
    """For each thread, room for as many rows as a window reads, in cache lines of its own."""
    return np.empty((threads, min(at.slices.window, at.slices.size) * min(at.rows.window, at.rows.size) + 8), np.intp)


def _max_forward(x, window, stride, padding, dilation, y, indices):
    axes = _axes(x.shape[2:], y.shape[2:], window, stride, padding, dilation)
    _max_planes(_flat(x), axes, _flat(y), _flat(indices))


def _max_planes(
    const floating[:, ::1] x,  # IN (N C, D H W)
    axes,
    floating[:, ::1] y,  # OUT (N C, O P Q)
    int64_t[:, ::1] indices,  # OUT (N C, O P Q) or None
):
    cdef Windows at = windows(axes)
    cdef Py_ssize_t planes = x.shape[0], plane
    cdef int threads = min(get_num_threads(), max(1, planes))
    cdef Py_ssize_t[:, ::1] rows = _rows_of_threads(at, threads)
    for plane in prange(planes, nogil=True, schedule="static", num_threads=threads):
        _max_plane(plane, x, at, rows[threadid()], y, indices)


cdef void _max_plane(
    Py_ssize_t plane,
    const floating[:, ::1] x,
    Windows at,
    Py_ssize_t[::1] rows,
    floating[:, ::1] y,
    int64_t[:, ::1] indices,
) noexcept nogil:
    cdef Py_ssize_t output = 0, o, p, q, count, first, stop, i, k, end, winner
    cdef floating value, best
    for o in range(at.slices.outputs):
        for p in range(at.rows.outputs):
            count = find_rows(at, o, p, rows)
            for q in range(at.columns.outputs):
                first, stop = first_of(at.columns, q), stop_of(at.columns, q)
                best, winner = <floating> -INFINITY, -1
                if count > 0 and first < stop:  # the first tap has won so far, even with -inf
                    winner = rows[0] + first
                    best = x[plane, winner]
                for i in range(count):
                    k, end = rows[i] + first, rows[i] + stop
                    while k < end:
                        value = x[plane, k]
                        # not <=: larger, or NaN. The first maximum stays, and so does the first NaN
                        if not value <= best and best == best:
                            best, winner = value, k
                        k += at.columns.dilation
                y[plane, output] = best
                if indices is not None:
                    indices[plane, output] = winner
                output += 1


def _max_backward(dy, x, indices, window, stride, padding, dilation, dx):
    if indices is None:  # find the winners again
        indices = np.empty(dy.shape, np.int64)
        _max_forward(x, window, stride, padding, dilation, np.empty_like(dy), indices)
    _to_winners(_flat(dy), _flat(indices), _flat(dx))


def _to_winners(
    const floating[:, ::1] dy,  # IN (N C, O P Q)
    const int64_t[:, ::1] indices,  # IN (N C, O P Q), each in -1 ... D H W - 1
    floating[:, ::1] dx,  # OUT (N C, D H W)
):
    cdef Py_ssize_t planes = dx.shape[0], plane
    cdef int threads = min(get_num_threads(), max(1, planes))
    for plane in prange(planes, nogil=True, schedule="static", num_threads=threads):
        _plane_to_winners(plane, dy, indices, dx)


cdef void _plane_to_winners(
    Py_ssize_t plane, const floating[:, ::1] dy, const int64_t[:, ::1] indices, floating[:, ::1] dx
) noexcept nogil:
    cdef Py_ssize_t i
    dx[plane, :] = 0
    for i in range(dy.shape[1]):
        if indices[plane, i] >= 0:
            dx[plane, indices[plane, i]] += dy[plane, i]


def _avg_forward(x, window, stride, padding, count_include_pad, y):
    axes = _axes(x.shape[2:], y.shape[2:], window, stride, padding)
    _avg_planes(_flat(x), axes, count_include_pad, _flat(y))


def _avg_planes(
    const floating[:, ::1] x,  # IN (N C, D H W)
    axes, bint count_include_pad,
    floating[:, ::1] y,  # OUT (N C, O P Q)
):
    cdef Windows at = windows(axes)
    cdef Py_ssize_t planes = x.shape[0], plane
    cdef int threads = min(get_num_threads(), max(1, planes))
    cdef Py_ssize_t[:, ::1] rows = _rows_of_threads(at, threads)
    for plane in prange(planes, nogil=True, schedule="static", num_threads=threads):
        _avg_plane(plane, x, at, count_include_pad, rows[threadid()], y)


cdef void _avg_plane(
    Py_ssize_t plane,
    const floating[:, ::1] x,
    Windows at, bint count_include_pad,
    Py_ssize_t[::1] rows,
    floating[:, ::1] y,
) noexcept nogil:
    cdef Py_ssize_t output = 0, o, p, q, count, area, first, stop, i, k
    cdef floating total
    for o in range(at.slices.outputs):
        for p in range(at.rows.outputs):
            count = find_rows(at, o, p, rows)
            area = counted(at.slices, o, count_include_pad) * counted(at.rows, p, count_include_pad)
            for q in range(at.columns.outputs):
                first, stop, total = first_of(at.columns, q), stop_of(at.columns, q), 0
                for i in range(count):
                    for k in range(rows[i] + first, rows[i] + stop):
                        total += x[plane, k]
                y[plane, output] = total / (area * counted(at.columns, q, count_include_pad))
                output += 1


def _avg_backward(dy, window, stride, padding, count_include_pad, dx):
    axes = _axes(dx.shape[2:], dy.shape[2:], window, stride, padding)
    _avg_planes_backward(_flat(dy), axes, count_include_pad, _flat(dx))


def _avg_planes_backward(
    const floating[:, ::1] dy,  # IN (N C, O P Q)
    axes, bint count_include_pad,
    floating[:, ::1] dx,  # OUT (N C, D H W)
):
    cdef Windows at = windows(axes)
    cdef Py_ssize_t planes = dx.shape[0], plane
    cdef int threads = min(get_num_threads(), max(1, planes))
    cdef Py_ssize_t[:, ::1] rows = _rows_of_threads(at, threads)
    for plane in prange(planes, nogil=True, schedule="static", num_threads=threads):
        _avg_plane_backward(plane, dy, at, count_include_pad, rows[threadid()], dx)


cdef void _avg_plane_backward(
    Py_ssize_t plane,
    const floating[:, ::1] dy,
    Windows at, bint count_include_pad,
    Py_ssize_t[::1] rows,
    floating[:, ::1] dx,
) noexcept nogil:
    cdef Py_ssize_t output = 0, o, p, q, count, area, first, stop, i, k
    cdef floating share
    dx[plane, :] = 0
    for o in range(at.slices.outputs):
        for p in range(at.rows.outputs):
            count = find_rows(at, o, p, rows)
            area = counted(at.slices, o, count_include_pad) * counted(at.rows, p, count_include_pad)
            for q in range(at.columns.outputs):
                share = dy[plane, output] / (area * counted(at.columns, q, count_include_pad))
                first, stop = first_of(at.columns, q), stop_of(at.columns, q)
                for i in range(count):
                    for k in range(rows[i] + first, rows[i] + stop):
                        dx[plane, k] += share
                output += 1
