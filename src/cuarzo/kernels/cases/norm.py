"""Cases of the norms: channels and rows around the vector, one element, data far from 0, windows of all sizes.

The bounds, forwards, of n elements, with a sum of n terms off by (n + 2) eps times their absolute values:

    mean       delta_m = (n + 2) eps mean |x|
    variance   delta_v = (n + 5) eps variance + delta_m^2: the deviations from a mean off by delta_m, whose mean is
               delta_m; a single pass, mean x^2 - mean^2, is off by eps mean^2 and does not keep this
    z          (delta_m + eps |x - mean|) / s + |z| (delta_v / (2 s^2) + 4 eps), s = sqrt(variance + eps_)
               A kernel may take off the mean it has rounded: delta_m holds that. It may even exceed s: delta_m^2
               is only added to s^2, and 1 - 1 / sqrt(1 + r) is at most r / 2, whatever r
    y          |weight| (the error of z + 2 eps |z|) + eps |bias| + eps |y|

Backwards mean and variance are given, so z is off by 6 eps |z|, and with averages of n terms

    dbias      (n + 2) eps sum |dy|                  dweight   (n + 8) eps sum |dy z|
    dx         ((n + 10) eps mean |dz| + (n + 20) eps |z| mean |dz z| + 10 eps |dz|) / s

Local response norm: scale is a sum of `size` squares and k, all positive: off by (size + 4) eps scale. A power
scale^-beta from exp(-beta log scale) is off by eps (8 + 2 |beta log scale|), and by |beta| delta_scale / scale.
Backwards scale is given, and all is sums of products, with powers in each.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .family import Arguments, Draw, define

# far: around 300; narrow: around 1000, so near to each other that a rounded mean is felt; flat: all equal in one group
Values = Literal["normal", "far", "narrow", "flat"]
# own: dweight and dbias where weight and bias are given; all, none: whatever is given
Gradients = Literal["own", "all", "none"]


class Channels(NamedTuple):
    N: int
    C: int
    K: int
    weight: bool = True
    bias: bool = True
    values: Values = "normal"
    large_eps: bool = False
    gradients: Gradients = "own"

    def make(self, kernel: str, draw: Draw) -> Arguments:
        C = self.C
        x = _values(draw(self.N, C, self.K), self.values)
        weight, eps = draw(C) if self.weight else None, 0.3 if self.large_eps else 1e-5
        if kernel.endswith("forward"):
            inputs = {"x": x, "weight": weight, "bias": draw(C) if self.bias else None, "eps": eps}
            return {**inputs, "y": x.shape, "mean": (C,), "variance": (C,)}
        moments = {"mean": x.mean((0, 2)) if x.size else draw(C), "variance": x.var((0, 2)) if x.size else draw(C) ** 2}
        wanted = _wanted(self, (C,))
        return {"dy": draw(*x.shape), "x": x, "weight": weight, **moments, "eps": eps, "dx": x.shape, **wanted}

    def terms(self, kernel: str) -> int:
        return self.N * self.K

    def flops(self, kernel: str) -> int:
        return 0  # memory is the measure


class Layer(NamedTuple):
    M: int
    K: int
    weight: bool = True
    bias: bool = True
    values: Values = "normal"
    large_eps: bool = False
    gradients: Gradients = "own"

    def make(self, kernel: str, draw: Draw) -> Arguments:
        M, K = self.M, self.K
        x = _values(draw(M, K), self.values)
        weight, eps = draw(K) if self.weight else None, 0.3 if self.large_eps else 1e-5
        if kernel.endswith("forward"):
            inputs = {"x": x, "weight": weight, "bias": draw(K) if self.bias else None, "eps": eps}
            return {**inputs, "y": x.shape, "mean": (M,), "variance": (M,)}
        moments = {"mean": x.mean(1) if K else draw(M), "variance": x.var(1) if K else draw(M) ** 2}
        wanted = _wanted(self, (K,))
        return {"dy": draw(M, K), "x": x, "weight": weight, **moments, "eps": eps, "dx": x.shape, **wanted}

    def terms(self, kernel: str) -> int:
        return self.K

    def flops(self, kernel: str) -> int:
        return 0


class Window(NamedTuple):
    N: int
    C: int
    K: int
    size: int
    strong: bool = True  # else AlexNet's constants
    special: bool = False
    tiny: bool = False  # scales below 1e-6, without k; and of 0

    def make(self, kernel: str, draw: Draw) -> Arguments:
        x = draw(self.N, self.C, self.K)
        if self.special:
            x[..., ::5], x[..., 1::5] = 0, np.nan
        options = {"size": self.size, "alpha": 0.8 if self.strong else 1e-4, "beta": 0.6 if self.strong else 0.75}
        options["k"] = 1.5 if self.strong else 1.0
        if self.tiny:
            options |= {"alpha": 1e-8, "k": 0.0}
            x[..., :1] = 0
        forward = {"x": x, **options, "y": x.shape, "scale": x.shape}
        if kernel.endswith("forward"):
            return forward
        arrays = {"y": np.empty_like(x), "scale": np.empty_like(x)}
        scale = define("local_response_norm_forward", {**forward, **arrays})["scale"]
        return {"dy": draw(*x.shape), "x": x, "scale": scale, **options, "dx": x.shape}

    def terms(self, kernel: str) -> int:
        return self.size

    def flops(self, kernel: str) -> int:
        return 0


def _values(x: NDArray, values: Values) -> NDArray:
    if values == "far":
        x += 300
    if values == "narrow":
        x = 1e-3 * x + 1000
    if values == "flat":
        x[:, 0] = 0.25 if x.ndim == 3 else x[:, 0]
        if x.ndim == 2:
            x[0] = 0.25
    return x


def _wanted(case: Channels | Layer, shape: tuple[int]) -> Arguments:
    asked = {"own": (case.weight, case.bias), "all": (True, True), "none": (False, False)}[case.gradients]
    return {name: shape if wanted else None for name, wanted in zip(("dweight", "dbias"), asked, strict=True)}


_CHANNELS = [
    Channels(1, 1, 1),
    Channels(3, 2, 1),
    Channels(0, 3, 4),
    Channels(2, 3, 0),
    Channels(2, 0, 3),
    *(Channels(2, 3, K, weight=K != 16, bias=K != 17) for K in (15, 16, 17, 35)),
    Channels(5, 4, 6, weight=False, bias=False),
    Channels(7, 17, 1),  # rows of single elements, as after a linear layer
    Channels(33, 35, 1, values="far"),
    Channels(1, 2, 1003),
    Channels(70, 2, 49),  # more rows than share a block of sums, and with a tail
    Channels(4, 3, 9, values="far"),
    Channels(3, 2, 8, values="flat"),
    Channels(3, 5, 7, large_eps=True),
    Channels(3, 2, 6, values="narrow"),
    Channels(4, 4, 4),  # no axis tells itself from the others by its size
    Channels(3, 2, 4, weight=False, bias=False, gradients="all"),
    Channels(3, 2, 4, gradients="none"),
    Channels(5, 3, 1, weight=False, gradients="all"),
]
_LAYERS = [
    Layer(1, 1),
    Layer(0, 5),
    Layer(3, 0),
    *(Layer(3, K, weight=K != 16, bias=K != 17) for K in (2, 15, 16, 17, 35)),
    Layer(4, 6, weight=False, bias=False),
    Layer(2, 1003),
    Layer(5, 9, values="far"),
    Layer(3, 8, values="flat"),
    Layer(4, 7, large_eps=True),
    Layer(3, 9, values="narrow"),
    Layer(5, 5),
    Layer(3, 6, weight=False, bias=False, gradients="all"),
    Layer(3, 6, gradients="none"),
    Layer(300, 70),  # more than a thread takes at a time
]
_WINDOWS = [
    Window(1, 1, 1, 1),
    Window(0, 3, 4, 3),
    Window(2, 0, 4, 3),
    Window(2, 3, 0, 3),
    *(Window(2, 7, K, size) for K, size in [(1, 5), (15, 4), (16, 3), (17, 2), (35, 5)]),
    Window(2, 6, 8, 5, strong=False),
    Window(1, 3, 5, 9),  # a window wider than the channels
    Window(1, 4, 10, 3, special=True),
    Window(2, 5, 6, 3, tiny=True),
]
_BATCH, _LAYER = ("batch_norm_forward", "batch_norm_backward"), ("layer_norm_forward", "layer_norm_backward")
_RESPONSE = ("local_response_norm_forward", "local_response_norm_backward")
SMALL = {
    **{kernel: _CHANNELS for kernel in _BATCH},
    **{kernel: _LAYERS for kernel in _LAYER},
    **{kernel: _WINDOWS for kernel in _RESPONSE},
}
COURSE = {
    **{kernel: [Channels(64, 128, 1), Channels(64, 32, 28 * 28)] for kernel in _BATCH},
    **{kernel: [Layer(64, 128), Layer(64 * 35, 512)] for kernel in _LAYER},
    **{kernel: [Window(4, 96, 27 * 27, 5, strong=False)] for kernel in _RESPONSE},
}


def bounds(kernel: str, settings: NamedTuple, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    with np.errstate(all="ignore"):
        if kernel in _RESPONSE:
            return (_response if kernel.endswith("forward") else _response_backward)(kernel, given, expected, eps)
        # Both norms as rows: of what shares a mean (1), and of what shares a weight (the other axis).
        axes, others = ((0, 2), (0, 2)) if kernel in _BATCH else ((1,), (0,))
        return (_normalised if kernel.endswith("forward") else _gradients)(given, expected, eps, axes, others)


def _normalised(given: Arguments, expected: dict, eps: float, axes: tuple, others: tuple) -> dict[str, NDArray]:
    x, column = given["x"], (slice(None), None)
    n = max(x.size // max(expected["mean"].size, 1), 1)
    mean, v = expected["mean"][column], expected["variance"][column]
    d_mean = (n + 2) * eps * (np.abs(x).sum(axes) / n)[column]
    d_v = (n + 5) * eps * v + d_mean**2
    s = np.sqrt(v + given["eps"])
    z = np.abs(x - mean) / s
    d_z = (d_mean + eps * np.abs(x - mean)) / s + z * (d_v / (2 * s * s) + 4 * eps)
    weight, bias = _shared(given["weight"], axes, 1), _shared(given["bias"], axes, 0)
    d_y = np.abs(weight) * (d_z + 2 * eps * z) + eps * (np.abs(bias) + np.abs(expected["y"]))
    return {"y": d_y, "mean": d_mean[:, 0], "variance": d_v[:, 0]}


def _gradients(given: Arguments, expected: dict, eps: float, axes: tuple, others: tuple) -> dict[str, NDArray]:
    x, column = given["x"], (slice(None), None)
    n = max(x.size // max(given["mean"].size, 1), 1)
    count = max(x.size // max(x.shape[1], 1), 1)  # of what shares a weight
    s = np.sqrt(given["variance"][column] + given["eps"])
    z, dy = np.abs(x - given["mean"][column]) / s, np.abs(given["dy"])
    dz = dy * np.abs(_shared(given["weight"], axes, 1))
    mean = lambda a: (a.sum(axes) / n)[column]  # noqa: E731
    dx = ((n + 10) * mean(dz) + (n + 20) * z * mean(dz * z) + 10 * dz) / s
    sums = {"dweight": (count + 8) * (dy * z).sum(others), "dbias": (count + 2) * dy.sum(others)}
    return {"dx": eps * dx, **{name: eps * value for name, value in sums.items() if given[name] is not None}}


def _shared(parameter: NDArray | None, axes: tuple, neutral: float) -> NDArray:
    if parameter is None:
        return np.array(neutral)
    return parameter[:, None] if axes == (0, 2) else parameter


def _response(kernel: str, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    scale, beta = expected["scale"], given["beta"]
    d_scale = (given["size"] + 4) * eps * scale  # its terms are not negative
    d_power = eps * (8 + 2 * np.abs(beta * np.log(scale))) + beta * d_scale / scale
    return {"y": np.abs(expected["y"]) * d_power, "scale": d_scale}


def _response_backward(kernel: str, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    # the difference becomes a sum of absolute values
    positive = {"dy": np.abs(given["dy"]), "x": np.abs(given["x"]), "alpha": -given["alpha"]}
    scale = np.where(given["scale"] > 0, given["scale"], 1)  # 0 and NaN give NaN
    powers = 2 * (given["beta"] + 1) * np.abs(np.log(scale)).max(initial=0)
    return {"dx": (given["size"] + 20 + powers) * eps * define(kernel, {**given, **positive})["dx"]}
