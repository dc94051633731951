"""Restricted Boltzmann machines small enough to write down every state: the outsider that judges kernels and models.

Nothing here uses a conditional, a sigmoid or a free energy: the energy function alone, summed over all states.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Exact(NamedTuple):
    """Binary units: v (2^V, V), h (2^U, U) all states, and p (2^V, 2^U) their joint probabilities."""

    w: NDArray
    a: NDArray
    b: NDArray

    @property
    def v(self) -> NDArray:
        return states(len(self.a))

    @property
    def h(self) -> NDArray:
        return states(len(self.b))

    def minus_energy(self) -> NDArray:
        """(2^V, 2^U)"""
        return (self.v @ self.a)[:, None] + (self.h @ self.b)[None] + self.v @ self.w.T @ self.h.T

    def log_z(self) -> float:
        return float(np.log(np.exp(self.minus_energy()).sum()))

    def p(self) -> NDArray:
        return np.exp(self.minus_energy() - self.log_z())


class ExactGaussian(NamedTuple):
    """Real visible units: E = |v - a|^2 / 2 - b.h - h.W v. Completing the square, e^-E is a normal density in v around
    a + h W, of weight (2 pi)^(V/2) exp(b.h + |a + h W|^2 / 2 - |a|^2 / 2): p(v) is a mixture with a term for each h."""

    w: NDArray
    a: NDArray
    b: NDArray

    @property
    def h(self) -> NDArray:
        return states(len(self.b))

    def energy(self, v: NDArray) -> NDArray:
        """(M, 2^U) for v (M, V)"""
        return ((v - self.a) ** 2).sum(axis=1)[:, None] / 2 - (self.h @ self.b)[None] - v @ self.w.T @ self.h.T

    def centers(self) -> NDArray:
        return self.a + self.h @ self.w

    def log_weights(self) -> NDArray:
        """(2^U,): their exponentials sum to Z."""
        return (
            self.h @ self.b
            + ((self.centers() ** 2).sum(axis=1) - (self.a**2).sum()) / 2
            + len(self.a) / 2 * np.log(2 * np.pi)
        )


def states(units: int) -> NDArray:
    """(2^units, units): every state of binary units, the last one fastest."""
    return np.array(list(product((0.0, 1.0), repeat=units))).reshape(2**units, units)


def parameters(V: int, U: int, seed: int = 0, scale: float = 1.0) -> tuple[NDArray, NDArray, NDArray]:
    """w (U, V), a (V,), b (U,)"""
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((U, V)), scale * rng.standard_normal(V), scale * rng.standard_normal(U)
