"""What is reported of a classifier, from labels alone."""

import numpy as np


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of positions where `predicted` (N,) equals `labels` (N,). ValueError where there is nothing to count."""
    predicted, labels = _pair(predicted, labels)
    return float(np.mean(predicted == labels))


def confusion_matrix(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Counts (classes, classes), int64: row = true label, column = predicted label."""
    predicted, labels = _pair(predicted, labels)
    for name, values in (("predicted", predicted), ("labels", labels)):
        if values.min() < 0 or values.max() >= classes:
            raise ValueError(
                f"confusion_matrix: {name} lies in {values.min()} ... {values.max()}, expected 0 ... {classes - 1}"
            )
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def _pair(predicted: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    if predicted.shape != labels.shape or labels.ndim != 1:
        raise ValueError(
            f"metrics: predicted {predicted.shape} and labels {labels.shape}: expected two equal shapes (N,)"
        )
    if labels.size == 0:
        raise ValueError("metrics: labels is empty, expected at least one")
    return predicted.astype(np.int64), labels.astype(np.int64)
