"""Restricted Boltzmann machines, compiled. See naive/rbm.py for the definition.

What this adds over the definition: the sums over units are this backend's own product, and its random numbers are drawn
in one go; then one parallel loop over rows turns sums into means and means into samples. Neither depends on the number
of threads.
"""

import math

import numpy as np
from numba import prange
from numpy.typing import NDArray

from cuarzo.kernels import _border
from cuarzo.kernels.numba._compile import parallel, serial
from cuarzo.kernels.numba.matmul import matmul
from cuarzo.kernels.numba.random import philox_uniform


def rbm_hidden(
    v: NDArray, w: NDArray, b: NDArray, key: int, counter: int, mean: NDArray, sample: NDArray | None
) -> None:
    _border.check("rbm_hidden", v, w, b, key, counter, mean, sample)
    matmul(v, w, False, True, mean)
    _bernoulli_layer(b, key, counter, mean, sample)


def rbm_visible(
    h: NDArray, w: NDArray, a: NDArray, gaussian: bool, key: int, counter: int, mean: NDArray, sample: NDArray | None
) -> None:
    _border.check("rbm_visible", h, w, a, gaussian, key, counter, mean, sample)
    matmul(h, w, False, False, mean)
    (_gaussian_layer if gaussian else _bernoulli_layer)(a, key, counter, mean, sample)


def rbm_gibbs(
    h: NDArray,
    w: NDArray,
    a: NDArray,
    b: NDArray,
    gaussian: bool,
    steps: int,
    key: int,
    counter: int,
    v_mean: NDArray,
    v_sample: NDArray,
    h_mean: NDArray,
    h_sample: NDArray,
) -> None:
    _border.check("rbm_gibbs", h, w, a, b, gaussian, steps, key, counter, v_mean, v_sample, h_mean, h_sample)
    state = h
    for _ in range(steps):
        rbm_visible(state, w, a, gaussian, key, counter, v_mean, v_sample)
        counter = _after(counter, v_sample, 2 if gaussian else 1)
        rbm_hidden(v_sample, w, b, key, counter, h_mean, h_sample)
        counter = _after(counter, h_sample, 1)
        state = h_sample


def rbm_free_energy(v: NDArray, w: NDArray, a: NDArray, b: NDArray, gaussian: bool, f: NDArray) -> None:
    _border.check("rbm_free_energy", v, w, a, b, gaussian, f)
    sums = np.empty((len(v), len(w)), v.dtype)
    matmul(v, w, False, True, sums)
    _free_energy(v, a, b, sums, bool(gaussian), f)


def rbm_gradient(
    v: NDArray, h: NDArray, v_chain: NDArray, h_chain: NDArray, dw: NDArray, da: NDArray, db: NDArray
) -> None:
    _border.check("rbm_gradient", v, h, v_chain, h_chain, dw, da, db)
    shown = np.empty_like(dw)
    matmul(h, v, True, False, shown)
    matmul(h_chain, v_chain, True, False, dw)
    _difference(shown, max(1, len(v)), max(1, len(v_chain)), dw)
    _mean_difference(v, v_chain, da)
    _mean_difference(h, h_chain, db)


def _bernoulli_layer(bias: NDArray, key: int, counter: int, mean: NDArray, sample: NDArray | None) -> None:
    """`mean` comes with the sums over the other layer; it also stands for a sample that nobody asked for."""
    u = np.empty(mean.shape if sample is not None else (0, 0), mean.dtype)
    philox_uniform(key, counter, u)
    _bernoulli(bias, u, mean, mean if sample is None else sample, sample is not None)


def _gaussian_layer(bias: NDArray, key: int, counter: int, mean: NDArray, sample: NDArray | None) -> None:
    u = np.empty((*mean.shape, 2) if sample is not None else (0, 0, 2), mean.dtype)
    philox_uniform(key, counter, u)
    _gaussian(bias, u, mean, mean if sample is None else sample, sample is not None)


def _after(counter: int, drawn: NDArray, numbers: int) -> int:
    """The block after a draw that took so many numbers for each element."""
    per_block = 16 // drawn.itemsize
    return (counter + -(-drawn.size * numbers // per_block)) % 2**64


# A literal 1 is an int64 to Numba, which would make float64 of a float32: hence `one`, of the arrays' dtype.


@parallel
def _bernoulli(bias, u, mean, sample, wanted):
    # bias    IN    (units,)
    # u       IN    (N, units) if wanted
    # mean    INOUT (N, units): sums in, means out
    # sample  OUT   (N, units) if wanted
    N, units = mean.shape
    one = mean.dtype.type(1)
    for n in prange(N):
        for j in range(units):
            x = mean[n, j] + bias[j]
            e = math.exp(-abs(x))  # cannot overflow
            p = (one if x >= 0 else e) / (one + e)
            mean[n, j] = p
            if wanted:
                sample[n, j] = u[n, j] < p


@parallel
def _gaussian(bias, u, mean, sample, wanted):
    # bias    IN    (units,)
    # u       IN    (N, units, 2) if wanted
    # mean    INOUT (N, units): sums in, means out
    # sample  OUT   (N, units) if wanted
    N, units = mean.shape
    one, two, turn = mean.dtype.type(1), mean.dtype.type(2), mean.dtype.type(2 * np.pi)
    for n in prange(N):
        for j in range(units):
            mean[n, j] += bias[j]
            if wanted:
                radius = math.sqrt(-two * math.log(one - u[n, j, 0]))
                sample[n, j] = mean[n, j] + radius * math.cos(turn * u[n, j, 1])


@parallel
def _free_energy(v, a, b, sums, gaussian, f):
    # v     IN  (N, V)
    # a     IN  (V,)
    # b     IN  (U,)
    # sums  IN  (N, U): v w^T
    # f     OUT (N,)
    for n in prange(f.size):
        f[n] = _own(v[n], a, gaussian) - _softplus_sum(sums[n], b)


@serial
def _own(v, a, gaussian):
    """The visible units' own part of the energy."""
    total = v.dtype.type(0)
    for i in range(v.size):
        total += (v[i] - a[i]) * (v[i] - a[i]) if gaussian else -v[i] * a[i]
    return total / v.dtype.type(2) if gaussian else total


@serial
def _softplus_sum(x, b):
    total = x.dtype.type(0)
    for j in range(x.size):
        y = x[j] + b[j]
        total += max(y, x.dtype.type(0)) + math.log1p(math.exp(-abs(y)))
    return total


@parallel
def _difference(shown, N, M, dw):
    # shown  IN    (U, V): h^T v
    # dw     INOUT (U, V): h_chain^T v_chain in
    n, m = dw.dtype.type(N), dw.dtype.type(M)
    for j in prange(dw.shape[0]):
        for i in range(dw.shape[1]):
            dw[j, i] = dw[j, i] / m - shown[j, i] / n


@parallel
def _mean_difference(x, y, d):
    # x  IN  (N, K)
    # y  IN  (M, K)
    # d  OUT (K,): mean of y - mean of x
    n, m = d.dtype.type(max(1, x.shape[0])), d.dtype.type(max(1, y.shape[0]))
    for k in prange(d.size):
        first, second = d.dtype.type(0), d.dtype.type(0)
        for row in range(x.shape[0]):
            first += x[row, k]
        for row in range(y.shape[0]):
            second += y[row, k]
        d[k] = second / m - first / n
