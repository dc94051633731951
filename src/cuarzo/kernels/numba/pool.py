"""Pooling, compiled. See naive/pool.py and naive/pool3d.py for the definitions.

What this adds over the definition: compiled loops, the borders of a window found once instead of asked at every tap,
and planes in parallel. A plane (n, c) belongs to one thread: backward, windows that overlap add to the same pixel.

Sequences and images are volumes of one row and one slice. What a window reads in a flattened volume is a piece of each
of some rows; where these begin is the same for all windows side by side, and is found once for them.
"""

from math import prod
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from cuarzo.kernels import _border
from cuarzo.kernels.numba._compile import parallel
from cuarzo.kernels.numba._taps import counted, rows_of, taps

Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]


def max_pool1d_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, y: NDArray, indices: NDArray | None
) -> None:
    _border.check("max_pool1d_forward", x, window, stride, padding, dilation, y, indices)
    _max_forward(x, window, stride, padding, dilation, y, indices)


def max_pool2d_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, y: NDArray, indices: NDArray | None
) -> None:
    _border.check("max_pool2d_forward", x, window, stride, padding, dilation, y, indices)
    _max_forward(x, window, stride, padding, dilation, y, indices)


def max_pool3d_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, y: NDArray, indices: NDArray | None
) -> None:
    _border.check("max_pool3d_forward", x, window, stride, padding, dilation, y, indices)
    _max_forward(x, window, stride, padding, dilation, y, indices)


def max_pool1d_backward(
    dy: NDArray,
    x: NDArray | None,
    indices: NDArray | None,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    dx: NDArray,
) -> None:
    _border.check("max_pool1d_backward", dy, x, indices, window, stride, padding, dilation, dx)
    _max_backward(dy, x, indices, window, stride, padding, dilation, dx)


def max_pool2d_backward(
    dy: NDArray,
    x: NDArray | None,
    indices: NDArray | None,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    dx: NDArray,
) -> None:
    _border.check("max_pool2d_backward", dy, x, indices, window, stride, padding, dilation, dx)
    _max_backward(dy, x, indices, window, stride, padding, dilation, dx)


def max_pool3d_backward(
    dy: NDArray,
    x: NDArray | None,
    indices: NDArray | None,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    dx: NDArray,
) -> None:
    _border.check("max_pool3d_backward", dy, x, indices, window, stride, padding, dilation, dx)
    _max_backward(dy, x, indices, window, stride, padding, dilation, dx)


def avg_pool1d_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, y: NDArray
) -> None:
    _border.check("avg_pool1d_forward", x, window, stride, padding, count_include_pad, y)
    _avg_forward(x, window, stride, padding, count_include_pad, y)


def avg_pool2d_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, y: NDArray
) -> None:
    _border.check("avg_pool2d_forward", x, window, stride, padding, count_include_pad, y)
    _avg_forward(x, window, stride, padding, count_include_pad, y)


def avg_pool3d_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, y: NDArray
) -> None:
    _border.check("avg_pool3d_forward", x, window, stride, padding, count_include_pad, y)
    _avg_forward(x, window, stride, padding, count_include_pad, y)


def avg_pool1d_backward(
    dy: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, dx: NDArray
) -> None:
    _border.check("avg_pool1d_backward", dy, window, stride, padding, count_include_pad, dx)
    _avg_backward(dy, window, stride, padding, count_include_pad, dx)


def avg_pool2d_backward(
    dy: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, dx: NDArray
) -> None:
    _border.check("avg_pool2d_backward", dy, window, stride, padding, count_include_pad, dx)
    _avg_backward(dy, window, stride, padding, count_include_pad, dx)


def avg_pool3d_backward(
    dy: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, dx: NDArray
) -> None:
    _border.check("avg_pool3d_backward", dy, window, stride, padding, count_include_pad, dx)
    _avg_backward(dy, window, stride, padding, count_include_pad, dx)


def _volumes(array: NDArray) -> NDArray:
    """(N, C, ...) as (N C, D, H, W), on the same memory."""
    return array.reshape(array.shape[0] * array.shape[1], *(1,) * (5 - array.ndim), *array.shape[2:])


def _flat(array: NDArray) -> NDArray:
    """(N, C, ...) as (N C, all else), on the same memory."""
    return array.reshape(array.shape[0] * array.shape[1], prod(array.shape[2:]))


def _three(sizes: Sizes) -> Any:
    """One integer for each axis of a volume, 1 for those that the array does not have."""
    return *(1,) * (3 - len(sizes)), *sizes


def _sides(padding: Padding) -> tuple[list[int], list[int]]:
    """The padding before and after, for each axis of a volume."""
    return [0] * (3 - len(padding)) + [p[0] for p in padding], [0] * (3 - len(padding)) + [p[1] for p in padding]


_NONE = np.empty((0, 0, 0, 0), np.int64)  # stands for indices that nobody asked for: None would compile a second time


def _max_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, y: NDArray, indices: NDArray | None
) -> None:
    before, _ = _sides(padding)
    wanted = indices is not None
    winners = _volumes(indices) if indices is not None else _NONE
    options = *_three(window), *_three(stride), *before, *_three(dilation)
    _max_windows(_volumes(x), *options, _volumes(y), winners, wanted)


