"""Restricted Boltzmann machines in whole-array operations: a layer is one product by BLAS. See naive/rbm.py."""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border
from cuarzo.kernels.numpy.random import philox_uniform


def rbm_hidden(
    v: NDArray, w: NDArray, b: NDArray, key: int, counter: int, mean: NDArray, sample: NDArray | None
) -> None:
    _border.check("rbm_hidden", v, w, b, key, counter, mean, sample)
    np.matmul(v, w.T, out=mean)
    mean += b
    _bernoulli(key, counter, mean, sample)


def rbm_visible(
    h: NDArray, w: NDArray, a: NDArray, gaussian: bool, key: int, counter: int, mean: NDArray, sample: NDArray | None
) -> None:
    _border.check("rbm_visible", h, w, a, gaussian, key, counter, mean, sample)
    np.matmul(h, w, out=mean)
    mean += a
    (_gaussian if gaussian else _bernoulli)(key, counter, mean, sample)


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
    x = v @ w.T
    x += b
    own = np.square(v - a).sum(axis=1) / 2 if gaussian else -(v @ a)
    np.subtract(own, (np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))).sum(axis=1), out=f)


def rbm_gradient(
    v: NDArray, h: NDArray, v_chain: NDArray, h_chain: NDArray, dw: NDArray, da: NDArray, db: NDArray
) -> None:
    _border.check("rbm_gradient", v, h, v_chain, h_chain, dw, da, db)
    N, M = max(1, len(v)), max(1, len(v_chain))
    np.matmul(h_chain.T, v_chain, out=dw)
    dw /= M
    dw -= (h.T @ v) / N
    np.subtract(v_chain.sum(axis=0) / M, v.sum(axis=0) / N, out=da)
    np.subtract(h_chain.sum(axis=0) / M, h.sum(axis=0) / N, out=db)


def _bernoulli(key: int, counter: int, mean: NDArray, sample: NDArray | None) -> None:
    """`mean` comes with what each unit receives."""
    e = np.exp(-np.abs(mean))  # cannot overflow
    mean[...] = np.where(mean >= 0, 1, e) / (1 + e)
    if sample is not None:
        philox_uniform(key, counter, u := np.empty_like(mean))
        sample[...] = u < mean


def _gaussian(key: int, counter: int, mean: NDArray, sample: NDArray | None) -> None:
    if sample is not None:
        philox_uniform(key, counter, u := np.empty((*mean.shape, 2), mean.dtype))
        radius = np.sqrt(-2 * np.log(1 - u[..., 0]))
        np.add(mean, radius * np.cos(2 * np.pi * u[..., 1]), out=sample)


def _after(counter: int, drawn: NDArray, numbers: int) -> int:
    """The block after a draw that took so many numbers for each element."""
    per_block = 16 // drawn.itemsize
    return (counter + -(-drawn.size * numbers // per_block)) % 2**64
