"""The gated recurrent unit. See naive/gru.py, and recurrent.py for how the work is cut."""

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


def gru_cell_forward(x, h0, w_ih, w_hh, b_ih, b_hh, h, gates):
    _border.check("gru_cell_forward", x, h0, w_ih, w_hh, b_ih, b_hh, h, gates)
    _forward(x[None], h0, w_ih, w_hh, b_ih, b_hh, None, h[None], gates[None])


def gru_forward(x, h0, w_ih, w_hh, b_ih, b_hh, lengths, h, gates):
    _border.check("gru_forward", x, h0, w_ih, w_hh, b_ih, b_hh, lengths, h, gates)
    _forward(x, h0, w_ih, w_hh, b_ih, b_hh, lengths, h, gates)


def _forward(x, h0, w_ih, w_hh, b_ih, b_hh, lengths, h, gates):
    T, N, U = h.shape
    p = np.empty((T, N, 3 * U), h.dtype)
    products(x, w_ih, p)
    w, biases = np.ascontiguousarray(w_hh.T), (bias_sum(w_ih, b_ih), bias_sum(w_hh, b_hh))
    _forward_steps(p, initial(h0, h), w, *biases, steps(lengths, h), h, gates)


def _forward_steps(
    const floating[:, :, ::1] p,  # IN (T, N, 3U): x w_ih'
    const floating[:, ::1] h0,  # IN (N, U)
    const floating[:, ::1] w,  # IN (U, 3U): w_hh transposed
    const floating[::1] b_ih,  # IN (3U,)
    const floating[::1] b_hh,  # IN (3U,)
    const int64_t[::1] lengths,  # IN (N,)
    floating[:, :, ::1] h,  # OUT (T, N, U)
    floating[:, :, ::1] gates,  # OUT (T, N, 4U)
):
    cdef Py_ssize_t N = h.shape[1], blocks = (N + ROWS - 1) // ROWS, block
    cdef int threads = min(get_num_threads(), max(1, blocks))
    dtype = np.float32 if floating is float else np.float64
    cdef floating[:, :, ::1] sums = np.empty((threads, ROWS, p.shape[2]), dtype)
    for block in prange(blocks, nogil=True, schedule="dynamic", num_threads=threads):
        _forward_block[floating](
            block * ROWS, min(N, (block + 1) * ROWS), p, h0, w, b_ih, b_hh, lengths, sums[threadid()], h, gates
        )


cdef void _forward_block(
    Py_ssize_t i, Py_ssize_t j,  # the rows of the block
    const floating[:, :, ::1] p,
    const floating[:, ::1] h0,
    const floating[:, ::1] w,
    const floating[::1] b_ih,
    const floating[::1] b_hh,
    const int64_t[::1] lengths,
    floating[:, ::1] q,  # scratch (ROWS, 3U)
    floating[:, :, ::1] h,
    floating[:, :, ::1] gates,
) noexcept nogil:
    cdef Py_ssize_t t
    for t in range(h.shape[0]):
        if t == 0:
            _step[floating](t, i, p, h0[i:j], w, b_ih, b_hh, lengths, q, h, gates)
        else:
            _step[floating](t, i, p, h[t - 1, i:j], w, b_ih, b_hh, lengths, q, h, gates)


cdef void _step(
    Py_ssize_t t, Py_ssize_t first,
    const floating[:, :, ::1] p,
    const floating[:, :] before,  # IN (rows of the block, U)
    const floating[:, ::1] w,
    const floating[::1] b_ih,
    const floating[::1] b_hh,
    const int64_t[::1] lengths,
    floating[:, ::1] q,
    floating[:, :, ::1] h,
    floating[:, :, ::1] gates,
) noexcept nogil:
    cdef Py_ssize_t M = before.shape[0], U = before.shape[1], row, at, u
    cdef floating r, z, n, m
    for row in range(M):
        q[row] = b_hh
    add_product[floating](before, w, q, 3 * U)
    for row in range(M):
        at = first + row
        for u in range(U):
            if t >= lengths[at]:
                h[t, at, u], r, z, n, m = before[row, u], 0, 0, 0, 0
            else:
                r = sigmoid[floating](p[t, at, u] + b_ih[u] + q[row, u])
                z = sigmoid[floating](p[t, at, U + u] + b_ih[U + u] + q[row, U + u])
                m = q[row, 2 * U + u]
                n = squash[floating](p[t, at, 2 * U + u] + b_ih[2 * U + u] + r * m)
                h[t, at, u] = (1 - z) * n + z * before[row, u]
            gates[t, at, u], gates[t, at, U + u], gates[t, at, 2 * U + u], gates[t, at, 3 * U + u] = r, z, n, m


