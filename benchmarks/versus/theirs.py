"""The same networks and the same step in PyTorch."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class Rows(nn.Module):
    """models/recurrent/rows.py in PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.LSTM(28, 128), nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.layer(x.squeeze(1).transpose(0, 1))
        return self.head(y[-1])


def lenet5() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )


def cnn() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(3136, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )


def mlp(*widths: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    for width, following in pairwise(widths):
        layers += [nn.Linear(width, following), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "LeNet-5": lenet5,
    "cnn": cnn,
    "MLP 784-512-512-10": lambda: mlp(784, 512, 512, 10),
    "MLP 784-32-10": lambda: mlp(784, 32, 10),
    "LSTM-128 over rows": Rows,
}
OPTIMIZERS: dict[str, Callable] = {
    "SGD": lambda parameters, **options: torch.optim.SGD(parameters, 0.01, momentum=0.9, **options),
    "Adam": lambda parameters, **options: torch.optim.Adam(parameters, 1e-3, **options),
}


def gradients(model: Any, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    optimizer.zero_grad()
    loss = functional.cross_entropy(model(x), y)
    loss.backward()
    return loss


def step(name: str, optimizer: str, x: np.ndarray, y: np.ndarray) -> Callable[[], float]:
    model = NETWORKS[name]()
    return step_of(model, OPTIMIZERS[optimizer](model.parameters()), torch.from_numpy(x), torch.from_numpy(y))


def step_of(model: Any, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> Callable[[], float]:
    def step() -> float:
        loss = gradients(model, optimizer, x, y)
        optimizer.step()
        return loss.item()

    return step


class Mode:
    """A model in one of PyTorch's modes: "torch" (what one types), "fused" (optimiser), "channels_last", "compiled".

    The last two have the fused optimiser too.
    """

    def __init__(self, model: nn.Module, optimizer: str, mode: str):
        self.layout = torch.channels_last if mode == "channels_last" else torch.contiguous_format
        self.model = model.to(memory_format=self.layout)
        self.forward = torch.compile(model, dynamic=False) if mode == "compiled" else model
        self.optimizer = OPTIMIZERS[optimizer](model.parameters(), **({} if mode == "torch" else {"fused": True}))

    def images(self, x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x).contiguous(memory_format=self.layout)
