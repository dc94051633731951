"""The simple recurrent network. See naive/rnn.py, and recurrent.py for how the work is cut."""

from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t

from cuarzo.kernels.cython.gates cimport ROWS, squash
from cuarzo.kernels.cython.product cimport add_product

import numpy as np

from cuarzo.kernels import _border
from cuarzo.kernels._sequence import bias_sum, initial, previous, steps, while_running
from cuarzo.kernels.cython._sequence import input_gradient, products, weight_gradients
from cuarzo.kernels.threads import get_num_threads


def rnn_cell_forward(x, h0, w_ih, w_hh, b_ih, b_hh, relu, h):
    _border.check("rnn_cell_forward", x, h0, w_ih, w_hh, b_ih, b_hh, relu, h)
    _forward(x[None], h0, w_ih, w_hh, b_ih, b_hh, None, relu, h[None])


def rnn_forward(x, h0, w_ih, w_hh, b_ih, b_hh, lengths, relu, h):
    _border.check("rnn_forward", x, h0, w_ih, w_hh, b_ih, b_hh, lengths, relu, h)
    _forward(x, h0, w_ih, w_hh, b_ih, b_hh, lengths, relu, h)


def _forward(x, h0, w_ih, w_hh, b_ih, b_hh, lengths, relu, h):
    products(x, w_ih, h)  # the pre-activations stand in h until their step comes
    w = np.ascontiguousarray(w_hh.T)
    _forward_steps(initial(h0, h), w, bias_sum(w_ih, b_ih, b_hh), steps(lengths, h), relu, h)


def _forward_steps(
    const floating[:, ::1] h0,  # IN (N, U)
    const floating[:, ::1] w,  # IN (U, U): w_hh transposed
    const floating[::1] bias,  # IN (U,)
    const int64_t[::1] lengths,  # IN (N,)
    bint relu,
    floating[:, :, ::1] h,  # INOUT (T, N, U): x w_ih' on entry
):
    cdef Py_ssize_t N = h.shape[1], blocks = (N + ROWS - 1) // ROWS, block
    cdef int threads = min(get_num_threads(), max(1, blocks))
    dtype = np.float32 if floating is float else np.float64
    cdef floating[:, :, ::1] sums = np.empty((threads, ROWS, h.shape[2]), dtype)
    for block in prange(blocks, nogil=True, schedule="dynamic", num_threads=threads):
        _forward_block[floating](
            block * ROWS, min(N, (block + 1) * ROWS), h0, w, bias, lengths, relu, sums[threadid()], h
        )


cdef void _forward_block(
    Py_ssize_t i, Py_ssize_t j,  # the rows of the block
    const floating[:, ::1] h0,
    const floating[:, ::1] w,
    const floating[::1] bias,
    const int64_t[::1] lengths,
    bint relu,
    floating[:, ::1] total,  # scratch (ROWS, U)
    floating[:, :, ::1] h,
) noexcept nogil:
    cdef Py_ssize_t t
    for t in range(h.shape[0]):
        if t == 0:
            _step[floating](t, i, h0[i:j], w, bias, lengths, relu, total, h)
        else:
            _step[floating](t, i, h[t - 1, i:j], w, bias, lengths, relu, total, h)


cdef void _step(
    Py_ssize_t t, Py_ssize_t first,
    const floating[:, :] before,  # IN (rows of the block, U)
    const floating[:, ::1] w,
    const floating[::1] bias,
    const int64_t[::1] lengths,
    bint relu,
    floating[:, ::1] total,
    floating[:, :, ::1] h,
) noexcept nogil:
    cdef Py_ssize_t M = before.shape[0], U = before.shape[1], m, n, u
    for m in range(M):
        for u in range(U):
            total[m, u] = h[t, first + m, u] + bias[u]
    add_product[floating](before, w, total, U)
    for m in range(M):
        n = first + m
        for u in range(U):
            if t >= lengths[n]:
                h[t, n, u] = before[m, u]
            elif relu:
                h[t, n, u] = 0 if total[m, u] <= 0 else total[m, u]
            else:
                h[t, n, u] = squash[floating](total[m, u])


