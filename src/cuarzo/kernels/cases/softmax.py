"""Cases of softmax and cross-entropy: rows around the vector, rows far from 0, and rows with infinities and NaN.

The bounds. d = x - max is rounded, which moves e^d by eps |d| e^d; the exponential may be off by 4 units in the last
place, a sum of K terms by K eps, so that with p = softmax(x) and D = sum p |d| (eps before everything)

    p: p (|d| + D + K + 8)    S = sum e^d: S (D + K + 4)    log S: D + K + 4 + 4 |log S|
    y = d - log S: |d| + |y| + the bound of log S           loss: as y at the label

Backwards the inputs are exact: dx = y (dy - s), s = sum dy y, is off by (K + 2) sum |dy y| |y| and 3 |y| (|dy| + |s|);
dx = dy - e^y sum dy by 2 |dy| + (K + 8) e^y sum |dy|; dx = dloss (p - 1) by 2 |dx|. What underflows is lost: the
smallest normal number.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .family import Arguments, Draw, define


class Rows(NamedTuple):
    M: int
    K: int
    values: Literal["normal", "far", "special"] = "normal"

    def make(self, kernel: str, draw: Draw) -> Arguments:
        x, labels = self._x(draw), self._labels(draw)
        stem, _, direction = kernel.rpartition("_")
        if stem == "cross_entropy":
            loss, p = np.empty(self.M, x.dtype), np.empty_like(x)
            forward = {"x": x, "labels": labels, "loss": loss.shape, "probability": x.shape}
            if direction == "forward":
                return forward
            p = define("cross_entropy_forward", {**forward, "loss": loss, "probability": p})["probability"]
            return {"dloss": draw(self.M), "probability": p, "labels": labels, "dx": x.shape}
        if direction == "forward":
            return {"x": x, "y": x.shape}
        y = define(f"{stem}_forward", {"x": x, "y": np.empty_like(x)})["y"]
        return {"dy": draw(self.M, self.K), "y": y, "dx": x.shape}

    def _x(self, draw: Draw) -> NDArray:
        x = draw(self.M, self.K)
        if self.values == "far":  # without the maximum taken off nothing of these is left but inf and 0
            x = 30 * x + 2000 * np.sign(draw(self.M, 1))
        if self.values == "special":
            x[0, :3], x[1, 0], x[2, -1], x[3] = -np.inf, np.inf, np.nan, -np.inf
        return x

    def _labels(self, draw: Draw) -> NDArray[np.int64]:
        labels = (1000 * np.abs(draw(self.M))).astype(np.int64) % self.K
        labels[:1], labels[1:2] = self.K - 1, 0
        return labels

    def terms(self, kernel: str) -> int:
        return self.K

    def flops(self, kernel: str) -> int:
        return 0  # memory and exponentials are the measure


_ROWS = [
    *(Rows(M, K) for M, K in [(0, 3), (1, 1), (3, 1), (2, 2), (5, 15), (4, 16), (3, 17), (2, 35), (1, 1003), (70, 10)]),
    Rows(3, 10, "far"),
    Rows(4, 35, "far"),
    Rows(6, 7, "special"),
    Rows(5, 33, "special"),
    Rows(640, 33),  # more than a thread takes at a time
]
_COURSE = [Rows(64, 10), Rows(1024, 1000)]
_KERNELS = [f"{stem}_{way}" for stem in ("softmax", "log_softmax", "cross_entropy") for way in ("forward", "backward")]
SMALL = {kernel: _ROWS for kernel in _KERNELS}
COURSE = {kernel: _COURSE for kernel in _KERNELS}


def bounds(kernel: str, settings: Rows, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    tiny = np.finfo(np.float32 if eps > 1e-10 else np.float64).tiny
    with np.errstate(all="ignore"):  # infinities meet here, too
        found = (_forward if kernel.endswith("forward") else _backward)(kernel, given, expected)
        return {name: eps * value + 4 * tiny for name, value in found.items()}


def _forward(kernel: str, given: Arguments, expected: dict) -> dict[str, NDArray]:
    K = given["x"].shape[1]
    d = given["x"] - given["x"].max(1, keepdims=True)
    total = np.exp(d).sum(1, keepdims=True)
    p = np.exp(d) / total
    D = np.where(p > 0, p * np.abs(d), 0).sum(1, keepdims=True)
    of_log = D + K + 4 + 4 * np.log(total)
    of_p = np.where(p > 0, p * (np.abs(d) + D + K + 8), 0)
    if kernel == "cross_entropy_forward":
        at_label = np.abs(np.take_along_axis(d, given["labels"][:, None], 1))
        loss = at_label + np.abs(expected["loss"][:, None]) + of_log
        return {"loss": loss[:, 0], "probability": of_p}
    return {"y": of_p if kernel == "softmax_forward" else np.abs(d) + np.abs(expected["y"]) + of_log}


def _backward(kernel: str, given: Arguments, expected: dict) -> dict[str, NDArray]:
    if kernel == "cross_entropy_backward":
        return {"dx": 2 * np.abs(expected["dx"])}
    dy, y = np.abs(given["dy"]), given["y"]
    K = y.shape[1]
    if kernel == "log_softmax_backward":
        return {"dx": 2 * dy + (K + 8) * np.exp(y) * dy.sum(1, keepdims=True)}
    size, s = (dy * y).sum(1, keepdims=True), np.abs((given["dy"] * y).sum(1, keepdims=True))
    return {"dx": y * ((K + 2) * size + 3 * (dy + s))}
