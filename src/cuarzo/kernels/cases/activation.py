"""Cases of the activations: lengths around the vector and the part of a thread, small and large arguments, specials.

The bounds. Elementary functions may be off by 4 units in the last place: 4 eps |f|. To that comes eps for each
rounding of a factor or a sum of terms of one sign, and, where the argument z of a function is rounded, eps |z f'(z)|.
With s = sigmoid(z), t = sigmoid(-z), Phi and phi the normal distribution and density, and before the factor |dy|:

    sigmoid 6 s: the exponential, a sum, a quotient          its gradient 3, from y: 1 - y rounds once
    elu 6 |y|, its gradient 7 |f'|                           tanh's: eps y^2 from the square, which 1 - y^2 may cancel
    softplus: z = beta x, so 11 |y| + |z| s / beta; its gradient 7 s + |z| s t. Where the rounding of z may decide
        whether it is above the threshold either side is right: the difference of the two is added
    silu: 7 |y|; its gradient s (1 + x t): s (8 |1 + x t| + 9 |x| t)
    gelu: Phi by exp(-x^2 / 2) or erfc(-x / sqrt 2), with a rounded argument: 12 Phi + |x| phi; phi: (7 + x^2 / 2) phi.
        y: 13 |y| + x^2 phi; its gradient Phi + x phi: 14 Phi + (10 + x^2 / 2) |x| phi
    approximate gelu: u = 2 g is off by 5 eps |u|: y = x s: 7 |y| + 5 |x u| s t; its gradient s + x u' s t:
        7 s + 5 |u| s t + (22 + 5 |u|) |x u'| s t

all times eps. What underflows in the working precision is lost: the smallest normal number times |x|, |dy|. Where a
bound meets 0 times infinity it is NaN: there a function is 0 or x, a gradient 0 or dy, with nothing to round.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .family import Arguments, Draw, define

_OPTIONS: dict[str, list[Arguments]] = {
    "leaky_relu": [{"slope": 0.01}, {"slope": 1.7}, {"slope": -0.3}],
    "elu": [{"alpha": 1.0}, {"alpha": 0.3}],
    "gelu": [{"approximate": False}, {"approximate": True}],
    "softplus": [
        {"beta": 1.0, "threshold": 20.0},
        {"beta": 2.3, "threshold": 1.5},
        {"beta": 0.5, "threshold": 0.5},  # beta x is the threshold, exactly, at x = 1
        {"beta": 1.0, "threshold": 1000.0},  # e^90 overflows below it
    ],
}
_SPECIAL = (np.inf, -np.inf, np.nan, 0.0, -0.0, 90.0, -90.0, 1e-30, -1e-30, 20.0, -20.0, 1.0, -1.0, 5.5, -5.5, -14.0)
_LARGE = (0.4, 0.6)  # powers of the largest number: from 0.33 on x^3 overflows, from 0.5 on x^2
_SPECIAL_DY = {-1.0: np.inf, 20.0: -np.inf, -5.5: np.nan, 5.5: np.nan}  # at these x, where no slope underflows


class Activation(NamedTuple):
    K: int
    other: int = 0  # which of the options, where there are some
    values: Literal["normal", "broad", "special"] = "normal"
    wild: bool = False

    def make(self, kernel: str, draw: Draw) -> Arguments:
        stem, _, direction = kernel.rpartition("_")
        x, dy = self._x(draw), draw(self.K)
        if self.values == "special":
            for value, gradient in _SPECIAL_DY.items():
                dy[x == value] = gradient
        options = _OPTIONS.get(stem, [{}, {}])[self.other]
        if direction == "forward":
            return {"x": x, **options, "y": x.shape}
        if stem in ("relu", "sigmoid", "tanh"):  # their gradients are functions of y
            y = define(f"{stem}_forward", {"x": x, **options, "y": np.empty_like(x)})["y"]
            return {"dy": dy, "y": y, **options, "dx": x.shape}
        return {"dy": dy, "x": x, **options, "dx": x.shape}

    def _x(self, draw: Draw) -> NDArray:
        x = draw(self.K)
        if self.values == "broad":
            x *= 6
        if self.values == "special":
            largest = float(np.finfo(x.dtype).max)
            special = [*_SPECIAL, *(sign * largest**power for power in _LARGE for sign in (1, -1))]
            x[: len(special)] = special[: self.K]
        return x

    def terms(self, kernel: str) -> int:
        return 1

    def flops(self, kernel: str) -> int:
        return 0  # memory is the measure


_PLAIN = [
    *(Activation(K) for K in (0, 1, 15, 16, 17, 35, 1003)),
    Activation(700, values="broad"),
    Activation(60, wild=True),
    *(Activation(K, values="special") for K in (16, 35)),
    Activation(16384 + 19),  # more than a thread takes at a time
]
_WITH_OPTIONS = [case._replace(other=other) for case in _PLAIN[1:] for other in (0, 1)]
_RARE = {stem: [Activation(35, other, "special") for other in range(2, len(_OPTIONS[stem]))] for stem in _OPTIONS}
_COURSE = [Activation(64 * 128), Activation(64 * 32 * 28 * 28)]
_STEMS = ("relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "silu", "softplus")
_KERNELS = [f"{stem}_{direction}" for stem in _STEMS for direction in ("forward", "backward")]

SMALL = {
    kernel: [*_WITH_OPTIONS, *_RARE[stem]] if (stem := kernel.rpartition("_")[0]) in _OPTIONS else _PLAIN
    for kernel in _KERNELS
}
COURSE = {
    kernel: [*_COURSE, *(case._replace(other=1) for case in _COURSE if kernel.startswith("gelu"))]
    for kernel in _KERNELS
}


def bounds(kernel: str, settings: Activation, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    stem, _, direction = kernel.rpartition("_")
    x = given["x"] if "x" in given else given["y"]
    with np.errstate(all="ignore"):  # infinities meet here, too
        if direction == "forward":
            rounded, size = _forward(stem, x, np.abs(expected["y"]), given), _size(x)
        else:
            dy = np.abs(given["dy"])
            rounded, size = _backward(stem, x, np.abs(expected["dx"]), dy, given), _size(x) * _size(dy)
        lost = 0.0 if stem.endswith("relu") else size * np.finfo(np.float32 if eps > 1e-10 else np.float64).tiny
        bound = eps * rounded + lost
        if stem == "softplus":
            bound += _other_side(direction, given, eps)
    return {"y" if direction == "forward" else "dx": bound}


def _forward(stem: str, x: NDArray, y: NDArray, given: Arguments) -> NDArray:
    a = np.abs(x)
    if stem == "softplus":
        return 11 * y + a * _sigmoid(given["beta"] * x)
    if stem == "gelu" and given["approximate"]:
        u, _ = _twice_g(x)
        return 7 * y + 5 * a * np.abs(u) * _sigmoid(u) * _sigmoid(-u)
    if stem == "gelu":
        return 13 * y + x * x * _density(x)
    return {"relu": 0, "leaky_relu": 2, "elu": 6, "sigmoid": 6, "tanh": 4, "silu": 7}[stem] * y


def _backward(stem: str, x: NDArray, dx: NDArray, dy: NDArray, given: Arguments) -> NDArray:
    a = np.abs(x)
    if stem == "tanh":
        return 2 * dx + dy * x * x  # x is y here
    if stem == "silu":
        return dy * _sigmoid(x) * (8 * np.abs(1 + x * _sigmoid(-x)) + 9 * a * _sigmoid(-x))
    if stem == "softplus":
        z = given["beta"] * x
        return dy * _sigmoid(z) * (7 + np.abs(z) * _sigmoid(-z))
    if stem == "gelu" and given["approximate"]:
        u, slope = _twice_g(x)
        st, b = _sigmoid(u) * _sigmoid(-u), np.abs(u)
        return dy * (7 * _sigmoid(u) + 5 * b * st + (22 + 5 * b) * a * slope * st)
    if stem == "gelu":
        return dy * (14 * _distribution(x) + (10 + x * x / 2) * a * _density(x))
    return {"relu": 0, "leaky_relu": 2, "elu": 7, "sigmoid": 3}[stem] * dx


def _other_side(direction: str, given: Arguments, eps: float) -> NDArray:
    """How far apart the two sides of softplus's threshold are, where rounding decides between them; 0 elsewhere.

    Where beta, x and threshold fit into half of the digits nothing is rounded, and there is one right side.
    """
    half = np.float16 if eps > 1e-10 else np.float32
    x, options = given["x"], np.array([given["beta"], given["threshold"]])
    short = (x == x.astype(half)) & np.all(options == options.astype(half))
    z = given["beta"] * x
    apart = np.log1p(np.exp(-z)) / given["beta"] if direction == "forward" else np.abs(given["dy"]) * _sigmoid(-z)
    return np.where(~short & (np.abs(z - given["threshold"]) <= 2 * eps * np.abs(z)), apart, 0)


def _size(x: NDArray) -> NDArray:
    return 1 + np.where(np.isfinite(x), np.abs(x), 0)  # of what an infinity gives nothing underflows


def _sigmoid(x: NDArray) -> NDArray:
    return 1 / (1 + np.exp(-x))


def _distribution(x: NDArray) -> NDArray:
    return np.array([math.erfc(-value / math.sqrt(2)) / 2 for value in x.tolist()])


def _density(x: NDArray) -> NDArray:
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _twice_g(x: NDArray) -> tuple[NDArray, NDArray]:
    """The approximate gelu's u = 2 g(x), and its derivative."""
    root = 2 * math.sqrt(2 / math.pi)
    return root * (x + 0.044715 * x**3), root * (1 + 3 * 0.044715 * x * x)
