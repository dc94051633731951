"""Long short-term memory.

With pre-activations a = w_ih x + b_ih + w_hh h0 + b_hh, whose 4U rows are those of i, f, g and o in turn:

    i = sigmoid(a_i)    f = sigmoid(a_f)    g = tanh(a_g)    o = sigmoid(a_o)
    c = f c0 + i g
    h = o tanh(c)

gates holds (i, f, g, o), after the activations. Given dh = dL/dh and dc = dL/dc:

    dc' = dc + dh o (1 - tanh(c)^2)                           what reaches c, on both ways
    da_i = dc' g i (1 - i)     da_f = dc' c0 f (1 - f)     da_g = dc' i (1 - g^2)     da_o = dh tanh(c) o (1 - o)
    dc0 = dc' f
    dx[n, i] = sum_k da[n, k] w_ih[k, i]     dw_ih[k, i] = sum_n da[n, k] x[n, i]      db_ih[k] = sum_n da[n, k]
    dh0[n, v] = sum_k da[n, k] w_hh[k, v]    dw_hh[k, v] = sum_n da[n, k] h0[n, v]     db_hh[k] = sum_n da[n, k]

In a sequence dh and dc are what comes in at the step plus dh0 and dc0 of the step after it. See recurrent.py for the
lengths.

Source: Hochreiter and Schmidhuber 1997, "Long short-term memory"; the forget gate f: Gers, Schmidhuber and Cummins
2000, "Learning to forget".
"""

from collections.abc import Iterable
from math import tanh

import numpy as np
from numpy.typing import NDArray

from ._sequence import WeightSums, bias, dot, finished, initial, running, sigmoid, through


def lstm_cell_forward(
    x: NDArray,
    h0: NDArray,
    c0: NDArray,
    w_ih: NDArray,
    w_hh: NDArray,
    b_ih: NDArray | None,
    b_hh: NDArray | None,
    h: NDArray,
    c: NDArray,
    gates: NDArray,
) -> None:
    # x            IN  (N, I)
    # h0, c0       IN  (N, U)
    # w_ih, w_hh   IN  (4U, I), (4U, U)
    # b_ih, b_hh   IN  (4U,) or None
    # h, c         OUT (N, U)
    # gates        OUT (N, 4U)
    _step(range(len(x)), x, h0, c0, w_ih, w_hh, b_ih, b_hh, h, c, gates)


def _step(
    rows: Iterable[int],
    x: NDArray,
    h0: NDArray,
    c0: NDArray,
    w_ih: NDArray,
    w_hh: NDArray,
    b_ih: NDArray | None,
    b_hh: NDArray | None,
    h: NDArray,
    c: NDArray,
    gates: NDArray,
) -> None:
    U = h.shape[1]
    for n in rows:
        a = [dot(w_ih[k], x[n]) + bias(b_ih, k) + dot(w_hh[k], h0[n]) + bias(b_hh, k) for k in range(4 * U)]
        for u in range(U):
            i, f, g, o = sigmoid(a[u]), sigmoid(a[U + u]), tanh(a[2 * U + u]), sigmoid(a[3 * U + u])
            cell = f * float(c0[n, u]) + i * g
            c[n, u], h[n, u] = cell, o * tanh(cell)
            gates[n, u], gates[n, U + u], gates[n, 2 * U + u], gates[n, 3 * U + u] = i, f, g, o


def lstm_forward(
    x: NDArray,
    h0: NDArray | None,
    c0: NDArray | None,
    w_ih: NDArray,
    w_hh: NDArray,
    b_ih: NDArray | None,
    b_hh: NDArray | None,
    lengths: NDArray | None,
    h: NDArray,
    c: NDArray,
    gates: NDArray,
) -> None:
    # x            IN  (T, N, I)
    # h0, c0       IN  (N, U) or None
    # w_ih, w_hh   IN  (4U, I), (4U, U)
    # b_ih, b_hh   IN  (4U,) or None
    # lengths      IN  (N,) int64 or None
    # h, c         OUT (T, N, U)
    # gates        OUT (T, N, 4U)
    T, N, U = h.shape
    h_before, c_before = initial(h0, N, U), initial(c0, N, U)
    for t in range(T):
        rows = running(lengths, t, N)
        _step(rows, x[t], h_before, c_before, w_ih, w_hh, b_ih, b_hh, h[t], c[t], gates[t])
        for n in finished(lengths, t, N):
            h[t, n], c[t, n], gates[t, n] = h_before[n], c_before[n], 0
        h_before, c_before = h[t], c[t]


