"""Softmax regression (multinomial logistic regression): the linear classifier."""

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import nn


def softmax(inputs: int = 28 * 28, classes: int = 10, *, dtype: DTypeLike = np.float32) -> nn.Sequential:
    """p(class | x) = softmax(W x + b); gives the logits W x + b.

    x (N, ...) with `inputs` values each -> (N, classes). Each row of W is an image of what its class looks for.
    """
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, classes, dtype=dtype))
