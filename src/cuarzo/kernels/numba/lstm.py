"""Long short-term memory. See naive/lstm.py, and recurrent.py for how the work is cut."""

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


def lstm_cell_forward(
    x: NDArray,
    h0: NDArray,
    c0: NDArray,
    w_ih: NDArray,
    w_hh: NDArray,
    b_ih: Optional,
    b_hh: Optional,
    h: NDArray,
    c: NDArray,
    gates: NDArray,
) -> None:
    _border.check("lstm_cell_forward", x, h0, c0, w_ih, w_hh, b_ih, b_hh, h, c, gates)
    _forward(x[None], h0, c0, w_ih, w_hh, b_ih, b_hh, None, h[None], c[None], gates[None])


def lstm_forward(
    x: NDArray,
    h0: Optional,
    c0: Optional,
    w_ih: NDArray,
    w_hh: NDArray,
    b_ih: Optional,
    b_hh: Optional,
    lengths: Optional,
    h: NDArray,
    c: NDArray,
    gates: NDArray,
) -> None:
    _border.check("lstm_forward", x, h0, c0, w_ih, w_hh, b_ih, b_hh, lengths, h, c, gates)
    _forward(x, h0, c0, w_ih, w_hh, b_ih, b_hh, lengths, h, c, gates)


def _forward(x, h0, c0, w_ih, w_hh, b_ih, b_hh, lengths, h, c, gates) -> None:
    products(x, w_ih, gates)  # the pre-activations stand in gates until their step comes
    w, bias = np.ascontiguousarray(w_hh.T), bias_sum(w_ih, b_ih, b_hh)
    _forward_steps(initial(h0, h), initial(c0, h), w, bias, steps(lengths, h), h, c, gates)


@parallel
def _forward_steps(h0, c0, w, bias, lengths, h, c, gates):
    # h0, c0   IN    (N, U)
    # w        IN    (U, 4U): w_hh transposed
    # bias     IN    (4U,)
    # lengths  IN    (N,)
    # h, c     OUT   (T, N, U)
    # gates    INOUT (T, N, 4U): x w_ih' on entry
    T, N, _ = h.shape
    for block in prange((N + ROWS - 1) // ROWS):
        i, j = block * ROWS, min(N, (block + 1) * ROWS)
        for t in range(T):
            now = h[t, i:j], c[t, i:j], gates[t, i:j]
            if t == 0:
                _step(t, h0[i:j], c0[i:j], w, bias, lengths[i:j], *now)
            else:
                _step(t, h[t - 1, i:j], c[t - 1, i:j], w, bias, lengths[i:j], *now)


@serial
def _step(t, h_before, c_before, w, bias, lengths, h, c, gates):
    _add_product(h_before, w, gates)
    M, U = h.shape
    for m in range(M):
        if t >= lengths[m]:
            h[m], c[m], gates[m] = h_before[m], c_before[m], 0
            continue
        a = gates[m]
        for u in range(U):
            i = _sigmoid(a[u] + bias[u])
            f = _sigmoid(a[U + u] + bias[U + u])
            g = tanh(a[2 * U + u] + bias[2 * U + u])
            o = _sigmoid(a[3 * U + u] + bias[3 * U + u])
            a[u], a[U + u], a[2 * U + u], a[3 * U + u] = i, f, g, o
            c[m, u] = f * c_before[m, u] + i * g
            h[m, u] = o * tanh(c[m, u])


@serial
def _sigmoid(a):
    return 1 / (1 + exp(-a))


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
    db_ih: Optional,
    db_hh: Optional,
) -> None:
    outputs = dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh
    _border.check("lstm_cell_backward", dh, dc, x, h0, c0, w_ih, w_hh, c, gates, *outputs)
    _backward(dh[None], dc, x[None], h0, c0, w_ih, w_hh, None, h0[None], c[None], gates[None], *outputs)


def lstm_backward(
    dh: NDArray,
    dc: Optional,
    x: NDArray,
    h0: Optional,
    c0: Optional,
    w_ih: NDArray,
    w_hh: NDArray,
    lengths: Optional,
    h: NDArray,
    c: NDArray,
    gates: NDArray,
    dx: Optional,
    dh0: Optional,
    dc0: Optional,
    dw_ih: NDArray,
    dw_hh: NDArray,
    db_ih: Optional,
    db_hh: Optional,
) -> None:
    outputs = dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh
    _border.check("lstm_backward", dh, dc, x, h0, c0, w_ih, w_hh, lengths, h, c, gates, *outputs)
    _backward(dh, dc, x, h0, c0, w_ih, w_hh, lengths, h, c, gates, *outputs)


def _backward(dh, dc, x, h0, c0, w_ih, w_hh, lengths, h, c, gates, dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh) -> None:
    da, d, d_cell = np.empty_like(gates), np.zeros_like(c[0]), initial(dc, c).copy()
    _backward_steps(dh, initial(c0, c), w_hh, steps(lengths, c), c, gates, da, d, d_cell)
    if dh0 is not None:
        dh0[...] = d
    if dc0 is not None:
        dc0[...] = d_cell
    input_gradient(da, w_ih, lengths, dx)
    weight_gradients(da, while_running(lengths, x), dw_ih, db_ih)
    weight_gradients(da, while_running(lengths, previous(h, h0)), dw_hh, db_hh)  # a single step reads h0 alone


@parallel
def _backward_steps(dh, c0, w_hh, lengths, c, gates, da, d, d_cell):
    # dh, c    IN    (T, N, U)
    # c0       IN    (N, U)
    # w_hh     IN    (4U, U)
    # lengths  IN    (N,)
    # gates    IN    (T, N, 4U)
    # da       OUT   (T, N, 4U): by the pre-activations
    # d        INOUT (N, U): 0 on entry; by h0 at the end
    # d_cell   INOUT (N, U): by the last c on entry; by c0 at the end
    T, N, U = c.shape
    for block in prange((N + ROWS - 1) // ROWS):
        i, j = block * ROWS, min(N, (block + 1) * ROWS)
        through = np.empty((j - i, U), c.dtype)
        for t in range(T - 1, -1, -1):
            saved, sums = (c[t, i:j], gates[t, i:j]), (da[t, i:j], d[i:j], d_cell[i:j], through)
            if t == 0:
                _step_back(t, dh[t, i:j], c0[i:j], w_hh, lengths[i:j], *saved, *sums)
            else:
                _step_back(t, dh[t, i:j], c[t - 1, i:j], w_hh, lengths[i:j], *saved, *sums)


@serial
def _step_back(t, dh, c_before, w_hh, lengths, c, gates, da, d, d_cell, through):
    M, U = c.shape
    for m in range(M):
        if t >= lengths[m]:
            d[m] += dh[m]
            da[m] = 0
            continue
        a = gates[m]
        for u in range(U):
            i, f, g, o = a[u], a[U + u], a[2 * U + u], a[3 * U + u]
            dy, squashed = d[m, u] + dh[m, u], tanh(c[m, u])
            cell = d_cell[m, u] + dy * o * (1 - squashed * squashed)
            da[m, u] = cell * g * i * (1 - i)
            da[m, U + u] = cell * c_before[m, u] * f * (1 - f)
            da[m, 2 * U + u] = cell * i * (1 - g * g)
            da[m, 3 * U + u] = dy * squashed * o * (1 - o)
            d_cell[m, u] = cell * f
    through[:] = 0
    _add_product(da, w_hh, through)
    for m in range(M):
        if t < lengths[m]:
            d[m] = through[m]
