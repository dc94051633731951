"""Long short-term memory. See naive/lstm.py, and recurrent.py for how the work is cut."""

from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t

from cuarzo.kernels.cython.gates cimport ROWS, sigmoid, squash
from cuarzo.kernels.cython.product cimport add_product

import numpy as np

from cuarzo.kernels import _border
from cuarzo.kernels._sequence import bias_sum, initial, previous, steps, while_running
from cuarzo.kernels.cython._sequence import input_gradient, products, weight_gradients
from cuarzo.kernels.threads import get_num_threads


def lstm_cell_forward(x, h0, c0, w_ih, w_hh, b_ih, b_hh, h, c, gates):
    _border.check("lstm_cell_forward", x, h0, c0, w_ih, w_hh, b_ih, b_hh, h, c, gates)
    _forward(x[None], h0, c0, w_ih, w_hh, b_ih, b_hh, None, h[None], c[None], gates[None])


def lstm_forward(x, h0, c0, w_ih, w_hh, b_ih, b_hh, lengths, h, c, gates):
    _border.check("lstm_forward", x, h0, c0, w_ih, w_hh, b_ih, b_hh, lengths, h, c, gates)
    _forward(x, h0, c0, w_ih, w_hh, b_ih, b_hh, lengths, h, c, gates)


def _forward(x, h0, c0, w_ih, w_hh, b_ih, b_hh, lengths, h, c, gates):
    products(x, w_ih, gates)  # the pre-activations stand in gates until their step comes
    w, bias = np.ascontiguousarray(w_hh.T), bias_sum(w_ih, b_ih, b_hh)
    _forward_steps(initial(h0, h), initial(c0, h), w, bias, steps(lengths, h), h, c, gates)


def _forward_steps(
    const floating[:, ::1] h0,  # IN (N, U)
    const floating[:, ::1] c0,  # IN (N, U)
    const floating[:, ::1] w,  # IN (U, 4U): w_hh transposed
    const floating[::1] bias,  # IN (4U,)
    const int64_t[::1] lengths,  # IN (N,)
    floating[:, :, ::1] h,  # OUT (T, N, U)
    floating[:, :, ::1] c,  # OUT (T, N, U)
    floating[:, :, ::1] gates,  # INOUT (T, N, 4U): x w_ih' on entry
):
    cdef Py_ssize_t N = h.shape[1], blocks = (N + ROWS - 1) // ROWS, block
    cdef int threads = min(get_num_threads(), max(1, blocks))
    dtype = np.float32 if floating is float else np.float64
    cdef floating[:, :, ::1] sums = np.empty((threads, ROWS, gates.shape[2]), dtype)
    for block in prange(blocks, nogil=True, schedule="dynamic", num_threads=threads):
        _forward_block[floating](
            block * ROWS, min(N, (block + 1) * ROWS), h0, c0, w, bias, lengths, sums[threadid()], h, c, gates
        )


cdef void _forward_block(
    Py_ssize_t i, Py_ssize_t j,  # the rows of the block
    const floating[:, ::1] h0,
    const floating[:, ::1] c0,
    const floating[:, ::1] w,
    const floating[::1] bias,
    const int64_t[::1] lengths,
    floating[:, ::1] total,  # scratch (ROWS, 4U)
    floating[:, :, ::1] h,
    floating[:, :, ::1] c,
    floating[:, :, ::1] gates,
) noexcept nogil:
    cdef Py_ssize_t t
    for t in range(h.shape[0]):
        if t == 0:
            _step[floating](t, i, h0[i:j], c0[i:j], w, bias, lengths, total, h, c, gates)
        else:
            _step[floating](t, i, h[t - 1, i:j], c[t - 1, i:j], w, bias, lengths, total, h, c, gates)


cdef void _step(
    Py_ssize_t t, Py_ssize_t first,
    const floating[:, :] h_before,  # IN (rows of the block, U)
    const floating[:, :] c_before,
    const floating[:, ::1] w,
    const floating[::1] bias,
    const int64_t[::1] lengths,
    floating[:, ::1] total,
    floating[:, :, ::1] h,
    floating[:, :, ::1] c,
    floating[:, :, ::1] gates,
) noexcept nogil:
    cdef Py_ssize_t M = h_before.shape[0], U = h_before.shape[1], m, n, u, k
    for m in range(M):
        for k in range(4 * U):
            total[m, k] = gates[t, first + m, k] + bias[k]
    add_product[floating](h_before, w, total, 4 * U)
    for m in range(M):
        n = first + m
        for u in range(U):
            if t >= lengths[n]:
                h[t, n, u], c[t, n, u] = h_before[m, u], c_before[m, u]
                for k in range(4):
                    gates[t, n, k * U + u] = 0
            else:
                gates[t, n, u] = sigmoid[floating](total[m, u])
                gates[t, n, U + u] = sigmoid[floating](total[m, U + u])
                gates[t, n, 2 * U + u] = squash[floating](total[m, 2 * U + u])
                gates[t, n, 3 * U + u] = sigmoid[floating](total[m, 3 * U + u])
                c[t, n, u] = gates[t, n, U + u] * c_before[m, u] + gates[t, n, u] * gates[t, n, 2 * U + u]
                h[t, n, u] = gates[t, n, 3 * U + u] * squash[floating](c[t, n, u])