def rnn_cell_backward(dh, x, h0, w_ih, w_hh, h, relu, dx, dh0, dw_ih, dw_hh, db_ih, db_hh):
    _border.check("rnn_cell_backward", dh, x, h0, w_ih, w_hh, h, relu, dx, dh0, dw_ih, dw_hh, db_ih, db_hh)
    _backward(dh[None], x[None], h0, w_ih, w_hh, None, h[None], relu, dx[None], dh0, dw_ih, dw_hh, db_ih, db_hh)


def rnn_backward(dh, x, h0, w_ih, w_hh, lengths, h, relu, dx, dh0, dw_ih, dw_hh, db_ih, db_hh):
    _border.check("rnn_backward", dh, x, h0, w_ih, w_hh, lengths, h, relu, dx, dh0, dw_ih, dw_hh, db_ih, db_hh)
    _backward(dh, x, h0, w_ih, w_hh, lengths, h, relu, dx, dh0, dw_ih, dw_hh, db_ih, db_hh)


def _backward(dh, x, h0, w_ih, w_hh, lengths, h, relu, dx, dh0, dw_ih, dw_hh, db_ih, db_hh):
    da, d = np.empty_like(h), np.zeros_like(h[0])
    _backward_steps(dh, w_hh, steps(lengths, h), h, relu, da, d)
    if dh0 is not None:
        dh0[...] = d
    input_gradient(da, w_ih, lengths, dx)
    weight_gradients(da, while_running(lengths, x), dw_ih, db_ih)
    weight_gradients(da, while_running(lengths, previous(h, h0)), dw_hh, db_hh)


def _backward_steps(
    const floating[:, :, ::1] dh,  # IN (T, N, U)
    const floating[:, ::1] w_hh,  # IN (U, U)
    const int64_t[::1] lengths,  # IN (N,)
    const floating[:, :, ::1] h,  # IN (T, N, U)
    bint relu,
    floating[:, :, ::1] da,  # OUT (T, N, U): by the pre-activations
    floating[:, ::1] d,  # INOUT (N, U): 0 on entry; by h0 at the end
):
    cdef Py_ssize_t N = h.shape[1], blocks = (N + ROWS - 1) // ROWS, block
    cdef int threads = min(get_num_threads(), max(1, blocks))
    dtype = np.float32 if floating is float else np.float64
    cdef floating[:, :, ::1] sums = np.empty((threads, ROWS, h.shape[2]), dtype)
    for block in prange(blocks, nogil=True, schedule="dynamic", num_threads=threads):
        _backward_block[floating](block * ROWS, min(N, (block + 1) * ROWS), dh, w_hh, lengths, h, relu, sums[threadid()], da, d)


cdef void _backward_block(
    Py_ssize_t i, Py_ssize_t j,
    const floating[:, :, ::1] dh,
    const floating[:, ::1] w_hh,
    const int64_t[::1] lengths,
    const floating[:, :, ::1] h,
    bint relu,
    floating[:, ::1] through,  # scratch (ROWS, U)
    floating[:, :, ::1] da,
    floating[:, ::1] d,
) noexcept nogil:
    cdef Py_ssize_t U = h.shape[2], t, n, u
    for t in range(h.shape[0] - 1, -1, -1):
        for n in range(i, j):
            for u in range(U):
                d[n, u] += dh[t, n, u]
                through[n - i, u] = 0
                if t >= lengths[n] or (relu and h[t, n, u] <= 0):
                    da[t, n, u] = 0
                elif relu:
                    da[t, n, u] = d[n, u]
                else:
                    da[t, n, u] = d[n, u] * (1 - h[t, n, u] * h[t, n, u])
        add_product[floating](da[t, i:j], w_hh, through, U)
        for n in range(i, j):
            for u in range(U):
                if t < lengths[n]:
                    d[n, u] = through[n - i, u]
