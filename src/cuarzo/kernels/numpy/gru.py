"""The gated recurrent unit. See naive/gru.py, and recurrent.py for what is done for all steps at once."""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border

from ._sequence import bias_sum, initial, input_gradient, past, previous, products, sigmoid, weight_gradients, without

Optional = NDArray | None


def gru_cell_forward(
    x: NDArray, h0: NDArray, w_ih: NDArray, w_hh: NDArray, b_ih: Optional, b_hh: Optional, h: NDArray, gates: NDArray
) -> None:
    _border.check("gru_cell_forward", x, h0, w_ih, w_hh, b_ih, b_hh, h, gates)
    _forward(x[None], h0, w_ih, w_hh, b_ih, b_hh, None, h[None], gates[None])


def gru_forward(
    x: NDArray,
    h0: Optional,
    w_ih: NDArray,
    w_hh: NDArray,
    b_ih: Optional,
    b_hh: Optional,
    lengths: Optional,
    h: NDArray,
    gates: NDArray,
) -> None:
    _border.check("gru_forward", x, h0, w_ih, w_hh, b_ih, b_hh, lengths, h, gates)
    _forward(x, h0, w_ih, w_hh, b_ih, b_hh, lengths, h, gates)


def _forward(x, h0, w_ih, w_hh, b_ih, b_hh, lengths, h, gates) -> None:
    over, (T, N, U) = past(lengths, len(x)), h.shape
    p = np.empty((T, N, 3 * U), h.dtype)
    products(without(over, x), w_ih, p)
    p += bias_sum(b_ih, None)
    before = initial(h0, h[0])
    for t in range(T):
        q = before @ w_hh.T
        q += bias_sum(b_hh, None)
        r, z, n, m = np.split(gates[t], 4, axis=1)
        np.add(p[t, :, : 2 * U], q[:, : 2 * U], out=gates[t, :, : 2 * U])
        sigmoid(gates[t, :, : 2 * U])
        m[...] = q[:, 2 * U :]
        np.tanh(p[t, :, 2 * U :] + r * m, out=n)
        np.add((1 - z) * n, z * before, out=h[t])
        if over is not None:
            h[t][over[t]], gates[t][over[t]] = before[over[t]], 0
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
    db_ih: Optional,
    db_hh: Optional,
) -> None:
    outputs = dx, dh0, dw_ih, dw_hh, db_ih, db_hh
    _border.check("gru_cell_backward", dh, x, h0, w_ih, w_hh, gates, *outputs)
    _backward(dh[None], x, h0[None], w_ih, w_hh, None, gates[None], *outputs)


def gru_backward(
    dh: NDArray,
    x: NDArray,
    h0: Optional,
    w_ih: NDArray,
    w_hh: NDArray,
    lengths: Optional,
    h: NDArray,
    gates: NDArray,
    dx: Optional,
    dh0: Optional,
    dw_ih: NDArray,
    dw_hh: NDArray,
    db_ih: Optional,
    db_hh: Optional,
) -> None:
    outputs = dx, dh0, dw_ih, dw_hh, db_ih, db_hh
    _border.check("gru_backward", dh, x, h0, w_ih, w_hh, lengths, h, gates, *outputs)
    over = past(lengths, len(x))
    _backward(dh, without(over, x), without(over, previous(h, h0)), w_ih, w_hh, over, gates, *outputs)


def _backward(dh, x, before, w_ih, w_hh, over, gates, dx, dh0, dw_ih, dw_hh, db_ih, db_hh) -> None:
    (T, N, U) = dh.shape
    dp, dq = np.empty((2, T, N, 3 * U), dh.dtype)  # by both sides of the pre-activations
    d = np.zeros_like(dh[0])  # by the state, from the steps after this one
    for t in reversed(range(T)):
        r, z, n, m = np.split(gates[t], 4, axis=1)
        d += dh[t]
        dn = d * (1 - z) * (1 - n * n)
        dp[t, :, :U] = dn * m * r * (1 - r)
        dp[t, :, U : 2 * U] = d * (before[t] - n) * z * (1 - z)
        dp[t, :, 2 * U :] = dn
        dq[t, :, : 2 * U] = dp[t, :, : 2 * U]
        dq[t, :, 2 * U :] = dn * r
        through = d * z + dq[t] @ w_hh
        if over is not None:
            dp[t][over[t]], dq[t][over[t]], through[over[t]] = 0, 0, d[over[t]]
        d = through
    if dh0 is not None:
        dh0[...] = d
    input_gradient(dp, w_ih, over, dx)
    weight_gradients(dp, x, dw_ih, db_ih)
    weight_gradients(dq, before, dw_hh, db_hh)
