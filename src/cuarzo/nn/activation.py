"""Functions of the elements, as layers; the formulas stand in ops/activation.py."""

import math

from cuarzo import ops
from cuarzo.nn.module import Module
from cuarzo.ops.checks import LARGEST, check_choice, integer, number
from cuarzo.tensor import Tensor


class _Elementwise(Module):
    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """One for each element, whatever the function."""
        return math.prod(output_shape)


class Identity(Module):
    """y = x."""

    def __call__(self, x: Tensor) -> Tensor:
        return x


class ReLU(_Elementwise):
    """max(x, 0)."""

    def __call__(self, x: Tensor) -> Tensor:
        return ops.relu(x)


class Sigmoid(_Elementwise):
    """1 / (1 + e^-x)."""

    def __call__(self, x: Tensor) -> Tensor:
        return ops.sigmoid(x)


class Tanh(_Elementwise):
    """The hyperbolic tangent."""

    def __call__(self, x: Tensor) -> Tensor:
        return ops.tanh(x)


class LeakyReLU(_Elementwise):
    """x where x > 0, else negative_slope x."""

    shown = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01):
        self.negative_slope = number("LeakyReLU", "negative_slope", negative_slope)

    def __call__(self, x: Tensor) -> Tensor:
        return ops.leaky_relu(x, self.negative_slope)


class ELU(_Elementwise):
    """x where x > 0, else alpha (e^x - 1)."""

    shown = ("alpha",)

    def __init__(self, alpha: float = 1.0):
        self.alpha = number("ELU", "alpha", alpha)

    def __call__(self, x: Tensor) -> Tensor:
        return ops.elu(x, self.alpha)


class GELU(_Elementwise):
    """x Phi(x); approximate="tanh" for the formula with tanh."""

    shown = ("approximate",)

    def __init__(self, approximate: str = "none"):
        check_choice("GELU", "approximate", approximate, ("none", "tanh"))
        self.approximate = approximate

    def __call__(self, x: Tensor) -> Tensor:
        return ops.gelu(x, self.approximate)


class SiLU(_Elementwise):
    """x / (1 + e^-x)."""

    def __call__(self, x: Tensor) -> Tensor:
        return ops.silu(x)


class Softplus(_Elementwise):
    """log(1 + e^(beta x)) / beta; x itself where beta x > threshold."""

    shown = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        self.beta = number("Softplus", "beta", beta)
        self.threshold = number("Softplus", "threshold", threshold, finite=False)
        if not self.beta > 0:
            raise ValueError(f"Softplus: beta is {beta}, expected a positive number")

    def __call__(self, x: Tensor) -> Tensor:
        return ops.softplus(x, self.beta, self.threshold)


class Softmax(_Elementwise):
    """e^x / sum of e^x along axis `dim`, by default the last."""

    shown = ("dim",)

    def __init__(self, dim: int = -1):
        self.dim = integer(type(self).__name__, "dim", dim, -LARGEST)

    def __call__(self, x: Tensor) -> Tensor:
        return ops.softmax(x, self.dim)


class LogSoftmax(_Elementwise):
    """log of Softmax."""

    shown = ("dim",)

    def __init__(self, dim: int = -1):
        self.dim = integer(type(self).__name__, "dim", dim, -LARGEST)

    def __call__(self, x: Tensor) -> Tensor:
        return ops.log_softmax(x, self.dim)
