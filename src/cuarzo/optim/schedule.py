"""Schedules of the learning rate: `step()` once an epoch, after the optimiser's steps."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuarzo.ops.checks import check_choice, check_mapping, integer, number
from cuarzo.optim.optimizer import Optimizer

Array = NDArray[Any]


class Schedule:
    """Sets `optimizer.lr`. `step` takes the metric that was watched, which most schedules ignore.

    `saved`: the attributes that `state_dict` keeps; the optimiser keeps its rate itself.
    """

    saved: tuple[str, ...] = ("base_lr", "epoch")

    def __init__(self, optimizer: Optimizer):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: optimizer is a {type(optimizer).__name__}, expected an Optimizer")
        self.optimizer = optimizer
        self.base_lr = optimizer.lr
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
        """Go on from a `state_dict()`. Raises ValueError naming missing and unexpected entries, TypeError or ValueError
        for one that is no number; then nothing has been changed.
        """
        check_mapping("load_state_dict", "state", state)
        missing, unexpected = sorted(set(self.saved) - set(state)), sorted(set(state) - set(self.saved), key=str)
        if missing or unexpected:
            raise ValueError(
                f"load_state_dict: the state does not fit {type(self).__name__}: "
                f"missing {missing}, unexpected {unexpected}"
            )
        op, values = f"{type(self).__name__}.load_state_dict", {}
        for name in self.saved:
            whole = isinstance(getattr(self, name), int)
            values[name] = integer(op, name, state[name], 0) if whole else number(op, name, state[name], finite=False)
        vars(self).update(values)


class StepLR(Schedule):
    """lr = base gamma^(epoch // step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1):
        super().__init__(optimizer)
        self.step_size = integer("StepLR", "step_size", step_size, 1)
        self.gamma = number("StepLR", "gamma", gamma, 0)

    def _rate(self) -> float:
        return self.base_lr * self.gamma ** (self.epoch // self.step_size)


class LinearLR(Schedule):
    """lr = base f, with f going in equal steps from start_factor to end_factor over total_iters epochs."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ):
        super().__init__(optimizer)
        self.start_factor = number("LinearLR", "start_factor", start_factor, 0)
        self.end_factor = number("LinearLR", "end_factor", end_factor, 0)
        self.total_iters = integer("LinearLR", "total_iters", total_iters, 1)
        optimizer.lr = self._rate()

    def _rate(self) -> float:
        done = min(self.epoch / self.total_iters, 1.0)
        return self.base_lr * (self.start_factor + (self.end_factor - self.start_factor) * done)


class CosineAnnealingLR(Schedule):
    """lr = eta_min + (base - eta_min) (1 + cos(pi epoch / T_max)) / 2 (Loshchilov and Hutter 2017)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0):
        super().__init__(optimizer)
        self.T_max = integer("CosineAnnealingLR", "T_max", T_max, 1)
        self.eta_min = number("CosineAnnealingLR", "eta_min", eta_min, 0)

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
        name = "ReduceLROnPlateau"
        check_choice(name, "mode", mode, ("min", "max"))
        check_choice(name, "threshold_mode", threshold_mode, ("rel", "abs"))
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor, self.threshold = number(name, "factor", factor, 0), number(name, "threshold", threshold, 0)
        if not self.factor < 1:
            raise ValueError(f"{name}: factor is {factor}, expected 0 <= factor < 1")
        self.patience, self.cooldown = integer(name, "patience", patience, 0), integer(name, "cooldown", cooldown, 0)
        self.min_lr, self.eps = number(name, "min_lr", min_lr, 0), number(name, "eps", eps, 0)
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
