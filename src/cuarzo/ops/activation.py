"""Functions of the elements, and softmax. Their gradients, NaN and infinities: see kernels/naive/activation.py."""

from cuarzo.ops.checks import axis_of, check_choice, check_tensor, number
from cuarzo.tensor import Tensor
from cuarzo.tensor.elementwise import activation


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
    return _by_kernel("leaky_relu", x, number("leaky_relu", "negative_slope", negative_slope))


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha (e^x - 1) (Clevert et al. 2016)."""
    check_tensor("elu", "x", x)
    return _by_kernel("elu", x, number("elu", "alpha", alpha))


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """x Phi(x), with Phi the distribution function of the standard normal (Hendrycks and Gimpel 2016).

    approximate="tanh": x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    """
    check_tensor("gelu", "x", x)
    check_choice("gelu", "approximate", approximate, ("none", "tanh"))
    return _by_kernel("gelu", x, approximate == "tanh")


def silu(x: Tensor) -> Tensor:
    """x / (1 + e^-x), also called swish (Elfwing et al. 2018)."""
    check_tensor("silu", "x", x)
    return _by_kernel("silu", x)


def softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(beta x)) / beta; x itself where beta x > threshold."""
    check_tensor("softplus", "x", x)
    beta, threshold = number("softplus", "beta", beta), number("softplus", "threshold", threshold, finite=False)
    if not beta > 0:
        raise ValueError(f"softplus: beta is {beta}, expected a positive number")
    return _by_kernel("softplus", x, beta, threshold)


def _by_kernel(name: str, x: Tensor, *options: float | bool) -> Tensor:
    y, (dx,) = activation(name, x.data, *options)
    return Tensor.from_op(y, (x,), lambda dy: (dx(dy),))
