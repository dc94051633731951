"""Cases of resampling one axis: longer, shorter, of one element; last axes (K = 1) and wide ones; ties, NaN, -inf."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .family import Arguments, Draw, Settings, exact, sums

Values = Literal["normal", "ties", "special"]


def _drawn(draw: Draw, shape: tuple[int, ...], values: Values) -> NDArray:
    x = draw(*shape)
    if values != "normal":
        x = np.round(x)
    if values == "special":
        x[x == 2], x[x == -1] = np.nan, -np.inf
    return x


class Resample(NamedTuple):
    M: int
    H: int
    K: int
    P: int
    align_corners: bool = False  # linear upsampling alone
    values: Values = "normal"  # few different values; with NaN and -inf among them

    def make(self, kernel: str, draw: Draw) -> Arguments:
        long, short = (self.M, self.H, self.K), (self.M, self.P, self.K)
        option: Arguments = {"align_corners": self.align_corners} if "linear" in kernel else {}
        if kernel.endswith("forward"):
            x = _drawn(draw, long, self.values)
            return {"x": x, **option, "y": short, **({"indices": short} if "max" in kernel else {})}
        dy = _drawn(draw, short, self.values)
        if "max" in kernel:
            option = {"indices": self._winners(draw)}
        return {"dy": dy, **option, "dx": long}

    def _winners(self, draw: Draw) -> NDArray:
        """For each window one of its elements, whichever."""
        p = np.arange(self.P)[:, None]
        first, stop = p * self.H // self.P, -(-(p + 1) * self.H // self.P)
        return first + (np.abs(draw(self.M, self.P, self.K)) * 1e6).astype(np.int64) % (stop - first)

    def terms(self, kernel: str) -> int:
        """How many elements are added up for one: windows of ceil(H / P) + 1, or as many that cover one."""
        H, P = self.H, self.P
        if "adaptive" in kernel:
            return -(-H // P) + 1 if kernel.endswith("forward") else -(-P // H) + 1
        if kernel.endswith("forward"):
            return 2
        if "nearest" in kernel:
            return -(-P // H)
        # The outputs lie (H - 1) / (P - 1) or H / P apart. Those between h - 1 and h + 1 read h, and those beyond the
        # first centre, or the last, half an input wide; the last ones twice.
        if self.align_corners and H > 1:
            return max(1, 2 * (-(-(P - 1) // (H - 1))))
        return 3 * (-(-P // H)) + 2

    def flops(self, kernel: str) -> int:
        return 0  # memory is the measure


class Unpool(NamedTuple):
    M: int
    Q: int
    K: int
    twice: bool = False  # indices drawn with replacement: some come twice
    nowhere: bool = False  # -1 among them
    values: Values = "normal"

    def make(self, kernel: str, draw: Draw) -> Arguments:
        long, short = (self.M, self.K), (self.M, self.Q)
        order = np.argsort(draw(*long), axis=1)[:, : self.Q].astype(np.int64)
        indices = order // 3 if self.twice else order
        if self.nowhere:
            indices[:, ::3] = -1
        if kernel.endswith("forward"):
            return {"x": _drawn(draw, short, self.values), "indices": indices, "y": long}
        return {"dy": _drawn(draw, long, self.values), "indices": indices, "dx": short}

    def terms(self, kernel: str) -> int:
        return 1

    def flops(self, kernel: str) -> int:
        return 0


_RESAMPLES = [
    Resample(1, 1, 1, 1),
    Resample(0, 4, 3, 2),
    Resample(2, 4, 0, 3),
    Resample(2, 6, 5, 3),
    Resample(3, 7, 1, 3),  # the last axis
    Resample(2, 7, 16, 5),  # windows that overlap
    Resample(2, 5, 1, 16),
    Resample(1, 3, 17, 7),
    Resample(1, 9, 35, 1),  # all of the axis; linear: one point
    Resample(2, 1, 3, 4),
    Resample(3, 8, 15, 8),  # as it was
    Resample(1, 35, 2, 17),
    Resample(17, 4, 2, 6),
    Resample(1, 54, 1, 98),  # p H / P may be whole and p times H / P, rounded, below it: in float64 too
    Resample(2, 6, 3, 4, values="special"),
    Resample(2, 5, 1, 9, values="special"),
    Resample(3, 9, 5, 3, values="special"),  # linear: on whole positions, beside NaN of weight 0
]
_LINEAR = [*_RESAMPLES, *(r._replace(align_corners=True) for r in _RESAMPLES)]
_MAX = [
    *_RESAMPLES,
    Resample(2, 9, 4, 3, values="ties"),
    Resample(2, 7, 17, 4, values="ties"),
    Resample(3, 35, 1, 4, values="ties"),
    Resample(3, 35, 1, 4, values="special"),
    Resample(2, 12, 18, 3, values="special"),
]
_UNPOOLS = [
    Unpool(1, 1, 1),
    Unpool(0, 3, 5),
    Unpool(2, 0, 4),
    Unpool(2, 0, 0),
    Unpool(2, 5, 5),
    Unpool(3, 4, 17),
    Unpool(2, 16, 35, twice=True),
    Unpool(2, 15, 35, nowhere=True),
    Unpool(3, 17, 20, twice=True, nowhere=True),
    Unpool(2, 9, 16, values="special"),
]

_POOLED = [Resample(96, 28, 28, 7), Resample(64 * 64 * 28, 28, 1, 7), Resample(64 * 64, 28, 28, 7)]
_GROWN = [Resample(96, 14, 14, 28), Resample(64 * 64 * 14, 14, 1, 28), Resample(64 * 64, 14, 14, 28)]
_COURSE_UNPOOLS = [Unpool(6, 196, 784), Unpool(64 * 6, 196, 784), Unpool(64 * 64, 196, 784)]

SMALL, COURSE = {}, {}
for _stem, _small, _course in [
    ("adaptive_avg_pool", _RESAMPLES, _POOLED),
    ("adaptive_max_pool", _MAX, _POOLED),
    ("upsample_nearest", _RESAMPLES, _GROWN),
    ("upsample_linear", _LINEAR, _GROWN),
    ("max_unpool", _UNPOOLS, _COURSE_UNPOOLS),
]:
    for _way in ("forward", "backward"):
        SMALL[f"{_stem}_{_way}"], COURSE[f"{_stem}_{_way}"] = _small, _course

_EXACT = ("adaptive_max_pool_forward", "upsample_nearest_forward", "max_unpool_forward", "max_unpool_backward")


def bounds(kernel: str, settings: Settings, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    """What is copied is exact; sums are not, nor the two weights of a line: rounded once each, as a factor may be.

    Where the definition has an infinity or a NaN, so must a kernel.
    """
    if kernel in _EXACT:
        return exact(kernel, settings, given, expected, eps)
    limits = sums(kernel, settings, given, expected, eps)
    return {name: np.where(np.isfinite(expected[name]), limit, 0) for name, limit in limits.items()}
