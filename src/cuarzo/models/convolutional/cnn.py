"""A small convolutional network of today: what LeNet-5 becomes with ReLU (Glorot et al. 2011), maximum pooling and
dropout (Srivastava et al. 2014)."""

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import nn


def cnn(classes: int = 10, *, dtype: DTypeLike = np.float32) -> nn.Sequential:
    """x (N, 1, 28, 28) -> logits (N, classes). 421,642 parameters for ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1, dtype=dtype),  # (N, 32, 28, 28)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 14, 14)
        nn.Conv2d(32, 64, 3, padding=1, dtype=dtype),  # (N, 64, 14, 14)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 64, 7, 7)
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128, dtype=dtype),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, classes, dtype=dtype),
    )
