"""Schedules of the learning rate: `step()` once an epoch, after the optimiser's steps."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuarzo.ops.checks import check_choice, integer
from cuarzo.optim.optimizer import Optimizer

Array = NDArray[Any]


class Schedule:
    """Sets `optimizer.lr`. `step` takes the metric that was watched, which most schedules ignore.

    `saved`: the attributes that `state_dict` keeps; the optimiser keeps its rate itself.
    """

    saved: tuple[str, ...] = ("base_lr", "epoch")

    def __init__(self, optimizer: Optimizer):
        self.optimizer = optimizer
        self.base_lr = float(optimizer.lr)
        self.epoch = 0

    def step(self, metric: float | None = None) -> None:
        """An epoch is over: set the rate of the next."""
        self.epoch += 1
        self.optimizer.lr = self._rate()

    def _rate(self) -> float:
        raise NotImplementedError

    def state_dict(self) -> dict[str, Array]:
        return {name: np.array(getattr(self, name)) for name in self.saved}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Go on from a `state_dict()`. Raises ValueError naming missing and unexpected entries, and changes nothing."""
        missing, unexpected = sorted(set(self.saved) - set(state)), sorted(set(state) - set(self.saved))
        if missing or unexpected:
            raise ValueError(
                f"load_state_dict: the state does not fit {type(self).__name__}: "
                f"missing {missing}, unexpected {unexpected}"
            )
        for name in self.saved:
            setattr(self, name, type(getattr(self, name))(np.asarray(state[name]).item()))


class StepLR(Schedule):
    """lr = base gamma^(epoch // step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1):
        super().__init__(optimizer)
        self.step_size, self.gamma = integer("StepLR", "step_size", step_size, 1), gamma

    def _rate(self) -> float:
        return self.base_lr * self.gamma ** (self.epoch // self.step_size)


class CosineAnnealingLR(Schedule):
    """lr = eta_min + (base - eta_min) (1 + cos(pi epoch / T_max)) / 2 (Loshchilov and Hutter 2017)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0):
        super().__init__(optimizer)
        self.T_max, self.eta_min = integer("CosineAnnealingLR", "T_max", T_max, 1), eta_min

    def _rate(self) -> float:
        return self.eta_min + (self.base_lr - self.eta_min) * (1 + math.cos(math.pi * self.epoch / self.T_max)) / 2


class ReduceLROnPlateau(Schedule):
    """lr *= factor once the metric has not bettered its best for more than `patience` epochs; not below `min_lr`.

    Better means below best (1 - threshold), or best - threshold with threshold_mode="abs"; with mode="max" above best
    (1 + threshold) or best + threshold. After a reduction `cooldown` epochs do not count. A change of less than
    `eps` is not made.
    """

    saved = ("best", "bad_epochs", "cooling", "epoch")

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0,
        eps: float = 1e-8,
    ):
        super().__init__(optimizer)
        check_choice("ReduceLROnPlateau", "mode", mode, ("min", "max"))
        check_choice("ReduceLROnPlateau", "threshold_mode", threshold_mode, ("rel", "abs"))
        if not 0 <= factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor is {factor}, expected 0 <= factor < 1")
        self.mode, self.factor, self.patience, self.cooldown = mode, factor, patience, cooldown
        self.threshold, self.threshold_mode, self.min_lr, self.eps = threshold, threshold_mode, min_lr, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.bad_epochs = self.cooling = 0

    def step(self, metric: float | None = None) -> None:
        if metric is None:
            raise TypeError("ReduceLROnPlateau.step: metric is missing: give the number that is watched")
        self.epoch += 1
        better = self._is_better(float(metric))
        self.best = float(metric) if better else self.best
        self.bad_epochs = 0 if better else self.bad_epochs + 1
        if self.cooling > 0:
            self.cooling, self.bad_epochs = self.cooling - 1, 0
        if self.bad_epochs > self.patience:
            self._reduce()

    def _is_better(self, metric: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        margin = self.threshold * (self.best if self.threshold_mode == "rel" else 1)
        if math.isinf(self.best):
            return metric * sign > self.best * sign
        edge = self.best + sign * margin
        return metric > edge if self.mode == "max" else metric < edge

    def _reduce(self) -> None:
        self.cooling, self.bad_epochs = self.cooldown, 0
        lower = max(self.optimizer.lr * self.factor, self.min_lr)
        if self.optimizer.lr - lower > self.eps:
            self.optimizer.lr = lower
