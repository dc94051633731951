"""Activations: functions of each element. dx = dy f'(x), with f' written in x or, where shorter, in y.

    relu        y = max(x, 0)                              f' = 0 where y <= 0, else 1
    leaky_relu  y = x where x > 0, else slope x            f' = 1 where x > 0, else slope
    elu         y = x where x > 0, else alpha (e^x - 1)    f' = 1 where x > 0, else alpha e^x
    sigmoid     y = s(x) = 1 / (1 + e^-x)                  f' = y (1 - y)
    tanh        y = (e^x - e^-x) / (e^x + e^-x)            f' = 1 - y^2
    silu        y = x s(x)                                 f' = s(x) (1 + x s(-x))
    softplus    y = log(1 + e^(beta x)) / beta             f' = s(beta x)
                y = x where beta x > threshold             f' = 1 there
    gelu        y = x Phi(x)                               f' = Phi(x) + x phi(x)
                Phi(x) = erfc(-x / sqrt 2) / 2 and phi(x) = e^(-x^2 / 2) / sqrt(2 pi): the standard normal distribution
    gelu, approximate
                y = x / 2 (1 + tanh g) = x s(2 g)          f' = s(2 g) + 2 x g' s(2 g) s(-2 g)
                g = sqrt(2 / pi) (x + 0.044715 x^3)

s(-x) is 1 - s(x) without the loss of digits. NaN stays NaN (relu's gradient of a NaN is dy), and an infinity gives what
the formula gives in IEEE arithmetic: silu and gelu of -inf are -inf 0 = NaN, and so are their f' at either infinity. At
a finite x all are finite: no x^2 or x^3 that overflows may meet an s of 0.

softplus: beta x is compared as it is in the arithmetic of the arrays. Where its rounding decides, either side is right;
where it equals the threshold exactly y is the logarithm.

Source: Nair and Hinton 2010 (relu), Maas et al. 2013 (leaky), Clevert et al. 2016 (elu), Hendrycks and Gimpel 2016
(gelu, silu), Dugas et al. 2001 (softplus). Names, options and edges as in torch.
"""

from math import erfc, exp, expm1, isnan, log1p, pi, sqrt, tanh

from numpy.typing import NDArray

# In all kernels of this file:  x, y, dy  IN (K,)    y of a forward kernel, dx  OUT (K,)


def relu_forward(x: NDArray, y: NDArray) -> None:
    for i, value in enumerate(memoryview(x)):
        y[i] = value if value > 0 or isnan(value) else 0.0


def relu_backward(dy: NDArray, y: NDArray, dx: NDArray) -> None:
    for i, (gradient, value) in enumerate(zip(memoryview(dy), memoryview(y))):
        dx[i] = 0.0 if value <= 0 else gradient


def leaky_relu_forward(x: NDArray, slope: float, y: NDArray) -> None:
    for i, value in enumerate(memoryview(x)):
        y[i] = value if value > 0 else slope * value


def leaky_relu_backward(dy: NDArray, x: NDArray, slope: float, dx: NDArray) -> None:
    for i, (gradient, value) in enumerate(zip(memoryview(dy), memoryview(x))):
        dx[i] = gradient if value > 0 else slope * gradient


def elu_forward(x: NDArray, alpha: float, y: NDArray) -> None:
    for i, value in enumerate(memoryview(x)):
        y[i] = value if value > 0 else alpha * expm1(value)


def elu_backward(dy: NDArray, x: NDArray, alpha: float, dx: NDArray) -> None:
    for i, (gradient, value) in enumerate(zip(memoryview(dy), memoryview(x))):
        dx[i] = gradient if value > 0 else gradient * alpha * exp(value)


def sigmoid_forward(x: NDArray, y: NDArray) -> None:
    for i, value in enumerate(memoryview(x)):
        y[i] = _sigmoid(value)


def sigmoid_backward(dy: NDArray, y: NDArray, dx: NDArray) -> None:
    for i, (gradient, value) in enumerate(zip(memoryview(dy), memoryview(y))):
        dx[i] = gradient * value * (1 - value)


def tanh_forward(x: NDArray, y: NDArray) -> None:
    for i, value in enumerate(memoryview(x)):
        y[i] = tanh(value)


def tanh_backward(dy: NDArray, y: NDArray, dx: NDArray) -> None:
    for i, (gradient, value) in enumerate(zip(memoryview(dy), memoryview(y))):
        dx[i] = gradient * (1 - value * value)


def gelu_forward(x: NDArray, approximate: bool, y: NDArray) -> None:
    for i, value in enumerate(memoryview(x)):
        y[i] = value * (_sigmoid(2 * _g(value)) if approximate else erfc(-value / sqrt(2)) / 2)


def gelu_backward(dy: NDArray, x: NDArray, approximate: bool, dx: NDArray) -> None:
    for i, (gradient, value) in enumerate(zip(memoryview(dy), memoryview(x))):
        if approximate:
            u = 2 * _g(value)
            bell = value * (_sigmoid(u) * _sigmoid(-u))  # x s t, the first to be 0: then x^2 times it is 0, too
            dx[i] = gradient * (_sigmoid(u) + 2 * sqrt(2 / pi) * (bell + 3 * 0.044715 * value * (value * bell)))
        else:
            phi = exp(-value * value / 2) / sqrt(2 * pi)
            dx[i] = gradient * (erfc(-value / sqrt(2)) / 2 + value * phi)


def silu_forward(x: NDArray, y: NDArray) -> None:
    for i, value in enumerate(memoryview(x)):
        y[i] = value * _sigmoid(value)


def silu_backward(dy: NDArray, x: NDArray, dx: NDArray) -> None:
    for i, (gradient, value) in enumerate(zip(memoryview(dy), memoryview(x))):
        dx[i] = gradient * _sigmoid(value) * (1 + value * _sigmoid(-value))


def softplus_forward(x: NDArray, beta: float, threshold: float, y: NDArray) -> None:
    for i, value in enumerate(memoryview(x)):
        z = beta * value
        # max(z, 0) + log(1 + e^-|z|) is log(1 + e^z), and cannot overflow
        y[i] = value if z > threshold else ((0.0 if z < 0 else z) + log1p(exp(-abs(z)))) / beta


def softplus_backward(dy: NDArray, x: NDArray, beta: float, threshold: float, dx: NDArray) -> None:
    for i, (gradient, value) in enumerate(zip(memoryview(dy), memoryview(x))):
        z = beta * value
        dx[i] = gradient if z > threshold else gradient * _sigmoid(z)


def _sigmoid(x: float) -> float:
    e = exp(-abs(x))  # at most 1: it cannot overflow
    return (1.0 if x >= 0 else e) / (1 + e)


def _g(x: float) -> float:
    return sqrt(2 / pi) * (x + 0.044715 * x * x * x)
