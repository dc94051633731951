"""The gated recurrent unit. See naive/gru.py, and recurrent.py for how the work is cut."""

from math import exp, tanh

import numpy as np
from numba import prange
from numpy.typing import NDArray

from cuarzo.kernels import _border
from cuarzo.kernels._sequence import bias_sum, initial, previous, steps, while_running
from cuarzo.kernels.numba._compile import parallel, serial
from cuarzo.kernels.numba._sequence import ROWS, input_gradient, products, weight_gradients
from cuarzo.kernels.numba.matmul import _add_product

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
    T, N, U = h.shape
    p = np.empty((T, N, 3 * U), h.dtype)
    products(x, w_ih, p)
    w, biases = np.ascontiguousarray(w_hh.T), (bias_sum(w_ih, b_ih), bias_sum(w_hh, b_hh))
    _forward_steps(p, initial(h0, h), w, *biases, steps(lengths, h), h, gates)


@parallel
def _forward_steps(p, h0, w, b_ih, b_hh, lengths, h, gates):
    # p            IN  (T, N, 3U): x w_ih'
    # h0           IN  (N, U)
    # w            IN  (U, 3U): w_hh transposed
    # b_ih, b_hh   IN  (3U,)
    # lengths      IN  (N,)
    # h            OUT (T, N, U)
    # gates        OUT (T, N, 4U)
    T, N, U = h.shape
    for block in prange((N + ROWS - 1) // ROWS):
        i, j = block * ROWS, min(N, (block + 1) * ROWS)
        q = np.empty((j - i, 3 * U), h.dtype)
        for t in range(T):
            now = h[t, i:j], gates[t, i:j]
            if t == 0:
                _step(t, p[t, i:j], h0[i:j], w, b_ih, b_hh, lengths[i:j], q, *now)
            else:
                _step(t, p[t, i:j], h[t - 1, i:j], w, b_ih, b_hh, lengths[i:j], q, *now)


@serial
def _step(t, p, before, w, b_ih, b_hh, lengths, q, h, gates):
    M, U = h.shape
    for m in range(M):
        q[m] = b_hh
    _add_product(before, w, q)
    for row in range(M):
        if t >= lengths[row]:
            h[row], gates[row] = before[row], 0
            continue
        for u in range(U):
            r = _sigmoid(p[row, u] + b_ih[u] + q[row, u])
            z = _sigmoid(p[row, U + u] + b_ih[U + u] + q[row, U + u])
            m = q[row, 2 * U + u]
            n = tanh(p[row, 2 * U + u] + b_ih[2 * U + u] + r * m)
            h[row, u] = (1 - z) * n + z * before[row, u]
            gates[row, u], gates[row, U + u], gates[row, 2 * U + u], gates[row, 3 * U + u] = r, z, n, m


@serial
def _sigmoid(a):
    return 1 / (1 + exp(-a))


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
    before = while_running(lengths, previous(h, h0))
    _backward(dh, while_running(lengths, x), before, w_ih, w_hh, lengths, gates, *outputs)


def _backward(dh, x, before, w_ih, w_hh, lengths, gates, dx, dh0, dw_ih, dw_hh, db_ih, db_hh) -> None:
    T, N, U = dh.shape
    dp, dq = np.empty((2, T, N, 3 * U), dh.dtype)
    d = np.zeros_like(dh[0])
    _backward_steps(dh, before, w_hh, steps(lengths, dh), gates, dp, dq, d)
    if dh0 is not None:
        dh0[...] = d
    input_gradient(dp, w_ih, lengths, dx)
    weight_gradients(dp, x, dw_ih, db_ih)
    weight_gradients(dq, before, dw_hh, db_hh)


@parallel
def _backward_steps(dh, before, w_hh, lengths, gates, dp, dq, d):
    # dh       IN    (T, N, U)
    # before   IN    (T, N, U): the state that each step started from
    # w_hh     IN    (3U, U)
    # lengths  IN    (N,)
    # gates    IN    (T, N, 4U)
    # dp, dq   OUT   (T, N, 3U): by both sides of the pre-activations
    # d        INOUT (N, U): 0 on entry; by h0 at the end
    T, N, U = dh.shape
    for block in prange((N + ROWS - 1) // ROWS):
        i, j = block * ROWS, min(N, (block + 1) * ROWS)
        through = np.empty((j - i, U), dh.dtype)
        for t in range(T - 1, -1, -1):
            saved, sums = (before[t, i:j], gates[t, i:j]), (dp[t, i:j], dq[t, i:j], d[i:j], through)
            _step_back(t, dh[t, i:j], w_hh, lengths[i:j], *saved, *sums)


@serial
def _step_back(t, dh, w_hh, lengths, before, gates, dp, dq, d, through):
    M, U = dh.shape
    through[:] = 0
    for row in range(M):
        d[row] += dh[row]
        if t >= lengths[row]:
            dp[row], dq[row] = 0, 0
            continue
        for u in range(U):
            r, z, n, m = gates[row, u], gates[row, U + u], gates[row, 2 * U + u], gates[row, 3 * U + u]
            dy = d[row, u]
            dn = dy * (1 - z) * (1 - n * n)
            dp[row, u] = dn * m * r * (1 - r)
            dp[row, U + u] = dy * (before[row, u] - n) * z * (1 - z)
            dp[row, 2 * U + u] = dn
            dq[row, u], dq[row, U + u], dq[row, 2 * U + u] = dp[row, u], dp[row, U + u], dn * r
            through[row, u] = dy * z
    _add_product(dq, w_hh, through)
    for row in range(M):
        if t < lengths[row]:
            d[row] = through[row]
