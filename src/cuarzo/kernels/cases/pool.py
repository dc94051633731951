"""Cases of pooling: windows that overlap, leave gaps, hang over the edge; ties, NaN and -inf."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .family import Arguments, Draw, Pads, Pair, define, outputs


class Pool(NamedTuple):
    N: int
    C: int
    H: int
    W: int
    window: Pair
    stride: Pair
    pad: Pads = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    option: bool = True  # maximum: with indices; average: count the padding
    values: Literal["normal", "ties", "special"] = "normal"  # few different values; with NaN and -inf among them
    ceil: bool = False

    @property
    def out(self) -> tuple[int, int, int, int]:
        P, Q = outputs((self.H, self.W), self.window, self.stride, self.pad, self.dilation, self.ceil)
        return self.N, self.C, P, Q

    def make(self, kernel: str, draw: Draw) -> Arguments:
        x = self._image(draw)
        options: Arguments = {"window": self.window, "stride": self.stride, "padding": self.pad}
        if kernel.startswith("avg"):
            options["count_include_pad"] = self.option
        else:
            options["dilation"] = self.dilation
        if kernel == "avg_pool2d_forward":
            return {"x": x, **options, "y": self.out}
        if kernel == "avg_pool2d_backward":
            return {"dy": draw(*self.out), **options, "dx": x.shape}
        if kernel == "max_pool2d_forward":
            return {"x": x, **options, "y": self.out, "indices": self.out if self.option else None}
        # Backwards the winners are either given, and x is not, or have to be found again in x.
        forward = {"x": x, **options, "y": np.empty(self.out, x.dtype), "indices": np.empty(self.out, np.int64)}
        winners = define("max_pool2d_forward", forward)["indices"]
        found = {"x": None, "indices": winners} if self.option else {"x": x, "indices": None}
        return {"dy": draw(*self.out), **found, **options, "dx": x.shape}

    def _image(self, draw: Draw) -> NDArray:
        x = draw(self.N, self.C, self.H, self.W)
        if self.values != "normal":
            x = np.round(x)
        if self.values == "special":
            x[x == 2], x[x == -1] = np.nan, -np.inf
        return x

    def terms(self, kernel: str) -> int:
        return self.window[0] * self.window[1]

    def flops(self, kernel: str) -> int:
        return 0  # memory is the measure


_POOLS = [
    Pool(1, 1, 1, 1, (1, 1), (1, 1)),
    Pool(0, 2, 4, 4, (2, 2), (2, 2)),
    Pool(2, 3, 6, 8, (2, 2), (2, 2)),
    Pool(2, 3, 6, 8, (2, 2), (2, 2), option=False),
    Pool(1, 2, 7, 31, (2, 2), (2, 2)),  # an odd image: its last row and column are not read
    Pool(1, 1, 4, 35, (2, 2), (2, 2), option=False),
    Pool(1, 1, 5, 70, (3, 3), (2, 2), pad=((1, 1), (1, 1))),
    Pool(1, 2, 7, 9, (3, 2), (1, 2), pad=((1, 0), (0, 1)), option=False),  # overlapping, padding on one side
    Pool(1, 2, 9, 8, (2, 2), (3, 4)),  # stride larger than the window
    Pool(2, 1, 5, 7, (5, 7), (1, 1)),  # window = image
    Pool(1, 2, 6, 7, (3, 3), (2, 2), ceil=True),
    Pool(1, 1, 6, 7, (3, 3), (2, 3), pad=((1, 1), (1, 1)), option=False, ceil=True),
    Pool(1, 1, 6, 8, (3, 4), (3, 3), pad=((1, 0), (0, 1)), ceil=True),
    Pool(1, 2, 7, 6, (4, 3), (3, 2), pad=((2, 1), (0, 1)), ceil=True, option=False),
]
_MAX_POOLS = [
    *_POOLS,
    Pool(1, 2, 8, 9, (3, 2), (2, 2), pad=((1, 1), (1, 1)), dilation=(2, 1)),
    Pool(1, 2, 8, 19, (2, 3), (1, 1), dilation=(1, 3), option=False),
    Pool(1, 2, 2, 3, (2, 1), (1, 1), pad=((1, 1), (0, 0)), dilation=(3, 1)),  # windows that see padding alone
    Pool(1, 2, 2, 3, (2, 1), (1, 1), pad=((1, 1), (0, 0)), dilation=(3, 1), option=False),
    *(
        Pool(1, 3, 6, W, (3, 2), (2, 1), pad=((1, 1), (1, 0)), option=option, values=values)
        for W in (7, 34)
        for option in (True, False)
        for values in ("ties", "special")
    ),
    Pool(2, 3, 6, 36, (2, 2), (2, 2), values="ties"),
    Pool(2, 3, 6, 36, (2, 2), (2, 2), option=False, values="special"),
]

# With indices is what training asks for, without what a forward pass alone does.
_COURSE = [
    Pool(N, C, H, H, (2, 2), (2, 2), option=option)
    for N, C, H in [(1, 6, 28), (64, 6, 28), (64, 64, 28)]
    for option in (True, False)
]

_MAX, _AVG = ("max_pool2d_forward", "max_pool2d_backward"), ("avg_pool2d_forward", "avg_pool2d_backward")
SMALL = {**{kernel: _MAX_POOLS for kernel in _MAX}, **{kernel: _POOLS for kernel in _AVG}}
COURSE = {**{kernel: _COURSE for kernel in _MAX}, **{kernel: _COURSE[::2] for kernel in _AVG}}
