"""Convolution, forwards and by its input. See naive/conv.py and naive/conv3d.py for the definition.

Two rungs:
- direct (conv2d_forward_direct): the definition's loops in another order. The row of outputs is innermost, so that one
  tap adds a scaled, shifted row of the image to it: vector instructions. Rows of networks are short, which costs half.
- im2col (the default): the patches that the windows see are copied side by side into a matrix, some 512 windows at a
  time so that it stays in the cache, and the sum over (c, e, r, s) becomes the matrix product of product.pxd:

      k = (c, e, r, s)    patches[k, j] = what tap k of window j = (o, p, q) reads, 0 in the padding
      y = w patches        d patches = w' dy, each entry added to the element it came from

The loops are those of volumes; signals and images are volumes of one row or one slice (_axes.py).
Everything is parallel over blocks whose borders depend on the shape alone; each output element belongs to one thread.
"""

from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t

from cuarzo.kernels.cython.patches cimport Windows, add_patches, copy_patches, first_output, span, stop_output, windows_of
from cuarzo.kernels.cython.product cimport add_product

import numpy as np

from cuarzo.kernels import _border
from cuarzo.kernels._axes import triple, volume, window_taps
from cuarzo.kernels.threads import get_num_threads

cdef enum:
    COLUMNS = 512  # windows in a block
    DEPTH = 64  # taps in a block


