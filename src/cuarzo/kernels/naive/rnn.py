"""The simple recurrent network.

    a[n, u] = sum_i w_ih[u, i] x[n, i] + b_ih[u] + sum_v w_hh[u, v] h0[n, v] + b_hh[u]
    h[n, u] = tanh(a[n, u]), or max(a[n, u], 0) with relu

Given dh = dL/dh, and da = dL/da = dh (1 - h^2), or with relu: 0 where h <= 0, else dh:

    dx[n, i]    = sum_u da[n, u] w_ih[u, i]        dw_ih[u, i] = sum_n da[n, u] x[n, i]     db_ih[u] = sum_n da[n, u]
    dh0[n, v]   = sum_u da[n, u] w_hh[u, v]        dw_hh[u, v] = sum_n da[n, u] h0[n, v]    db_hh[u] = sum_n da[n, u]

In a sequence dh is what comes in at the step plus the dh0 of the step after it. See recurrent.py for lengths.

Source: Elman 1990, "Finding structure in time"; Le, Jaitly and Hinton 2015 (ReLU).
"""

from collections.abc import Iterable
from math import tanh

import numpy as np
from numpy.typing import NDArray

from ._sequence import WeightSums, bias, dot, finished, initial, running, through


def rnn_cell_forward(
    x: NDArray,
    h0: NDArray,
    w_ih: NDArray,
    w_hh: NDArray,
    b_ih: NDArray | None,
    b_hh: NDArray | None,
    relu: bool,
    h: NDArray,
) -> None:
    # x            IN  (N, I)
    # h0           IN  (N, U)
    # w_ih, w_hh   IN  (U, I), (U, U)
    # b_ih, b_hh   IN  (U,) or None
    # h            OUT (N, U)
    _step(range(len(x)), x, h0, w_ih, w_hh, b_ih, b_hh, relu, h)


def _step(
    rows: Iterable[int],
    x: NDArray,
    h0: NDArray,
    w_ih: NDArray,
    w_hh: NDArray,
    b_ih: NDArray | None,
    b_hh: NDArray | None,
    relu: bool,
    h: NDArray,
) -> None:
    U = len(w_hh)
    for n in rows:
        for u in range(U):
            a = dot(w_ih[u], x[n]) + bias(b_ih, u) + dot(w_hh[u], h0[n]) + bias(b_hh, u)
            if relu:
                h[n, u] = 0.0 if a <= 0 else a  # NaN goes through
            else:
                h[n, u] = tanh(a)


def rnn_forward(
    x: NDArray,
    h0: NDArray | None,
    w_ih: NDArray,
    w_hh: NDArray,
    b_ih: NDArray | None,
    b_hh: NDArray | None,
    lengths: NDArray | None,
    relu: bool,
    h: NDArray,
) -> None:
    # x            IN  (T, N, I)
    # h0           IN  (N, U) or None
    # w_ih, w_hh   IN  (U, I), (U, U)
    # b_ih, b_hh   IN  (U,) or None
    # lengths      IN  (N,) int64 or None
    # h            OUT (T, N, U)
    T, N, U = h.shape
    before = initial(h0, N, U)
    for t in range(T):
        _step(running(lengths, t, N), x[t], before, w_ih, w_hh, b_ih, b_hh, relu, h[t])
        for n in finished(lengths, t, N):
            h[t, n] = before[n]
        before = h[t]


def rnn_cell_backward(
    dh: NDArray,
    x: NDArray,
    h0: NDArray,
    w_ih: NDArray,
    w_hh: NDArray,
    h: NDArray,
    relu: bool,
    dx: NDArray,
    dh0: NDArray,
    dw_ih: NDArray,
    dw_hh: NDArray,
    db_ih: NDArray | None,
    db_hh: NDArray | None,
) -> None:
    # dh, h0, h      IN  (N, U)
    # x              IN  (N, I)
    # w_ih, w_hh     IN  (U, I), (U, U)
    # dx, dh0        OUT (N, I), (N, U)
    # dw_ih, dw_hh   OUT (U, I), (U, U)
    # db_ih, db_hh   OUT (U,) or None
    sums, d = WeightSums(w_ih, w_hh), dh.astype(np.float64)
    _step_backward(range(len(x)), d, x, h0, w_ih, w_hh, h, relu, dx, sums)
    dh0[...] = d
    sums.assign(dw_ih, dw_hh, db_ih, db_hh)


def _step_backward(
    rows: Iterable[int],
    d: NDArray,
    x: NDArray,
    h0: NDArray,
    w_ih: NDArray,
    w_hh: NDArray,
    h: NDArray,
    relu: bool,
    dx: NDArray | None,
    sums: WeightSums,
) -> None:
    """d (N, U) comes in as the gradient by h and leaves, in the given rows, as the gradient by h0."""
    U = len(w_hh)
    for n in rows:
        da = [0.0] * U
        for u in range(U):
            y, dy = float(h[n, u]), float(d[n, u])
            if relu:
                da[u] = 0.0 if y <= 0 else dy
            else:
                da[u] = dy * (1 - y * y)
        sums.add(da, x[n], da, h0[n])
        d[n] = through(da, w_hh)
        if dx is not None:
            dx[n] = through(da, w_ih)


def rnn_backward(
    dh: NDArray,
    x: NDArray,
    h0: NDArray | None,
    w_ih: NDArray,
    w_hh: NDArray,
    lengths: NDArray | None,
    h: NDArray,
    relu: bool,
    dx: NDArray | None,
    dh0: NDArray | None,
    dw_ih: NDArray,
    dw_hh: NDArray,
    db_ih: NDArray | None,
    db_hh: NDArray | None,
) -> None:
    # dh, h          IN  (T, N, U)
    # x              IN  (T, N, I)
    # h0             IN  (N, U) or None
    # w_ih, w_hh     IN  (U, I), (U, U)
    # lengths        IN  (N,) int64 or None
    # dx             OUT (T, N, I) or None
    # dh0            OUT (N, U) or None
    # dw_ih, dw_hh   OUT (U, I), (U, U)
    # db_ih, db_hh   OUT (U,) or None
    T, N, U = h.shape
    sums, d = WeightSums(w_ih, w_hh), np.zeros((N, U))
    if dx is not None:
        dx[...] = 0
    for t in reversed(range(T)):
        d += dh[t]
        before = h[t - 1] if t > 0 else initial(h0, N, U)
        dx_t = None if dx is None else dx[t]
        _step_backward(running(lengths, t, N), d, x[t], before, w_ih, w_hh, h[t], relu, dx_t, sums)
    if dh0 is not None:
        dh0[...] = d
    sums.assign(dw_ih, dw_hh, db_ih, db_hh)
