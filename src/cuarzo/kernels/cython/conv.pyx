"""Convolution. See naive/conv.py for the definition.

Two rungs:
- direct (conv2d_forward_direct): the definition's loops in another order. The row of outputs is innermost, so that one
  tap adds a scaled, shifted row of the image to it: vector instructions. Rows of networks are short, which costs half.
- im2col (the default): the patches that the windows see are copied side by side into a matrix, some 512 windows at a
  time so that it stays in the cache, and the sum over (c, r, s) becomes the matrix product of product.pxd:

      k = (c, r, s)    patches[k, j] = what tap k of window j reads, 0 in the padding
      y  = w patches        dw = dy patches'        d patches = w' dy, each entry added to the pixel it came from

Everything is parallel over blocks whose borders depend on the shape alone; each output element belongs to one thread.
"""

from cython cimport floating
from cython.parallel cimport prange, threadid

from cuarzo.kernels.cython.patches cimport Geometry, add_patches, copy_patches, first_output, stop_output
from cuarzo.kernels.cython.product cimport add_product

import numpy as np

from cuarzo.kernels import _border
from cuarzo.kernels.threads import get_num_threads

cdef enum:
    COLUMNS = 512  # windows in a block
    DEPTH = 64  # taps in a block
    PARTS = 8  # partial sums of a weight gradient


cdef Geometry _geometry(weights, stride, padding, dilation):
    _, _, R, S = np.shape(weights)
    return Geometry(R, S, stride[0], stride[1], dilation[0], dilation[1], padding[0][0], padding[1][0])


