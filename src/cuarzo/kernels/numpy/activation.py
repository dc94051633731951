"""Activations in passes over the whole array. See naive/activation.py.

Options are made Python floats: a NumPy scalar would widen the arithmetic of float32 arrays.
"""

import math

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border


def relu_forward(x: NDArray, y: NDArray) -> None:
    _border.check("relu_forward", x, y)
    np.maximum(x, 0, out=y)


def relu_backward(dy: NDArray, y: NDArray, dx: NDArray) -> None:
    _border.check("relu_backward", dy, y, dx)
    dx[...] = np.where(y <= 0, 0, dy)


def leaky_relu_forward(x: NDArray, slope: float, y: NDArray) -> None:
    _border.check("leaky_relu_forward", x, slope, y)
    np.multiply(x, _slopes(x, slope), out=y)


def leaky_relu_backward(dy: NDArray, x: NDArray, slope: float, dx: NDArray) -> None:
    _border.check("leaky_relu_backward", dy, x, slope, dx)
    np.multiply(dy, _slopes(x, slope), out=dx)


def elu_forward(x: NDArray, alpha: float, y: NDArray) -> None:
    _border.check("elu_forward", x, alpha, y)
    y[...] = np.where(x > 0, x, float(alpha) * np.expm1(np.minimum(x, 0)))


def elu_backward(dy: NDArray, x: NDArray, alpha: float, dx: NDArray) -> None:
    _border.check("elu_backward", dy, x, alpha, dx)
    np.multiply(dy, np.where(x > 0, 1, float(alpha) * np.exp(np.minimum(x, 0))), out=dx)


def sigmoid_forward(x: NDArray, y: NDArray) -> None:
    _border.check("sigmoid_forward", x, y)
    y[...] = _sigmoid(x)


@np.errstate(invalid="ignore")  # an infinite dy times 0
def sigmoid_backward(dy: NDArray, y: NDArray, dx: NDArray) -> None:
    _border.check("sigmoid_backward", dy, y, dx)
    np.multiply(dy, y * (1 - y), out=dx)


def tanh_forward(x: NDArray, y: NDArray) -> None:
    _border.check("tanh_forward", x, y)
    np.tanh(x, out=y)


@np.errstate(invalid="ignore")
def tanh_backward(dy: NDArray, y: NDArray, dx: NDArray) -> None:
    _border.check("tanh_backward", dy, y, dx)
    np.multiply(dy, 1 - y * y, out=dx)


@np.errstate(over="ignore", invalid="ignore")  # x^3 of a large x; -inf times 0
def gelu_forward(x: NDArray, approximate: bool, y: NDArray) -> None:
    _border.check("gelu_forward", x, approximate, y)
    for part in _parts(x):
        np.multiply(x[part], _sigmoid(_twice_g(x[part])) if approximate else _normal(x[part])[0], out=y[part])


@np.errstate(over="ignore", invalid="ignore")
def gelu_backward(dy: NDArray, x: NDArray, approximate: bool, dx: NDArray) -> None:
    _border.check("gelu_backward", dy, x, approximate, dx)
    for part in _parts(x):
        z = x[part]
        if approximate:
            u = _twice_g(z)
            s = _sigmoid(u)
            bell = z * (s * _sigmoid(-u))  # the first to be 0: then z^2 times it is 0, too
            slope = s + _ROOT * (bell + 3 * 0.044715 * z * (z * bell))
        else:
            distribution, density = _normal(z)
            slope = distribution + z * density
        np.multiply(dy[part], slope, out=dx[part])


@np.errstate(invalid="ignore")  # -inf times 0
def silu_forward(x: NDArray, y: NDArray) -> None:
    _border.check("silu_forward", x, y)
    np.multiply(x, _sigmoid(x), out=y)


@np.errstate(invalid="ignore")
def silu_backward(dy: NDArray, x: NDArray, dx: NDArray) -> None:
    _border.check("silu_backward", dy, x, dx)
    np.multiply(dy, _sigmoid(x) * (1 + x * _sigmoid(-x)), out=dx)


def softplus_forward(x: NDArray, beta: float, threshold: float, y: NDArray) -> None:
    _border.check("softplus_forward", x, beta, threshold, y)
    z = float(beta) * x
    smooth = (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / float(beta)
    y[...] = np.where(z > float(threshold), x, smooth)


def softplus_backward(dy: NDArray, x: NDArray, beta: float, threshold: float, dx: NDArray) -> None:
    _border.check("softplus_backward", dy, x, beta, threshold, dx)
    z = float(beta) * x
    np.multiply(dy, np.where(z > float(threshold), 1, _sigmoid(z)), out=dx)


def _slopes(x: NDArray, slope: float) -> NDArray:
    return np.where(x > 0, 1, float(slope)).astype(x.dtype)


def _sigmoid(x: NDArray) -> NDArray:
    e = np.exp(-np.abs(x))  # at most 1: it cannot overflow
    return np.where(x >= 0, 1, e) / (1 + e)


_ROOT = 2 * math.sqrt(2 / math.pi)


def _twice_g(x: NDArray) -> NDArray:
    """2 g(x) of the approximate gelu, which is x s(2 g)."""
    return _ROOT * (x + 0.044715 * x * x * x)


def _parts(x: NDArray) -> list[slice]:
    """Slices that stay in the cache: the polynomial below goes over them two dozen times."""
    return [slice(begin, begin + 8192) for begin in range(0, x.size, 8192)]


# NumPy has no erfc, and libm's, an element at a time, takes four times as long. With z = |x| and q = (z - 5) / (z + 5)
# in -1 ... 1, (1 + z) e^(z^2 / 2) Phi(-z) is smooth up to z = inf: its interpolation at the Chebyshev points,
# highest power first, is right to 1.1e-17 (polynomials in (z - k) / (z + k): Shepherd and Laframboise 1981).
_TAIL = (
    -3.98863385906920428e-10,
    -2.82332722151412048e-10,
    4.50072539247986374e-9,
    3.62806823991948649e-9,
    -3.12014721114766689e-8,
    -2.6287875968778986e-8,
    1.96634426313645188e-7,
    1.27880494539626108e-7,
    -1.30776827439933495e-6,
    -7.03483692255887721e-8,
    9.06001171633142727e-6,
    -9.89609671288440536e-6,
    -5.36076528704224518e-5,
    0.000182334144749883657,
    7.79161509574745947e-6,
    -0.00167607234447421558,
    0.00652200066511920684,
    -0.0151704154025251459,
    0.0245369632439018487,
    -0.0264010429663076296,
    0.0100023523852207466,
    0.0310303684259636918,
    -0.0915522818340089368,
    0.461515829850037773,
)


def _normal(x: NDArray) -> tuple[NDArray, NDArray]:
    """Distribution function and density of the standard normal."""
    e = np.exp(-0.5 * x * x)
    z = np.minimum(np.abs(x), 100)  # there e is 0 already
    q = (z - 5) / (z + 5)
    tail = np.full_like(q, _TAIL[0])
    for coefficient in _TAIL[1:]:
        tail *= q
        tail += coefficient
    tail *= e / (1 + z)
    return np.where(x > 0, 1 - tail, tail), e / math.sqrt(2 * math.pi)
