"""What is timed, read off the registry: each kernel, in each backend, by each rung, on each course size."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cuarzo import kernels
from cuarzo.kernels import cases
from cuarzo.kernels.cases import Case

NAIVE_BEARS = 500_000  # terms: a quarter of a second or so of Python loops
DTYPES = ("float32", "float64")


class Group(NamedTuple):
    """Sides of one group do the same work on the same input: their times may be compared."""

    case: Case
    dtype: str
    threads: int

    @property
    def id(self) -> str:
        return f"{self.case.kernel}-{label(self.case)}-{self.dtype}-{self.threads}T".replace(" ", "_")


class Side(NamedTuple):
    backend: str
    rung: str

    @property
    def id(self) -> str:
        return self.backend if self.rung == "default" else f"{self.backend}:{self.rung}"


def groups(threads: list[int]) -> list[Group]:
    found = [case for name in kernels.names() for case in cases.cases(name, "course")]
    return [Group(case, dtype, n) for case in found for dtype in DTYPES for n in threads]


def sides(group: Group) -> list[Side]:
    """The backends that are here, by all their rungs; naive where it is quick, and on one thread."""
    here = [name for name, state in kernels.backends().items() if state == "available"]
    if group.threads > 1 or work(group.case) > NAIVE_BEARS:
        here.remove("naive")
    every = [Side(name, rung) for name in here for rung in kernels.algorithms(group.case.kernel, name)]
    return [side for side in every if cases.serves(group.case, side.rung)]


@lru_cache(maxsize=4)
def arguments(case: Case, dtype: str) -> dict:
    return case.arguments(dtype)


def work(case: Case) -> int:
    """How many terms the definition walks through."""
    if flops := case.flops():
        return flops // 2
    given = arguments(case, "float32")
    return max(case.terms(), 1) * max(value.size for value in given.values() if isinstance(value, np.ndarray))


def label(case: Case) -> str:
    """What tells a case from the others: `x 64×1×28×28, w 6×1×5×5`, and an output that only some ask for."""
    given, contract = arguments(case, "float32"), kernels.CONTRACTS[case.kernel]
    arrays = [name for name in contract.inputs if given[name] is not None] or list(contract.outputs)
    named = [name for name in arrays if given[name].ndim > 1] or arrays  # a bias says nothing
    asked = [f"with {name}" for name in contract.outputs if name == "indices" and given[name] is not None]
    return ", ".join([f"{name} {'×'.join(map(str, given[name].shape))}" for name in named] + asked)


def moved(group: Group) -> int:
    """Bytes that any algorithm must read or write once."""
    given = arguments(group.case, group.dtype)
    return sum(value.nbytes for value in given.values() if isinstance(value, np.ndarray))


def wrong(group: Group, got: dict[str, NDArray], rung: str = "default") -> str:
    """Empty if right. The definition judges what it can bear; larger cases are judged by NumPy's kernels in float64,
    which the tests hold against the definition at sizes that it can bear, with the same bound: that of the rung."""
    case, eps = group.case, float(np.finfo(group.dtype).eps)
    if work(case) <= NAIVE_BEARS:
        return cases.wrong(case, group.dtype, got, rung=rung)
    expected, scale = _by_numpy(case, group.dtype)
    factor = (case.terms() + 2) * eps if case.terms() else 0.0
    bounds = {name: factor * size for name, size in scale.items()}
    if cases.has_bounds(case, rung):
        given = _wide(arguments(case, group.dtype))
        bounds = cases.bounds_of(case, rung)(case.kernel, case.settings, given, expected, eps)
    for name, right in expected.items():
        off = np.abs(got[name] - right) > bounds[name]
        if off.any() or np.isnan(got[name]).any():
            return f"{group.id}: {name}: {int(off.sum())} of {off.size} elements are off"
    return ""


@lru_cache(maxsize=1)
def _by_numpy(case: Case, dtype: str) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
    contract, given = kernels.CONTRACTS[case.kernel], arguments(case, dtype)
    function = kernels.implementation(case.kernel, "numpy")

    def run(wide: dict) -> dict[str, NDArray]:
        fresh = {name: np.empty_like(wide[name]) for name in contract.outputs if given[name] is not None}
        function(*({**wide, **fresh}[name] for name in contract.arguments))
        return fresh

    if not contract.inputs:  # random numbers: the dtype is part of the definition
        return run(given), {name: np.zeros(1) for name in contract.outputs}
    wide = _wide(given)
    magnitudes = {k: np.abs(v) if _floating(v) and k in contract.inputs else v for k, v in wide.items()}
    if case.kernel.startswith("max_pool"):  # nothing is summed but gradients: where they go must not change
        magnitudes = {**wide, "dy": np.abs(wide["dy"])} if "dy" in wide else wide
    return run(wide), {name: np.abs(value) for name, value in run(magnitudes).items()}


def _wide(given: dict) -> dict:
    return {k: v.astype(np.float64) if _floating(v) else v for k, v in given.items()}


def _floating(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"
