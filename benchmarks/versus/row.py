"""A row of the table: one piece of work, done by several sides."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

OURS, DEFAULT = "cuarzo", "torch"
EPS = float(np.finfo(np.float32).eps)


class Side(NamedTuple):
    """`call()` does the work once. `result()` does it once more and gives the arrays that all sides must agree on."""

    call: Callable[[], Any]
    result: Callable[[], list[np.ndarray]]
    prepared: float = 0.0  # seconds spent before the first call: compilation


class Row(NamedTuple):
    """`make()` -> side by name: `cuarzo`, `torch` (its default mode) and the modes that the peer may do better in.

    flops: multiplications and additions of the direct algorithm. nbytes: what must be read or written once, whatever
    the algorithm. terms: the length of the longest sum; results may differ by (terms + 2) eps of the largest element.
    """

    family: str
    name: str
    flops: float
    nbytes: float
    terms: float
    make: Callable[[], dict[str, Side]]
    once: bool = False  # seconds a call: one call a turn is enough


def agree(row: Row, sides: dict[str, Side]) -> str:
    """Empty if all sides compute the same, else what differs."""
    expected = sides[OURS].result()
    for name, side in sides.items():
        if name == OURS:
            continue
        got = side.result()
        if len(got) != len(expected):
            return f"{row.name}: {name} gives {len(got)} arrays, cuarzo {len(expected)}"
        for i, (a, b) in enumerate(zip(expected, got, strict=True)):
            if a.shape != b.shape:
                return f"{row.name}: array {i} has shape {b.shape} in {name}, {a.shape} in cuarzo"
            off = float(np.abs(a.astype(np.float64) - b).max(initial=0))
            bound = (row.terms + 2) * EPS * float(np.abs(b).max(initial=0))
            if not off <= bound:
                return f"{row.name}: array {i} of {name} differs by {off:.3g}, expected at most {bound:.3g}"
    return ""


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape, np.float32)
