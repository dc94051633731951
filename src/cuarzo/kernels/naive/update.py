"""Optimisers' updates of one parameter: flat arrays (K,), changed in place.

SGD. The velocity is there where momentum is not 0; at the first step it becomes the gradient itself.

    g = gradient + weight_decay p + l1 sign(p)
    v = g at first, then momentum v + (1 - dampening) g
    p = p - lr d,    d = v, with nesterov g + momentum v; without momentum g

RMSprop. The mean of g is there in the centred form, the velocity where momentum is not 0.

    g = gradient + weight_decay p
    s = alpha s + (1 - alpha) g^2
    a = alpha a + (1 - alpha) g
    d = g / (sqrt(s) + eps), centred g / (sqrt(max(s - a^2, 0)) + eps): rounding may leave less than 0
    v = momentum v + d
    p = p - lr d, with momentum p - lr v

Adam at its step t = 1, 2 ...; decoupled is AdamW; `largest` is there in the form called amsgrad.

    p = (1 - lr weight_decay) p    decoupled;  else g = gradient + weight_decay p
    a = beta1 a + (1 - beta1) g
    s = beta2 s + (1 - beta2) g^2
    l = max(l, s)                  amsgrad: l in place of s below
    p = p - lr / (1 - beta1^t) a / (sqrt(s) / sqrt(1 - beta2^t) + eps)

A weight_decay of 0 adds nothing to g, where 0 times an infinite p would be NaN. max gives NaN where either is NaN; the
sign of NaN is 0. All else that infinities and NaN give is what the formulas give in IEEE arithmetic.

Source: Sutskever et al. 2013 (nesterov, in torch's form); Hinton, lecture 6e, and Graves 2013 (RMSprop); Kingma and Ba
2015; Reddi et al. 2018 (amsgrad); Loshchilov and Hutter 2019 (decoupled).
"""

from math import isnan, sqrt

from numpy.typing import NDArray

from ._arithmetic import divide, root

# In all kernels of this file:  gradient  IN (K,)    all other arrays  IN and OUT (K,)


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
    for i in range(len(parameter)):
        p = float(parameter[i])
        g = _decayed(float(gradient[i]), weight_decay, p) + l1 * _sign(p)
        d = g
        if velocity is not None:
            v = g if first else momentum * float(velocity[i]) + (1 - dampening) * g
            d = g + momentum * v if nesterov else v
            velocity[i] = v
        parameter[i] = p - lr * d


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
    for i in range(len(parameter)):
        p = float(parameter[i])
        g = _decayed(float(gradient[i]), weight_decay, p)
        s = alpha * float(square[i]) + (1 - alpha) * g * g
        square[i] = s
        if mean is not None:
            a = alpha * float(mean[i]) + (1 - alpha) * g
            mean[i] = a
            s = 0.0 if s < a * a else s - a * a
        d = divide(g, root(s) + eps)
        if velocity is not None:
            d += momentum * float(velocity[i])
            velocity[i] = d
        parameter[i] = p - lr * d


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
    for i in range(len(parameter)):
        p, g = float(parameter[i]), float(gradient[i])
        if decoupled:
            p *= 1 - lr * weight_decay
        else:
            g = _decayed(g, weight_decay, p)
        a = beta1 * float(mean[i]) + (1 - beta1) * g
        s = beta2 * float(square[i]) + (1 - beta2) * g * g
        mean[i], square[i] = a, s
        if largest is not None:
            before = float(largest[i])
            s = s if s > before or isnan(s) else before  # which stays where it is NaN
            largest[i] = s
        parameter[i] = p - divide(lr / (1 - beta1**step) * a, root(s) / sqrt(1 - beta2**step) + eps)


def _decayed(gradient: float, weight_decay: float, p: float) -> float:
    return gradient + weight_decay * p if weight_decay else gradient


def _sign(p: float) -> int:
    return (p > 0) - (p < 0)