def conv1d_forward(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv1d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward(volume(x), volume(w), b, stride, padding, dilation, groups, volume(y))


def conv2d_forward(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv2d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward(volume(x), volume(w), b, stride, padding, dilation, groups, volume(y))


def conv3d_forward(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv3d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward(x, w, b, stride, padding, dilation, groups, y)


def _forward(
    const floating[:, :, :, :, ::1] x,  # IN (N, C, D, H, W)
    const floating[:, :, :, :, ::1] w,  # IN (F, C/G, E, R, S)
    const floating[::1] b,  # IN (F,) or None
    stride, padding, dilation, Py_ssize_t groups,
    floating[:, :, :, :, ::1] y,  # OUT (N, F, O, P, Q)
):
    cdef const int64_t[:, ::1] taps = window_taps(np.shape(w)[2:], padding, dilation)
    cdef Windows at = windows_of(triple(stride, 1), np.shape(y))
    cdef Py_ssize_t N = x.shape[0], F = w.shape[0], K = w.shape[1] * taps.shape[0], L = y.shape[2] * at.P * at.Q
    cdef Py_ssize_t width = span(COLUMNS, at.Q), blocks = (L + width - 1) // width
    cdef Py_ssize_t tasks = N * groups * blocks, task
    cdef int threads = min(get_num_threads(), max(1, tasks))
    dtype = np.float32 if floating is float else np.float64
    cdef const floating[:, ::1] matrix = np.reshape(w, (F, K))
    cdef floating[:, :, ::1] out = np.reshape(y, (N, F, L))
    cdef floating[:, :, ::1] patches = np.empty((threads, min(DEPTH, K), width), dtype)
    cdef floating[:, :, ::1] sums = np.empty((threads, F // groups, width), dtype)
    for task in prange(tasks, nogil=True, schedule="dynamic", num_threads=threads):
        _forward_block(
            task // blocks // groups, task // blocks % groups, task % blocks * width, min(L, (task % blocks + 1) * width),
            x, matrix, b, taps, at, groups, patches[threadid()], sums[threadid()], out,
        )


cdef void _forward_block(
    Py_ssize_t n, Py_ssize_t g, Py_ssize_t j0, Py_ssize_t j1,  # the task: volume, group, windows
    const floating[:, :, :, :, ::1] x,
    const floating[:, ::1] matrix,  # IN (F, K)
    const floating[::1] b,
    const int64_t[:, ::1] taps,
    Windows at, Py_ssize_t groups,
    floating[:, ::1] patches,  # scratch (DEPTH, windows)
    floating[:, ::1] total,  # scratch (F/G, windows)
    floating[:, :, ::1] y,  # OUT (N, F, L)
) noexcept nogil:
    cdef Py_ssize_t FG = matrix.shape[0] // groups, K = matrix.shape[1], count = j1 - j0
    cdef Py_ssize_t f, j, block, k, depth
    for f in range(FG):
        total[f, :count] = b[g * FG + f] if b is not None else 0
    for block in range((K + DEPTH - 1) // DEPTH):
        k = block * DEPTH
        depth = min(DEPTH, K - k)
        copy_patches[floating](x, n, g * K + k, depth, taps, at, j0, j1, patches)
        add_product[floating](matrix[g * FG : g * FG + FG, k : k + depth], patches, total, count)
    for f in range(FG):
        for j in range(count):
            y[n, g * FG + f, j0 + j] = total[f, j]


def conv1d_forward_direct(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv1d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward_direct(volume(x), volume(w), b, stride, padding, dilation, groups, volume(y))


def conv2d_forward_direct(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv2d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward_direct(volume(x), volume(w), b, stride, padding, dilation, groups, volume(y))


def conv3d_forward_direct(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv3d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward_direct(x, w, b, stride, padding, dilation, groups, y)


def _forward_direct(
    const floating[:, :, :, :, ::1] x,  # IN (N, C, D, H, W)
    const floating[:, :, :, :, ::1] w,  # IN (F, C/G, E, R, S)
    const floating[::1] b,  # IN (F,) or None
    stride, padding, dilation, Py_ssize_t groups,
    floating[:, :, :, :, ::1] y,  # OUT (N, F, O, P, Q)
):
    cdef const int64_t[:, ::1] taps = window_taps(np.shape(w)[2:], padding, dilation)
    cdef Windows at = windows_of(triple(stride, 1), np.shape(y))
    cdef Py_ssize_t F = w.shape[0], plane
    cdef const floating[:, :, ::1] weights = np.reshape(w, (F, w.shape[1], taps.shape[0]))
    cdef Py_ssize_t planes = x.shape[0] * F
    cdef int threads = min(get_num_threads(), max(1, planes))
    for plane in prange(planes, nogil=True, schedule="dynamic", num_threads=threads):
        _direct_plane(plane // F, plane % F, x, weights, b, taps, at, F // groups, y)


cdef void _direct_plane(
    Py_ssize_t n, Py_ssize_t f,
    const floating[:, :, :, :, ::1] x,
    const floating[:, :, ::1] w,  # IN (F, C/G, E R S)
    const floating[::1] b,
    const int64_t[:, ::1] taps,
    Windows at, Py_ssize_t filters_per_group,
    floating[:, :, :, :, ::1] y,
) noexcept nogil:
    cdef Py_ssize_t CG = w.shape[1], D = x.shape[2], H = x.shape[3], W = x.shape[4]
    cdef Py_ssize_t first = f // filters_per_group * CG  # the first channel of the filter's group
    cdef Py_ssize_t o, p, q, c, t, d, h, shift, q0, q1
    cdef floating weight
    cdef floating* row
    cdef const floating* source
    for o in range(y.shape[2]):
        for p in range(at.P):
            y[n, f, o, p, :] = b[f] if b is not None else 0
            for t in range(taps.shape[0]):
                d, h, shift = o * at.st + taps[t, 0], p * at.su + taps[t, 1], taps[t, 2]
                q0, q1 = first_output(shift, at.sv, at.Q), stop_output(shift, W, at.sv, at.Q)
                if d < 0 or d >= D or h < 0 or h >= H or q0 >= q1:
                    continue
                row = &y[n, f, o, p, q0]
                for c in range(CG):
                    weight = w[f, c, t]
                    source = &x[n, first + c, d, h, q0 * at.sv + shift]
                    if at.sv == 1:  # consecutive memory, hence vector instructions
                        for q in range(q1 - q0):
                            row[q] += weight * source[q]
                    else:
                        for q in range(q1 - q0):
                            row[q] += weight * source[q * at.sv]


def conv1d_backward_input(dy, w, stride, padding, dilation, groups, dx):
    _border.check("conv1d_backward_input", dy, w, stride, padding, dilation, groups, dx)
    _backward_input(volume(dy), volume(w), stride, padding, dilation, groups, volume(dx))


def conv2d_backward_input(dy, w, stride, padding, dilation, groups, dx):
    _border.check("conv2d_backward_input", dy, w, stride, padding, dilation, groups, dx)
    _backward_input(volume(dy), volume(w), stride, padding, dilation, groups, volume(dx))


def conv3d_backward_input(dy, w, stride, padding, dilation, groups, dx):
    _border.check("conv3d_backward_input", dy, w, stride, padding, dilation, groups, dx)
    _backward_input(dy, w, stride, padding, dilation, groups, dx)


def _backward_input(
    const floating[:, :, :, :, ::1] dy,  # IN (N, F, O, P, Q)
    const floating[:, :, :, :, ::1] w,  # IN (F, C/G, E, R, S)
    stride, padding, dilation, Py_ssize_t groups,
    floating[:, :, :, :, ::1] dx,  # OUT (N, C, D, H, W)
):
    cdef const int64_t[:, ::1] taps = window_taps(np.shape(w)[2:], padding, dilation)
    cdef Windows at = windows_of(triple(stride, 1), np.shape(dy))
    cdef Py_ssize_t N = dy.shape[0], F = w.shape[0], CG = w.shape[1], T = taps.shape[0], L = dy.shape[2] * at.P * at.Q
    cdef Py_ssize_t width = span(COLUMNS, at.Q)
    # A task owns some channels of one volume: all that its patches overlap in.
    cdef Py_ssize_t step = max(1, min(CG, DEPTH // T)), steps = (CG + step - 1) // step
    cdef Py_ssize_t tasks = N * groups * steps, task
    cdef int threads = min(get_num_threads(), max(1, tasks))
    dtype = np.float32 if floating is float else np.float64
    cdef const floating[::1, :] matrix = np.reshape(w, (F, CG * T)).T
    cdef const floating[:, :, ::1] source = np.reshape(dy, (N, F, L))
    cdef floating[:, :, ::1] patches = np.empty((threads, step * T, width), dtype)
    cdef floating[:, :, ::1] windows = np.empty((threads, F // groups, width), dtype)
    for task in prange(tasks, nogil=True, schedule="dynamic", num_threads=threads):
        _backward_input_channels(
            task // steps // groups, task // steps % groups, task % steps * step, min(CG, (task % steps + 1) * step),
            width, source, matrix, taps, at, groups, patches[threadid()], windows[threadid()], dx,
        )


cdef void _backward_input_channels(
    Py_ssize_t n, Py_ssize_t g, Py_ssize_t c0, Py_ssize_t c1,  # the task: volume, group, channels of the group
    Py_ssize_t width,  # windows at a time
    const floating[:, :, ::1] dy,  # IN (N, F, L)
    const floating[::1, :] matrix,  # IN (K, F): w transposed
    const int64_t[:, ::1] taps,
    Windows at, Py_ssize_t groups,
    floating[:, ::1] patches,  # scratch ((c1 - c0) E R S, windows)
    floating[:, ::1] windows,  # scratch (F/G, windows)
    floating[:, :, :, :, ::1] dx,
) noexcept nogil:
    cdef Py_ssize_t FG = matrix.shape[1] // groups, CG = dx.shape[1] // groups, T = taps.shape[0], L = dy.shape[2]
    cdef Py_ssize_t k0 = c0 * T, k1 = c1 * T, block, j0, j1, j, f
    dx[n, g * CG + c0 : g * CG + c1, :, :, :] = 0
    for block in range((L + width - 1) // width):
        j0, j1 = block * width, min(L, (block + 1) * width)
        for f in range(FG):
            for j in range(j0, j1):
                windows[f, j - j0] = dy[n, g * FG + f, j]
        patches[: k1 - k0, :] = 0
        add_product[floating](matrix[k0:k1, g * FG : g * FG + FG], windows, patches, j1 - j0)
        add_patches[floating](patches, k1 - k0, n, (g * CG + c0) * T, taps, at, j0, j1, dx)
