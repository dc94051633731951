"""Optimisers that scale each step by a running size of the gradient."""

import math
from collections.abc import Iterable

import numpy as np

from cuarzo.ops.checks import number
from cuarzo.optim.optimizer import Array, Optimizer
from cuarzo.tensor import Tensor


class RMSprop(Optimizer):
    """v = alpha v + (1 - alpha) g^2;  p -= lr g / (sqrt v + eps) (Hinton, lecture 6e), with g = grad + weight_decay p.

    centered: v less the square of the running mean of g. momentum: m = momentum m + g / (sqrt v + eps);  p -= lr m.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
    ):
        super().__init__(params, lr)
        self.alpha, self.eps = number("RMSprop", "alpha", alpha, 0), number("RMSprop", "eps", eps, 0)
        self.weight_decay = number("RMSprop", "weight_decay", weight_decay, 0)
        self.momentum, self.centered = number("RMSprop", "momentum", momentum, 0), bool(centered)
        self.state_names = ("square", *(["mean"] if centered else []), *(["momentum"] if self.momentum else []))

    def _update(self, p: Array, g: Array, state: dict[str, Array]) -> None:
        self._begin(p, state)
        if self.weight_decay:
            g = g + self.weight_decay * p
        v = _average(state["square"], g * g, self.alpha)
        if self.centered:
            mean = _average(state["mean"], g, self.alpha)
            v = v - mean * mean
        move = g / (np.sqrt(v) + self.eps)
        if self.momentum:
            m = state["momentum"]
            m *= self.momentum
            m += move
            move = m
        p -= self.lr * move


class Adam(Optimizer):
    """m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= lr m' / (sqrt v' + eps) (Kingma and Ba 2015).

    m' = m / (1 - b1^t) and v' = v / (1 - b2^t) at a parameter's step t; g = grad + weight_decay p.
    amsgrad: the largest v so far in place of v (Reddi et al. 2018).
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
    ):
        super().__init__(params, lr)
        name = type(self).__name__
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise ValueError(f"{name}: betas is {betas!r}, expected two numbers (b1, b2)")
        b1, b2 = (number(name, f"betas[{i}]", beta, 0) for i, beta in enumerate(betas))
        for i, beta in enumerate((b1, b2)):
            if not beta < 1:
                raise ValueError(f"{name}: betas[{i}] is {beta}, expected 0 <= beta < 1")
        self.betas, self.eps = (b1, b2), number(name, "eps", eps, 0)
        self.weight_decay, self.amsgrad = number(name, "weight_decay", weight_decay, 0), bool(amsgrad)
        self.state_names = ("step", "mean", "square", *(["largest"] if amsgrad else []))

    def _update(self, p: Array, g: Array, state: dict[str, Array]) -> None:
        self._begin(p, state)
        g = self._decayed(p, g)
        state["step"] += 1
        t, (b1, b2) = int(state["step"]), self.betas
        m, v = _average(state["mean"], g, b1), _average(state["square"], g * g, b2)
        if self.amsgrad:
            v = np.maximum(state["largest"], v, out=state["largest"])
        p -= self.lr / (1 - b1**t) * m / (np.sqrt(v) / math.sqrt(1 - b2**t) + self.eps)

    def _decayed(self, p: Array, g: Array) -> Array:
        """The weight decay: here a part of the gradient."""
        return g + self.weight_decay * p if self.weight_decay else g


class AdamW(Adam):
    """Adam with the decay apart from the gradient: p *= 1 - lr weight_decay at first (Loshchilov, Hutter 2019)."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)

    def _decayed(self, p: Array, g: Array) -> Array:
        p *= 1 - self.lr * self.weight_decay
        return g


def _average(average: Array, value: Array, decay: float) -> Array:
    """average = decay average + (1 - decay) value, in place."""
    average *= decay
    average += (1 - decay) * value
    return average