def conv2d_forward(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv2d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward(x, w, b, stride, padding, dilation, groups, y)


def _forward(
    const floating[:, :, :, ::1] x,  # IN (N, C, H, W)
    const floating[:, :, :, ::1] w,  # IN (F, C/G, R, S)
    const floating[::1] b,  # IN (F,) or None
    stride, padding, dilation, Py_ssize_t groups,
    floating[:, :, :, ::1] y,  # OUT (N, F, P, Q)
):
    cdef Geometry at = _geometry(w, stride, padding, dilation)
    cdef Py_ssize_t F = w.shape[0], K = w.shape[1] * at.R * at.S, P = y.shape[2], Q = y.shape[3]
    cdef Py_ssize_t rows = max(1, COLUMNS // max(1, Q)), blocks = (P + rows - 1) // rows
    cdef Py_ssize_t tasks = x.shape[0] * groups * blocks, task
    cdef int threads = min(get_num_threads(), max(1, tasks))
    dtype = np.float32 if floating is float else np.float64
    cdef const floating[:, ::1] matrix = np.reshape(w, (F, K))
    cdef floating[:, :, ::1] patches = np.empty((threads, min(DEPTH, K), rows * Q), dtype)
    cdef floating[:, :, ::1] sums = np.empty((threads, F // groups, rows * Q), dtype)
    for task in prange(tasks, nogil=True, schedule="dynamic", num_threads=threads):
        _forward_block(
            task // blocks // groups, task // blocks % groups, task % blocks * rows, min(P, (task % blocks + 1) * rows),
            x, matrix, b, at, groups, patches[threadid()], sums[threadid()], y,
        )


cdef void _forward_block(
    Py_ssize_t n, Py_ssize_t g, Py_ssize_t p0, Py_ssize_t p1,  # the block: image, group, rows of windows
    const floating[:, :, :, ::1] x,
    const floating[:, ::1] matrix,  # IN (F, K): w with (c, r, s) in one index
    const floating[::1] b,
    Geometry at, Py_ssize_t groups,
    floating[:, ::1] patches,  # scratch (DEPTH, windows)
    floating[:, ::1] total,  # scratch (F/G, windows)
    floating[:, :, :, ::1] y,
) noexcept nogil:
    cdef Py_ssize_t FG = matrix.shape[0] // groups, K = matrix.shape[1], Q = y.shape[3]
    cdef Py_ssize_t f, p, q, block, k, depth, windows = (p1 - p0) * Q
    for f in range(FG):
        total[f, :windows] = b[g * FG + f] if b is not None else 0
    for block in range((K + DEPTH - 1) // DEPTH):
        k = block * DEPTH
        depth = min(DEPTH, K - k)
        copy_patches[floating](x, n, g * K + k, depth, at, p0, p1, Q, patches)
        add_product[floating](matrix[g * FG : g * FG + FG, k : k + depth], patches, total, windows)
    for f in range(FG):
        for p in range(p0, p1):
            for q in range(Q):
                y[n, g * FG + f, p, q] = total[f, (p - p0) * Q + q]


def conv2d_forward_direct(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv2d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward_direct(x, w, b, stride, padding, dilation, groups, y)


def _forward_direct(
    const floating[:, :, :, ::1] x,  # IN (N, C, H, W)
    const floating[:, :, :, ::1] w,  # IN (F, C/G, R, S)
    const floating[::1] b,  # IN (F,) or None
    stride, padding, dilation, Py_ssize_t groups,
    floating[:, :, :, ::1] y,  # OUT (N, F, P, Q)
):
    cdef Geometry at = _geometry(w, stride, padding, dilation)
    cdef Py_ssize_t F = w.shape[0], plane
    cdef Py_ssize_t planes = x.shape[0] * F
    cdef int threads = min(get_num_threads(), max(1, planes))
    for plane in prange(planes, nogil=True, schedule="dynamic", num_threads=threads):
        _direct_plane(plane // F, plane % F, x, w, b, at, F // groups, y)


cdef void _direct_plane(
    Py_ssize_t n, Py_ssize_t f,
    const floating[:, :, :, ::1] x,
    const floating[:, :, :, ::1] w,
    const floating[::1] b,
    Geometry at, Py_ssize_t filters_per_group,
    floating[:, :, :, ::1] y,
) noexcept nogil:
    cdef Py_ssize_t CG = w.shape[1], H = x.shape[2], W = x.shape[3], Q = y.shape[3]
    cdef Py_ssize_t first = f // filters_per_group * CG  # the first channel of the filter's group
    cdef Py_ssize_t p, q, c, r, s, h, shift, q0, q1
    cdef floating weight
    for p in range(y.shape[2]):
        y[n, f, p, :] = b[f] if b is not None else 0
        for r in range(at.R):
            h = p * at.su + r * at.du - at.top
            if h < 0 or h >= H:
                continue
            for s in range(at.S):
                shift = s * at.dv - at.left
                q0, q1 = first_output(shift, at.sv, Q), stop_output(shift, W, at.sv, Q)
                for c in range(CG):
                    weight = w[f, c, r, s]
                    if at.sv == 1:  # consecutive memory, hence vector instructions
                        for q in range(q0, q1):
                            y[n, f, p, q] += weight * x[n, first + c, h, q + shift]
                    else:
                        for q in range(q0, q1):
                            y[n, f, p, q] += weight * x[n, first + c, h, q * at.sv + shift]


def conv2d_backward_input(dy, w, stride, padding, dilation, groups, dx):
    _border.check("conv2d_backward_input", dy, w, stride, padding, dilation, groups, dx)
    _backward_input(dy, w, stride, padding, dilation, groups, dx)


def _backward_input(
    const floating[:, :, :, ::1] dy,  # IN (N, F, P, Q)
    const floating[:, :, :, ::1] w,  # IN (F, C/G, R, S)
    stride, padding, dilation, Py_ssize_t groups,
    floating[:, :, :, ::1] dx,  # OUT (N, C, H, W)
):
    cdef Geometry at = _geometry(w, stride, padding, dilation)
    cdef Py_ssize_t F = w.shape[0], CG = w.shape[1], RS = at.R * at.S, Q = dy.shape[3]
    cdef Py_ssize_t rows = max(1, COLUMNS // max(1, Q))
    # A task owns some channels of one image: all that its patches overlap in.
    cdef Py_ssize_t step = max(1, min(CG, DEPTH // RS)), steps = (CG + step - 1) // step
    cdef Py_ssize_t tasks = dx.shape[0] * groups * steps, task
    cdef int threads = min(get_num_threads(), max(1, tasks))
    dtype = np.float32 if floating is float else np.float64
    cdef const floating[::1, :] taps = np.reshape(w, (F, CG * RS)).T
    cdef floating[:, :, ::1] patches = np.empty((threads, step * RS, rows * Q), dtype)
    cdef floating[:, :, ::1] windows = np.empty((threads, F // groups, rows * Q), dtype)
    for task in prange(tasks, nogil=True, schedule="dynamic", num_threads=threads):
        _backward_input_channels(
            task // steps // groups, task // steps % groups, task % steps * step, min(CG, (task % steps + 1) * step),
            rows, dy, taps, at, groups, patches[threadid()], windows[threadid()], dx,
        )


cdef void _backward_input_channels(
    Py_ssize_t n, Py_ssize_t g, Py_ssize_t c0, Py_ssize_t c1,  # the task: image, group, channels of the group
    Py_ssize_t rows,  # of windows at a time
    const floating[:, :, :, ::1] dy,
    const floating[::1, :] taps,  # IN (K, F): w transposed
    Geometry at, Py_ssize_t groups,
    floating[:, ::1] patches,  # scratch ((c1 - c0) R S, windows)
    floating[:, ::1] windows,  # scratch (F/G, windows)
    floating[:, :, :, ::1] dx,
) noexcept nogil:
    cdef Py_ssize_t FG = taps.shape[1] // groups, CG = dx.shape[1] // groups, RS = at.R * at.S
    cdef Py_ssize_t P = dy.shape[2], Q = dy.shape[3], k0 = c0 * RS, k1 = c1 * RS
    cdef Py_ssize_t block, p0, p1, p, q, f
    dx[n, g * CG + c0 : g * CG + c1, :, :] = 0
    for block in range((P + rows - 1) // rows):
        p0, p1 = block * rows, min(P, (block + 1) * rows)
        for f in range(FG):
            for p in range(p0, p1):
                for q in range(Q):
                    windows[f, (p - p0) * Q + q] = dy[n, g * FG + f, p, q]
        patches[: k1 - k0, :] = 0
        add_product[floating](taps[k0:k1, g * FG : g * FG + FG], windows, patches, (p1 - p0) * Q)
        add_patches[floating](patches, k1 - k0, n, (g * CG + c0) * RS, at, p0, p1, Q, dx)


def conv2d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db):
    _border.check("conv2d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)
    _backward_weight(x, dy, stride, padding, dilation, groups, dw, db)


def _backward_weight(
    const floating[:, :, :, ::1] x,  # IN (N, C, H, W)
    const floating[:, :, :, ::1] dy,  # IN (N, F, P, Q)
    stride, padding, dilation, Py_ssize_t groups,
    floating[:, :, :, ::1] dw,  # OUT (F, C/G, R, S)
    floating[::1] db,  # OUT (F,) or None
):
    cdef Geometry at = _geometry(dw, stride, padding, dilation)
    cdef Py_ssize_t N = x.shape[0], F = dw.shape[0], K = dw.shape[1] * at.R * at.S, P = dy.shape[2], Q = dy.shape[3]
    cdef Py_ssize_t rows = max(1, DEPTH // max(1, Q)), steps = (K + COLUMNS - 1) // COLUMNS, width = min(K, COLUMNS)
    cdef Py_ssize_t tasks = PARTS * groups * steps, task, f
    cdef int threads = min(get_num_threads(), max(1, tasks))
    dtype = np.float32 if floating is float else np.float64
    cdef const floating[:, :, ::1] windows = np.reshape(dy, (N, F, P * Q))
    cdef floating[:, ::1] matrix = np.reshape(dw, (F, K))
    # The batch is cut into a fixed number of parts, each with a sum of its own: parallel, and no race.
    cdef floating[:, :, ::1] sums = np.zeros((tasks, F // groups, width), dtype)
    cdef floating[:, :, ::1] patches = np.empty((threads, rows * Q, width), dtype)
    cdef floating[:, :, :] by_tap = np.swapaxes(patches, 1, 2)  # the same memory, read across
    for task in prange(tasks, nogil=True, schedule="dynamic", num_threads=threads):
        _backward_weight_part(
            task // steps // groups, task // steps % groups, task % steps * COLUMNS, K, rows, P, Q,
            x, windows, at, patches[threadid()], by_tap[threadid()], sums[task],
        )
    for f in prange(F, nogil=True, schedule="static", num_threads=threads):
        _join_parts(f, F // groups, groups, sums, matrix)
    if db is not None:
        for f in prange(F, nogil=True, schedule="static", num_threads=threads):
            db[f] = _sum_pixels(f, windows)


cdef void _backward_weight_part(
    Py_ssize_t part, Py_ssize_t g, Py_ssize_t k0,  # the task: part of the batch, group, first of up to COLUMNS taps
    Py_ssize_t K, Py_ssize_t rows, Py_ssize_t P, Py_ssize_t Q,
    const floating[:, :, :, ::1] x,
    const floating[:, :, ::1] windows,  # IN (N, F, P Q): dy
    Geometry at,
    floating[:, ::1] patches,  # scratch (windows, taps)
    floating[:, :] by_tap,  # the same (taps, windows)
    floating[:, ::1] total,  # INOUT (F/G, taps)
) noexcept nogil:
    cdef Py_ssize_t N = x.shape[0], FG = total.shape[0], taps = min(COLUMNS, K - k0)
    cdef Py_ssize_t n, block, p0, p1
    for n in range(N * part // PARTS, N * (part + 1) // PARTS):
        for block in range((P + rows - 1) // rows):
            p0, p1 = block * rows, min(P, (block + 1) * rows)
            copy_patches[floating](x, n, g * K + k0, taps, at, p0, p1, Q, by_tap)
            add_product[floating](windows[n, g * FG : g * FG + FG, p0 * Q : p1 * Q], patches, total, taps)


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
    const floating[:, :, ::1] dy,  # IN (N, F, P Q)
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
