"""Stochastic gradient descent."""

from collections.abc import Iterable

from cuarzo.kernels import Backend
from cuarzo.ops.checks import number
from cuarzo.optim.optimizer import Array, Optimizer, flat
from cuarzo.tensor import Tensor


class SGD(Optimizer):
    """g = grad + weight_decay p + l1 sign(p);  m = momentum m + (1 - dampening) g, at first m = g;  p -= lr m.

    nesterov: p -= lr (g + momentum m) (Sutskever et al. 2013, in torch's form). Without momentum: p -= lr g.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        l1: float = 0,
    ):
        super().__init__(params, lr)
        self.momentum = number("SGD", "momentum", momentum, 0)
        self.dampening = number("SGD", "dampening", dampening)
        self.weight_decay = number("SGD", "weight_decay", weight_decay, 0)
        self.nesterov, self.l1 = bool(nesterov), number("SGD", "l1", l1, 0)
        if nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError(
                f"SGD: nesterov needs momentum > 0 and dampening = 0, got momentum {momentum}, dampening {dampening}"
            )
        self.state_names = ("momentum",) if self.momentum else ()

    def _update(self, backend: Backend, p: Array, g: Array, state: dict[str, Array], first: bool) -> None:
        rates = (self.lr, self.momentum, self.dampening, self.weight_decay)
        backend.sgd_update(g, *rates, self.nesterov, self.l1, first, p, flat(state.get("momentum")))
