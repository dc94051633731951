"""Losses, with each reduction."""

from functools import partial
from typing import Any

import numpy as np

import cuarzo as cz
from peers.peer import Configuration, analysed, chance, families, ints, run_family, torch
from peers.rounding import Traced, exp, log, where
from peers.test_activation import log_softmax

F = torch.nn.functional


def reduced(losses: Traced, reduction: str, count: int) -> dict[str, Traced]:
    return {"loss": losses if reduction == "none" else losses.sum() / (count if reduction == "mean" else 1)}


def cross_entropy(rng: np.random.Generator) -> Configuration:
    K, rest = int(rng.integers(1, 8)), ints(rng, int(rng.choice([0, 0, 1, 2, 3])), 1, 3)
    N = int(rng.integers(1, 7))
    labels = rng.integers(0, K, (N, *rest))
    options: dict[str, Any] = {"reduction": str(rng.choice(["mean", "sum", "none"]))}
    if chance(rng):
        options["ignore_index"] = int(rng.choice([-100, -1, rng.integers(0, K), 255]))
        labels[rng.random(labels.shape) < 0.3] = options["ignore_index"]
    ignored = labels == options.get("ignore_index", -100)
    if ignored.all():  # the mean of nothing is NaN in PyTorch, 0 in cuarzo
        options.pop("ignore_index", None)
        labels, ignored = rng.integers(0, K, (N, *rest)), np.zeros((N, *rest), bool)
    smoothing = float(rng.choice([0, 0, 0.1, 0.7, 1.0]))
    options |= {"label_smoothing": smoothing} if smoothing else {}
    layer, by_layer = cz.nn.CrossEntropyLoss(**options), chance(rng)

    def formula(a):
        log_p = log_softmax(a["logits"], 1)
        target = np.moveaxis(np.eye(K)[np.where(ignored, 0, labels)], -1, 1) * (1 - smoothing) + smoothing / K
        return reduced(where(ignored, 0.0, (-(log_p * target)).sum(1)), options["reduction"], int((~ignored).sum()))

    return Configuration(
        f"({N}, {K}, {rest}) {options}",
        {"logits": rng.normal(size=(N, K, *rest)) * float(rng.choice([1, 1, 5]))},
        lambda a: {"loss": (layer if by_layer else partial(cz.ops.cross_entropy, **options))(a["logits"], labels)},
        lambda a: {"loss": F.cross_entropy(a["logits"], torch.from_numpy(labels), **options)},
        analysed(formula),
    )


def with_target(rng: np.random.Generator, name: str) -> Configuration:
    """mse_loss, whose target has a gradient too, and the two binary ones, whose target has none here."""
    shape, reduction = ints(rng, int(rng.integers(0, 4)), 1, 6), str(rng.choice(["mean", "sum", "none"]))
    x, target, count = rng.normal(size=shape), rng.uniform(size=shape), int(np.prod(shape))
    if name != "mse_loss" and chance(rng):
        target = np.round(target)
    if name == "binary_cross_entropy":
        x = 1 / (1 + np.exp(-2 * x))
    elif chance(rng, 0.3):
        # PyTorch adds x + max(-x, 0) to a logarithm: |x| eps is lost, and far below -10 that is all of the loss
        x = np.clip(x * 10, -10, 10)
    loss = {"mse_loss": "MSELoss", "binary_cross_entropy": "BCELoss"}.get(name, "BCEWithLogitsLoss")
    layer, op, by_layer = getattr(cz.nn, loss)(reduction=reduction), getattr(cz.ops, name), chance(rng)

    def ours(a):
        return {"loss": layer(a["x"], a["target"]) if by_layer else op(a["x"], a["target"], reduction)}

    def formula(a):
        x, t = a["x"], a["target"]
        if name == "mse_loss":
            losses = (x - t) * (x - t)
        elif name == "binary_cross_entropy":
            losses = -(t * log(x) + (1.0 - t) * log(1.0 - x))
        else:
            above = x.value > 0
            losses = where(above, x, 0.0) - x * t + log(exp(where(above, -x, x)) + 1.0)
        return reduced(losses, reduction, count)

    constants = () if name == "mse_loss" else ("target",)
    return Configuration(
        f"{shape} {reduction}",
        {"x": x, "target": target},
        ours,
        lambda a: {"loss": getattr(F, name)(a["x"], a["target"], reduction=reduction)},
        analysed(formula),
        constants=constants,
    )


@families("cross_entropy")
def test_cross_entropy(family, block, record_property):
    run_family(family, block, cross_entropy, record_property)


@families("mse_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")
def test_loss(family, block, record_property):
    run_family(family, block, lambda rng: with_target(rng, family), record_property)
