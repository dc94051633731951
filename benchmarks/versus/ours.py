"""A training step in cuarzo."""

from collections.abc import Callable
from typing import Any

import numpy as np

import cuarzo as cz

_NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "LeNet-5": ("lenet5", {}),
    "cnn": ("cnn", {}),
    "MLP 784-512-512-10": ("mlp", {"hidden": (512, 512)}),
    "MLP 784-32-10": ("mlp", {"hidden": (32,)}),
    "LSTM-128 over rows": ("lstm", {}),
}
OPTIMIZERS: dict[str, Callable] = {
    "SGD": lambda parameters: cz.optim.SGD(parameters, 0.01, momentum=0.9),
    "Adam": lambda parameters: cz.optim.Adam(parameters, 1e-3),
}


def network(name: str) -> Any:
    model, options = _NETWORKS[name]
    return cz.models.build(model, **options)


def gradients(model: Any, optimizer: Any, x: np.ndarray, y: np.ndarray) -> Any:
    optimizer.zero_grad()
    loss = cz.ops.cross_entropy(model(cz.Tensor(x)), y)
    loss.backward()
    return loss


def step(name: str, optimizer: str, x: np.ndarray, y: np.ndarray) -> Callable[[], float]:
    return step_of(model := network(name), OPTIMIZERS[optimizer](model.parameters()), x, y)


def step_of(model: Any, optimizer: Any, x: np.ndarray, y: np.ndarray) -> Callable[[], float]:
    def step() -> float:
        loss = gradients(model, optimizer, x, y)
        optimizer.step()
        return loss.item()

    return step