@parallel
def _max_windows(x, E, R, S, st, su, sv, front, top, left, dt, du, dv, y, indices, wanted):
    # x        IN  (N C, D, H, W)
    # y        OUT (N C, O, P, Q)
    # indices  OUT (N C, O, P, Q) if wanted
    planes, O, P, Q = y.shape
    D, H, W = x.shape[1:]
    for plane in prange(planes):
        volume, rows = x[plane].reshape(D * H * W), np.empty(min(E, D) * min(R, H), np.int64)
        for o in range(O):
            for p in range(P):
                count = rows_of(o * st - front, D, E, dt, p * su - top, H, R, du, W, rows)
                for q in range(Q):
                    k0, k1 = taps(q * sv - left, W, S, dv)
                    best, winner = x.dtype.type(-np.inf), -1
                    if count > 0 and k0 < k1:  # the first tap has won so far, even with -inf
                        winner = rows[0] + k0
                        best = volume[winner]
                    for i in range(count):
                        for k in range(rows[i] + k0, rows[i] + k1, dv):
                            # not <=: larger, or NaN. The first maximum stays, and so does the first NaN
                            if not volume[k] <= best and best == best:
                                best, winner = volume[k], k
                    y[plane, o, p, q] = best
                    if wanted:
                        indices[plane, o, p, q] = winner


def _max_backward(
    dy: NDArray,
    x: NDArray | None,
    indices: NDArray | None,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    dx: NDArray,
) -> None:
    if indices is None:  # find the winners again
        assert x is not None, "x is needed where indices is None"
        indices = np.empty(dy.shape, np.int64)
        _max_forward(x, window, stride, padding, dilation, np.empty_like(dy), indices)
    _to_winners(_flat(dy), _flat(indices), _flat(dx))


@parallel
def _to_winners(dy, indices, dx):
    # dy       IN  (N C, O P Q)
    # indices  IN  (N C, O P Q), each in -1 ... D H W - 1
    # dx       OUT (N C, D H W)
    for plane in prange(dy.shape[0]):
        dx[plane] = 0
        for i in range(dy.shape[1]):
            winner = indices[plane, i]
            if winner >= 0:
                dx[plane, winner] += dy[plane, i]


def _avg_forward(
    x: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, y: NDArray
) -> None:
    before, after = _sides(padding)
    options = *_three(window), *_three(stride), *before, *after, bool(count_include_pad)
    _avg_windows(_volumes(x), *options, _volumes(y))


@parallel
def _avg_windows(x, E, R, S, st, su, sv, front, top, left, back, bottom, right, count_include_pad, y):
    # x  IN  (N C, D, H, W)
    # y  OUT (N C, O, P, Q)
    planes, O, P, Q = y.shape
    D, H, W = x.shape[1:]
    for plane in prange(planes):
        volume, rows = x[plane].reshape(D * H * W), np.empty(min(E, D) * min(R, H), np.int64)
        for o in range(O):
            slices = counted(o * st - front, D, E, back, count_include_pad)
            for p in range(P):
                count = rows_of(o * st - front, D, E, 1, p * su - top, H, R, 1, W, rows)
                area = slices * counted(p * su - top, H, R, bottom, count_include_pad)
                for q in range(Q):
                    k0, k1 = taps(q * sv - left, W, S, 1)
                    total = x.dtype.type(0)
                    for i in range(count):
                        for k in range(rows[i] + k0, rows[i] + k1):
                            total += volume[k]
                    y[plane, o, p, q] = total / (area * counted(q * sv - left, W, S, right, count_include_pad))


def _avg_backward(
    dy: NDArray, window: Sizes, stride: Sizes, padding: Padding, count_include_pad: bool, dx: NDArray
) -> None:
    before, after = _sides(padding)
    options = *_three(window), *_three(stride), *before, *after, bool(count_include_pad)
    _avg_shares(_volumes(dy), *options, _volumes(dx))


@parallel
def _avg_shares(dy, E, R, S, st, su, sv, front, top, left, back, bottom, right, count_include_pad, dx):
    # dy  IN  (N C, O, P, Q)
    # dx  OUT (N C, D, H, W)
    planes, O, P, Q = dy.shape
    D, H, W = dx.shape[1:]
    for plane in prange(planes):
        volume, rows = dx[plane].reshape(D * H * W), np.empty(min(E, D) * min(R, H), np.int64)
        volume[:] = 0
        for o in range(O):
            slices = counted(o * st - front, D, E, back, count_include_pad)
            for p in range(P):
                count = rows_of(o * st - front, D, E, 1, p * su - top, H, R, 1, W, rows)
                area = slices * counted(p * su - top, H, R, bottom, count_include_pad)
                for q in range(Q):
                    k0, k1 = taps(q * sv - left, W, S, 1)
                    divisor = area * counted(q * sv - left, W, S, right, count_include_pad)
                    share = dy[plane, o, p, q] / divisor
                    for i in range(count):
                        for k in range(rows[i] + k0, rows[i] + k1):
                            volume[k] += share