def lstm_cell_backward(dh, dc, x, h0, c0, w_ih, w_hh, c, gates, dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh):
    outputs = dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh
    _border.check("lstm_cell_backward", dh, dc, x, h0, c0, w_ih, w_hh, c, gates, *outputs)
    outputs = dx[None], dh0, dc0, dw_ih, dw_hh, db_ih, db_hh
    # A single step reads h0 alone: any array of h's shape will do.
    _backward(dh[None], dc, x[None], h0, c0, w_ih, w_hh, None, h0[None], c[None], gates[None], *outputs)


def lstm_backward(dh, dc, x, h0, c0, w_ih, w_hh, lengths, h, c, gates, dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh):
    outputs = dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh
    _border.check("lstm_backward", dh, dc, x, h0, c0, w_ih, w_hh, lengths, h, c, gates, *outputs)
    _backward(dh, dc, x, h0, c0, w_ih, w_hh, lengths, h, c, gates, *outputs)


def _backward(dh, dc, x, h0, c0, w_ih, w_hh, lengths, h, c, gates, dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh):
    da, d, d_cell = np.empty_like(gates), np.zeros_like(c[0]), initial(dc, c).copy()
    _backward_steps(dh, initial(c0, c), w_hh, steps(lengths, c), c, gates, da, d, d_cell)
    if dh0 is not None:
        dh0[...] = d
    if dc0 is not None:
        dc0[...] = d_cell
    input_gradient(da, w_ih, lengths, dx)
    weight_gradients(da, while_running(lengths, x), dw_ih, db_ih)
    weight_gradients(da, while_running(lengths, previous(h, h0)), dw_hh, db_hh)


def _backward_steps(
    const floating[:, :, ::1] dh,  # IN (T, N, U)
    const floating[:, ::1] c0,  # IN (N, U)
    const floating[:, ::1] w_hh,  # IN (4U, U)
    const int64_t[::1] lengths,  # IN (N,)
    const floating[:, :, ::1] c,  # IN (T, N, U)
    const floating[:, :, ::1] gates,  # IN (T, N, 4U)
    floating[:, :, ::1] da,  # OUT (T, N, 4U): by the pre-activations
    floating[:, ::1] d,  # INOUT (N, U): 0 on entry; by h0 at the end
    floating[:, ::1] d_cell,  # INOUT (N, U): by the last c on entry; by c0 at the end
):
    cdef Py_ssize_t N = c.shape[1], blocks = (N + ROWS - 1) // ROWS, block
    cdef int threads = min(get_num_threads(), max(1, blocks))
    dtype = np.float32 if floating is float else np.float64
    cdef floating[:, :, ::1] sums = np.empty((threads, ROWS, c.shape[2]), dtype)
    for block in prange(blocks, nogil=True, schedule="dynamic", num_threads=threads):
        _backward_block[floating](
            block * ROWS, min(N, (block + 1) * ROWS), dh, c0, w_hh, lengths, c, gates, sums[threadid()], da, d, d_cell
        )


cdef void _backward_block(
    Py_ssize_t i, Py_ssize_t j,
    const floating[:, :, ::1] dh,
    const floating[:, ::1] c0,
    const floating[:, ::1] w_hh,
    const int64_t[::1] lengths,
    const floating[:, :, ::1] c,
    const floating[:, :, ::1] gates,
    floating[:, ::1] through,  # scratch (ROWS, U)
    floating[:, :, ::1] da,
    floating[:, ::1] d,
    floating[:, ::1] d_cell,
) noexcept nogil:
    cdef Py_ssize_t U = c.shape[2], t, n, u
    for t in range(c.shape[0] - 1, -1, -1):
        for n in range(i, j):
            through[n - i] = 0
            if t >= lengths[n]:
                da[t, n] = 0
            for u in range(U):
                d[n, u] += dh[t, n, u]
                if t < lengths[n]:
                    _gates_back[floating](c0[n, u] if t == 0 else c[t - 1, n, u], t, n, u, c, gates, da, d, d_cell)
        add_product[floating](da[t, i:j], w_hh, through, U)
        for n in range(i, j):
            for u in range(U):
                if t < lengths[n]:
                    d[n, u] = through[n - i, u]


cdef inline void _gates_back(
    floating c_before, Py_ssize_t t, Py_ssize_t n, Py_ssize_t u,
    const floating[:, :, ::1] c,
    const floating[:, :, ::1] gates,
    floating[:, :, ::1] da,
    floating[:, ::1] d,
    floating[:, ::1] d_cell,
) noexcept nogil:
    cdef Py_ssize_t U = c.shape[2]
    cdef floating i = gates[t, n, u], f = gates[t, n, U + u], g = gates[t, n, 2 * U + u], o = gates[t, n, 3 * U + u]
    cdef floating squashed = squash[floating](c[t, n, u])
    cdef floating cell = d_cell[n, u] + d[n, u] * o * (1 - squashed * squashed)
    da[t, n, u] = cell * g * i * (1 - i)
    da[t, n, U + u] = cell * c_before * f * (1 - f)
    da[t, n, 2 * U + u] = cell * i * (1 - g * g)
    da[t, n, 3 * U + u] = d[n, u] * squashed * o * (1 - o)
    d_cell[n, u] = cell * f
