"""Recurrent networks that read an image row by row, from the top, and say at the end what they saw.

As in Le, Jaitly and Hinton 2015, "A simple way to initialize recurrent networks of rectified linear units", which reads
it pixel by pixel.
"""

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import nn
from cuarzo.ops.checks import check_tensor
from cuarzo.tensor import Tensor


class RowClassifier(nn.Module):
    """logits = V h_H + c, with h_t the state of `layer` after the first t of the image's H rows."""

    def __init__(self, layer: nn.RNN | nn.LSTM | nn.GRU, classes: int, *, dtype: DTypeLike = np.float32):
        self.layer = layer
        self.head = nn.Linear(layer.hidden_size, classes, dtype=dtype)

    def __call__(self, x: Tensor) -> Tensor:
        """x (N, 1, H, W) -> (N, classes). ValueError for images of another number of channels."""
        check_tensor("RowClassifier", "x", x, "N, C, H, W")
        if x.shape[1] != 1:
            raise ValueError(f"RowClassifier: x has shape {x.shape}, expected (N, 1, H, W): one row of numbers a step")
        rows = x.reshape(x.shape[0], *x.shape[2:]).transpose(1, 0, 2)  # (H, N, W): time first
        y, _ = self.layer(rows)
        return self.head(y[-1])


def rnn(classes: int = 10, hidden: int = 128, *, dtype: DTypeLike = np.float32) -> RowClassifier:
    """x (N, 1, H, 28) -> logits (N, classes), by a tanh RNN (Elman 1990)."""
    return RowClassifier(nn.RNN(28, hidden, dtype=dtype), classes, dtype=dtype)


def lstm(classes: int = 10, hidden: int = 128, *, dtype: DTypeLike = np.float32) -> RowClassifier:
    """x (N, 1, H, 28) -> logits (N, classes), by an LSTM (Hochreiter, Schmidhuber 1997). 82,186 parameters."""
    return RowClassifier(nn.LSTM(28, hidden, dtype=dtype), classes, dtype=dtype)


def gru(classes: int = 10, hidden: int = 128, *, dtype: DTypeLike = np.float32) -> RowClassifier:
    """x (N, 1, H, 28) -> logits (N, classes), by a GRU (Cho et al. 2014)."""
    return RowClassifier(nn.GRU(28, hidden, dtype=dtype), classes, dtype=dtype)
