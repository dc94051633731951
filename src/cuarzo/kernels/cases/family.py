"""What the families share: the settings of a case, output sizes, and the definition run on a set of arguments."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels.contracts import CONTRACTS

Arguments = dict[str, Any]
Draw = Callable[..., NDArray]
Pair = tuple[int, int]
Pads = tuple[Pair, Pair]


class Settings(Protocol):
    """A NamedTuple that makes the arguments of its family's kernels. Its fields are what a case's id shows."""

    _fields: tuple[str, ...]

    def make(self, kernel: str, draw: Draw) -> Arguments:
        """Arguments by name; in place of each output its shape, or None where the case does not ask for it."""

    def terms(self, kernel: str) -> int:
        """The length of the longest sum behind an element of an output."""

    def flops(self, kernel: str) -> int:
        """Multiplications and additions of the direct algorithm, two for each term; 0 where bytes say more."""


def outputs(size: Pair, window: Pair, stride: Pair, pad: Pads, dilation: Pair, ceil: bool = False) -> Pair:
    """(P, Q): how many windows fit. In ceil mode the last may hang over, but not start in the padding behind."""
    counts = []
    for n, taps, step, (before, after), gap in zip(size, window, stride, pad, dilation, strict=True):
        room = n + before + after - gap * (taps - 1) - 1
        count = (room + (step - 1 if ceil else 0)) // step + 1
        counts.append(count - 1 if ceil and (count - 1) * step >= n + before else count)
    return counts[0], counts[1]


def define(kernel: str, arguments: Arguments) -> dict[str, NDArray]:
    """Run naive on fresh outputs shaped like those in `arguments`; the outputs by name."""
    from cuarzo.kernels import naive

    fresh = {k: np.empty_like(arguments[k]) for k in CONTRACTS[kernel].outputs if arguments[k] is not None}
    ordered = {**arguments, **fresh}
    getattr(naive, kernel)(*(ordered[name] for name in CONTRACTS[kernel].arguments))
    return fresh
