"""Convolution, compiled. See naive/conv.py and naive/conv3d.py for the definition.

Two rungs:
- direct (conv2d_forward_direct): the definition's loops in another order. The row of outputs is innermost, so that one
  tap adds a scaled, shifted row of the image to it: vector instructions. Rows of networks are short, which costs half.
- im2col (the default): the patches that the windows see are copied side by side into a matrix, some 512 windows at a
  time so that it stays in the cache, and the sum over (c, e, r, s) becomes the matrix product of matmul.py:

      k = (c, e, r, s)    patches[k, j] = what tap k of window j = (o, p, q) reads, 0 in the padding
      y  = w patches        dw = dy patches'        d patches = w' dy, each entry added to the element it came from

The loops are those of volumes; signals and images are volumes of one row or one slice (_axes.py).
Everything is parallel over blocks whose borders depend on the shape alone; each output element belongs to one thread.
"""

import numpy as np
from numba import prange

from cuarzo.kernels import _border
from cuarzo.kernels._axes import triple, volume, window_taps
from cuarzo.kernels.numba._compile import parallel
from cuarzo.kernels.numba._patches import add_every, add_patches, copy_patches, inside, span
from cuarzo.kernels.numba.matmul import _add_product, _add_row

_COLUMNS = 512  # windows in a block
_DEPTH = 64  # taps in a block
_PARTS = 8  # partial sums of a weight gradient


def conv1d_forward(x, w, b, stride, padding, dilation, groups, y):
    _call_forward("conv1d_forward", _forward, x, w, b, stride, padding, dilation, groups, y)


def conv2d_forward(x, w, b, stride, padding, dilation, groups, y):
    _call_forward("conv2d_forward", _forward, x, w, b, stride, padding, dilation, groups, y)


def conv3d_forward(x, w, b, stride, padding, dilation, groups, y):
    _call_forward("conv3d_forward", _forward, x, w, b, stride, padding, dilation, groups, y)


def conv1d_forward_direct(x, w, b, stride, padding, dilation, groups, y):
    _call_forward("conv1d_forward", _forward_direct, x, w, b, stride, padding, dilation, groups, y)


def conv2d_forward_direct(x, w, b, stride, padding, dilation, groups, y):
    _call_forward("conv2d_forward", _forward_direct, x, w, b, stride, padding, dilation, groups, y)


def conv3d_forward_direct(x, w, b, stride, padding, dilation, groups, y):
    _call_forward("conv3d_forward", _forward_direct, x, w, b, stride, padding, dilation, groups, y)


def _call_forward(kernel, loops, x, w, b, stride, padding, dilation, groups, y):
    _border.check(kernel, x, w, b, stride, padding, dilation, groups, y)
    b = np.zeros(w.shape[0], w.dtype) if b is None else b  # for None the loops would be compiled once more
    loops(volume(x), volume(w), b, *_windows(w.shape[2:], stride, padding, dilation), groups, volume(y))


def _windows(window, stride, padding, dilation):
    """Window (o, p, q) reads at (o, p, q) * steps + taps[t]. Arrays both: tuples cannot enter a parallel loop."""
    return window_taps(window, padding, dilation), np.array(triple(stride, 1), np.int64)


@parallel
def _forward_direct(x, w, b, taps, steps, groups, y):
    # x  IN  (N, C, D, H, W)
    # w  IN  (F, C/G, E, R, S)
    # b  IN  (F,)
    # y  OUT (N, F, O, P, Q)
    (N, F, O, P, Q), CG = y.shape, w.shape[1]
    D, H, W = x.shape[2:]
    st, su, sv = steps[0], steps[1], steps[2]
    V = w.reshape(F, CG, len(taps))
    for plane in prange(N * F):
        n, f = plane // F, plane % F
        first = f // (F // groups) * CG  # the first channel of the filter's group
        for o in range(O):
            for p in range(P):
                row = y[n, f, o, p]
                row[:] = b[f]
                for t in range(len(taps)):
                    d, h, shift = o * st + taps[t, 0], p * su + taps[t, 1], taps[t, 2]
                    if 0 <= d < D and 0 <= h < H:
                        q0, q1 = inside(shift, W, sv, Q)
                        for c in range(CG):
                            source = x[n, first + c, d, h][q0 * sv + shift :]
                            add_every(sv, V[f, c, t], source, row[q0:q1])


@parallel
def _forward(x, w, b, taps, steps, groups, y):
    # x  IN  (N, C, D, H, W)
    # w  IN  (F, C/G, E, R, S)
    # b  IN  (F,)
    # y  OUT (N, F, O, P, Q)
    N, F, O, P, Q = y.shape
    FG, K, L = F // groups, w.shape[1] * len(taps), O * P * Q
    matrix, out = w.reshape(F, K), y.reshape(N, F, L)
    width = span(_COLUMNS, Q)
    blocks = (L + width - 1) // width
    for task in prange(N * groups * blocks):
        n, g, j0 = task // blocks // groups, task // blocks % groups, task % blocks * width
        j1 = min(j0 + width, L)
        total = np.empty((FG, j1 - j0), y.dtype)
        for f in range(FG):
            total[f] = b[g * FG + f]
        for k in range(0, K, _DEPTH):
            depth = min(_DEPTH, K - k)
            patches = np.empty((depth, j1 - j0), x.dtype)
            copy_patches(x[n], g * K + k, taps, steps, j0, j1, P, Q, patches)
            _add_product(matrix[g * FG : g * FG + FG, k : k + depth], patches, total)
        for f in range(FG):
            out[n, g * FG + f, j0:j1] = total[f]


