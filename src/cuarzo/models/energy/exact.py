"""log Z of a restricted Boltzmann machine: a sum over every state of one layer, with the other in closed form.

    Z = sum_h exp(b.h) prod_i (1 + exp(a_i + (h W)_i))          the visible units summed out
    Z = sum_v exp(a.v) prod_j (1 + exp(b_j + (W v)_j))          the hidden units summed out
    Z = sum_h (2 pi)^(V/2) exp(b.h + a.(h W) + |h W|^2 / 2)     Gaussian visible units integrated out

The terms of the second are exp(-F(v)), F the free energy; those of the first too, with the layers exchanged.
"""

import math

import numpy as np
from numpy.typing import NDArray

from cuarzo import kernels

MOST = 24  # units whose states are summed: 2^24, some minutes beside 784 others
_CHUNK = 12  # 2^12 states at a time


def log_partition(w: NDArray, a: NDArray, b: NDArray, gaussian: bool) -> float:
    """log Z for w (U, V), a (V,), b (U,). ValueError for more than MOST units in the layer that is summed."""
    w, a, b = (np.asarray(array, np.float64) for array in (w, a, b))
    U, V = w.shape
    units = U if gaussian else min(U, V)
    if units > MOST:
        layer = "hidden layer" if gaussian else "smaller layer"
        raise ValueError(f"RBM.log_partition: the {layer} has {units} units, expected at most {MOST}: 2^{units} terms")
    if not gaussian and U <= V:
        w, a, b = np.ascontiguousarray(w.T), b, a  # the layers exchanged
    log_z, chunk = -math.inf, min(units, _CHUNK)
    for first in range(0, 2**units, 2**chunk):
        states = _states(first, 2**chunk, units)
        log_z = float(
            np.logaddexp(log_z, _log_sum(_gaussian(states, w, a, b) if gaussian else _binary(states, w, a, b)))
        )
    return log_z


def _states(first: int, count: int, units: int) -> NDArray[np.float64]:
    """(count, units): the binary digits of first, first + 1, ..."""
    numbers = np.arange(first, first + count)
    return (numbers[:, None] >> np.arange(units) & 1).astype(np.float64)


def _binary(v: NDArray, w: NDArray, a: NDArray, b: NDArray) -> NDArray:
    f = np.empty(len(v))
    kernels.current().rbm_free_energy(v, w, a, b, False, f)
    return -f


def _gaussian(h: NDArray, w: NDArray, a: NDArray, b: NDArray) -> NDArray:
    pushed = np.empty((len(h), len(a)))
    kernels.current().matmul(h, w, False, False, pushed)
    return h @ b + pushed @ a + np.square(pushed).sum(axis=1) / 2 + len(a) / 2 * math.log(2 * math.pi)


def _log_sum(terms: NDArray) -> float:
    """log sum exp, with the largest taken out."""
    most = terms.max()
    return float(most + np.log(np.exp(terms - most).sum()))
