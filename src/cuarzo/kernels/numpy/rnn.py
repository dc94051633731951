"""The simple recurrent network. See naive/rnn.py, and recurrent.py for what is done for all steps at once."""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border

from ._sequence import bias_sum, initial, input_gradient, past, previous, products, weight_gradients, without

Optional = NDArray | None


def rnn_cell_forward(
    x: NDArray, h0: NDArray, w_ih: NDArray, w_hh: NDArray, b_ih: Optional, b_hh: Optional, relu: bool, h: NDArray
) -> None:
    _border.check("rnn_cell_forward", x, h0, w_ih, w_hh, b_ih, b_hh, relu, h)
    _forward(x[None], h0, w_ih, w_hh, b_ih, b_hh, None, relu, h[None])


def rnn_forward(
    x: NDArray,
    h0: Optional,
    w_ih: NDArray,
    w_hh: NDArray,
    b_ih: Optional,
    b_hh: Optional,
    lengths: Optional,
    relu: bool,
    h: NDArray,
) -> None:
    _border.check("rnn_forward", x, h0, w_ih, w_hh, b_ih, b_hh, lengths, relu, h)
    _forward(x, h0, w_ih, w_hh, b_ih, b_hh, lengths, relu, h)


def _forward(x, h0, w_ih, w_hh, b_ih, b_hh, lengths, relu, h) -> None:
    over = past(lengths, len(x))
    products(without(over, x), w_ih, h)  # the pre-activations stand in h until their step comes
    h += bias_sum(b_ih, b_hh)
    before = initial(h0, h[0])
    for t in range(len(h)):
        h[t] += before @ w_hh.T
        if relu:
            np.maximum(h[t], 0, out=h[t])
        else:
            np.tanh(h[t], out=h[t])
        if over is not None:
            h[t][over[t]] = before[over[t]]
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
    db_ih: Optional,
    db_hh: Optional,
) -> None:
    _border.check("rnn_cell_backward", dh, x, h0, w_ih, w_hh, h, relu, dx, dh0, dw_ih, dw_hh, db_ih, db_hh)
    _backward(dh[None], x[None], h0, w_ih, w_hh, None, h[None], relu, dx[None], dh0, dw_ih, dw_hh, db_ih, db_hh)


def rnn_backward(
    dh: NDArray,
    x: NDArray,
    h0: Optional,
    w_ih: NDArray,
    w_hh: NDArray,
    lengths: Optional,
    h: NDArray,
    relu: bool,
    dx: Optional,
    dh0: Optional,
    dw_ih: NDArray,
    dw_hh: NDArray,
    db_ih: Optional,
    db_hh: Optional,
) -> None:
    _border.check("rnn_backward", dh, x, h0, w_ih, w_hh, lengths, h, relu, dx, dh0, dw_ih, dw_hh, db_ih, db_hh)
    _backward(dh, x, h0, w_ih, w_hh, lengths, h, relu, dx, dh0, dw_ih, dw_hh, db_ih, db_hh)


def _backward(dh, x, h0, w_ih, w_hh, lengths, h, relu, dx, dh0, dw_ih, dw_hh, db_ih, db_hh) -> None:
    over = past(lengths, len(x))
    da = np.empty_like(h)  # by the pre-activations
    d = np.zeros_like(h[0])  # by the state, from the steps after this one
    for t in reversed(range(len(h))):
        d += dh[t]
        da[t] = np.where(h[t] <= 0, 0, d) if relu else d * (1 - h[t] * h[t])
        through = da[t] @ w_hh
        if over is not None:
            da[t][over[t]], through[over[t]] = 0, d[over[t]]
        d = through
    if dh0 is not None:
        dh0[...] = d
    input_gradient(da, w_ih, over, dx)
    weight_gradients(da, without(over, x), dw_ih, db_ih)
    weight_gradients(da, without(over, previous(h, h0)), dw_hh, db_hh)
