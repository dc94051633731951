"""What the recurrent definitions share: sums over units, rows that are past their length, sums of weight gradients."""

from math import exp

import numpy as np
from numpy.typing import NDArray


def sigmoid(a: float) -> float:
    """1 / (1 + exp(-a)), written so that no exp overflows."""
    return 1 / (1 + exp(-a)) if a >= 0 else exp(a) / (1 + exp(a))


def dot(a: NDArray, b: NDArray) -> float:
    """sum_j a[j] b[j], in float64."""
    total = 0.0
    for p, q in zip(a.tolist(), b.tolist()):
        total += p * q
    return total


def bias(b: NDArray | None, k: int) -> float:
    return 0.0 if b is None else float(b[k])


def initial(state: NDArray | None, N: int, U: int) -> NDArray:
    """A state before the first step: None is zero."""
    return np.zeros((N, U)) if state is None else state


def running(lengths: NDArray | None, t: int, N: int) -> list[int]:
    """The rows whose sequence has a step t."""
    return [n for n in range(N) if lengths is None or t < lengths[n]]


def finished(lengths: NDArray | None, t: int, N: int) -> list[int]:
    """The rows whose sequence is over at step t: their state is carried on."""
    return [n for n in range(N) if lengths is not None and t >= lengths[n]]


def through(da: list[float], w: NDArray) -> list[float]:
    """The gradient by the vector that w multiplies: sum_k da[k] w[k, j] for each j."""
    column = np.array(da)
    return [dot(column, w[:, j]) for j in range(w.shape[1])]


class WeightSums:
    """The gradients by weights and biases: sums over steps and rows, in float64, rounded at the end."""

    def __init__(self, w_ih: NDArray, w_hh: NDArray) -> None:
        self.dw_ih, self.dw_hh = np.zeros(w_ih.shape), np.zeros(w_hh.shape)
        self.db_ih, self.db_hh = np.zeros(len(w_ih)), np.zeros(len(w_hh))

    def add(self, da_ih: list[float], x: NDArray, da_hh: list[float], h: NDArray) -> None:
        """One row of one step: gradients by the pre-activations, and what the two matrices multiplied."""
        for total, total_b, da, v in ((self.dw_ih, self.db_ih, da_ih, x), (self.dw_hh, self.db_hh, da_hh, h)):
            values = v.tolist()
            for k in range(len(da)):
                total_b[k] += da[k]
                for j in range(len(values)):
                    total[k, j] += da[k] * values[j]

    def assign(self, dw_ih: NDArray, dw_hh: NDArray, db_ih: NDArray | None, db_hh: NDArray | None) -> None:
        dw_ih[...], dw_hh[...] = self.dw_ih, self.dw_hh
        if db_ih is not None:
            db_ih[...] = self.db_ih
        if db_hh is not None:
            db_hh[...] = self.db_hh
