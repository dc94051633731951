"""Training steps of the course's networks, and an epoch of LeNet-5."""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

import cuarzo as cz
from cuarzo.nn.summary import summarize
from versus.row import Row, Side, normal

BATCHES = (64, 16)


class Rows(torch.nn.Module):
    """models/recurrent/rows.py in PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = torch.nn.LSTM(28, 128), torch.nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.layer(x.squeeze(1).transpose(0, 1))
        return self.head(y[-1])


def lenet5() -> torch.nn.Module:
    n = torch.nn
    return n.Sequential(
        *(n.Conv2d(1, 6, 5, padding=2), n.Tanh(), n.AvgPool2d(2)),
        *(n.Conv2d(6, 16, 5), n.Tanh(), n.AvgPool2d(2), n.Flatten()),
        *(n.Linear(400, 120), n.Tanh(), n.Linear(120, 84), n.Tanh(), n.Linear(84, 10)),
    )


def cnn() -> torch.nn.Module:
    n = torch.nn
    return n.Sequential(
        *(n.Conv2d(1, 32, 3, padding=1), n.ReLU(), n.MaxPool2d(2)),
        *(n.Conv2d(32, 64, 3, padding=1), n.ReLU(), n.MaxPool2d(2), n.Flatten()),
        *(n.Linear(3136, 128), n.ReLU(), n.Dropout(0.5), n.Linear(128, 10)),
    )


def mlp(*widths: int) -> torch.nn.Module:
    n = torch.nn
    layers: list[torch.nn.Module] = [n.Flatten()]
    for width, following in pairwise(widths):
        layers += [n.Linear(width, following), n.ReLU()]
    return n.Sequential(*layers[:-1])


class Network(NamedTuple):
    ours: Callable[[], Any]
    theirs: Callable[[], torch.nn.Module]
    images: bool  # convolutions: channels-last may be faster


def _ours(name: str, **options: Any) -> Callable[[], Any]:
    return lambda: cz.models.build(name, **options)


NETWORKS = {
    "LeNet-5": Network(_ours("lenet5"), lenet5, True),
    "cnn": Network(_ours("cnn"), cnn, True),
    "MLP 784-512-512-10": Network(_ours("mlp", hidden=(512, 512)), lambda: mlp(784, 512, 512, 10), False),
    "MLP 784-32-10": Network(_ours("mlp", hidden=(32,)), lambda: mlp(784, 32, 10), False),
    "LSTM-128 over rows": Network(_ours("lstm"), Rows, False),
}
OPTIMIZERS: dict[str, tuple[Callable, Callable]] = {
    "SGD": (
        lambda p: cz.optim.SGD(p, 0.01, momentum=0.9),
        lambda p, **options: torch.optim.SGD(p, 0.01, momentum=0.9, **options),
    ),
    "Adam": (lambda p: cz.optim.Adam(p, 1e-3), lambda p, **options: torch.optim.Adam(p, 1e-3, **options)),
}


def rows() -> Iterator[Row]:
    for name in NETWORKS:
        for optimizer in OPTIMIZERS:
            for batch in BATCHES:
                yield _row(name, optimizer, batch)
    yield _epoch()


def _row(name: str, optimizer: str, batch: int) -> Row:
    shape = (batch, 1, 28, 28)
    summary = summarize(NETWORKS[name].ours(), shape[1:])
    # Backwards two products for each one forwards; the parameters, their gradients and the optimiser's state.
    flops, state = 3 * batch * summary.flops, {"SGD": 5, "Adam": 7}[optimizer]
    nbytes = 4 * (state + 2) * summary.parameters

    def make() -> dict[str, Side]:
        network, (optimize, optimize_torch) = NETWORKS[name], OPTIMIZERS[optimizer]
        x, y = normal(*shape), np.arange(batch) % 10
        ours = network.ours()
        weights = {key: torch.from_numpy(value.copy()) for key, value in ours.state_dict().items()}
        sides = {"cuarzo": ours_step(ours, optimize(ours.parameters()), x, y)}
        for mode in ("torch", "fused", *(["channels_last"] if network.images else []), "compiled"):
            model = network.theirs()
            model.load_state_dict({key: weights[old] for key, old in zip(model.state_dict(), weights, strict=True)})
            sides[mode] = torch_step(model, optimize_torch, x, y, mode)
        return sides

    return Row("training step", f"{name}, batch {batch}, {optimizer}", flops, nbytes, 3136 * 64, make)


def ours_step(model: Any, optimizer: Any, x: np.ndarray, y: np.ndarray) -> Side:
    def gradients() -> Any:
        optimizer.zero_grad()
        loss = cz.ops.cross_entropy(model(cz.Tensor(x)), y)
        loss.backward()
        return loss

    def step() -> float:
        loss = gradients()
        optimizer.step()
        return loss.item()

    def result() -> list[np.ndarray]:
        model.eval()  # dropout draws other numbers on each side
        loss = gradients()
        model.train()
        return [loss.data, *(p.grad for p in model.parameters())]

    return Side(step, result)


def torch_step(model: torch.nn.Module, optimize: Callable, x: np.ndarray, y: np.ndarray, mode: str) -> Side:
    if mode == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    optimizer = optimize(model.parameters(), **({} if mode == "torch" else {"fused": True}))
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    if mode == "channels_last":
        images = images.contiguous(memory_format=torch.channels_last)
    forward = torch.compile(model) if mode == "compiled" else model

    def gradients(run: Callable) -> torch.Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(run(images), labels)
        loss.backward()
        return loss

    def step() -> float:
        loss = gradients(forward)
        optimizer.step()
        return loss.item()

    def result() -> list[np.ndarray]:
        dropout = any(isinstance(layer, torch.nn.Dropout) for layer in model.modules())
        model.train(not dropout)
        # Of a network with dropout the eager one is compared: the compiled one would be compiled a second time.
        loss = gradients(model if dropout else forward)
        model.train()
        return [loss.detach().numpy(), *(p.grad.contiguous().numpy() for p in model.parameters())]

    started = time.perf_counter()
    if mode == "compiled":
        gradients(forward)
    return Side(step, result, time.perf_counter() - started)


def _epoch() -> Row:
    """60,000 images in batches of 64: ours from the loader, shuffled anew; PyTorch's tensors lie ready."""
    summary = summarize(NETWORKS["LeNet-5"].ours(), (1, 28, 28))

    def make() -> dict[str, Side]:
        x, y = cz.data.load("mnist").train_and_valid
        ours, (optimize, optimize_torch) = NETWORKS["LeNet-5"].ours(), OPTIMIZERS["SGD"]
        weights = {key: torch.from_numpy(value.copy()) for key, value in ours.state_dict().items()}
        probe = ours_step(ours, optimize(ours.parameters()), x[:64], y[:64])

        def epoch() -> None:
            cz.fit(ours, (x, y), epochs=1, optimizer=optimize(ours.parameters()), seed=0, progress=False)

        sides = {"cuarzo": Side(epoch, probe.result)}
        for mode in ("torch", "channels_last", "compiled"):
            model = lenet5()
            model.load_state_dict(weights)
            sides[mode] = _torch_epoch(model, optimize_torch, x, y, mode)
        return sides

    return Row(
        "training step",
        "epoch of LeNet-5, batch 64, SGD",
        3 * 60_000 * summary.flops,
        4 * x_elements(),
        3136 * 64,
        make,
        True,
    )


def x_elements() -> int:
    return 60_000 * 28 * 28


def _torch_epoch(model: torch.nn.Module, optimize: Callable, x: np.ndarray, y: np.ndarray, mode: str) -> Side:
    probe = torch_step(model, optimize, x[:64], y[:64], mode)
    images, labels = torch.from_numpy(x), torch.from_numpy(y.astype(np.int64))
    if mode == "channels_last":
        images = images.contiguous(memory_format=torch.channels_last)
    optimizer = optimize(model.parameters(), **({} if mode == "torch" else {"fused": True}))
    forward = torch.compile(model, dynamic=False) if mode == "compiled" else model
    whole = len(x) // 64 * 64

    def epoch() -> None:
        order = torch.randperm(len(images))[:whole]  # a last batch of its own would be compiled for itself
        for chosen in order.split(64):
            optimizer.zero_grad()
            loss = functional.cross_entropy(forward(images[chosen]), labels[chosen])
            loss.backward()
            optimizer.step()
            loss.item()

    return Side(epoch, probe.result, probe.prepared)
