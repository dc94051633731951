"""The multilayer perceptron: Rumelhart, Hinton, Williams 1986, "Learning
representations by back-propagating errors"."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import nn


def mlp(
    inputs: int = 28 * 28, hidden: Sequence[int] = (256,), classes: int = 10, *, dtype: DTypeLike = np.float32
) -> nn.Sequential:
    """h = relu(W1 x + b1), ..., logits = Wk h + bk.

    x (N, ...) with `inputs` values each -> logits (N, classes); `hidden` lists the widths of the hidden layers.
    """
    widths = [inputs, *hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for width, following in pairwise(widths):
        layers += [nn.Linear(width, following, dtype=dtype), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], classes, dtype=dtype))
