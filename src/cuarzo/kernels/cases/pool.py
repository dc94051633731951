"""Cases of pooling along one, two and three axes: windows that overlap, leave gaps, hang over; ties, NaN and -inf."""

from math import prod
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .family import Arguments, Draw, Settings, exact, outputs, sums


class Pool(NamedTuple):
    N: int
    C: int
    size: tuple[int, ...]  # of the sequence, image or volume: the axes that windows move along
    window: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[tuple[int, int], ...] = ()  # none on any side
    dilation: tuple[int, ...] = ()  # 1 along all axes
    option: bool = True  # maximum: with indices; average: count the padding
    values: Literal["normal", "ties", "special"] = "normal"  # few different values; with NaN and -inf among them
    ceil: bool = False

    @property
    def padding(self) -> tuple[tuple[int, int], ...]:
        return self.pad or ((0, 0),) * len(self.size)

    @property
    def gaps(self) -> tuple[int, ...]:
        return self.dilation or (1,) * len(self.size)

    @property
    def out(self) -> tuple[int, ...]:
        fit = outputs(self.size, self.window, self.stride, self.padding, self.gaps, self.ceil)
        return self.N, self.C, *fit

    def make(self, kernel: str, draw: Draw) -> Arguments:
        x = self._image(draw)
        options: Arguments = {"window": self.window, "stride": self.stride, "padding": self.padding}
        if kernel.startswith("avg"):
            options["count_include_pad"] = self.option
            forwards = {"x": x, **options, "y": self.out}
            return forwards if kernel.endswith("forward") else {"dy": draw(*self.out), **options, "dx": x.shape}
        options["dilation"] = self.gaps
        if kernel.endswith("forward"):
            return {"x": x, **options, "y": self.out, "indices": self.out if self.option else None}
        # Backwards the winners are either given, and x is not, or have to be found again in x.
        found = {"x": None, "indices": self._winners(draw)} if self.option else {"x": x, "indices": None}
        return {"dy": draw(*self.out), **found, **options, "dx": x.shape}

    def _winners(self, draw: Draw) -> NDArray:
        """For each window one of its taps in the image, whichever, or -1."""
        position, found = np.zeros(self.out, np.int64), np.ones(self.out, bool)
        along = zip(self.size, self.window, self.stride, self.padding, self.gaps, strict=True)
        for axis, (n, taps, step, (before, _), gap) in enumerate(along):
            start = (np.arange(self.out[axis + 2]) * step - before).reshape(-1, *(1,) * (len(self.size) - axis - 1))
            first, stop = np.maximum(0, -(start // gap)), np.minimum(taps, -((start - n) // gap))
            chosen = first + (np.abs(draw(*self.out)) * 1e6).astype(np.int64) % np.maximum(1, stop - first)
            position, found = position * n + start + chosen * gap, found & (first < stop)
        return np.where(found, position, -1)

    def _image(self, draw: Draw) -> NDArray:
        x = draw(self.N, self.C, *self.size)
        if self.values != "normal":
            x = np.round(x)
        if self.values == "special":
            x[x == 2], x[x == -1] = np.nan, -np.inf
        return x

    def terms(self, kernel: str) -> int:
        return prod(self.window)

    def flops(self, kernel: str) -> int:
        return 0  # memory is the measure


_POOLS_1D = [
    Pool(1, 1, (1,), (1,), (1,)),
    Pool(0, 2, (4,), (2,), (2,)),
    Pool(2, 3, (31,), (2,), (2,)),  # odd: the last element is not read
    Pool(1, 2, (70,), (2,), (2,), option=False),
    Pool(2, 1, (35,), (3,), (1,), ((1, 1),)),
    Pool(1, 2, (17,), (3,), (2,), ((1, 0),), option=False),
    Pool(1, 2, (16,), (2,), (5,), ((0, 1),)),
    Pool(2, 1, (15,), (15,), (1,)),
    Pool(1, 2, (7,), (3,), (3,), ((0, 1),), ceil=True),  # the last window hangs over the padding behind
    Pool(1, 2, (9,), (4,), (3,), ((2, 1),), ceil=True, option=False),
]
_MAX_POOLS_1D = [
    *_POOLS_1D,
    Pool(1, 2, (19,), (3,), (2,), ((1, 1),), (4,)),
    Pool(1, 2, (2,), (2,), (1,), ((1, 1),), (3,)),  # a window that sees padding alone
    Pool(1, 2, (2,), (2,), (1,), ((1, 1),), (3,), option=False),
    *(Pool(1, 2, (5,), (2,), (1,), ((2, 2),), option=option) for option in (True, False)),  # some such
    *(
        Pool(2, 2, (34,), (3,), (1,), ((1, 0),), option=option, values=values)
        for option in (True, False)
        for values in ("ties", "special")
    ),
]

# Rows of windows around one, two and three vectors, read where they stand: what the last vector reaches beyond them.
_TAILS_2D = [
    *(Pool(1, 3, (5, W), (2, 2), (2, 2), option=False) for W in (15, 16, 17, 31, 32, 33, 34, 64, 65, 66, 100)),
    *(Pool(2, 2, (7, W), (3, 3), (2, 2), option=False) for W in (9, 33, 34, 35, 55, 67)),
    *(Pool(1, 3, (8, W), (3, 3), (3, 3), option=False) for W in (27, 48, 49, 55, 100)),
    *(Pool(1, 2, (6, W), (2, 2), (3, 3), option=False) for W in (16, 50, 51, 52)),  # gaps between windows
    *(Pool(1, 2, (5, W), (3, 3), (1, 1), ((1, 1), (1, 1)), option=False) for W in (15, 16, 33)),
    Pool(1, 2, (8, 33), (7, 7), (1, 1), ((3, 3), (3, 3)), option=False),  # spread, not gathered
    Pool(1, 2, (13, 37), (5, 5), (4, 4), option=False),
    Pool(1, 2, (9, 8), (9, 8), (9, 8), option=False),  # a single window
]
_POOLS_2D = [
    *_TAILS_2D,
    Pool(1, 1, (1, 1), (1, 1), (1, 1)),
    Pool(0, 2, (4, 4), (2, 2), (2, 2)),
    Pool(2, 3, (6, 8), (2, 2), (2, 2)),
    Pool(2, 3, (6, 8), (2, 2), (2, 2), option=False),
    Pool(1, 2, (7, 31), (2, 2), (2, 2)),  # an odd image: its last row and column are not read
    Pool(1, 1, (4, 35), (2, 2), (2, 2), option=False),
    Pool(1, 1, (5, 70), (3, 3), (2, 2), ((1, 1), (1, 1))),
    Pool(1, 2, (7, 9), (3, 2), (1, 2), ((1, 0), (0, 1)), option=False),  # overlapping, padding on one side
    Pool(1, 2, (9, 8), (2, 2), (3, 4)),  # stride larger than the window
    Pool(2, 1, (5, 7), (5, 7), (1, 1)),  # window = image
    Pool(1, 2, (6, 7), (3, 3), (2, 2), ceil=True),
    Pool(1, 1, (6, 7), (3, 3), (2, 3), ((1, 1), (1, 1)), option=False, ceil=True),
    Pool(1, 1, (6, 8), (3, 4), (3, 3), ((1, 0), (0, 1)), ceil=True),
    Pool(1, 2, (6, 5), (4, 3), (3, 2), ((2, 1), (0, 1)), option=False, ceil=True),  # over both
]
_MAX_POOLS_2D = [
    *_POOLS_2D,
    *(
        Pool(1, 3, (7, W), (S, S), (2, 2), option=option, values=values)
        for W, S in ((67, 2), (67, 3))
        for option in (True, False)
        for values in ("ties", "special")
    ),
    Pool(1, 2, (8, 9), (3, 2), (2, 2), ((1, 1), (1, 1)), (2, 1)),
    Pool(1, 2, (8, 19), (2, 3), (1, 1), dilation=(1, 3), option=False),
    # of each window one tap is left, and not at the first position
    Pool(1, 2, (2, 4), (1, 2), (1, 2), ((0, 0), (1, 1)), (1, 4), option=False),
    Pool(1, 2, (4, 2), (2, 1), (2, 1), ((1, 1), (0, 0)), (4, 1), option=False),
    Pool(1, 2, (2, 3), (2, 1), (1, 1), ((1, 1), (0, 0)), (3, 1)),  # windows that see padding alone
    Pool(1, 2, (2, 3), (2, 1), (1, 1), ((1, 1), (0, 0)), (3, 1), option=False),
    *(Pool(1, 2, (3, 4), (2, 1), (1, 1), ((2, 2), (0, 1)), option=option) for option in (True, False)),  # some such
    *(
        Pool(1, 3, (6, W), (3, 2), (2, 1), ((1, 1), (1, 0)), option=option, values=values)
        for W in (7, 34)
        for option in (True, False)
        for values in ("ties", "special")
    ),
    Pool(2, 3, (6, 36), (2, 2), (2, 2), values="ties"),
    Pool(2, 3, (6, 36), (2, 2), (2, 2), option=False, values="special"),
]

_POOLS_3D = [
    Pool(1, 1, (1, 1, 1), (1, 1, 1), (1, 1, 1)),
    Pool(0, 2, (4, 4, 4), (2, 2, 2), (2, 2, 2)),
    Pool(2, 2, (4, 3, 6), (2, 2, 2), (2, 2, 2)),
    Pool(1, 1, (3, 4, 35), (2, 2, 2), (2, 2, 2), option=False),
    Pool(1, 2, (6, 5, 35), (1, 2, 2), (2, 2, 2), option=False),  # slices that no window sees
    Pool(1, 2, (3, 5, 17), (3, 2, 3), (1, 2, 1), ((1, 0), (0, 1), (1, 1)), option=False),
    Pool(1, 2, (5, 4, 6), (2, 1, 2), (3, 2, 4), ((0, 1), (0, 0), (1, 0))),
    Pool(1, 2, (3, 4, 5), (3, 2, 2), (1, 2, 1), ((0, 2), (0, 1), (0, 1))),  # behind the padding comes a channel
    Pool(2, 1, (3, 4, 5), (3, 4, 5), (1, 1, 1)),  # window = volume
    Pool(1, 1, (5, 4, 6), (2, 3, 4), (2, 2, 3), ((1, 0), (1, 1), (0, 2)), ceil=True),
    Pool(1, 1, (4, 5, 6), (3, 2, 3), (2, 3, 2), ((1, 1), (0, 1), (1, 0)), option=False, ceil=True),
]
_MAX_POOLS_3D = [
    *_POOLS_3D,
    Pool(1, 2, (5, 4, 7), (2, 2, 3), (1, 2, 1), ((1, 0), (0, 1), (1, 1)), (3, 2, 1)),
    *(
        Pool(1, 2, (3, 5, 9), (2, 2, 3), (1, 1, 2), ((0, 1), (0, 0), (1, 2)), (1, 2, 3), option=option)
        for option in (True, False)
    ),
    Pool(1, 2, (2, 2, 3), (2, 1, 1), (1, 1, 1), ((1, 1), (0, 0), (0, 0)), (3, 1, 1)),  # windows of padding alone
    Pool(1, 2, (2, 2, 3), (1, 2, 1), (1, 1, 1), ((0, 0), (1, 1), (0, 0)), (1, 3, 1), option=False),
    *(Pool(1, 1, (3, 2, 3), (2, 1, 1), (1, 1, 1), ((2, 2), (0, 0), (0, 1)), option=option) for option in (True, False)),
    *(
        Pool(1, 2, (3, 4, 18), (2, 3, 2), (1, 1, 1), ((1, 0), (1, 1), (0, 1)), option=option, values=values)
        for option in (True, False)
        for values in ("ties", "special")
    ),
    Pool(1, 2, (4, 4, 7), (2, 2, 2), (2, 2, 2), values="ties"),
]

_WITH_OR_WITHOUT = (True, False)  # indices: with them is what training asks for, without what a forward pass alone does
_COURSE_1D = [
    Pool(N, C, (W,), (2,), (2,), option=option)
    for N, C, W in [(1, 16, 256), (64, 16, 256), (64, 64, 1024)]
    for option in _WITH_OR_WITHOUT
]
_COURSE_2D = [
    Pool(N, C, (H, H), (2, 2), (2, 2), option=option)
    for N, C, H in [(1, 6, 28), (64, 6, 28), (64, 64, 28)]
    for option in _WITH_OR_WITHOUT
]
_COURSE_3D = [
    Pool(N, C, (H, H, H), (2, 2, 2), (2, 2, 2), option=option)
    for N, C, H in [(1, 4, 16), (16, 8, 16), (16, 16, 32)]
    for option in _WITH_OR_WITHOUT
]

_BY_AXES = {
    "pool1d": (_POOLS_1D, _MAX_POOLS_1D, _COURSE_1D),
    "pool2d": (_POOLS_2D, _MAX_POOLS_2D, _COURSE_2D),
    "pool3d": (_POOLS_3D, _MAX_POOLS_3D, _COURSE_3D),
}
SMALL, COURSE = {}, {}
for _stem, (_pools, _max_pools, _course) in _BY_AXES.items():
    for _way in ("forward", "backward"):
        SMALL[f"max_{_stem}_{_way}"] = _max_pools
        SMALL[f"avg_{_stem}_{_way}"] = [*_pools, *(p for p in _max_pools if p.values == "special" and not p.dilation)]
        COURSE[f"max_{_stem}_{_way}"], COURSE[f"avg_{_stem}_{_way}"] = _course, _course[::2]


def bounds(kernel: str, settings: Settings, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    """A maximum is exact; backwards, x says where a gradient goes, not how large it is.

    Where the definition has an infinity, so must a kernel.
    """
    if kernel.startswith("max") and kernel.endswith("forward"):
        return exact(kernel, settings, given, expected, eps)
    limits = sums(kernel, settings, given, expected, eps, signs=("x",) if kernel.startswith("max") else ())
    return {name: np.where(np.isfinite(expected[name]), limit, 0) for name, limit in limits.items()}
