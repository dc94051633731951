"""Convolution as networks use it: the window slides over the image and is not flipped. Of volumes: conv3d.py.

    y[n, f, p, q] = b[f] + sum_{c, r, s} w[f, c, r, s] x[n, g C/G + c, h, k]

    with  h = p su + r du - top,  k = q sv + s dv - left,  and x = 0 outside the image

for stride (su, sv), dilation (du, dv), padding ((top, bottom), (left, right)) and G groups: filter f sees the C/G
channels of its group g = f // (F/G) alone (G = C: depthwise). The gradients of a loss L, given dy = dL/dy, are

    dx[n, c, h, k]  = sum of w[f, c, r, s] dy[n, f, p, q]   over all (f, r, s, p, q) that read x[n, c, h, k]
    dw[f, c, r, s]  = sum_{n, p, q} x[n, g C/G + c, h, k] dy[n, f, p, q]
    db[f]           = sum_{n, p, q} dy[n, f, p, q]

The size P, Q of y says how many windows there are; taps beyond the image read zeros, at either end. A tap in the
padding adds nothing here even where w, or dy in the weights' gradient, is not finite; rungs that multiply the zeros
give NaN there.

A signal (1-D) is an image of one row: y[n, f, q] = b[f] + sum_{c, s} w[f, c, s] x[n, g C/G + c, q sv + s dv - left].

Source: LeCun et al. 1998, "Gradient-based learning applied to document recognition", section II; groups as in
Krizhevsky et al. 2012; along time as in Waibel et al. 1989, "Phoneme recognition using time-delay neural networks".
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

Sizes = tuple[int, ...]
Pair = tuple[int, int]
Padding = tuple[Pair, ...]  # (before, after) of each axis


def _ranges(*sizes: int) -> Iterator[tuple[int, ...]]:
    """Nested loops, the last index fastest: `for p, q in _ranges(P, Q)`."""
    return product(*(range(size) for size in sizes))


def conv2d_forward(
    x: NDArray, w: NDArray, b: NDArray | None, stride: Pair, padding: Padding, dilation: Pair, groups: int, y: NDArray
) -> None:
    # x  IN  (N, C, H, W)
    # w  IN  (F, C/G, R, S)
    # b  IN  (F,) or None
    # y  OUT (N, F, P, Q)
    (_, _, H, W), (F, CG, R, S) = x.shape, w.shape
    (su, sv), (du, dv), ((top, _), (left, _)) = stride, dilation, padding
    X, V = memoryview(x), memoryview(w)
    for n, f, p, q in _ranges(*y.shape):
        first = f // (F // groups) * CG  # the first channel of the filter's group
        total = 0.0 if b is None else float(b[f])
        for c, r, s in _ranges(CG, R, S):
            h, k = p * su + r * du - top, q * sv + s * dv - left
            if 0 <= h < H and 0 <= k < W:
                total += V[f, c, r, s] * X[n, first + c, h, k]
        y[n, f, p, q] = total


def conv2d_backward_input(
    dy: NDArray, w: NDArray, stride: Pair, padding: Padding, dilation: Pair, groups: int, dx: NDArray
) -> None:
    # dy  IN  (N, F, P, Q)
    # w   IN  (F, C/G, R, S)
    # dx  OUT (N, C, H, W)
    (F, CG, R, S), (_, _, H, W) = w.shape, dx.shape
    (su, sv), (du, dv), ((top, _), (left, _)) = stride, dilation, padding
    DY, V = memoryview(dy), memoryview(w)
    total = np.zeros(dx.shape, np.float64)
    for n, f, p, q in _ranges(*dy.shape):
        first = f // (F // groups) * CG
        for c, r, s in _ranges(CG, R, S):
            h, k = p * su + r * du - top, q * sv + s * dv - left
            if 0 <= h < H and 0 <= k < W:  # what forward read, backward credits
                total[n, first + c, h, k] += V[f, c, r, s] * DY[n, f, p, q]
    dx[...] = total


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
    # x   IN  (N, C, H, W)
    # dy  IN  (N, F, P, Q)
    # dw  OUT (F, C/G, R, S): the sum over the batch, not its mean
    # db  OUT (F,) or None
    (N, _, H, W), (_, F, P, Q), (_, CG, _, _) = x.shape, dy.shape, dw.shape
    (su, sv), (du, dv), ((top, _), (left, _)) = stride, dilation, padding
    X, DY = memoryview(x), memoryview(dy)
    for f, c, r, s in _ranges(*dw.shape):
        first = f // (F // groups) * CG
        total = 0.0
        for n, p, q in _ranges(N, P, Q):
            h, k = p * su + r * du - top, q * sv + s * dv - left
            if 0 <= h < H and 0 <= k < W:
                total += X[n, first + c, h, k] * DY[n, f, p, q]
        dw[f, c, r, s] = total
    if db is not None:
        for f in range(F):
            db[f] = sum(DY[n, f, p, q] for n, p, q in _ranges(N, P, Q))


def conv1d_forward(
    x: NDArray, w: NDArray, b: NDArray | None, stride: Sizes, padding: Padding, dilation: Sizes, groups: int, y: NDArray
) -> None:
    # x  IN  (N, C, W)
    # w  IN  (F, C/G, S)
    # b  IN  (F,) or None
    # y  OUT (N, F, Q)
    conv2d_forward(_row(x), _row(w), b, *_options(stride, padding, dilation), groups, _row(y))


def conv1d_backward_input(
    dy: NDArray, w: NDArray, stride: Sizes, padding: Padding, dilation: Sizes, groups: int, dx: NDArray
) -> None:
    # dy  IN  (N, F, Q)
    # w   IN  (F, C/G, S)
    # dx  OUT (N, C, W)
    conv2d_backward_input(_row(dy), _row(w), *_options(stride, padding, dilation), groups, _row(dx))


def conv1d_backward_weight(
    x: NDArray,
    dy: NDArray,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
    dw: NDArray,
    db: NDArray | None,
) -> None:
    # x   IN  (N, C, W)
    # dy  IN  (N, F, Q)
    # dw  OUT (F, C/G, S): the sum over the batch, not its mean
    # db  OUT (F,) or None
    conv2d_backward_weight(_row(x), _row(dy), *_options(stride, padding, dilation), groups, _row(dw), db)


def _row(signal: NDArray) -> NDArray:
    """The same memory (a view) as images of one row."""
    return signal[:, :, None, :]


def _options(stride: Sizes, padding: Padding, dilation: Sizes) -> tuple[Pair, Padding, Pair]:
    return (1, stride[0]), ((0, 0), padding[0]), (1, dilation[0])
