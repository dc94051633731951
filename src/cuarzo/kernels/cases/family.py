"""What the families share: the settings of a case, output sizes, and the definition run on a set of arguments."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

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


def outputs(size, window, stride, pad, dilation, ceil: bool = False) -> tuple[int, ...]:
    """How many windows fit along each axis. In ceil mode the last may hang over, but not start in padding behind."""
    counts = []
    for n, taps, step, (before, after), gap in zip(size, window, stride, pad, dilation, strict=True):
        room = n + before + after - gap * (taps - 1) - 1
        count = (room + (step - 1 if ceil else 0)) // step + 1
        counts.append(count - 1 if ceil and (count - 1) * step >= n + before else count)
    return tuple(counts)


def is_floating(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype != np.int64


def define(kernel: str, arguments: Arguments) -> dict[str, NDArray]:
    """Run naive on outputs like those in `arguments`, which stay as they are; the outputs by name."""
    from cuarzo.kernels import naive

    fresh = {name: arguments[name].copy() for name in CONTRACTS[kernel].outputs if arguments[name] is not None}
    ordered = {**arguments, **fresh}
    getattr(naive, kernel)(*(ordered[name] for name in CONTRACTS[kernel].arguments))
    return fresh


Bounds = Callable[[str, Any, Arguments, dict[str, NDArray], float], dict[str, NDArray]]


class RungCases(NamedTuple):
    """A rung that serves but a part of its contract, or that has a bound of its own."""

    serves: Callable[[str, Any], bool]  # kernel, settings
    bounds: Bounds


def exact(kernel: str, settings: Settings, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    """For what no rounding enters."""
    return {name: np.zeros(value.shape) for name, value in expected.items()}


def sums(
    kernel: str, settings: Settings, given: Arguments, expected: dict, eps: float, signs: tuple[str, ...] = ()
) -> dict[str, NDArray]:
    """(n + 2) eps sum |a| |b| for sums of products, the sum taken by naive on absolute values.

    `signs`: inputs whose size says nothing, such as those that only tell where a gradient goes.
    """
    factors = [name for name in CONTRACTS[kernel].inputs if name not in signs and is_floating(given[name])]
    magnitudes = define(kernel, {**given, **{name: np.abs(given[name]) for name in factors}})
    return {name: (settings.terms(kernel) + 2) * eps * value for name, value in magnitudes.items()}
