"""What belongs to an energy model, here the RBM: learning by sampling, likelihood, reconstructions, samples."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cuarzo import data, plots
from cuarzo.data.dataset import Part
from cuarzo.history import History
from cuarzo.models import RBM
from cuarzo.random import Stream
from cuarzo.settings import Settings

LOSS = "squared error of the reconstruction"
PICTURES = ("reconstructions.png", "samples.png", "filters.png")
EXACT = 22  # hidden units up to which log Z is a sum that ends: 2^22 terms
GIBBS_STEPS = 2000  # from noise to a sample; the picture says so
SHOWN = 10


def prepared(dataset: data.Dataset, settings: Settings) -> data.Dataset:
    """Images as rows; those of validation and test made binary once, the training ones anew in each pass."""
    stream = Stream(settings.seed)
    flat: dict[str, Any] = {name: getattr(dataset, name) for name in ("x_train", "x_valid", "x_test")}
    flat = {name: x.reshape(len(x), -1) for name, x in flat.items()}
    binary: dict[str, Any] = {name: data.Binarize()(flat[name], stream) for name in ("x_valid", "x_test")}
    return replace(dataset, **{**flat, **binary})


def begin(model: RBM, x: np.ndarray) -> None:
    """The visible biases know from the start how often each pixel is on: the weights need not learn that."""
    model.set_visible_bias(x)


def fit_options(settings: Settings) -> dict[str, Any]:
    step = partial(learn, method=settings.method, gibbs_steps=settings.gibbs_steps)
    return {"augment": data.Binarize(), "step": step, "measure": measure}


def learn(model: RBM, v: np.ndarray, method: str, gibbs_steps: int) -> float:
    """One step of persistent ("pcd") or plain ("cd") contrastive divergence; how far reconstructions are off."""
    (model.pcd if method == "pcd" else model.cd)(v, gibbs_steps)
    return model.reconstruction_error(v)


def measure(model: RBM, part: Part) -> tuple[float, None]:
    return model.reconstruction_error(part[0]), None


def validated(history: History, kept: int) -> dict[str, Any]:
    return {"valid_reconstruction_error": history.column("valid_loss")[kept - 1] if kept else None}


def test(model: RBM, dataset: data.Dataset) -> tuple[dict[str, Any], None]:
    """The exact mean log-likelihood in nats where log Z can be summed; the error of reconstructions."""
    found: dict[str, Any] = {}
    if model.hidden_units <= EXACT:
        found["test_log_likelihood"] = float(model.log_likelihood(dataset.x_test).mean())
    found["test_reconstruction_error"] = model.reconstruction_error(dataset.x_test)
    return found, None


def draw(folder: Path, title: str, model: RBM, dataset: data.Dataset, record: dict[str, Any], seen: None) -> None:
    side = math.isqrt(dataset.x_test.shape[1])
    v = dataset.x_test[:SHOWN]
    pairs = np.stack([v, model.reconstruct(v)]).reshape(2, len(v), side, side)
    plots.pictures(pairs, folder / "reconstructions.png", f"{title}: test images, and their reconstructions")
    plots.pictures(
        sampled(model, SHOWN * SHOWN).reshape(SHOWN, SHOWN, side, side),
        folder / "samples.png",
        f"{title}: samples, {GIBBS_STEPS:,} Gibbs steps from noise (probabilities of the last)",
    )
    weights = model.weight.data.reshape(-1, side, side)
    plots.filters(weights, folder / "filters.png", f"{title}: weights of hidden units")


def sampled(model: RBM, count: int) -> np.ndarray:
    """Means of the visible units after GIBBS_STEPS steps, in `count` chains that begin with coins."""
    coins = (Stream(0).uniform((count, model.hidden_units), model.weight.dtype) < 0.5).astype(model.weight.dtype)
    return model.gibbs(coins, GIBBS_STEPS)[0]
