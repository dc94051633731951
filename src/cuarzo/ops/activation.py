"""Functions of the elements, and softmax."""

import math
from collections.abc import Callable

import numpy as np

from cuarzo.ops.checks import axis_of, check_choice, check_tensor, number
from cuarzo.tensor import Tensor
from cuarzo.tensor.elementwise import logistic
from cuarzo.tensor.graph import Array


def relu(x: Tensor) -> Tensor:
    """max(x, 0); the derivative at 0 is 0."""
    check_tensor("relu", "x", x)
    return x.relu()


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e^-x)."""
    check_tensor("sigmoid", "x", x)
    return x.sigmoid()


def tanh(x: Tensor) -> Tensor:
    """(e^x - e^-x) / (e^x + e^-x)."""
    check_tensor("tanh", "x", x)
    return x.tanh()


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """e^x / sum of e^x along axis `dim`."""
    check_tensor("softmax", "x", x)
    return x.softmax(axis_of("softmax", "dim", dim, x))


def log_softmax(x: Tensor, dim: int = -1) -> Tensor:
    """x - log of the sum of e^x along axis `dim`."""
    check_tensor("log_softmax", "x", x)
    return x.log_softmax(axis_of("log_softmax", "dim", dim, x))


def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x where x > 0, else negative_slope x."""
    check_tensor("leaky_relu", "x", x)
    slope = np.where(x.data > 0, 1, number("leaky_relu", "negative_slope", negative_slope)).astype(x.dtype)
    return _elementwise(x, x.data * slope, lambda: slope)


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha (e^x - 1) (Clevert et al. 2016)."""
    check_tensor("elu", "x", x)
    alpha = number("elu", "alpha", alpha)
    negative = alpha * np.expm1(np.minimum(x.data, 0))
    positive = x.data > 0
    return _elementwise(x, np.where(positive, x.data, negative), lambda: np.where(positive, 1, negative + alpha))


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """x Phi(x), with Phi the distribution function of the standard normal (Hendrycks and Gimpel 2016).

    approximate="tanh": x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    """
    check_tensor("gelu", "x", x)
    check_choice("gelu", "approximate", approximate, ("none", "tanh"))
    z = x.data
    if approximate == "tanh":
        scale = math.sqrt(2 / math.pi)
        t = np.tanh(scale * (z + 0.044715 * z * z * z))
        slope = lambda: 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * scale * (1 + 3 * 0.044715 * z * z)  # noqa: E731
        return _elementwise(x, 0.5 * z * (1 + t), slope)
    # Phi(x) = erfc(-x / sqrt 2) / 2, which stays exact in the tail; libm's erfc, an element at a time: NumPy has none
    phi = np.fromiter(map(math.erfc, (z * -math.sqrt(0.5)).ravel().tolist()), z.dtype, z.size).reshape(z.shape) * 0.5
    return _elementwise(x, z * phi, lambda: phi + z * np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))


def softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(beta x)) / beta; x itself where beta x > threshold."""
    check_tensor("softplus", "x", x)
    beta, threshold = number("softplus", "beta", beta), number("softplus", "threshold", threshold, finite=False)
    if not beta > 0:
        raise ValueError(f"softplus: beta is {beta}, expected a positive number")
    z = beta * x.data
    smooth = (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta
    return _elementwise(x, np.where(z > threshold, x.data, smooth), lambda: np.where(z > threshold, 1, logistic(z)))


def _elementwise(x: Tensor, y: Array, slope: Callable[[], Array]) -> Tensor:
    """y = f(x), dx = dy f'(x), with `slope` computing f'(x) when it is needed."""
    dtype = x.dtype
    return Tensor.from_op(np.asarray(y, dtype), (x,), lambda dy: (np.asarray(dy * slope(), dtype),))
