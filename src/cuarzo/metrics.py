"""What is reported of a classifier, from labels alone."""

from typing import Any

import numpy as np

from cuarzo.names import check_count

MOST_CLASSES = 2**15  # their matrix takes 8 GiB


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of positions where `predicted` (N,) equals `labels` (N,). ValueError where there is nothing to count.

    TypeError, here and below, for anything but integers.
    """
    predicted, labels = _pair(predicted, labels)
    return float(np.mean(predicted == labels))


def confusion_matrix(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Counts (classes, classes), int64: row = true label, column = predicted label."""
    predicted, labels = _pair(predicted, labels)
    classes = check_count("confusion_matrix: classes", classes, 1, MOST_CLASSES)
    for name, values in (("predicted", predicted), ("labels", labels)):
        if values.min() < 0 or values.max() >= classes:
            raise ValueError(
                f"confusion_matrix: {name} lies in {values.min()} ... {values.max()}, expected 0 ... {classes - 1}"
            )
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def _pair(predicted: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    predicted, labels = _array("predicted", predicted), _array("labels", labels)
    if predicted.shape != labels.shape or labels.ndim != 1:
        raise ValueError(
            f"metrics: predicted {predicted.shape} and labels {labels.shape}: expected two equal shapes (N,)"
        )
    if labels.size == 0:
        raise ValueError("metrics: labels is empty, expected at least one")
    for name, values in (("predicted", predicted), ("labels", labels)):
        if not np.issubdtype(values.dtype, np.integer):
            raise TypeError(f"metrics: {name} has dtype {values.dtype}, expected integers")
    return predicted.astype(np.int64), labels.astype(np.int64)


def _array(name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"metrics: {name} has rows of unequal length, expected shape (N,)") from error
