"""A data set: three parts, each with its purpose, so that none is used for another's."""

from dataclasses import dataclass

import numpy as np

Part = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Dataset:
    """Images x (N, 1, H, W) float32 in [0, 1] and labels y (N,) int64.

    train: for the gradients. valid: for every choice (early stopping, schedule, hyperparameters, curves).
    test: to be looked at once, when all is chosen.
    """

    name: str
    classes: tuple[str, ...]
    x_train: np.ndarray
    y_train: np.ndarray
    x_valid: np.ndarray
    y_valid: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def train(self) -> Part:
        return self.x_train, self.y_train

    @property
    def valid(self) -> Part:
        return self.x_valid, self.y_valid

    @property
    def test(self) -> Part:
        return self.x_test, self.y_test

    @property
    def train_and_valid(self) -> Part:
        """All that may be learned from, once every setting is fixed."""
        return np.concatenate([self.x_train, self.x_valid]), np.concatenate([self.y_train, self.y_valid])
