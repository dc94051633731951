"""Training steps of the course's networks, and an epoch of LeNet-5."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

import cuarzo as cz
from cuarzo.nn.summary import summarize
from versus import ours, theirs
from versus.names import BATCHES, CONVOLUTIONAL, NETWORKS, OPTIMIZERS
from versus.row import Row, Side, normal

STATE = {"SGD": 5, "Adam": 7}  # times that an update reads or writes as many numbers as there are parameters
IMAGES, BATCH = 60_000, 64  # of the epoch


def rows() -> Iterator[Row]:
    for name in NETWORKS:
        for optimizer in OPTIMIZERS:
            for batch in BATCHES:
                yield _step(name, optimizer, batch)
    yield _epoch()


def _step(name: str, optimizer: str, batch: int) -> Row:
    summary = summarize(ours.network(name), (1, 28, 28))
    # Backwards there are two products for each one forwards, and the parameters are read and their gradients written.
    flops, nbytes = 3 * batch * summary.flops, 4 * (STATE[optimizer] + 2) * summary.parameters

    def make() -> dict[str, Side]:
        x, y = normal(batch, 1, 28, 28), np.arange(batch) % 10
        model, mirror = _pair(name)
        sides = {"cuarzo": _ours(model, optimizer, x, y)}
        for mode in ("torch", "fused", *(["channels_last"] if name in CONVOLUTIONAL else []), "compiled"):
            sides[mode] = _theirs(theirs.Mode(mirror(), optimizer, mode), x, y, mode == "compiled")
        return sides

    return Row("training step", f"{name}, batch {batch}, {optimizer}", flops, nbytes, 3136 * 64, make)


def _pair(name: str) -> tuple[Any, Any]:
    """Our network, and a function that makes PyTorch's with the same weights."""
    model = ours.network(name)
    weights = [torch.from_numpy(value.copy()) for value in model.state_dict().values()]

    def mirror() -> torch.nn.Module:
        other = theirs.NETWORKS[name]()
        other.load_state_dict(dict(zip(other.state_dict(), weights, strict=True)))
        return other

    return model, mirror


def _ours(model: Any, optimizer: str, x: np.ndarray, y: np.ndarray) -> Side:
    updates = ours.OPTIMIZERS[optimizer](model.parameters())

    def result() -> list[np.ndarray]:
        model.eval()  # dropout draws other numbers on each side
        loss = ours.gradients(model, updates, x, y)
        model.train()
        return [loss.data, *(parameter.grad for parameter in model.parameters())]

    return Side(ours.step_of(model, updates, x, y), result)


def _theirs(mode: theirs.Mode, x: np.ndarray, y: np.ndarray, compiled: bool) -> Side:
    model, images, labels = mode.model, mode.images(x), torch.from_numpy(y)
    dropout = any(isinstance(layer, torch.nn.Dropout) for layer in model.modules())

    def result() -> list[np.ndarray]:
        # Of a network with dropout the eager one is compared: without it the other would be compiled a second time.
        model.train(not dropout)
        loss = theirs.gradients(model if dropout else mode.forward, mode.optimizer, images, labels)
        model.train()
        return [loss.detach().numpy(), *(p.grad.contiguous().numpy() for p in model.parameters())]

    started = time.perf_counter()
    if compiled:
        theirs.gradients(mode.forward, mode.optimizer, images, labels)
    prepared = time.perf_counter() - started
    return Side(theirs.step_of(mode.forward, mode.optimizer, images, labels), result, prepared)


def _epoch() -> Row:
    """60,000 images in batches of 64: ours from the loader, shuffled anew; PyTorch's tensors lie ready."""
    summary = summarize(ours.network("LeNet-5"), (1, 28, 28))

    def make() -> dict[str, Side]:
        x, y = cz.data.load("mnist").train_and_valid
        model, mirror = _pair("LeNet-5")
        probe = _ours(model, "SGD", x[:BATCH], y[:BATCH])

        def epoch() -> None:
            optimizer = ours.OPTIMIZERS["SGD"](model.parameters())
            cz.fit(model, (x, y), epochs=1, batch_size=BATCH, optimizer=optimizer, seed=0, progress=False)

        sides = {"cuarzo": Side(epoch, probe.result)}
        for name in ("torch", "channels_last", "compiled"):
            sides[name] = _epoch_torch(theirs.Mode(mirror(), "SGD", name), x, y.astype(np.int64), name == "compiled")
        return sides

    name = f"epoch of LeNet-5, batch {BATCH}, SGD"
    return Row("training step", name, 3 * IMAGES * summary.flops, 4 * IMAGES * 28 * 28, 3136 * 64, make, once=True)


def _epoch_torch(mode: theirs.Mode, x: np.ndarray, y: np.ndarray, compiled: bool) -> Side:
    probe = _theirs(mode, x[:BATCH], y[:BATCH], compiled)
    images, labels = mode.images(x), torch.from_numpy(y)

    def epoch() -> None:
        order = torch.randperm(len(images))[: len(images) // BATCH * BATCH]  # a smaller batch would be compiled anew
        for chosen in order.split(BATCH):
            theirs.step_of(mode.forward, mode.optimizer, images[chosen], labels[chosen])()

    return Side(epoch, probe.result, probe.prepared)
