"""Cases of dropout: lengths around the block and the vector, no and all elements dropped, counters that wrap.

Which elements are dropped is exact; the factor and the product are rounded: 2 eps |y|.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .family import Arguments, Draw, define


class Dropped(NamedTuple):
    K: int
    percent: int
    key: int = 5
    counter: int = 0
    special: bool = False
    equal: bool = False  # p is one of the numbers themselves, whose element is kept
    rounded: bool = False  # p is a little more than that: not in float32

    def make(self, kernel: str, draw: Draw) -> Arguments:
        x = draw(self.K)
        if self.special:
            x[::7], x[1::7], x[2::7] = np.inf, np.nan, 0
        p = self.percent / 100
        if self.equal:
            u = np.empty(self.K, np.float32)
            numbers = {"key": self.key, "counter": self.counter, "u": u}
            p = float(define("philox_uniform", numbers)["u"][-1]) * (1 + 2.0**-30 * self.rounded)
        return {"x": x, "p": p, "key": self.key, "counter": self.counter, "y": x.shape}

    def terms(self, kernel: str) -> int:
        return 0

    def flops(self, kernel: str) -> int:
        return 0  # memory is the measure


_DROPPED = [
    *(Dropped(K, 50, 2**64 - 1, 7) for K in (0, 1, 3, 4, 5, 15, 16, 17, 35, 63, 64, 65, 1003)),
    Dropped(70, 0),
    Dropped(70, 100),
    Dropped(70, 30, counter=2**64 - 3),
    Dropped(200, 30, special=True),
    Dropped(67, 0, equal=True),
    Dropped(67, 0, equal=True, rounded=True),
    Dropped(4096 + 37, 90, 0x243F6A8885A308D3, 2**32 - 2),  # more than a thread takes at a time
]
SMALL = {"dropout": _DROPPED}
COURSE = {"dropout": [Dropped(64 * 128, 50), Dropped(1_000_000, 50)]}


def bounds(kernel: str, settings: Dropped, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    return {"y": 2 * eps * np.abs(expected["y"])}
