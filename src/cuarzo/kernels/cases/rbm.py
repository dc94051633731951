"""Cases of restricted Boltzmann machines: layers around the vector and the block of random numbers, both unit kinds.

A sample is 0 or 1, so it is right or wrong, but for a unit whose mean lies so near its random number that rounding
decides. With the keys of the small cases there is no such unit (tests/kernels/test_rbm_sampling.py asserts it):
samples are exact there, and those of a chain too.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels.contracts import CONTRACTS

from .family import Arguments, Draw, define

_SUBNORMAL = 4  # of the smallest number: what a mean may lose where it underflows

# real: units of a layer that is given are any number, as grey values and probabilities are; unbiased: biases of 0;
# large: means of 0 and 1; certain: means that are 1 in float32, and not in float64; special: infinities and NaN among
# the biases; spoilt: among the weights, where a sum of those that are on is not the product.
Values = Literal["normal", "real", "unbiased", "large", "certain", "special", "spoilt"]


class Units(NamedTuple):
    N: int
    V: int
    U: int
    gaussian: bool = False
    steps: int = 1
    key: int = 1
    counter: int = 0
    samples: bool = True
    values: Values = "normal"

    def make(self, kernel: str, draw: Draw) -> Arguments:
        N, V, U = self.N, self.V, self.U
        v, h = draw(N, V), draw(N, U)
        if self.values != "real":
            h = (h > 0).astype(h.dtype)
            v = v if self.gaussian else (v > 0).astype(v.dtype)
        a, b = draw(V), draw(U)
        if self.values in ("large", "unbiased"):
            a, b = (150 * a, 150 * b) if self.values == "large" else (0 * a, 0 * b)
        if self.values == "certain":
            a, b = a + 25, b + 25
        if self.values == "special":
            a[:3], b[:3] = (-np.inf, 0, 2) if self.gaussian else (np.nan, np.inf, -np.inf), (np.inf, np.nan, -np.inf)
        w = 2 * draw(U, V) / max(1, V + U) ** 0.5
        if self.values == "spoilt":
            w[0, 0], w[U // 2, V // 2], w[-1, -1] = np.inf, np.nan, -np.inf
        given = {"v": v, "h": h, "w": w, "a": a, "b": b, **self._options()}
        return {**given, **self._outputs(kernel)}

    def _options(self) -> Arguments:
        return {"gaussian": self.gaussian, "steps": self.steps, "key": self.key, "counter": self.counter}

    def _outputs(self, kernel: str) -> Arguments:
        visible, hidden = (self.N, self.V), (self.N, self.U)
        one = visible if kernel == "rbm_visible" else hidden
        layer = {"mean": one, "sample": one if self.samples else None, "f": (self.N,)}
        return {**layer, "v_mean": visible, "v_sample": visible, "h_mean": hidden, "h_sample": hidden}

    def terms(self, kernel: str) -> int:
        return {"rbm_hidden": self.V, "rbm_visible": self.U}.get(kernel, self.V + self.U)

    def flops(self, kernel: str) -> int:
        return 2 * self.N * self.V * self.U * (2 * self.steps if kernel == "rbm_gibbs" else 1)


_LAYERS = [
    Units(1, 1, 1),
    Units(0, 5, 4),
    Units(1, 17, 15),
    Units(3, 15, 16, key=2**64 - 1, counter=7),
    Units(5, 16, 17, counter=2**64 - 9),  # it wraps within a draw
    Units(9, 35, 33),
    Units(19, 7, 3),  # rows shorter than a vector
    Units(4, 12, 70),
    Units(2, 130, 9),
    Units(3, 6, 0),
    Units(3, 0, 6),
    Units(4, 8, 8, values="real"),  # w is square: transposed it has the same shape
    Units(3, 4, 2, values="unbiased"),
    Units(3, 2, 1, values="certain"),
    Units(7, 9, 8, values="large"),
    Units(7, 9, 8, values="special"),
    Units(1, 5, 4, key=2, counter=7763096, values="special"),  # float32: u[2] is 0, and the mean of -inf is: off
    Units(5, 16, 17, samples=False),
    Units(16, 33, 65),  # rows enough for products by tables, and a byte, a table, a block of columns more than full
    Units(47, 65, 40, key=2, counter=2**64 - 9),
    Units(21, 30, 130, values="real"),
    Units(17, 20, 24, values="spoilt"),
    Units(300, 9, 10, key=4),  # several blocks of rows
]
_GAUSSIAN = [case._replace(gaussian=True) for case in _LAYERS]
_CHAINS = [
    *(case for case in _LAYERS if case.samples),
    Units(5, 9, 7, steps=3),
    Units(6, 17, 33, steps=4, key=7, counter=2**64 - 40),
    Units(1, 3, 2, steps=9),
    Units(5, 9, 7, steps=2, counter=2**63 + 5),
    Units(5, 9, 7, steps=3, values="special"),
    Units(18, 41, 70, steps=3),
    Units(18, 12, 15, steps=2, values="spoilt"),
]


class Learning(NamedTuple):
    """N rows of data, and M chains; binary: the visible units of both are 0 or 1; grey: those of the data are not;
    spoilt: with infinities and NaN.
    """

    N: int
    M: int
    V: int
    U: int
    binary: bool = True
    grey: bool = False
    spoilt: bool = False

    def make(self, kernel: str, draw: Draw) -> Arguments:
        given = {"v": draw(self.N, self.V), "v_chain": draw(self.M, self.V)}
        if self.binary:
            given = {name: v if self.grey and name == "v" else (v > 0).astype(v.dtype) for name, v in given.items()}
        given |= {"h": draw(self.N, self.U), "h_chain": draw(self.M, self.U)}
        if self.spoilt:
            given["h"][0, :2], given["h_chain"][-1, -2:] = (np.inf, np.nan), (-np.inf, np.inf)
        return {**given, "dw": (self.U, self.V), "da": (self.V,), "db": (self.U,)}

    def terms(self, kernel: str) -> int:
        return self.N + self.M

    def flops(self, kernel: str) -> int:
        return 2 * (self.N + self.M) * self.V * self.U


_LEARNING = [
    Learning(1, 1, 1, 1),
    Learning(0, 3, 17, 5),
    Learning(3, 0, 17, 5),
    Learning(5, 8, 16, 17),
    Learning(9, 4, 35, 33),
    Learning(4, 7, 9, 66, binary=False),
    Learning(33, 41, 65, 70),
    Learning(40, 1, 300, 3),
    Learning(12, 9, 18, 7, grey=True),
    Learning(3, 5, 17, 0),
    Learning(3, 5, 0, 4),
    Learning(3, 5, 20, 6, spoilt=True),
    Learning(3, 5, 20, 6, binary=False, spoilt=True),
]
_COURSE = [Units(100, 784, 500), Units(16, 64, 32)]

SMALL = {
    "rbm_hidden": _LAYERS,
    "rbm_visible": _LAYERS + _GAUSSIAN,
    "rbm_gibbs": _CHAINS + [case._replace(gaussian=True) for case in _CHAINS],
    "rbm_free_energy": [case for case in _LAYERS + _GAUSSIAN if case.samples],
    "rbm_gradient": _LEARNING,
}
COURSE = {**{kernel: _COURSE for kernel in SMALL}, "rbm_gradient": [Learning(100, 100, 784, 500)]}
IN_DTYPE = True


def bounds(kernel: str, settings: Any, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    """What rounding may do to each element: the backend's, in precision eps, and naive's in float64 together.

    What a unit receives, x = bias + sum of n products, is off by at most D = (n + 2) eps (|bias| + sum |x_i| |w_i|).

    * Its mean p = sigmoid(x). The logarithm of the slope p (1 - p) has a slope of at most 1: D moves p by at most
      p (1 - p) (e^D - 1). Evaluating 1 / (1 + e) or e / (1 + e) costs 3 eps p for e (NumPy's exponential is the least
      exact here: 2.5 ulp), eps p / 2 each for sum and quotient; naive's own share is 3 eps p at most: 8 eps p.
    * Its sample is exact where |u - p| exceeds the mean's bound, else unknown: 1.
    * A Gaussian mean is off by D, its sample also by the noise z = r cos t. r = sqrt(-2 log(1 - u)), 1 - u exact, costs
      3 eps r. t = 2 pi u is rounded twice, off by 2 pi eps, in naive again; the cosine 4 eps: (4 pi r + 16 |z|) eps.
    * In a chain an unknown sample leaves all that follows in its row unknown: inf. Where real visible units are off by
      d, the hidden units receive sum |w_i| d_i on top.
    * A gradient is a sum of N + M products, each divided once.
    * The free energy: the slope of a softplus is sigmoid(x), so that D moves it by at most sigmoid(x + D) D; evaluating
      costs 6 eps of it. The sum of its V + U terms is off by (V + U + 4) eps of their absolute values together.
    """
    with np.errstate(all="ignore"):  # infinities and NaN of the special cases
        if kernel == "rbm_free_energy":
            return {"f": _free_energy_bound(given, eps)}
        if kernel == "rbm_gradient":
            return _gradient_bounds(settings, given, eps)
        if kernel == "rbm_gibbs":
            return _chain_bounds(settings, given, eps)
        return _layer_bounds(kernel, given, expected, eps)


def _layer_bounds(
    kernel: str, given: Arguments, expected: dict[str, NDArray], eps: float, off: NDArray | float = 0.0
) -> dict[str, NDArray]:
    """`off`: what the layer's inputs are off by already."""
    x, off_x = _received(*_oriented(kernel, given), eps, off)
    mean, dtype = expected["mean"].astype(np.float64), expected["mean"].dtype
    least = _SUBNORMAL * float(np.finfo(dtype).smallest_subnormal)
    if kernel == "rbm_visible" and given["gaussian"]:
        found = {"mean": off_x + least}
        if "sample" in expected:
            u = uniforms(given["key"], given["counter"], (*x.shape, 2), dtype)
            radius = np.sqrt(-2 * np.log(1 - u[..., 0]))
            noise = np.abs(radius * np.cos(2 * np.pi * u[..., 1]))
            found["sample"] = found["mean"] + eps * (
                4 * np.pi * radius + 16 * noise + np.abs(expected["sample"].astype(np.float64))
            )
        return found
    slope = np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))) ** 2  # p (1 - p)
    found = {"mean": slope * np.expm1(off_x) + 8 * eps * mean + least}
    if "sample" in expected:
        u = uniforms(given["key"], given["counter"], mean.shape, dtype)
        found["sample"] = (np.abs(u - mean) <= found["mean"]).astype(np.float64)
    return found