def lstm_cell_backward(
    dh: NDArray,
    dc: NDArray,
    x: NDArray,
    h0: NDArray,
    c0: NDArray,
    w_ih: NDArray,
    w_hh: NDArray,
    c: NDArray,
    gates: NDArray,
    dx: NDArray,
    dh0: NDArray,
    dc0: NDArray,
    dw_ih: NDArray,
    dw_hh: NDArray,
    db_ih: NDArray | None,
    db_hh: NDArray | None,
) -> None:
    # dh, dc, h0, c0, c   IN  (N, U)
    # x                   IN  (N, I)
    # w_ih, w_hh          IN  (4U, I), (4U, U)
    # gates               IN  (N, 4U)
    # dx, dh0, dc0        OUT (N, I), (N, U), (N, U)
    # dw_ih, dw_hh        OUT (4U, I), (4U, U)
    # db_ih, db_hh        OUT (4U,) or None
    sums, d, d_cell = WeightSums(w_ih, w_hh), dh.astype(np.float64), dc.astype(np.float64)
    _step_backward(range(len(x)), d, d_cell, x, h0, c0, w_ih, w_hh, c, gates, dx, sums)
    dh0[...], dc0[...] = d, d_cell
    sums.assign(dw_ih, dw_hh, db_ih, db_hh)


def _step_backward(
    rows: Iterable[int],
    d: NDArray,
    d_cell: NDArray,
    x: NDArray,
    h0: NDArray,
    c0: NDArray,
    w_ih: NDArray,
    w_hh: NDArray,
    c: NDArray,
    gates: NDArray,
    dx: NDArray | None,
    sums: WeightSums,
) -> None:
    """d and d_cell (N, U) come in as the gradients by h and c and leave, in the given rows, as those by h0 and c0."""
    U = c.shape[1]
    for n in rows:
        da = [0.0] * (4 * U)
        for u in range(U):
            i, f, g, o = (float(gates[n, gate * U + u]) for gate in range(4))
            dy, squashed = float(d[n, u]), tanh(float(c[n, u]))
            dcell = float(d_cell[n, u]) + dy * o * (1 - squashed * squashed)
            da[u] = dcell * g * i * (1 - i)
            da[U + u] = dcell * float(c0[n, u]) * f * (1 - f)
            da[2 * U + u] = dcell * i * (1 - g * g)
            da[3 * U + u] = dy * squashed * o * (1 - o)
            d_cell[n, u] = dcell * f
        sums.add(da, x[n], da, h0[n])
        d[n] = through(da, w_hh)
        if dx is not None:
            dx[n] = through(da, w_ih)


def lstm_backward(
    dh: NDArray,
    dc: NDArray | None,
    x: NDArray,
    h0: NDArray | None,
    c0: NDArray | None,
    w_ih: NDArray,
    w_hh: NDArray,
    lengths: NDArray | None,
    h: NDArray,
    c: NDArray,
    gates: NDArray,
    dx: NDArray | None,
    dh0: NDArray | None,
    dc0: NDArray | None,
    dw_ih: NDArray,
    dw_hh: NDArray,
    db_ih: NDArray | None,
    db_hh: NDArray | None,
) -> None:
    # dh, h, c       IN  (T, N, U)
    # dc             IN  (N, U) or None: by the last c
    # x              IN  (T, N, I)
    # h0, c0         IN  (N, U) or None
    # w_ih, w_hh     IN  (4U, I), (4U, U)
    # lengths        IN  (N,) int64 or None
    # gates          IN  (T, N, 4U)
    # dx             OUT (T, N, I) or None
    # dh0, dc0       OUT (N, U) or None
    # dw_ih, dw_hh   OUT (4U, I), (4U, U)
    # db_ih, db_hh   OUT (4U,) or None
    T, N, U = h.shape
    sums, d = WeightSums(w_ih, w_hh), np.zeros((N, U))
    d_cell = initial(dc, N, U).astype(np.float64)
    if dx is not None:
        dx[...] = 0
    for t in reversed(range(T)):
        d += dh[t]
        h_before, c_before = (h[t - 1], c[t - 1]) if t > 0 else (initial(h0, N, U), initial(c0, N, U))
        rows, dx_t = running(lengths, t, N), None if dx is None else dx[t]
        _step_backward(rows, d, d_cell, x[t], h_before, c_before, w_ih, w_hh, c[t], gates[t], dx_t, sums)
    if dh0 is not None:
        dh0[...] = d
    if dc0 is not None:
        dc0[...] = d_cell
    sums.assign(dw_ih, dw_hh, db_ih, db_hh)
