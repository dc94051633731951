"""Division and powers as IEEE arithmetic has them: where Python raises an error they give inf or NaN."""

import numpy as np


def divide(a: float, b: float) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.divide(a, b))


def power(a: float, b: float) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.power(a, b))


def root(a: float) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.sqrt(a))
