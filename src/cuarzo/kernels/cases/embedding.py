"""Cases of the embedding: words that come often and not at all, a padding word, one word, no word, more words than 16
bits can count, as many words as columns, infinities and NaN.

Forwards nothing is rounded; backwards the sum of a word is no longer than the number of indices.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .family import Arguments, Bounds, Draw, exact, sums


class Words(NamedTuple):
    M: int
    V: int
    K: int
    padding: int = -1
    wild: bool = False
    special: bool = False

    def make(self, kernel: str, draw: Draw) -> Arguments:
        indices = (1000 * np.abs(draw(self.M))).astype(np.int64) % max(self.V, 1)
        indices[:2] = self.V - 1  # the last word, twice
        if kernel == "embedding_forward":
            return {"indices": indices, "weight": self._rows(draw, self.V), "y": (self.M, self.K)}
        padding = {"padding_index": self.padding, "dweight": (self.V, self.K)}
        return {"dy": self._rows(draw, self.M), "indices": indices, **padding}

    def _rows(self, draw: Draw, count: int) -> NDArray:
        rows = draw(count, self.K)
        if self.special:
            rows[:4, 0] = np.inf, np.nan, -np.inf, np.inf
        return rows

    def terms(self, kernel: str) -> int:
        return self.M

    def flops(self, kernel: str) -> int:
        return 0  # memory is the measure


_WORDS = [
    Words(0, 0, 3),
    Words(0, 4, 3),
    Words(1, 1, 1),
    Words(5, 1, 16),  # one word, again and again
    Words(7, 5, 15),
    Words(9, 20, 17, padding=19),
    Words(40, 6, 35, padding=0),
    Words(3, 50, 1000, padding=2),
    Words(30, 6, 8, padding=5, wild=True),
    Words(500, 90, 70),  # more than a thread takes at a time
    Words(4, 3, 0),
    Words(9, 66_000, 1),
    Words(6, 4, 4),
    Words(12, 6, 2, padding=5, special=True),  # whose row is 0, though an infinity belongs to it
]
_COURSE = [Words(64, 10_000, 128), Words(64 * 35, 10_000, 128)]
SMALL = {kernel: _WORDS for kernel in ("embedding_forward", "embedding_backward")}
COURSE = {kernel: _COURSE for kernel in ("embedding_forward", "embedding_backward")}


def bounds(kernel: str, settings: Words, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    rule: Bounds = exact if kernel == "embedding_forward" else sums
    return rule(kernel, settings, given, expected, eps)
