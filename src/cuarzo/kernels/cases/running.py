"""Running error analysis: numbers that carry a bound of the rounding error they were computed with.

    a = Rounded(value, error)      |computed - exact| <= error, for each element

Each operation bounds what its operands' errors do to the result, to all orders, and adds its own rounding, eps times
the size of the result (Higham 2002, "Accuracy and stability of numerical algorithms", section 3.3). eps is twice the
unit roundoff: that covers what rounding the rounded adds. Functions are allowed a few units in the last place, and no
relative accuracy below the smallest normal number.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ULPS = 4  # of tanh, exp and their like in vector libraries: they state 1 to 4


@dataclass(frozen=True)
class Rounded:
    value: NDArray
    error: NDArray
    eps: float

    @classmethod
    def exact(cls, value: NDArray, eps: float) -> "Rounded":
        return cls(value, np.zeros(value.shape), eps)

    @property
    def largest(self) -> NDArray:
        """A bound of the computed number's size."""
        return np.abs(self.value) + self.error

    def __add__(self, other: "Rounded") -> "Rounded":
        value, error = self.value + other.value, self.error + other.error
        return Rounded(value, error + self.eps * (np.abs(value) + error), self.eps)

    def __sub__(self, other: "Rounded") -> "Rounded":
        return self + Rounded(-other.value, other.error, other.eps)

    def __mul__(self, other: "Rounded") -> "Rounded":
        value = self.value * other.value
        error = self.largest * other.error + self.error * np.abs(other.value)
        return Rounded(value, error + self.eps * (np.abs(value) + error) + _tiny(self.eps), self.eps)

    def complement(self) -> "Rounded":
        """1 - a"""
        return Rounded(np.ones(self.value.shape), np.zeros(self.value.shape), self.eps) - self

    def __getitem__(self, key) -> "Rounded":
        return Rounded(self.value[key], self.error[key], self.eps)

    def tanh(self) -> "Rounded":
        value = np.tanh(self.value)
        return self._function(value, 1 - value * value, steepest=1.0, bend=0.77)

    def sigmoid(self) -> "Rounded":
        small = np.exp(-np.abs(self.value))
        value = np.where(self.value < 0, small, 1.0) / (1 + small)
        return self._function(value, value * (1 - value), steepest=0.25, bend=0.097)

    def _function(self, value: NDArray, slope: NDArray, steepest: float, bend: float) -> "Rounded":
        """Taylor with the largest second derivative, `bend`; never more than the steepest slope allows."""
        moved = np.minimum(steepest * self.error, slope * self.error + bend / 2 * self.error**2)
        return Rounded(value, moved + _ULPS * self.eps * np.abs(value) + _tiny(self.eps), self.eps)

    def where(self, mask: NDArray, other: "Rounded") -> "Rounded":
        value, error = np.where(mask, self.value, other.value), np.where(mask, self.error, other.error)
        return Rounded(value, error, self.eps)


def product_sum(eps: float, pairs: list[tuple[Rounded, Rounded]], terms: list[Rounded]) -> Rounded:
    """sum of a @ b over the pairs plus the terms, in any order of summation: (n + 2) eps sum |a| |b|, n in all."""
    value: NDArray = np.zeros(())
    error: NDArray = np.zeros(())
    size: NDArray = np.zeros(())
    for a, b in pairs:
        value = value + a.value @ b.value
        error = error + a.error @ b.largest + np.abs(a.value) @ b.error
        size = size + a.largest @ b.largest
    for term in terms:
        value, error, size = value + term.value, error + term.error, size + term.largest
    n = sum(a.value.shape[-1] for a, _ in pairs) + len(terms)
    return Rounded(value, error + (n + 2) * (eps * size + _tiny(eps)), eps)


def _tiny(eps: float) -> float:
    if eps == 0:  # the values alone are wanted; denormal errors would be slow
        return 0.0
    return float(np.finfo(np.float32 if eps > 1e-10 else np.float64).tiny)
