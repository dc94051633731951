"""Restricted Boltzmann machine: conditional means and samples, Gibbs chains, free energy.

V visible units v, U hidden units h in {0, 1}, weights w (U, V), biases a (V,) and b (U,). A state has the probability
p(v, h) = exp(-E(v, h)) / Z, with

    E(v, h) = -sum_i a_i v_i - sum_j b_j h_j - sum_{j, i} h_j w_ji v_i          v binary
    E(v, h) = sum_i (v_i - a_i)^2 / 2 - sum_j b_j h_j - sum_{j, i} h_j w_ji v_i  v real: Gaussian, of variance 1

There are no weights inside a layer: given the other layer, its units are independent, and all are drawn at once. With
sigmoid(x) = 1 / (1 + e^-x) and softplus(x) = log(1 + e^x),

    p(h_j = 1 | v) = sigmoid(b_j + sum_i w_ji v_i)
    p(v_i = 1 | h) = sigmoid(a_i + sum_j h_j w_ji)
    p(v_i | h)     = N(a_i + sum_j h_j w_ji, 1)                                 Gaussian
    F(v) = -log sum_h e^-E(v, h) = (v's own part of E) - sum_j softplus(b_j + sum_i w_ji v_i)

The gradient of -log p(v), its mean over the data, is what the model dreams less what the data show. Chains estimate the
first half, M of them beside N rows of data; a mean over none is 0:

    dw_ji = mean over chains of h_j v_i - mean over the data of h_j v_i       da_i, db_j: the same of v_i, and of h_j

Random numbers: unit j of row n is element i = n units + j of its layer's draw. A unit is on where u[i] < mean, the mean
as it was stored; NaN turns none on. A Gaussian unit takes two numbers (Box and Muller 1958):

    sample = mean + sqrt(-2 log(1 - u[2i])) cos(2 pi u[2i + 1])

u are the numbers of `philox_uniform` at (key, counter), in the arrays' dtype. In a chain each draw begins at the next
block that is free: one of m numbers takes ceil(m / 4) blocks in float32, ceil(m / 2) in float64; counters wrap at 2^64.

Source: Smolensky 1986, "Information processing in dynamical systems"; Freund and Haussler 1991 (F); Hinton 2010, "A
practical guide to training restricted Boltzmann machines", sections 2 and 13.2 (Gaussian units).
"""

import math
import operator
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels.naive.random import philox_uniform


def rbm_hidden(
    v: NDArray, w: NDArray, b: NDArray, key: int, counter: int, mean: NDArray, sample: NDArray | None
) -> None:
    # v       IN  (N, V)
    # w       IN  (U, V)
    # b       IN  (U,)
    # mean    OUT (N, U): p(h = 1 | v)
    # sample  OUT (N, U): 0 or 1; None: nothing is drawn
    _bernoulli(_inputs(v, w.T, b), key, counter, mean, sample)


def rbm_visible(
    h: NDArray, w: NDArray, a: NDArray, gaussian: bool, key: int, counter: int, mean: NDArray, sample: NDArray | None
) -> None:
    # h       IN  (N, U)
    # w       IN  (U, V)
    # a       IN  (V,)
    # mean    OUT (N, V): p(v = 1 | h), or the mean of v
    # sample  OUT (N, V): 0 or 1, or mean + noise; None: nothing is drawn
    draw = _gaussian if gaussian else _bernoulli
    draw(_inputs(h, w, a), key, counter, mean, sample)


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
    # h  IN  (N, U): where the chains start
    # w  IN  (U, V),  a  IN  (V,),  b  IN  (U,)
    # v_mean, v_sample  OUT (N, V): of the last step
    # h_mean, h_sample  OUT (N, U)
    state = h
    for _ in range(steps):
        rbm_visible(state, w, a, gaussian, key, counter, v_mean, v_sample)
        counter = _after(counter, v_sample, 2 if gaussian else 1)
        rbm_hidden(v_sample, w, b, key, counter, h_mean, h_sample)
        counter = _after(counter, h_sample, 1)
        state = h_sample


