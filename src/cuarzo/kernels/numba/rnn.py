"""The simple recurrent network. See naive/rnn.py, and recurrent.py for how the work is cut."""

from math import tanh

import numpy as np
from numba import prange
from numpy.typing import NDArray

from cuarzo.kernels import _border
from cuarzo.kernels._sequence import bias_sum, initial, previous, steps, while_running
from cuarzo.kernels.numba._compile import parallel, serial
from cuarzo.kernels.numba._sequence import ROWS, input_gradient, products, weight_gradients
from cuarzo.kernels.numba.matmul import _add_product

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
    products(x, w_ih, h)  # the pre-activations stand in h until their step comes
    w = np.ascontiguousarray(w_hh.T)
    _forward_steps(initial(h0, h), w, bias_sum(w_ih, b_ih, b_hh), steps(lengths, h), bool(relu), h)


@parallel
def _forward_steps(h0, w, bias, lengths, relu, h):
    # h0       IN    (N, U)
    # w        IN    (U, U): w_hh transposed
    # bias     IN    (U,)
    # lengths  IN    (N,)
    # h        INOUT (T, N, U): x w_ih' on entry
    T, N, _ = h.shape
    for block in prange((N + ROWS - 1) // ROWS):
        i, j = block * ROWS, min(N, (block + 1) * ROWS)
        for t in range(T):
            if t == 0:
                _step(t, h0[i:j], w, bias, lengths[i:j], relu, h[t, i:j])
            else:
                _step(t, h[t - 1, i:j], w, bias, lengths[i:j], relu, h[t, i:j])


@serial
def _step(t, before, w, bias, lengths, relu, h):
    _add_product(before, w, h)
    M, U = h.shape
    for m in range(M):
        if t >= lengths[m]:
            h[m] = before[m]
        elif relu:
            for u in range(U):
                a = h[m, u] + bias[u]
                h[m, u] = a if not a <= 0 else 0
        else:
            for u in range(U):
                h[m, u] = tanh(h[m, u] + bias[u])


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
    da, d = np.empty_like(h), np.zeros_like(h[0])
    _backward_steps(dh, w_hh, steps(lengths, h), h, bool(relu), da, d)
    if dh0 is not None:
        dh0[...] = d
    input_gradient(da, w_ih, lengths, dx)
    weight_gradients(da, while_running(lengths, x), dw_ih, db_ih)
    weight_gradients(da, while_running(lengths, previous(h, h0)), dw_hh, db_hh)


@parallel
def _backward_steps(dh, w_hh, lengths, h, relu, da, d):
    # dh, h    IN    (T, N, U)
    # w_hh     IN    (U, U)
    # lengths  IN    (N,)
    # da       OUT   (T, N, U): by the pre-activations
    # d        INOUT (N, U): 0 on entry; by h0 at the end
    T, N, U = h.shape
    for block in prange((N + ROWS - 1) // ROWS):
        i, j = block * ROWS, min(N, (block + 1) * ROWS)
        through = np.empty((j - i, U), h.dtype)
        for t in range(T - 1, -1, -1):
            _step_back(t, dh[t, i:j], w_hh, lengths[i:j], h[t, i:j], relu, da[t, i:j], d[i:j], through)


@serial
def _step_back(t, dh, w_hh, lengths, h, relu, da, d, through):
    M, U = h.shape
    for m in range(M):
        for u in range(U):
            d[m, u] += dh[m, u]
            if t >= lengths[m]:
                da[m, u] = 0
            elif relu:
                da[m, u] = d[m, u] if not h[m, u] <= 0 else 0
            else:
                da[m, u] = d[m, u] * (1 - h[m, u] * h[m, u])
    through[:] = 0
    _add_product(da, w_hh, through)
    for m in range(M):
        if t < lengths[m]:
            d[m] = through[m]
