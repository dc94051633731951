"""Optimisers that scale each step by a running size of the gradient."""

from collections.abc import Iterable

from cuarzo.kernels import Backend
from cuarzo.ops.checks import number
from cuarzo.optim.optimizer import Array, Optimizer, flat
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

    def _update(self, backend: Backend, p: Array, g: Array, state: dict[str, Array], first: bool) -> None:
        rates = (self.lr, self.alpha, self.eps, self.weight_decay, self.momentum)
        arrays = (flat(state.get(name)) for name in ("square", "mean", "momentum"))
        backend.rmsprop_update(g, *rates, p, *arrays)


class Adam(Optimizer):
    """m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= lr m' / (sqrt v' + eps) (Kingma and Ba 2015).

    m' = m / (1 - b1^t) and v' = v / (1 - b2^t) at a parameter's step t; g = grad + weight_decay p.
    amsgrad: the largest v so far in place of v (Reddi et al. 2018).
    """

    decoupled = False  # whether the decay stands apart from the gradient

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

    def _update(self, backend: Backend, p: Array, g: Array, state: dict[str, Array], first: bool) -> None:
        step = int(state["step"]) + 1
        options = (self.lr, *self.betas, self.eps, self.weight_decay, self.decoupled, step)
        backend.adam_update(g, *options, p, *(flat(state.get(name)) for name in ("mean", "square", "largest")))
        state["step"][...] = step


class AdamW(Adam):
    """Adam with the decay apart from the gradient: p *= 1 - lr weight_decay at first (Loshchilov, Hutter 2019)."""

    decoupled = True

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
