"""Convolution, compiled. See naive/conv.py for the definition.

Two rungs:
- direct (conv2d_forward_direct): the definition's loops in another order. The row of outputs is innermost, so that one
  tap adds a scaled, shifted row of the image to it: vector instructions. Rows of networks are short, which costs half.
- im2col (the default): the patches that the windows see are copied side by side into a matrix, some 512 windows at a
  time so that it stays in the cache, and the sum over (c, r, s) becomes the matrix product of matmul.py:

      k = (c, r, s)    patches[k, j] = what tap k of window j reads, 0 in the padding
      y  = w patches        dw = dy patches'        d patches = w' dy, each entry added to the pixel it came from

Everything is parallel over blocks whose borders depend on the shape alone; each output element belongs to one thread.
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from cuarzo.kernels import _border
from cuarzo.kernels.numba._compile import parallel, serial
from cuarzo.kernels.numba.matmul import _add_product, _add_row

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

_COLUMNS = 512  # windows in a block
_DEPTH = 64  # taps in a block
_PARTS = 8  # partial sums of a weight gradient


def conv2d_forward(
    x: NDArray, w: NDArray, b: NDArray | None, stride: Pair, padding: Padding, dilation: Pair, groups: int, y: NDArray
) -> None:
    _call_forward(_forward, x, w, b, stride, padding, dilation, groups, y)


def conv2d_forward_direct(
    x: NDArray, w: NDArray, b: NDArray | None, stride: Pair, padding: Padding, dilation: Pair, groups: int, y: NDArray
) -> None:
    _call_forward(_forward_direct, x, w, b, stride, padding, dilation, groups, y)


def conv2d_backward_input(
    dy: NDArray, w: NDArray, stride: Pair, padding: Padding, dilation: Pair, groups: int, dx: NDArray
) -> None:
    _border.check("conv2d_backward_input", dy, w, stride, padding, dilation, groups, dx)
    _backward_input(dy, w, *stride, padding[0][0], padding[1][0], *dilation, groups, dx)


def conv2d_backward_weight(
    x: NDArray,
    dy: NDArray,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    dw: NDArray,
    db: NDArray | None,
) -> None:
    _border.check("conv2d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)
    _backward_weight(x, dy, *stride, padding[0][0], padding[1][0], *dilation, groups, dw)
    if db is not None:
        _backward_bias(dy, db)


def _call_forward(loops, x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv2d_forward", x, w, b, stride, padding, dilation, groups, y)
    b = np.zeros(w.shape[0], w.dtype) if b is None else b  # for None the loops would be compiled once more
    loops(x, w, b, *stride, padding[0][0], padding[1][0], *dilation, groups, y)


@parallel
def _forward_direct(x, w, b, su, sv, top, left, du, dv, groups, y):
    # x  IN  (N, C, H, W)
    # w  IN  (F, C/G, R, S)
    # b  IN  (F,)
    # y  OUT (N, F, P, Q)
    (N, F, P, Q), (_, CG, R, S) = y.shape, w.shape
    H, W = x.shape[2:]
    for plane in prange(N * F):
        n, f = plane // F, plane % F
        first = f // (F // groups) * CG  # the first channel of the filter's group
        for p in range(P):
            row = y[n, f, p]
            row[:] = b[f]
            for r in range(R):
                h = p * su + r * du - top
                if 0 <= h < H:
                    for s in range(S):
                        q0, q1 = _reach(s * dv - left, W, sv, Q)
                        for c in range(CG):
                            pixels = x[n, first + c, h][q0 * sv + s * dv - left :]
                            _add_every(sv, w[f, c, r, s], pixels, row[q0:q1])


@parallel
def _forward(x, w, b, su, sv, top, left, du, dv, groups, y):
    # x  IN  (N, C, H, W)
    # w  IN  (F, C/G, R, S)
    # b  IN  (F,)
    # y  OUT (N, F, P, Q)
    (N, F, P, Q), (_, CG, R, S) = y.shape, w.shape
    FG, K = F // groups, CG * R * S
    matrix = w.reshape(F, K)
    rows, blocks = _blocks(P, Q)
    for task in prange(N * groups * blocks):
        n, g, p0 = task // blocks // groups, task // blocks % groups, task % blocks * rows
        p1 = min(p0 + rows, P)
        total = np.empty((FG, (p1 - p0) * Q), y.dtype)
        for f in range(FG):
            total[f] = b[g * FG + f]
        for k in range(0, K, _DEPTH):
            depth = min(_DEPTH, K - k)
            patches = np.empty((depth, (p1 - p0) * Q), x.dtype)
            _copy_patches(x[n], g * K + k, R, S, su, sv, top, left, du, dv, p0, p1, Q, patches)
            _add_product(matrix[g * FG : g * FG + FG, k : k + depth], patches, total)
        for f in range(FG):
            y[n, g * FG + f, p0:p1] = total[f].reshape(p1 - p0, Q)


@parallel
def _backward_input(dy, w, su, sv, top, left, du, dv, groups, dx):
    # dy  IN  (N, F, P, Q)
    # w   IN  (F, C/G, R, S)
    # dx  OUT (N, C, H, W)
    (N, F, P, Q), (_, CG, R, S) = dy.shape, w.shape
    FG = F // groups
    matrix = w.reshape(F, CG * R * S)
    rows, _ = _blocks(P, Q)
    # A task owns some channels of one image: all that its patches overlap in.
    step = max(1, min(CG, _DEPTH // (R * S)))
    steps = (CG + step - 1) // step
    for task in prange(N * groups * steps):
        n, g, c0 = task // steps // groups, task // steps % groups, task % steps * step
        c1 = min(c0 + step, CG)
        dx[n, g * CG + c0 : g * CG + c1] = 0
        taps = matrix[g * FG : g * FG + FG, c0 * R * S : c1 * R * S].T
        for p0 in range(0, P, rows):
            p1 = min(p0 + rows, P)
            windows = np.empty((FG, (p1 - p0) * Q), dy.dtype)
            for f in range(FG):
                windows[f] = dy[n, g * FG + f, p0:p1].reshape((p1 - p0) * Q)
            patches = np.zeros((taps.shape[0], windows.shape[1]), dy.dtype)
            _add_product(taps, windows, patches)
            _add_patches(patches, (g * CG + c0) * R * S, R, S, su, sv, top, left, du, dv, p0, p1, Q, dx[n])


@parallel
def _backward_weight(x, dy, su, sv, top, left, du, dv, groups, dw):
    # x   IN  (N, C, H, W)
    # dy  IN  (N, F, P, Q)
    # dw  OUT (F, C/G, R, S)
    (N, F, P, Q), (_, CG, R, S) = dy.shape, dw.shape
    FG, K = F // groups, CG * R * S
    rows = max(1, _DEPTH // max(1, Q))
    steps = (K + _COLUMNS - 1) // _COLUMNS
    # The batch is cut into a fixed number of parts, each with a sum of its own: parallel, and no race.
    sums = np.zeros((_PARTS, F, K), dw.dtype)
    for task in prange(_PARTS * groups * steps):
        part, g, k0 = task // steps // groups, task // steps % groups, task % steps * _COLUMNS
        k1 = min(k0 + _COLUMNS, K)
        total = np.zeros((FG, k1 - k0), dw.dtype)
        for n in range(N * part // _PARTS, N * (part + 1) // _PARTS):
            windows = dy[n].reshape(F, P * Q)[g * FG : g * FG + FG]
            for p0 in range(0, P, rows):
                p1 = min(p0 + rows, P)
                patches = np.empty(((p1 - p0) * Q, k1 - k0), x.dtype)
                _copy_patches(x[n], g * K + k0, R, S, su, sv, top, left, du, dv, p0, p1, Q, patches.T)
                _add_product(windows[:, p0 * Q : p1 * Q], patches, total)
        sums[part, g * FG : g * FG + FG, k0:k1] = total
    for f in prange(F):
        row = dw[f].reshape(K)
        row[:] = 0
        for part in range(_PARTS):  # always in this order
            _add_row(dw.dtype.type(1), sums[part, f], row)


@parallel
def _backward_bias(dy, db):
    # dy  IN  (N, F, P, Q)
    # db  OUT (F,)
    N, F, P, Q = dy.shape
    for f in prange(F):
        image = np.zeros(P * Q, dy.dtype)  # the batch summed pixel by pixel, in vectors, and only then the pixels
        for n in range(N):
            _add_row(dy.dtype.type(1), dy[n, f].reshape(P * Q), image)
        total = dy.dtype.type(0)
        for pixel in image:
            total += pixel
        db[f] = total


@serial
def _copy_patches(x, first, R, S, su, sv, top, left, du, dv, p0, p1, Q, patches):
    """patches[k, j]: what tap first + k of window j = (p, q), with p0 <= p < p1, reads in image x (C, H, W)."""
    H, W = x.shape[1:]
    for k in range(patches.shape[0]):
        c, r, s = (first + k) // (R * S), (first + k) // S % R, (first + k) % S
        shift = s * dv - left
        q0, q1 = _reach(shift, W, sv, Q)
        for p in range(p0, p1):
            h = p * su + r * du - top
            row = patches[k][(p - p0) * Q : (p - p0 + 1) * Q]
            if h < 0 or h >= H:
                row[:] = 0
                continue
            row[:q0] = 0
            _copy_every(sv, x[c, h][q0 * sv + shift :], row[q0:q1])
            row[q1:] = 0


@serial
def _add_patches(patches, first, R, S, su, sv, top, left, du, dv, p0, p1, Q, dx):
    """The way back: each entry is added to the pixel of dx (C, H, W) that it was copied from."""
    H, W = dx.shape[1:]
    for k in range(patches.shape[0]):
        c, r, s = (first + k) // (R * S), (first + k) // S % R, (first + k) % S
        shift = s * dv - left
        q0, q1 = _reach(shift, W, sv, Q)
        for p in range(p0, p1):
            h = p * su + r * du - top
            if 0 <= h < H:
                row = patches[k][(p - p0) * Q : (p - p0 + 1) * Q]
                _add_to_every(sv, row[q0:q1], dx[c, h][q0 * sv + shift :])


@serial
def _reach(shift, size, stride, outputs):
    """The outputs q0 <= q < q1 for which q * stride + shift lies inside an axis of `size`."""
    q0 = 0 if shift >= 0 else (stride - 1 - shift) // stride
    q1 = 0 if shift >= size else (size - shift + stride - 1) // stride
    q1 = min(q1, outputs)
    return min(q0, q1), q1


@serial
def _blocks(P, Q):
    """Rows of windows in a block of about _COLUMNS, and the number of such blocks."""
    rows = max(1, _COLUMNS // max(1, Q))
    return rows, (P + rows - 1) // rows


# A stride known to be 1 means consecutive memory, hence vector instructions: it gets a loop of its own.


@serial
def _copy_every(stride, pixels, row):
    if stride == 1:
        for q in range(row.size):
            row[q] = pixels[q]
    else:
        for q in range(row.size):
            row[q] = pixels[q * stride]


@serial
def _add_every(stride, factor, pixels, row):
    if stride == 1:
        for q in range(row.size):
            row[q] += factor * pixels[q]
    else:
        for q in range(row.size):
            row[q] += factor * pixels[q * stride]


@serial
def _add_to_every(stride, row, pixels):
    if stride == 1:
        for q in range(row.size):
            pixels[q] += row[q]
    else:
        for q in range(row.size):
            pixels[q * stride] += row[q]