def conv1d_backward_input(dy, w, stride, padding, dilation, groups, dx):
    _call_backward_input("conv1d_backward_input", dy, w, stride, padding, dilation, groups, dx)


def conv2d_backward_input(dy, w, stride, padding, dilation, groups, dx):
    _call_backward_input("conv2d_backward_input", dy, w, stride, padding, dilation, groups, dx)


def conv3d_backward_input(dy, w, stride, padding, dilation, groups, dx):
    _call_backward_input("conv3d_backward_input", dy, w, stride, padding, dilation, groups, dx)


def _call_backward_input(kernel, dy, w, stride, padding, dilation, groups, dx):
    _border.check(kernel, dy, w, stride, padding, dilation, groups, dx)
    _backward_input(volume(dy), volume(w), *_windows(w.shape[2:], stride, padding, dilation), groups, volume(dx))


@parallel
def _backward_input(dy, w, taps, steps, groups, dx):
    # dy  IN  (N, F, O, P, Q)
    # w   IN  (F, C/G, E, R, S)
    # dx  OUT (N, C, D, H, W)
    (N, F, O, P, Q), CG, T = dy.shape, w.shape[1], len(taps)
    FG, L = F // groups, O * P * Q
    matrix, source = w.reshape(F, CG * T), dy.reshape(N, F, L)
    width = span(_COLUMNS, Q)
    # A task owns some channels of one volume: all that its patches overlap in.
    step = max(1, min(CG, _DEPTH // T))
    parts = (CG + step - 1) // step
    for task in prange(N * groups * parts):
        n, g, c0 = task // parts // groups, task // parts % groups, task % parts * step
        c1 = min(c0 + step, CG)
        dx[n, g * CG + c0 : g * CG + c1] = 0
        weights = matrix[g * FG : g * FG + FG, c0 * T : c1 * T].T
        for j0 in range(0, L, width):
            j1 = min(j0 + width, L)
            windows = np.empty((FG, j1 - j0), dy.dtype)
            for f in range(FG):
                windows[f] = source[n, g * FG + f, j0:j1]
            patches = np.zeros((weights.shape[0], j1 - j0), dy.dtype)
            _add_product(weights, windows, patches)
            add_patches(patches, (g * CG + c0) * T, taps, steps, j0, j1, P, Q, dx[n])


def conv1d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db):
    _call_backward_weight("conv1d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)


def conv2d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db):
    _call_backward_weight("conv2d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)


def conv3d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db):
    _call_backward_weight("conv3d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)


def _call_backward_weight(kernel, x, dy, stride, padding, dilation, groups, dw, db):
    _border.check(kernel, x, dy, stride, padding, dilation, groups, dw, db)
    _backward_weight(volume(x), volume(dy), *_windows(dw.shape[2:], stride, padding, dilation), groups, volume(dw))
    if db is not None:
        _backward_bias(volume(dy), db)


@parallel
def _backward_weight(x, dy, taps, steps, groups, dw):
    # x   IN  (N, C, D, H, W)
    # dy  IN  (N, F, O, P, Q)
    # dw  OUT (F, C/G, E, R, S)
    N, F, O, P, Q = dy.shape
    FG, K, L = F // groups, dw.shape[1] * len(taps), O * P * Q
    source = dy.reshape(N, F, L)
    depth = span(_DEPTH, Q)
    steps_k = (K + _COLUMNS - 1) // _COLUMNS
    # The batch is cut into a fixed number of parts, each with a sum of its own: parallel, and no race.
    sums = np.zeros((_PARTS, F, K), dw.dtype)
    for task in prange(_PARTS * groups * steps_k):
        part, g, k0 = task // steps_k // groups, task // steps_k % groups, task % steps_k * _COLUMNS
        k1 = min(k0 + _COLUMNS, K)
        total = np.zeros((FG, k1 - k0), dw.dtype)
        for n in range(N * part // _PARTS, N * (part + 1) // _PARTS):
            windows = source[n, g * FG : g * FG + FG]
            for j0 in range(0, L, depth):
                j1 = min(j0 + depth, L)
                patches = np.empty((j1 - j0, k1 - k0), x.dtype)
                copy_patches(x[n], g * K + k0, taps, steps, j0, j1, P, Q, patches.T)
                _add_product(windows[:, j0:j1], patches, total)
        sums[part, g * FG : g * FG + FG, k0:k1] = total
    for f in prange(F):
        row = dw[f].reshape(K)
        row[:] = 0
        for part in range(_PARTS):  # always in this order
            _add_row(dw.dtype.type(1), sums[part, f], row)


@parallel
def _backward_bias(dy, db):
    # dy  IN  (N, F, O, P, Q)
    # db  OUT (F,)
    N, F, O, P, Q = dy.shape
    for f in prange(F):
        image = np.zeros(O * P * Q, dy.dtype)  # the batch summed pixel by pixel, in vectors, and only then the pixels
        for n in range(N):
            _add_row(dy.dtype.type(1), dy[n, f].reshape(O * P * Q), image)
        total = dy.dtype.type(0)
        for pixel in image:
            total += pixel
        db[f] = total
