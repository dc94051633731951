"""Convolution of volumes: conv.py with one axis more, for films, and for scans in slices.

    y[n, f, o, p, q] = b[f] + sum_{c, e, r, s} w[f, c, e, r, s] x[n, g C/G + c, d, h, k]

    with  d = o st + e dt - front,  h = p su + r du - top,  k = q sv + s dv - left,  and x = 0 outside the volume

for stride (st, su, sv), dilation (dt, du, dv), padding ((front, back), (top, bottom), (left, right)) and G groups:
filter f sees the C/G channels of its group g = f // (F/G) alone. The gradients of a loss L, given dy = dL/dy, are

    dx[n, c, d, h, k]  = sum of w[f, c, e, r, s] dy[n, f, o, p, q]   over all that read x[n, c, d, h, k]
    dw[f, c, e, r, s]  = sum_{n, o, p, q} x[n, g C/G + c, d, h, k] dy[n, f, o, p, q]
    db[f]              = sum_{n, o, p, q} dy[n, f, o, p, q]

Taps beyond the volume read zeros, at either end, and add nothing, as conv.py has it.

Source: Tran et al. 2015, "Learning spatiotemporal features with 3D convolutional networks".
"""

import numpy as np
from numpy.typing import NDArray

from .conv import Padding, Sizes, _ranges


def conv3d_forward(
    x: NDArray, w: NDArray, b: NDArray | None, stride: Sizes, padding: Padding, dilation: Sizes, groups: int, y: NDArray
) -> None:
    # x  IN  (N, C, D, H, W)
    # w  IN  (F, C/G, E, R, S)
    # b  IN  (F,) or None
    # y  OUT (N, F, O, P, Q)
    (_, _, D, H, W), (F, CG, E, R, S) = x.shape, w.shape
    (st, su, sv), (dt, du, dv), ((front, _), (top, _), (left, _)) = stride, dilation, padding
    X, V = memoryview(x), memoryview(w)
    for n, f, o, p, q in _ranges(*y.shape):
        first = f // (F // groups) * CG  # the first channel of the filter's group
        total = 0.0 if b is None else float(b[f])
        for c, e, r, s in _ranges(CG, E, R, S):
            d, h, k = o * st + e * dt - front, p * su + r * du - top, q * sv + s * dv - left
            if 0 <= d < D and 0 <= h < H and 0 <= k < W:
                total += V[f, c, e, r, s] * X[n, first + c, d, h, k]
        y[n, f, o, p, q] = total


def conv3d_backward_input(
    dy: NDArray, w: NDArray, stride: Sizes, padding: Padding, dilation: Sizes, groups: int, dx: NDArray
) -> None:
    # dy  IN  (N, F, O, P, Q)
    # w   IN  (F, C/G, E, R, S)
    # dx  OUT (N, C, D, H, W)
    (F, CG, E, R, S), (_, _, D, H, W) = w.shape, dx.shape
    (st, su, sv), (dt, du, dv), ((front, _), (top, _), (left, _)) = stride, dilation, padding
    DY, V = memoryview(dy), memoryview(w)
    total = np.zeros(dx.shape, np.float64)
    for n, f, o, p, q in _ranges(*dy.shape):
        first = f // (F // groups) * CG
        for c, e, r, s in _ranges(CG, E, R, S):
            d, h, k = o * st + e * dt - front, p * su + r * du - top, q * sv + s * dv - left
            if 0 <= d < D and 0 <= h < H and 0 <= k < W:  # what forward read, backward credits
                total[n, first + c, d, h, k] += V[f, c, e, r, s] * DY[n, f, o, p, q]
    dx[...] = total


def conv3d_backward_weight(
    x: NDArray,
    dy: NDArray,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
    dw: NDArray,
    db: NDArray | None,
) -> None:
    # x   IN  (N, C, D, H, W)
    # dy  IN  (N, F, O, P, Q)
    # dw  OUT (F, C/G, E, R, S): the sum over the batch, not its mean
    # db  OUT (F,) or None
    (N, _, D, H, W), (_, F, O, P, Q), CG = x.shape, dy.shape, dw.shape[1]
    (st, su, sv), (dt, du, dv), ((front, _), (top, _), (left, _)) = stride, dilation, padding
    X, DY = memoryview(x), memoryview(dy)
    for f, c, e, r, s in _ranges(*dw.shape):
        first = f // (F // groups) * CG
        total = 0.0
        for n, o, p, q in _ranges(N, O, P, Q):
            d, h, k = o * st + e * dt - front, p * su + r * du - top, q * sv + s * dv - left
            if 0 <= d < D and 0 <= h < H and 0 <= k < W:
                total += X[n, first + c, d, h, k] * DY[n, f, o, p, q]
        dw[f, c, e, r, s] = total
    if db is not None:
        for f in range(F):
            db[f] = sum(DY[n, f, o, p, q] for n, o, p, q in _ranges(N, O, P, Q))
