"""What belongs to a classifier: accuracy, the confusion matrix, the weights that look at the image."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from cuarzo import data, evaluation, metrics, models, nn, plots
from cuarzo.history import History
from cuarzo.settings import Settings

LOSS = "cross-entropy loss"
PICTURES = ("filters.png", "confusion.png")


def prepared(dataset: data.Dataset, settings: Settings) -> data.Dataset:
    if settings.shift > min(dataset.x_train.shape[2:]):
        raise ValueError(f"--shift is {settings.shift}, expected at most the image's size, {dataset.x_train.shape[2:]}")
    return dataset


def begin(model: nn.Module, x: np.ndarray) -> None:
    """Nothing is taken from the data before training."""


def fit_options(settings: Settings) -> dict[str, Any]:
    return {"augment": data.Shift(settings.shift) if settings.shift else None}


def validated(history: History, kept: int) -> dict[str, Any]:
    return {"valid_accuracy": history.column("valid_accuracy")[kept - 1] if kept else None}


def test(model: nn.Module, dataset: data.Dataset) -> tuple[dict[str, Any], np.ndarray]:
    """What the record says of the test data, and the predicted classes."""
    predicted = evaluation.predict(model, dataset.x_test).argmax(axis=1)
    return {"test_accuracy": metrics.accuracy(predicted, dataset.y_test)}, predicted


def draw(
    folder: Path, title: str, model: nn.Module, dataset: data.Dataset, record: dict[str, Any], predicted: np.ndarray
) -> None:
    images, names = first_layer_images(model, dataset.classes)
    matrix = metrics.confusion_matrix(predicted, dataset.y_test, len(dataset.classes))
    rows = isinstance(model, models.RowClassifier)
    what = "input weights, a column for each unit, a row for each pixel" if rows else "first-layer weights"
    plots.filters(images, folder / "filters.png", f"{title}: {what}", names)
    accuracy = f"{record['test_accuracy']:.2%} of {len(predicted):,} test images right"
    plots.confusion(matrix, folder / "confusion.png", dataset.classes, f"{title}: {accuracy}")


GATES = {nn.RNN: ("state",), nn.LSTM: ("input", "forget", "cell", "output"), nn.GRU: ("reset", "update", "new")}


def first_layer_images(model: nn.Module, classes: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The weights that look at the image, as images, and their names if they have any.

    (F, R, S) of a convolution; (U, 28, 28) of a linear layer, named where each belongs to a class; of a recurrent layer
    one (I, U) for each gate: a row for each pixel of the rows it reads, a column for each unit, those first that look
    most at the first pixels.
    """
    if isinstance(model, models.RowClassifier):
        gates = GATES[type(model.layer)]
        weights = model.layer.state_dict()["weight_ih_l0"]
        images = weights.reshape(len(gates), -1, weights.shape[1]).swapaxes(1, 2)
        new = np.abs(images[min(2, len(gates) - 1)])  # what enters the state
        return images[:, :, np.argsort(new.argmax(axis=0), kind="stable")], gates
    weights = next(array for array in model.state_dict().values() if array.ndim > 1)
    if weights.ndim == 4:
        return weights.mean(axis=1), None
    side = math.isqrt(weights.shape[1])
    linear = sum(p.ndim > 1 for p in model.parameters()) == 1
    return weights.reshape(len(weights), side, side), classes if linear else None