def gru_cell_backward(dh, x, h0, w_ih, w_hh, gates, dx, dh0, dw_ih, dw_hh, db_ih, db_hh):
    outputs = dx, dh0, dw_ih, dw_hh, db_ih, db_hh
    _border.check("gru_cell_backward", dh, x, h0, w_ih, w_hh, gates, *outputs)
    outputs = dx[None], dh0, dw_ih, dw_hh, db_ih, db_hh
    _backward(dh[None], x[None], h0[None], w_ih, w_hh, None, gates[None], *outputs)


def gru_backward(dh, x, h0, w_ih, w_hh, lengths, h, gates, dx, dh0, dw_ih, dw_hh, db_ih, db_hh):
    outputs = dx, dh0, dw_ih, dw_hh, db_ih, db_hh
    _border.check("gru_backward", dh, x, h0, w_ih, w_hh, lengths, h, gates, *outputs)
    before = while_running(lengths, previous(h, h0))
    _backward(dh, while_running(lengths, x), before, w_ih, w_hh, lengths, gates, *outputs)


def _backward(dh, x, before, w_ih, w_hh, lengths, gates, dx, dh0, dw_ih, dw_hh, db_ih, db_hh):
    T, N, U = dh.shape
    dp, dq = np.empty((2, T, N, 3 * U), dh.dtype)
    d = np.zeros_like(dh[0])
    _backward_steps(dh, before, w_hh, steps(lengths, dh), gates, dp, dq, d)
    if dh0 is not None:
        dh0[...] = d
    input_gradient(dp, w_ih, lengths, dx)
    weight_gradients(dp, x, dw_ih, db_ih)
    weight_gradients(dq, before, dw_hh, db_hh)


def _backward_steps(
    const floating[:, :, ::1] dh,  # IN (T, N, U)
    const floating[:, :, ::1] before,  # IN (T, N, U): the state that each step started from
    const floating[:, ::1] w_hh,  # IN (3U, U)
    const int64_t[::1] lengths,  # IN (N,)
    const floating[:, :, ::1] gates,  # IN (T, N, 4U)
    floating[:, :, ::1] dp,  # OUT (T, N, 3U): by the input's side of the pre-activations
    floating[:, :, ::1] dq,  # OUT (T, N, 3U): by the state's side
    floating[:, ::1] d,  # INOUT (N, U): 0 on entry; by h0 at the end
):
    cdef Py_ssize_t N = dh.shape[1], blocks = (N + ROWS - 1) // ROWS, block
    cdef int threads = min(get_num_threads(), max(1, blocks))
    dtype = np.float32 if floating is float else np.float64
    cdef floating[:, :, ::1] sums = np.empty((threads, ROWS, dh.shape[2]), dtype)
    for block in prange(blocks, nogil=True, schedule="dynamic", num_threads=threads):
        _backward_block[floating](
            block * ROWS, min(N, (block + 1) * ROWS), dh, before, w_hh, lengths, gates, sums[threadid()], dp, dq, d
        )


cdef void _backward_block(
    Py_ssize_t i, Py_ssize_t j,
    const floating[:, :, ::1] dh,
    const floating[:, :, ::1] before,
    const floating[:, ::1] w_hh,
    const int64_t[::1] lengths,
    const floating[:, :, ::1] gates,
    floating[:, ::1] through,  # scratch (ROWS, U)
    floating[:, :, ::1] dp,
    floating[:, :, ::1] dq,
    floating[:, ::1] d,
) noexcept nogil:
    cdef Py_ssize_t U = dh.shape[2], t, n, u
    for t in range(dh.shape[0] - 1, -1, -1):
        for n in range(i, j):
            if t >= lengths[n]:
                dp[t, n] = 0
                dq[t, n] = 0
            for u in range(U):
                d[n, u] += dh[t, n, u]
                if t < lengths[n]:
                    through[n - i, u] = d[n, u] * gates[t, n, U + u]
                    _gates_back[floating](d[n, u], t, n, u, before, gates, dp, dq)
        add_product[floating](dq[t, i:j], w_hh, through, U)
        for n in range(i, j):
            for u in range(U):
                if t < lengths[n]:
                    d[n, u] = through[n - i, u]


cdef inline void _gates_back(
    floating dy, Py_ssize_t t, Py_ssize_t row, Py_ssize_t u,
    const floating[:, :, ::1] before,
    const floating[:, :, ::1] gates,
    floating[:, :, ::1] dp,
    floating[:, :, ::1] dq,
) noexcept nogil:
    cdef Py_ssize_t U = before.shape[2]
    cdef floating r = gates[t, row, u], z = gates[t, row, U + u]
    cdef floating n = gates[t, row, 2 * U + u], m = gates[t, row, 3 * U + u]
    cdef floating dn = dy * (1 - z) * (1 - n * n)
    dp[t, row, u] = dn * m * r * (1 - r)
    dp[t, row, U + u] = dy * (before[t, row, u] - n) * z * (1 - z)
    dp[t, row, 2 * U + u] = dn
    dq[t, row, u], dq[t, row, U + u], dq[t, row, 2 * U + u] = dp[t, row, u], dp[t, row, U + u], dn * r
