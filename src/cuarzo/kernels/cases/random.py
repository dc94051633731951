"""Cases of random numbers: lengths around the block and the vector, counters that wrap."""

from typing import NamedTuple

from .family import Arguments, Draw, exact


class Numbers(NamedTuple):
    size: int
    key: int
    counter: int
    rows: int = 1

    def make(self, kernel: str, draw: Draw) -> Arguments:
        shape = (self.rows, self.size) if self.rows > 1 else (self.size,)
        return {"key": self.key, "counter": self.counter, "u": shape}

    def terms(self, kernel: str) -> int:
        return 0  # exact

    def flops(self, kernel: str) -> int:
        return 0  # numbers per second, or memory, are the measure


_NUMBERS = [
    Numbers(size, key, counter)
    for size in (0, 1, 3, 4, 5, 63, 64, 65, 131)
    for key, counter in [(0, 0), (2**64 - 1, 7), (0x243F6A8885A308D3, 2**64 - 3), (1, 2**32 - 2)]
] + [Numbers(7, 5, 6, rows=3), Numbers(2, 5, 6, rows=19)]

SMALL = {"philox_uniform": _NUMBERS}
COURSE = {"philox_uniform": [Numbers(10_000, 1, 0), Numbers(1_000_000, 1, 0)]}

bounds, IN_DTYPE = exact, True
