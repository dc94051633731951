"""What a trained model is worth: its outputs, mean loss and accuracy, without gradients and in evaluation mode."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cuarzo import ops
from cuarzo.data.dataset import Part
from cuarzo.data.loader import Loader
from cuarzo.nn import Module
from cuarzo.tensor import Tensor, no_grad

BATCH = 500  # samples at once: enough for the kernels to be busy
Loss = Callable[[Tensor, Any], Tensor]


def evaluate(model: Module, part: Part, loss: Loss = ops.cross_entropy) -> tuple[float, float | None]:
    """(mean loss, accuracy or None) of the model, in evaluation mode, over all of `part`."""
    mean = RunningMean()
    for x, y in Loader(*part, BATCH, shuffle=False):
        output = _forward(model, x)
        mean.add(loss_of(loss, output, y).item(), output.data, y)
    return mean.loss, mean.accuracy


def predict(model: Module, x: np.ndarray) -> np.ndarray:
    """The model's outputs for all of `x`, in evaluation mode, without gradients."""
    batches = range(0, max(len(x), 1), BATCH)
    return np.concatenate([_forward(model, x[i : i + BATCH]).data for i in batches])


def _forward(model: Module, x: np.ndarray) -> Tensor:
    modes = [(module, module.training) for module in model.modules()]  # each its own: a layer may be frozen
    model.eval()
    try:
        with no_grad():
            return model(Tensor(x))
    finally:
        for module, training in modes:
            module.training = training


class RunningMean:
    """Mean loss and accuracy over batches of unequal size."""

    def __init__(self) -> None:
        self.count, self.right, self.total, self.classes = 0, 0, 0.0, True

    def add(self, loss: float, output: np.ndarray | None, y: np.ndarray) -> None:
        self.count += len(y)
        self.total += loss * len(y)
        labelled = y.ndim == 1 and np.issubdtype(y.dtype, np.integer)
        self.classes = self.classes and labelled and output is not None and output.ndim == 2
        if self.classes and output is not None:
            self.right += int(np.count_nonzero(output.argmax(axis=1) == y))

    @property
    def loss(self) -> float:
        return self.total / self.count

    @property
    def accuracy(self) -> float | None:
        return self.right / self.count if self.classes else None

    def shown(self) -> str:
        return f"loss {self.loss:.4f}" + (f", accuracy {self.accuracy:.4f}" if self.classes else "")


def loss_of(loss: Loss, output: Tensor, y: np.ndarray) -> Tensor:
    """The loss of a batch: a single number, or else TypeError or ValueError."""
    value = loss(output, y if np.issubdtype(y.dtype, np.integer) else Tensor(y))
    if not isinstance(value, Tensor):
        raise TypeError(f"loss gives a {type(value).__name__}, expected a Tensor")
    if value.size != 1:
        raise ValueError(f"loss gives shape {value.shape}, expected one number: a mean over the batch")
    return value
