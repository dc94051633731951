"""The gated recurrent unit.

With p = w_ih x + b_ih and q = w_hh h0 + b_hh, whose 3U rows are those of r, z and n in turn:

    r = sigmoid(p_r + q_r)    z = sigmoid(p_z + q_z)    m = q_n    n = tanh(p_n + r m)
    h = (1 - z) n + z h0

gates holds (r, z, n, m), after the activations; m is what the reset gate r multiplies. Given dh = dL/dh:

    dp_n = dh (1 - z) (1 - n^2)     dq_n = dp_n r
    dp_r = dq_r = dp_n m r (1 - r)     dp_z = dq_z = dh (h0 - n) z (1 - z)
    dx[n, i] = sum_k dp[n, k] w_ih[k, i]                    dw_ih[k, i] = sum_n dp[n, k] x[n, i]     db_ih = sum_n dp[n]
    dh0[n, v] = dh z + sum_k dq[n, k] w_hh[k, v]            dw_hh[k, v] = sum_n dq[n, k] h0[n, v]    db_hh = sum_n dq[n]

In a sequence dh is what comes in at the step plus the dh0 of the step after it. See recurrent.py for lengths.

Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder". There r multiplies h0 before the
product, n = tanh(p_n + w_hn (r h0)), and z keeps h0 as here; with r after the product, as in cuDNN and torch, the three
products with w_hh are one.
"""

from collections.abc import Iterable
from math import tanh

import numpy as np
from numpy.typing import NDArray

from ._sequence import WeightSums, bias, dot, finished, initial, running, sigmoid, through


def gru_cell_forward(
    x: NDArray,
    h0: NDArray,
    w_ih: NDArray,
    w_hh: NDArray,
    b_ih: NDArray | None,
    b_hh: NDArray | None,
    h: NDArray,
    gates: NDArray,
) -> None:
    # x            IN  (N, I)
    # h0           IN  (N, U)
    # w_ih, w_hh   IN  (3U, I), (3U, U)
    # b_ih, b_hh   IN  (3U,) or None
    # h            OUT (N, U)
    # gates        OUT (N, 4U)
    _step(range(len(x)), x, h0, w_ih, w_hh, b_ih, b_hh, h, gates)


def _step(
    rows: Iterable[int],
    x: NDArray,
    h0: NDArray,
    w_ih: NDArray,
    w_hh: NDArray,
    b_ih: NDArray | None,
    b_hh: NDArray | None,
    h: NDArray,
    gates: NDArray,
) -> None:
    U = h.shape[1]
    for row in rows:
        p = [dot(w_ih[k], x[row]) + bias(b_ih, k) for k in range(3 * U)]
        q = [dot(w_hh[k], h0[row]) + bias(b_hh, k) for k in range(3 * U)]
        for u in range(U):
            r, z, m = sigmoid(p[u] + q[u]), sigmoid(p[U + u] + q[U + u]), q[2 * U + u]
            n = tanh(p[2 * U + u] + r * m)
            h[row, u] = (1 - z) * n + z * float(h0[row, u])
            gates[row, u], gates[row, U + u], gates[row, 2 * U + u], gates[row, 3 * U + u] = r, z, n, m


def gru_forward(
    x: NDArray,
    h0: NDArray | None,
    w_ih: NDArray,
    w_hh: NDArray,
    b_ih: NDArray | None,
    b_hh: NDArray | None,
    lengths: NDArray | None,
    h: NDArray,
    gates: NDArray,
) -> None:
    # x            IN  (T, N, I)
    # h0           IN  (N, U) or None
    # w_ih, w_hh   IN  (3U, I), (3U, U)
    # b_ih, b_hh   IN  (3U,) or None
    # lengths      IN  (N,) int64 or None
    # h            OUT (T, N, U)
    # gates        OUT (T, N, 4U)
    T, N, U = h.shape
    before = initial(h0, N, U)
    for t in range(T):
        _step(running(lengths, t, N), x[t], before, w_ih, w_hh, b_ih, b_hh, h[t], gates[t])
        for n in finished(lengths, t, N):
            h[t, n], gates[t, n] = before[n], 0
        before = h[t]


def gru_cell_backward(
    dh: NDArray,
    x: NDArray,
    h0: NDArray,
    w_ih: NDArray,
    w_hh: NDArray,
    gates: NDArray,
    dx: NDArray,
    dh0: NDArray,
    dw_ih: NDArray,
    dw_hh: NDArray,
    db_ih: NDArray | None,
    db_hh: NDArray | None,
) -> None:
    # dh, h0         IN  (N, U)
    # x              IN  (N, I)
    # w_ih, w_hh     IN  (3U, I), (3U, U)
    # gates          IN  (N, 4U)
    # dx, dh0        OUT (N, I), (N, U)
    # dw_ih, dw_hh   OUT (3U, I), (3U, U)
    # db_ih, db_hh   OUT (3U,) or None
    sums, d = WeightSums(w_ih, w_hh), dh.astype(np.float64)
    _step_backward(range(len(x)), d, x, h0, w_ih, w_hh, gates, dx, sums)
    dh0[...] = d
    sums.assign(dw_ih, dw_hh, db_ih, db_hh)


def _step_backward(
    rows: Iterable[int],
    d: NDArray,
    x: NDArray,
    h0: NDArray,
    w_ih: NDArray,
    w_hh: NDArray,
    gates: NDArray,
    dx: NDArray | None,
    sums: WeightSums,
) -> None:
    """d (N, U) comes in as the gradient by h and leaves, in the given rows, as the gradient by h0."""
    U = h0.shape[1]
    for row in rows:
        dp, dq, kept = [0.0] * (3 * U), [0.0] * (3 * U), [0.0] * U
        for u in range(U):
            r, z, n, m = (float(gates[row, gate * U + u]) for gate in range(4))
            dy = float(d[row, u])
            dn = dy * (1 - z) * (1 - n * n)
            dp[u] = dq[u] = dn * m * r * (1 - r)
            dp[U + u] = dq[U + u] = dy * (float(h0[row, u]) - n) * z * (1 - z)
            dp[2 * U + u], dq[2 * U + u] = dn, dn * r
            kept[u] = dy * z
        sums.add(dp, x[row], dq, h0[row])
        d[row] = [direct + back for direct, back in zip(kept, through(dq, w_hh))]
        if dx is not None:
            dx[row] = through(dp, w_ih)


def gru_backward(
    dh: NDArray,
    x: NDArray,
    h0: NDArray | None,
    w_ih: NDArray,
    w_hh: NDArray,
    lengths: NDArray | None,
    h: NDArray,
    gates: NDArray,
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
    # w_ih, w_hh     IN  (3U, I), (3U, U)
    # lengths        IN  (N,) int64 or None
    # gates          IN  (T, N, 4U)
    # dx             OUT (T, N, I) or None
    # dh0            OUT (N, U) or None
    # dw_ih, dw_hh   OUT (3U, I), (3U, U)
    # db_ih, db_hh   OUT (3U,) or None
    T, N, U = h.shape
    sums, d = WeightSums(w_ih, w_hh), np.zeros((N, U))
    if dx is not None:
        dx[...] = 0
    for t in reversed(range(T)):
        d += dh[t]
        before = h[t - 1] if t > 0 else initial(h0, N, U)
        dx_t = None if dx is None else dx[t]
        _step_backward(running(lengths, t, N), d, x[t], before, w_ih, w_hh, gates[t], dx_t, sums)
    if dh0 is not None:
        dh0[...] = d
    sums.assign(dw_ih, dw_hh, db_ih, db_hh)
