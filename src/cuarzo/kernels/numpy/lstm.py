"""Long short-term memory. See naive/lstm.py, and recurrent.py for what is done for all steps at once."""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border

from ._sequence import bias_sum, initial, input_gradient, past, previous, products, sigmoid, weight_gradients, without

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
    over, U = past(lengths, len(x)), h.shape[2]
    products(without(over, x), w_ih, gates)  # the pre-activations stand in gates until their step comes
    gates += bias_sum(b_ih, b_hh)
    h_before, c_before = initial(h0, h[0]), initial(c0, c[0])
    for t in range(len(h)):
        a = gates[t]
        a += h_before @ w_hh.T
        sigmoid(a[:, : 2 * U])
        np.tanh(a[:, 2 * U : 3 * U], out=a[:, 2 * U : 3 * U])
        sigmoid(a[:, 3 * U :])
        i, f, g, o = np.split(a, 4, axis=1)
        np.multiply(f, c_before, out=c[t])
        c[t] += i * g
        np.tanh(c[t], out=h[t])
        h[t] *= o
        if over is not None:
            h[t][over[t]], c[t][over[t]], a[over[t]] = h_before[over[t]], c_before[over[t]], 0
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
    db_ih: Optional,
    db_hh: Optional,
) -> None:
    outputs = dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh
    _border.check("lstm_cell_backward", dh, dc, x, h0, c0, w_ih, w_hh, c, gates, *outputs)
    da = np.empty_like(gates)[None]
    _back_through(dh[None], dc, c0, w_hh, None, c[None], gates[None], da, dh0, dc0)
    input_gradient(da, w_ih, None, dx)
    weight_gradients(da, x, dw_ih, db_ih)
    weight_gradients(da, h0, dw_hh, db_hh)


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
    over, da = past(lengths, len(x)), np.empty_like(gates)
    _back_through(dh, dc, c0, w_hh, over, c, gates, da, dh0, dc0)
    input_gradient(da, w_ih, over, dx)
    weight_gradients(da, without(over, x), dw_ih, db_ih)
    weight_gradients(da, without(over, previous(h, h0)), dw_hh, db_hh)


def _back_through(dh, dc, c0, w_hh, over, c, gates, da, dh0, dc0) -> None:
    """da: the gradient by all pre-activations; dh0 and dc0, where they are wanted."""
    d, d_cell = np.zeros_like(c[0]), initial(dc, c[0]).copy()  # by the state, from the steps after this one
    squashed = np.tanh(c)
    for t in reversed(range(len(c))):
        i, f, g, o = np.split(gates[t], 4, axis=1)
        c_before = c[t - 1] if t > 0 else initial(c0, c[0])
        d += dh[t]
        cell = d_cell + d * o * (1 - squashed[t] * squashed[t])
        da_i, da_f, da_g, da_o = np.split(da[t], 4, axis=1)
        da_i[...] = cell * g * i * (1 - i)
        da_f[...] = cell * c_before * f * (1 - f)
        da_g[...] = cell * i * (1 - g * g)
        da_o[...] = d * squashed[t] * o * (1 - o)
        through, cell_through = da[t] @ w_hh, cell * f
        if over is not None:
            da[t][over[t]], through[over[t]], cell_through[over[t]] = 0, d[over[t]], d_cell[over[t]]
        d, d_cell = through, cell_through
    if dh0 is not None:
        dh0[...] = d
    if dc0 is not None:
        dc0[...] = d_cell
