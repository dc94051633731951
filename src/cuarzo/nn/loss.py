"""Losses, as layers; the formulas stand in ops/loss.py."""

from collections.abc import Callable
from typing import Any

from cuarzo import ops
from cuarzo.nn.module import Module
from cuarzo.tensor import Tensor


class _Loss(Module):
    """`reduction`: "mean", "sum" or "none"."""

    shown: tuple[str, ...] = ("reduction",)
    op: Callable[..., Tensor]

    def __init__(self, *, reduction: str = "mean"):
        ops.checks.check_choice(type(self).__name__, "reduction", reduction, ("mean", "sum", "none"))
        self.reduction = reduction

    def __call__(self, x: Tensor, target: Any) -> Tensor:
        return type(self).op(x, target, self.reduction)


class CrossEntropyLoss(_Loss):
    """-log softmax(logits)[label], for integer labels; see ops.cross_entropy."""

    shown = ("ignore_index", "reduction", "label_smoothing")

    def __init__(self, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0):
        super().__init__(reduction=reduction)
        checks = ops.checks
        self.ignore_index = checks.integer("CrossEntropyLoss", "ignore_index", ignore_index, -checks.LARGEST)
        self.label_smoothing = checks.probability("CrossEntropyLoss", label_smoothing, "label_smoothing")

    def __call__(self, x: Tensor, target: Any) -> Tensor:
        return ops.cross_entropy(x, target, self.reduction, self.ignore_index, self.label_smoothing)


class MSELoss(_Loss):
    """(x - target)^2."""

    op = staticmethod(ops.mse_loss)


class BCELoss(_Loss):
    """-(t log p + (1 - t) log(1 - p))."""

    op = staticmethod(ops.binary_cross_entropy)


class BCEWithLogitsLoss(_Loss):
    """BCELoss of sigmoid(x), without its overflow."""

    op = staticmethod(ops.binary_cross_entropy_with_logits)