def _oriented(kernel: str, given: Arguments) -> tuple[NDArray, NDArray, NDArray]:
    """(inputs, weights, bias) of a layer, as inputs @ weights + bias."""
    if kernel == "rbm_visible":
        return given["h"], given["w"], given["a"]
    return given["v"], given["w"].T, given["b"]


def _received(
    inputs: NDArray, w: NDArray, bias: NDArray, eps: float, off: NDArray | float = 0.0
) -> tuple[NDArray, NDArray]:
    """What each unit receives, and what that is off by."""
    inputs, w, bias = (array.astype(np.float64) for array in (inputs, w, bias))
    magnitude = np.abs(bias) + np.abs(inputs) @ np.abs(w)
    passed_on = np.broadcast_to(off, inputs.shape) @ np.abs(w)
    return bias + inputs @ w, (len(w) + 2) * eps * magnitude + passed_on


def uniforms(key: int, counter: int, shape: tuple[int, ...], dtype: np.dtype) -> NDArray:
    """The numbers of a layer's draw, in float64."""
    return define("philox_uniform", {"key": key, "counter": counter, "u": np.empty(shape, dtype)})["u"].astype(
        np.float64
    )


def chain(given: Arguments) -> list[tuple[str, Arguments, dict[str, NDArray]]]:
    """The layers that rbm_gibbs goes through, in turn: (kernel, arguments, outputs), by naive."""
    layers, now = [], {**given, "v": given["v_sample"]}
    for _ in range(given["steps"]):
        for kernel, other, numbers in (("rbm_visible", "v", 2 if given["gaussian"] else 1), ("rbm_hidden", "h", 1)):
            like = given[f"{other}_mean"]
            call = {name: now.get(name, like) for name in CONTRACTS[kernel].arguments}
            outputs = define(kernel, call)
            layers.append((kernel, call, outputs))
            blocks = -(-like.size * numbers * like.itemsize // 16)
            now = {**now, other: outputs["sample"], "counter": (now["counter"] + blocks) % 2**64}
    return layers


def _chain_bounds(settings: Units, given: Arguments, eps: float) -> dict[str, NDArray]:
    found: dict[str, NDArray] = {}
    off: NDArray | float = 0.0  # of the layer before: of real units what rounding did; of binary ones nothing
    lost = np.zeros((settings.N, 1), bool)  # rows in which a sample was unknown
    for kernel, call, outputs in chain(given):
        bound = _layer_bounds(kernel, call, outputs, eps, off)
        name = kernel[len("rbm_")]
        found |= {f"{name}_{what}": np.where(lost, np.inf, value) for what, value in bound.items()}
        if settings.gaussian and kernel == "rbm_visible":
            off = bound["sample"]
        else:
            off, lost = 0.0, lost | (bound["sample"] > 0).any(axis=1, keepdims=True)
    return found


def _free_energy_bound(given: Arguments, eps: float) -> NDArray:
    v, a = given["v"].astype(np.float64), given["a"].astype(np.float64)
    x, off = _received(given["v"], given["w"].T, given["b"], eps)
    own = np.abs(v - a) ** 2 / 2 if given["gaussian"] else np.abs(v * a)
    softplus, terms = np.logaddexp(0, x), v.shape[1] + x.shape[1]
    evaluated = (off / (1 + np.exp(-(x + off))) + 6 * eps * softplus).sum(axis=1)
    return (terms + 4) * eps * (own.sum(axis=1) + softplus.sum(axis=1)) + evaluated


def _gradient_bounds(settings: Learning, given: Arguments, eps: float) -> dict[str, NDArray]:
    size = {name: np.abs(given[name].astype(np.float64)) for name in CONTRACTS["rbm_gradient"].inputs}
    N, M = max(1, settings.N), max(1, settings.M)
    magnitudes = {
        "dw": size["h_chain"].T @ size["v_chain"] / M + size["h"].T @ size["v"] / N,
        "da": size["v_chain"].sum(axis=0) / M + size["v"].sum(axis=0) / N,
        "db": size["h_chain"].sum(axis=0) / M + size["h"].sum(axis=0) / N,
    }
    return {name: (settings.terms("rbm_gradient") + 2) * eps * value for name, value in magnitudes.items()}
