"""Convolution's gradient by its weights. See naive/conv.py and naive/conv3d.py for the definition.

The patches that the windows see (see conv.pyx) become rows of a matrix, some 64 windows at a time, and the sum over the
windows the matrix product of product.pxd:

    patches[j, k] = what tap k = (c, e, r, s) of window j = (o, p, q) reads, 0 in the padding        dw = dy patches

Parallel over parts of the batch and of the taps, whose borders depend on the shape alone.
"""

from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t

from cuarzo.kernels.cython.patches cimport Windows, copy_patches, span, windows_of
from cuarzo.kernels.cython.product cimport add_product

import numpy as np

from cuarzo.kernels import _border
from cuarzo.kernels._axes import triple, volume, window_taps
from cuarzo.kernels.threads import get_num_threads

cdef enum:
    COLUMNS = 512  # taps in a block
    DEPTH = 64  # windows in a block
    PARTS = 8  # partial sums


def conv1d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db):
    _border.check("conv1d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)
    _backward_weight(volume(x), volume(dy), stride, padding, dilation, groups, volume(dw), db)


def conv2d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db):
    _border.check("conv2d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)
    _backward_weight(volume(x), volume(dy), stride, padding, dilation, groups, volume(dw), db)


def conv3d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db):
    _border.check("conv3d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)
    _backward_weight(x, dy, stride, padding, dilation, groups, dw, db)


def _backward_weight(
    const floating[:, :, :, :, ::1] x,  # IN (N, C, D, H, W)
    const floating[:, :, :, :, ::1] dy,  # IN (N, F, O, P, Q)
    stride, padding, dilation, Py_ssize_t groups,
    floating[:, :, :, :, ::1] dw,  # OUT (F, C/G, E, R, S)
    floating[::1] db,  # OUT (F,) or None
):
    cdef const int64_t[:, ::1] taps = window_taps(np.shape(dw)[2:], padding, dilation)
    cdef Windows at = windows_of(triple(stride, 1), np.shape(dy))
    cdef Py_ssize_t N = x.shape[0], F = dw.shape[0], K = dw.shape[1] * taps.shape[0], L = dy.shape[2] * at.P * at.Q
    cdef Py_ssize_t depth = span(DEPTH, at.Q), steps = (K + COLUMNS - 1) // COLUMNS, width = min(K, COLUMNS)
    cdef Py_ssize_t tasks = PARTS * groups * steps, task, f
    cdef int threads = min(get_num_threads(), max(1, tasks))
    dtype = np.float32 if floating is float else np.float64
    cdef const floating[:, :, ::1] windows = np.reshape(dy, (N, F, L))
    cdef floating[:, ::1] matrix = np.reshape(dw, (F, K))
    # The batch is cut into a fixed number of parts, each with a sum of its own: parallel, and no race.
    cdef floating[:, :, ::1] sums = np.zeros((tasks, F // groups, width), dtype)
    cdef floating[:, :, ::1] patches = np.empty((threads, depth, width), dtype)
    cdef floating[:, :, :] by_tap = np.swapaxes(patches, 1, 2)  # the same memory, read across
    for task in prange(tasks, nogil=True, schedule="dynamic", num_threads=threads):
        _backward_weight_part(
            task // steps // groups, task // steps % groups, task % steps * COLUMNS, K, depth,
            x, windows, taps, at, patches[threadid()], by_tap[threadid()], sums[task],
        )
    for f in prange(F, nogil=True, schedule="static", num_threads=threads):
        _join_parts(f, F // groups, groups, sums, matrix)
    if db is not None:
        for f in prange(F, nogil=True, schedule="static", num_threads=threads):
            db[f] = _sum_pixels(f, windows)


cdef void _backward_weight_part(
    Py_ssize_t part, Py_ssize_t g, Py_ssize_t k0,  # the task: part of the batch, group, first of up to COLUMNS taps
    Py_ssize_t K, Py_ssize_t depth,  # windows at a time
    const floating[:, :, :, :, ::1] x,
    const floating[:, :, ::1] windows,  # IN (N, F, L): dy
    const int64_t[:, ::1] taps,
    Windows at,
    floating[:, ::1] patches,  # scratch (windows, taps)
    floating[:, :] by_tap,  # the same (taps, windows)
    floating[:, ::1] total,  # INOUT (F/G, taps)
) noexcept nogil:
    cdef Py_ssize_t N = x.shape[0], FG = total.shape[0], L = windows.shape[2], count = min(COLUMNS, K - k0)
    cdef Py_ssize_t n, block, j0, j1
    for n in range(N * part // PARTS, N * (part + 1) // PARTS):
        for block in range((L + depth - 1) // depth):
            j0, j1 = block * depth, min(L, (block + 1) * depth)
            copy_patches[floating](x, n, g * K + k0, count, taps, at, j0, j1, by_tap)
            add_product[floating](windows[n, g * FG : g * FG + FG, j0:j1], patches, total, count)


cdef void _join_parts(
    Py_ssize_t f, Py_ssize_t FG, Py_ssize_t groups,
    const floating[:, :, ::1] sums,  # IN (PARTS groups steps, F/G, taps)
    floating[:, ::1] dw,  # OUT (F, K)
) noexcept nogil:
    cdef Py_ssize_t steps = sums.shape[0] // groups // PARTS, part, k
    for k in range(dw.shape[1]):
        dw[f, k] = 0
    for part in range(PARTS):  # always in this order
        for k in range(dw.shape[1]):
            dw[f, k] += sums[(part * groups + f // FG) * steps + k // COLUMNS, f % FG, k % COLUMNS]


cdef floating _sum_pixels(
    Py_ssize_t f,
    const floating[:, :, ::1] dy,  # IN (N, F, L)
) noexcept nogil:
    """Eight sums side by side, then their sum: additions that do not wait for each other."""
    cdef floating[8] total
    cdef floating result = 0
    cdef Py_ssize_t pixels = dy.shape[2], n, j, lane
    for lane in range(8):
        total[lane] = 0
    for n in range(dy.shape[0]):
        for j in range(pixels // 8):
            for lane in range(8):
                total[lane] += dy[n, f, j * 8 + lane]
        for j in range(pixels - pixels % 8, pixels):
            result += dy[n, f, j]
    for lane in range(8):
        result += total[lane]
    return result
