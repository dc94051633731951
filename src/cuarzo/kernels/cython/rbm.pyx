"""Restricted Boltzmann machines. See naive/rbm.py for the definition.

What this adds over the definition: the sums over units are this backend's own product, and its random numbers are drawn
in one go; then one parallel loop over rows turns sums into means and means into samples. Neither depends on the number
of threads.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport M_PI, cos, cosf, exp, expf, fabs, log, log1p, log1pf, logf, sqrt

import numpy as np

from cuarzo.kernels import _border
from cuarzo.kernels.cython.matmul import matmul
from cuarzo.kernels.cython.random import philox_uniform
from cuarzo.kernels.threads import get_num_threads


def rbm_hidden(v, w, b, key, counter, mean, sample):
    _border.check("rbm_hidden", v, w, b, key, counter, mean, sample)
    matmul(v, w, False, True, mean)
    _layer(b, False, key, counter, mean, sample)


def rbm_visible(h, w, a, gaussian, key, counter, mean, sample):
    _border.check("rbm_visible", h, w, a, gaussian, key, counter, mean, sample)
    matmul(h, w, False, False, mean)
    _layer(a, gaussian, key, counter, mean, sample)


def rbm_gibbs(h, w, a, b, gaussian, steps, key, counter, v_mean, v_sample, h_mean, h_sample):
    _border.check("rbm_gibbs", h, w, a, b, gaussian, steps, key, counter, v_mean, v_sample, h_mean, h_sample)
    state = h
    for _ in range(steps):
        rbm_visible(state, w, a, gaussian, key, counter, v_mean, v_sample)
        counter = _after(counter, v_sample, 2 if gaussian else 1)
        rbm_hidden(v_sample, w, b, key, counter, h_mean, h_sample)
        counter = _after(counter, h_sample, 1)
        state = h_sample


def rbm_free_energy(v, w, a, b, gaussian, f):
    _border.check("rbm_free_energy", v, w, a, b, gaussian, f)
    sums = np.empty((len(v), len(w)), v.dtype)
    matmul(v, w, False, True, sums)
    _free_energy(v, a, b, sums, gaussian, f)


def rbm_gradient(v, h, v_chain, h_chain, dw, da, db):
    _border.check("rbm_gradient", v, h, v_chain, h_chain, dw, da, db)
    shown = np.empty_like(dw)
    matmul(h, v, True, False, shown)
    matmul(h_chain, v_chain, True, False, dw)
    _difference(shown, max(1, len(v)), max(1, len(v_chain)), dw)
    _mean_difference(v, v_chain, da)
    _mean_difference(h, h_chain, db)


def _after(counter, drawn, numbers):
    """The block after a draw that took so many numbers for each element."""
    per_block = 16 // drawn.itemsize
    return (counter + -(-drawn.size * numbers // per_block)) % 2**64


def _layer(bias, gaussian, key, counter, mean, sample):
    u = None
    if sample is not None:
        u = np.empty((*mean.shape, 2 if gaussian else 1), mean.dtype)
        philox_uniform(key, counter, u)
    _finish(bias, gaussian, u, mean, sample)


def _finish(
    const floating[::1] bias,  # IN (units,)
    bint gaussian,
    const floating[:, :, ::1] u,  # IN (N, units, 1, or 2 if gaussian), or None where sample is
    floating[:, ::1] mean,  # INOUT (N, units): sums over the other layer in, means out
    floating[:, ::1] sample,  # OUT (N, units) or None
):
    cdef Py_ssize_t N = mean.shape[0], n
    cdef int threads = min(get_num_threads(), max(1, N))
    for n in prange(N, nogil=True, schedule="static", num_threads=threads):
        if gaussian:
            _gaussian_row(n, bias, u, mean, sample)
        else:
            _bernoulli_row(n, bias, u, mean, sample)


cdef void _bernoulli_row(
    Py_ssize_t n,
    const floating[::1] bias,
    const floating[:, :, ::1] u,
    floating[:, ::1] mean,
    floating[:, ::1] sample,
) noexcept nogil:
    cdef Py_ssize_t j
    cdef floating x, e
    for j in range(mean.shape[1]):
        x = mean[n, j] + bias[j]
        e = _exp(-<floating> fabs(x))  # cannot overflow
        mean[n, j] = (1 if x >= 0 else e) / (1 + e)
        if sample is not None:
            sample[n, j] = u[n, j, 0] < mean[n, j]


cdef void _gaussian_row(
    Py_ssize_t n,
    const floating[::1] bias,
    const floating[:, :, ::1] u,
    floating[:, ::1] mean,
    floating[:, ::1] sample,
) noexcept nogil:
    cdef Py_ssize_t j
    cdef floating radius
    for j in range(mean.shape[1]):
        mean[n, j] += bias[j]
        if sample is not None:
            radius = <floating> sqrt(-2 * _log(1 - u[n, j, 0]))
            sample[n, j] = mean[n, j] + radius * _cos(<floating> (2 * M_PI) * u[n, j, 1])


def _free_energy(
    const floating[:, ::1] v,  # IN (N, V)
    const floating[::1] a,  # IN (V,)
    const floating[::1] b,  # IN (U,)
    const floating[:, ::1] sums,  # IN (N, U): v w^T
    bint gaussian,
    floating[::1] f,  # OUT (N,)
):
    cdef Py_ssize_t N = f.shape[0], n
    cdef int threads = min(get_num_threads(), max(1, N))
    for n in prange(N, nogil=True, schedule="static", num_threads=threads):
        f[n] = _own(v[n], a, gaussian) - _softplus_sum(sums[n], b)


def _difference(
    const floating[:, ::1] shown,  # IN (U, V): h^T v
    Py_ssize_t N,
    Py_ssize_t M,
    floating[:, ::1] dw,  # INOUT (U, V): h_chain^T v_chain in
):
    cdef Py_ssize_t j, i
    cdef int threads = min(get_num_threads(), max(1, dw.shape[0]))
    for j in prange(dw.shape[0], nogil=True, schedule="static", num_threads=threads):
        for i in range(dw.shape[1]):
            dw[j, i] = dw[j, i] / M - shown[j, i] / N


def _mean_difference(
    const floating[:, ::1] x,  # IN (N, K)
    const floating[:, ::1] y,  # IN (M, K)
    floating[::1] d,  # OUT (K,): mean of y - mean of x
):
    cdef Py_ssize_t k
    for k in range(d.shape[0]):
        d[k] = _column_mean(y, k) - _column_mean(x, k)


cdef floating _column_mean(const floating[:, ::1] x, Py_ssize_t k) noexcept nogil:
    cdef floating total = 0
    cdef Py_ssize_t n
    for n in range(x.shape[0]):
        total += x[n, k]
    return total / max(1, x.shape[0])


cdef floating _own(const floating[::1] v, const floating[::1] a, bint gaussian) noexcept nogil:
    """The visible units' own part of the energy."""
    cdef floating total = 0
    cdef Py_ssize_t i
    for i in range(v.shape[0]):
        total += (v[i] - a[i]) * (v[i] - a[i]) if gaussian else -v[i] * a[i]
    return total / 2 if gaussian else total


cdef floating _softplus_sum(const floating[::1] x, const floating[::1] b) noexcept nogil:
    cdef floating total = 0, y
    cdef Py_ssize_t j
    for j in range(x.shape[0]):
        y = x[j] + b[j]
        total += (y if y > 0 else 0) + _log1p(_exp(-<floating> fabs(y)))
    return total


# C's functions have a name for each type.
cdef inline floating _exp(floating x) noexcept nogil:
    return expf(x) if floating is float else exp(x)


cdef inline floating _log(floating x) noexcept nogil:
    return logf(x) if floating is float else log(x)


cdef inline floating _log1p(floating x) noexcept nogil:
    return log1pf(x) if floating is float else log1p(x)


cdef inline floating _cos(floating x) noexcept nogil:
    return cosf(x) if floating is float else cos(x)