def rbm_free_energy(v: NDArray, w: NDArray, a: NDArray, b: NDArray, gaussian: bool, f: NDArray) -> None:
    # v  IN  (N, V)
    # w  IN  (U, V),  a  IN  (V,),  b  IN  (U,)
    # f  OUT (N,)
    own = a.tolist()
    for n, (units, inputs) in enumerate(zip(v.tolist(), _inputs(v, w.T, b), strict=True)):
        if gaussian:
            total = sum((v_i - a_i) * (v_i - a_i) / 2 for v_i, a_i in zip(units, own, strict=True))
        else:
            total = -sum(v_i * a_i for v_i, a_i in zip(units, own, strict=True))
        f[n] = total - sum(_softplus(x) for x in inputs)


def rbm_gradient(
    v: NDArray, h: NDArray, v_chain: NDArray, h_chain: NDArray, dw: NDArray, da: NDArray, db: NDArray
) -> None:
    # v, h              IN  (N, V), (N, U): data, and the means of h given them
    # v_chain, h_chain  IN  (M, V), (M, U)
    # dw  OUT (U, V),  da  OUT (V,),  db  OUT (U,)
    shown = [column.tolist() for column in v.T], [column.tolist() for column in h.T]
    dreamt = [column.tolist() for column in v_chain.T], [column.tolist() for column in h_chain.T]
    for j, (h_j, h_chain_j) in enumerate(zip(shown[1], dreamt[1], strict=True)):
        db[j] = _mean(h_chain_j) - _mean(h_j)
        for i, (v_i, v_chain_i) in enumerate(zip(shown[0], dreamt[0], strict=True)):
            dw[j, i] = _mean(map(operator.mul, h_chain_j, v_chain_i)) - _mean(map(operator.mul, h_j, v_i))
    for i, (v_i, v_chain_i) in enumerate(zip(shown[0], dreamt[0], strict=True)):
        da[i] = _mean(v_chain_i) - _mean(v_i)


def _inputs(x: NDArray, w: NDArray, bias: NDArray) -> list[list[float]]:
    """bias_j + sum_i x_ni w_ij: what each unit j of each row n receives."""
    columns = list(zip(bias.tolist(), w.T.tolist(), strict=True))
    rows = []
    for row in x.tolist():
        received = []
        for total, weights in columns:
            for x_i, w_i in zip(row, weights, strict=True):
                total += x_i * w_i
            received.append(total)
        rows.append(received)
    return rows


def _bernoulli(inputs: list[list[float]], key: int, counter: int, mean: NDArray, sample: NDArray | None) -> None:
    u = np.empty(mean.shape, mean.dtype)
    if sample is not None:
        philox_uniform(key, counter, u)
    for n, j in np.ndindex(*mean.shape):
        mean[n, j] = _sigmoid(inputs[n][j])
        if sample is not None:
            sample[n, j] = 1.0 if u[n, j] < mean[n, j] else 0.0


def _gaussian(inputs: list[list[float]], key: int, counter: int, mean: NDArray, sample: NDArray | None) -> None:
    u = np.empty((*mean.shape, 2), mean.dtype)
    if sample is not None:
        philox_uniform(key, counter, u)
    for n, j in np.ndindex(*mean.shape):
        mean[n, j] = inputs[n][j]
        if sample is not None:
            radius = math.sqrt(-2.0 * math.log(1.0 - float(u[n, j, 0])))
            sample[n, j] = inputs[n][j] + radius * math.cos(2.0 * math.pi * float(u[n, j, 1]))


def _after(counter: int, drawn: NDArray, numbers: int) -> int:
    """The block after a draw that took so many numbers for each element."""
    per_block = 16 // drawn.itemsize
    return (counter + -(-drawn.size * numbers // per_block)) % 2**64


def _sigmoid(x: float) -> float:
    e = math.exp(-abs(x))  # cannot overflow
    return (1.0 if x >= 0 else e) / (1.0 + e)


def _softplus(x: float) -> float:
    return (x if x > 0 else 0.0) + math.log1p(math.exp(-abs(x)))


def _mean(terms: Iterable[float]) -> float:
    total, count = 0.0, 0
    for term in terms:
        total += term
        count += 1
    return total / max(1, count)
