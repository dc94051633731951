"""Softmax and cross-entropy in passes over the whole matrix. See naive/softmax.py."""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border


def softmax_forward(x: NDArray, y: NDArray) -> None:
    _border.check("softmax_forward", x, y)
    np.exp(_shifted(x), out=y)
    y /= y.sum(1, keepdims=True)


def softmax_backward(dy: NDArray, y: NDArray, dx: NDArray) -> None:
    _border.check("softmax_backward", dy, y, dx)
    np.multiply(y, dy - (dy * y).sum(1, keepdims=True), out=dx)


def log_softmax_forward(x: NDArray, y: NDArray) -> None:
    _border.check("log_softmax_forward", x, y)
    shifted = _shifted(x)
    np.subtract(shifted, np.log(np.exp(shifted).sum(1, keepdims=True)), out=y)


def log_softmax_backward(dy: NDArray, y: NDArray, dx: NDArray) -> None:
    _border.check("log_softmax_backward", dy, y, dx)
    np.subtract(dy, np.exp(y) * dy.sum(1, keepdims=True), out=dx)


def cross_entropy_forward(x: NDArray, labels: NDArray, loss: NDArray, probability: NDArray) -> None:
    _border.check("cross_entropy_forward", x, labels, loss, probability)
    shifted = _shifted(x)
    np.exp(shifted, out=probability)
    total = probability.sum(1)
    probability /= total[:, None]
    np.subtract(np.log(total), shifted[np.arange(len(x)), labels], out=loss)


def cross_entropy_backward(dloss: NDArray, probability: NDArray, labels: NDArray, dx: NDArray) -> None:
    _border.check("cross_entropy_backward", dloss, probability, labels, dx)
    dx[...] = probability
    dx[np.arange(len(labels)), labels] -= 1
    dx *= dloss[:, None]


@np.errstate(invalid="ignore")  # inf - inf, in a row whose maximum is an infinity
def _shifted(x: NDArray) -> NDArray:
    return x - x.max(1, keepdims=True, initial=-np.inf)
