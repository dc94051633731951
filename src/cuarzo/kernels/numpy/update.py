"""Optimisers' updates in passes over the whole parameter. See naive/update.py.

Rates are made Python floats: a NumPy scalar would widen the arithmetic of float32 arrays.
"""

import math

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border

_ieee = np.errstate(over="ignore", divide="ignore", invalid="ignore")  # infinities and NaN go through the formulas


@_ieee
def sgd_update(
    gradient: NDArray,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    l1: float,
    first: bool,
    parameter: NDArray,
    velocity: NDArray | None,
) -> None:
    _border.check(
        "sgd_update", gradient, lr, momentum, dampening, weight_decay, nesterov, l1, first, parameter, velocity
    )
    g = _decayed(gradient, weight_decay, parameter)
    if l1:
        g = g + float(l1) * np.sign(np.nan_to_num(parameter))  # of NaN: 0
    if velocity is not None:
        if first:
            velocity[...] = g
        else:
            velocity *= float(momentum)
            velocity += float(1 - dampening) * g
        g = g + float(momentum) * velocity if nesterov else velocity
    parameter -= float(lr) * g


@_ieee
def rmsprop_update(
    gradient: NDArray,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    parameter: NDArray,
    square: NDArray,
    mean: NDArray | None,
    velocity: NDArray | None,
) -> None:
    _border.check("rmsprop_update", gradient, lr, alpha, eps, weight_decay, momentum, parameter, square, mean, velocity)
    g = _decayed(gradient, weight_decay, parameter)
    _average(square, g * g, alpha)
    spread = square
    if mean is not None:
        _average(mean, g, alpha)
        spread = np.maximum(square - mean * mean, 0)
    move = g / (np.sqrt(spread) + float(eps))
    if velocity is not None:
        velocity *= float(momentum)
        velocity += move
        move = velocity
    parameter -= float(lr) * move


@_ieee
def adam_update(
    gradient: NDArray,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    step: int,
    parameter: NDArray,
    mean: NDArray,
    square: NDArray,
    largest: NDArray | None,
) -> None:
    _border.check(
        "adam_update", gradient, lr, beta1, beta2, eps, weight_decay, decoupled, step, parameter, mean, square, largest
    )
    g = gradient
    if decoupled:
        parameter *= float(1 - lr * weight_decay)
    else:
        g = _decayed(gradient, weight_decay, parameter)
    _average(mean, g, beta1)
    _average(square, g * g, beta2)
    v = square if largest is None else np.maximum(largest, square, out=largest)
    rate, root = float(lr / (1 - beta1**step)), math.sqrt(1 - beta2**step)
    parameter -= rate * mean / (np.sqrt(v) / root + float(eps))


def _decayed(gradient: NDArray, weight_decay: float, parameter: NDArray) -> NDArray:
    return gradient + float(weight_decay) * parameter if weight_decay else gradient


def _average(average: NDArray, value: NDArray, decay: float) -> None:
    """average = decay average + (1 - decay) value, in place."""
    average *= float(decay)
    average += float(1 - decay) * value
