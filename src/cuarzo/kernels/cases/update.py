"""Cases of the optimisers' updates: each option by itself and all together, first and later steps, infinities and NaN
in the gradient, the parameter and each state.

The bounds follow an error through the formulas of naive/update.py, in the same order, with eps for each rounding of an
option, a product or a sum, on the sum of the absolute values of its terms: delta(g) is the error of g, and so on.

* sqrt q, with q off by delta: at most delta / sqrt q, and never more than sqrt delta; one rounding more.
* a quotient n / d: delta(n) / d + |n / d| delta(d) / d, and a rounding; twice that where second order counts.
* 1 - alpha and 1 - beta^t are computed in float64 by all, and rounded once.
* s - a^2, where it is below 0 by more than its error, is 0 for all.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .family import Arguments, Draw


class Descent(NamedTuple):
    """SGD."""

    K: int
    momentum: bool = False
    dampening: bool = False
    decay: bool = False
    nesterov: bool = False
    l1: bool = False
    first: bool = False
    special: bool = False

    def make(self, kernel: str, draw: Draw) -> Arguments:
        options = {"lr": 0.07, "momentum": 0.9 * self.momentum, "dampening": 0.3 * self.dampening}
        options |= {"weight_decay": 0.05 * self.decay, "nesterov": self.nesterov, "l1": 0.02 * self.l1}
        parameter = draw(self.K)
        parameter[2::5] = 0  # whose sign is 0
        state = {"parameter": parameter, "velocity": draw(self.K) if self.momentum else None}
        arguments = {"gradient": draw(self.K), **options, "first": self.first, **state}
        return _special(arguments) if self.special else arguments

    def terms(self, kernel: str) -> int:
        return 1

    def flops(self, kernel: str) -> int:
        return 0  # memory is the measure


class Scaled(NamedTuple):
    """RMSprop."""

    K: int
    decay: bool = False
    momentum: bool = False
    centred: bool = False
    large_eps: bool = False
    below: bool = False  # square - mean^2 is less than 0, by much
    special: bool = False

    def make(self, kernel: str, draw: Draw) -> Arguments:
        options = {"lr": 0.01, "alpha": 0.9, "eps": 0.3 if self.large_eps else 1e-8}
        options |= {"weight_decay": 0.05 * self.decay, "momentum": 0.8 * self.momentum}
        mean = draw(self.K)
        state = {"parameter": draw(self.K), "square": mean**2 + draw(self.K) ** 2}
        if self.below:
            mean, state["square"] = 9 + mean, mean**2
        state |= {"mean": mean if self.centred else None, "velocity": draw(self.K) if self.momentum else None}
        arguments = {"gradient": draw(self.K), **options, **state}
        return _special(arguments) if self.special else arguments

    def terms(self, kernel: str) -> int:
        return 1

    def flops(self, kernel: str) -> int:
        return 0


class Moments(NamedTuple):
    """Adam and AdamW; step 1 begins, as it does in use, from moments of 0."""

    K: int
    step: int
    decay: bool = False
    decoupled: bool = False
    largest: bool = False
    large_eps: bool = False
    special: bool = False

    def make(self, kernel: str, draw: Draw) -> Arguments:
        options = {"lr": 0.003, "beta1": 0.9, "beta2": 0.98, "eps": 0.2 if self.large_eps else 1e-8}
        options |= {"weight_decay": 0.05 * self.decay, "decoupled": self.decoupled, "step": self.step}
        before = 0 if self.step == 1 else 1
        state = {"parameter": draw(self.K), "mean": draw(self.K) * before, "square": draw(self.K) ** 2 * before}
        arguments = {"gradient": draw(self.K), **options, **state}
        arguments["largest"] = draw(self.K) ** 2 if self.largest else None
        return _special(arguments) if self.special else arguments

    def terms(self, kernel: str) -> int:
        return 1

    def flops(self, kernel: str) -> int:
        return 0


def _special(arguments: Arguments) -> Arguments:
    """inf, -inf and NaN in each array, in places of its own; squares are not negative."""
    arrays = [(name, array) for name, array in arguments.items() if isinstance(array, np.ndarray)]
    for i, (name, array) in enumerate(arrays):
        array[4 * i : 4 * i + 3] = np.inf, np.inf if name in ("square", "largest") else -np.inf, np.nan
    return arguments


_SIZES = (0, 1, 15, 16, 17, 35)
_LONG = 16384 + 19  # more than a thread takes at a time
SMALL = {
    "sgd_update": [
        *(Descent(K) for K in _SIZES),
        *(Descent(K, True, False, True, True, True) for K in _SIZES),
        Descent(40, momentum=True),
        Descent(40, momentum=True, dampening=True),
        Descent(40, momentum=True, dampening=True, decay=True, first=True),
        Descent(40, momentum=True, nesterov=True, first=True),
        Descent(40, decay=True),
        Descent(40, l1=True),
        Descent(40, momentum=True, dampening=True, nesterov=True),
        Descent(13, momentum=True, special=True),
        Descent(13, momentum=True, decay=True, l1=True, special=True),
        Descent(13, momentum=True, l1=True, first=True, special=True),
        Descent(_LONG, momentum=True, decay=True),
    ],
    "rmsprop_update": [
        *(Scaled(K) for K in _SIZES),
        *(Scaled(K, True, True, True) for K in _SIZES),
        Scaled(40, decay=True),
        Scaled(40, momentum=True),
        Scaled(40, centred=True),
        Scaled(40, large_eps=True),
        Scaled(40, centred=True, large_eps=True),
        Scaled(40, centred=True, large_eps=True, below=True),
        Scaled(21, momentum=True, centred=True, special=True),
        Scaled(21, decay=True, special=True),
        Scaled(_LONG, momentum=True),
    ],
    "adam_update": [
        *(Moments(K, 3) for K in _SIZES),
        *(Moments(K, 2, True, K % 2 == 0, True) for K in _SIZES),
        Moments(40, 1),
        Moments(40, 1, largest=True),
        Moments(40, 7, decay=True),
        Moments(40, 7, decay=True, decoupled=True),
        Moments(40, 7, large_eps=True),
        Moments(40, 2, large_eps=True, largest=True),
        Moments(40, 5000),
        Moments(21, 7, largest=True, special=True),
        Moments(21, 7, decay=True, special=True),
        Moments(21, 7, decay=True, decoupled=True, special=True),
        Moments(_LONG, 20),
    ],
}
_COURSE_SIZES = (784 * 128, 3_000_000)
COURSE = {
    "sgd_update": [Descent(K, momentum=True) for K in _COURSE_SIZES],
    "rmsprop_update": [Scaled(K) for K in _COURSE_SIZES],
    "adam_update": [Moments(K, 10) for K in _COURSE_SIZES],
}


def bounds(kernel: str, settings: NamedTuple, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    follow = {"sgd_update": _sgd, "rmsprop_update": _rmsprop, "adam_update": _adam}[kernel]
    with np.errstate(all="ignore"):  # 0 / 0 in moments that are still 0, and infinities
        return follow(given, expected, eps)


def _sgd(given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    p = np.abs(given["parameter"])
    size = np.abs(given["gradient"]) + _decay(given, p) + given["l1"]  # of g, and then of the step
    found = {}
    if given["velocity"] is not None:
        momentum, kept = given["momentum"], 0 if given["first"] else np.abs(given["velocity"])
        v = momentum * kept + (1 if given["first"] else 1 - given["dampening"]) * size
        found["velocity"] = 5 * eps * v
        size = size + momentum * v if given["nesterov"] else v
    return {**found, "parameter": eps * (np.abs(expected["parameter"]) + 8 * given["lr"] * size)}


def _rmsprop(given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    g, d_g = _gradient(given, eps)
    alpha = given["alpha"]
    d_square = 4 * eps * expected["square"] + 2 * (1 - alpha) * np.abs(g) * d_g
    found, spread, d_spread = {"square": d_square}, expected["square"], d_square
    if given["mean"] is not None:
        a = expected["mean"]
        found["mean"] = d_a = _average(given["mean"], g, d_g, alpha, eps)
        apart, spread = spread - a * a, np.maximum(spread - a * a, 0)
        d_spread = d_square + 2 * np.abs(a) * d_a + d_a**2 + eps * (a * a + spread)
        d_spread = np.where((apart < -d_spread) | (apart == -np.inf), 0, d_spread)
    bottom = np.sqrt(spread) + given["eps"]
    d_bottom = _root(spread, d_spread, eps) + 2 * eps * bottom
    step, d_step = g / bottom, _quotient(g, d_g, bottom, d_bottom, eps)
    if given["velocity"] is not None:
        kept = given["momentum"] * given["velocity"]
        step = kept + step
        found["velocity"] = d_step = d_step + eps * (2 * np.abs(kept) + np.abs(step))
    moved = given["lr"] * (d_step + 2 * eps * np.abs(step))
    return {**found, "parameter": eps * np.abs(expected["parameter"]) + moved}


def _adam(given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    p, t = np.abs(given["parameter"]), given["step"]
    g, d_g = (given["gradient"], np.zeros_like(p)) if given["decoupled"] else _gradient(given, eps)
    d_mean = _average(given["mean"], g, d_g, given["beta1"], eps)
    d_square = 4 * eps * expected["square"] + 2 * (1 - given["beta2"]) * np.abs(g) * d_g
    found, v = {"mean": d_mean, "square": d_square}, expected["square"]
    if given["largest"] is not None:
        found["largest"], v = d_square, expected["largest"]
    root, rate = np.sqrt(1 - given["beta2"] ** t), given["lr"] / (1 - given["beta1"] ** t)
    bottom = np.sqrt(v) / root + given["eps"]
    d_bottom = _root(v, d_square, eps) / root + 4 * eps * bottom
    top, d_top = rate * expected["mean"], rate * (d_mean + 2 * eps * np.abs(expected["mean"]))
    d_step = _quotient(top, d_top, bottom, d_bottom, eps)
    return {**found, "parameter": eps * (3 * p + np.abs(expected["parameter"])) + d_step}


def _gradient(given: Arguments, eps: float) -> tuple[NDArray, NDArray]:
    """g = gradient + weight_decay p, and its error."""
    decay = _decay(given, given["parameter"])
    g = given["gradient"] + decay
    return g, eps * (2 * np.abs(decay) + np.abs(g)) if given["weight_decay"] else np.zeros_like(g)


def _decay(given: Arguments, p: NDArray) -> NDArray:
    return given["weight_decay"] * p if given["weight_decay"] else np.zeros_like(p)


def _average(average: NDArray, value: NDArray, d_value: NDArray, decay: float, eps: float) -> NDArray:
    """The error of decay average + (1 - decay) value."""
    return 3 * eps * (decay * np.abs(average) + (1 - decay) * np.abs(value)) + (1 - decay) * d_value


def _root(q: NDArray, d_q: NDArray, eps: float) -> NDArray:
    root = np.sqrt(q)
    return np.where(d_q > q, np.sqrt(d_q), d_q / np.where(root > 0, root, 1)) + eps * root


def _quotient(n: NDArray, d_n: NDArray, d: NDArray, d_d: NDArray, eps: float) -> NDArray:
    first_order = d_n / d + np.abs(n / d) * (d_d / d + eps)
    error = np.where(d_d < d / 8, 1.2 * first_order, 2 * np.abs(n) / np.maximum(d - d_d, 0))
    return np.where(np.isinf(d) & np.isfinite(n), 0, error)  # n / inf is 0
