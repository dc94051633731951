"""Inputs, sizes and tolerances of every contract: tests, benchmarks and the public checker all take them from here.

    for case in cases("conv2d_forward"):            # or sizes="course": the layers that a course trains
        arguments = case.arguments(np.float32)      # by name, in the order of the call; outputs hold rubbish
        expected, bounds = judge(case, np.float32)  # by naive, in float64

A bound is (n + 2) eps sum |a| |b| for each element, n the length of its sum: what any order of summation in the working
precision keeps (Higham 2002, "Accuracy and stability of numerical algorithms", section 3.1). A result that no rounding
enters, a maximum or an index, has bound 0.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cuarzo.kernels.contracts import CONTRACTS, INTEGERS
from cuarzo.kernels.threads import get_num_threads, set_num_threads

from .family import Arguments, Bounds, RungCases, Settings, define, is_floating, sums


class Case(NamedTuple):
    """One input of one contract: `settings` is what `make` needs, and what the case's id shows."""

    kernel: str
    settings: Settings

    @property
    def id(self) -> str:
        return "-".join(_word(field, getattr(self.settings, field)) for field in self.settings._fields)

    def arguments(self, dtype: DTypeLike, seed: int = 0, rubbish: float = np.nan) -> Arguments:
        """The arguments of the call by name. Inputs are drawn from `seed`; outputs are filled with `rubbish`."""
        rng = np.random.default_rng(seed)

        def draw(*shape: int) -> NDArray:
            values = rng.standard_normal(shape)
            if getattr(self.settings, "wild", False):
                values *= 2.0 ** rng.integers(-12, 13, shape)
            return values.astype(dtype)

        made = self.settings.make(self.kernel, draw)
        contract = CONTRACTS[self.kernel]
        for name in contract.outputs:
            if made[name] is not None and name not in contract.in_place:
                integers = name in INTEGERS
                made[name] = np.full(made[name], -7 if integers else rubbish, np.int64 if integers else dtype)
        return {name: made[name] for name in contract.arguments}

    def terms(self) -> int:
        """n, the longest sum behind an element of an output."""
        return self.settings.terms(self.kernel)

    def flops(self) -> int:
        """Multiplications and additions of the direct algorithm (two for each term); 0 where bytes say more."""
        return self.settings.flops(self.kernel)


def cases(kernel: str, sizes: str = "small", rung: str = "default") -> list[Case]:
    """The cases of a contract, "small" for checking, "course" for timing: those that the rung serves."""
    found = [Case(kernel, settings) for settings in getattr(_family(kernel), sizes.upper())[kernel]]
    return [case for case in found if serves(case, rung)]


def serves(case: Case, rung: str) -> bool:
    """Whether a rung takes a case; if not, it refuses it."""
    special = _rung(case.kernel, rung)
    return special is None or special.serves(case.kernel, case.settings)


def has_bounds(case: Case, rung: str) -> bool:
    """Whether a rung's bounds are its own."""
    return _rung(case.kernel, rung) is not None


def bounds_of(case: Case, rung: str) -> Bounds:
    """What computes the bounds of a rung: its own, or else the family's."""
    special = _rung(case.kernel, rung)
    return special.bounds if special else getattr(_family(case.kernel), "bounds", sums)


def _rung(kernel: str, rung: str) -> RungCases | None:
    return getattr(_family(kernel), "RUNGS", {}).get(kernel, {}).get(rung)


def _family(kernel: str) -> Any:
    """The file of a kernel's family.

    It has a class of settings, SMALL and COURSE cases, `bounds` where sums do not say all, RUNGS[kernel][rung] where a
    rung is no like the others, and IN_DTYPE where random numbers inside depend on the dtype: naive then runs on the
    arrays as they are. It computes in float64 all the same.
    """
    return import_module(f".{CONTRACTS[kernel].family}", __package__)


def judge(
    case: Case, dtype: DTypeLike, seed: int = 0, rung: str = "default"
) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
    """(expected, bounds) for each output that the case asks for: naive run in float64 on the case's inputs."""
    name = np.dtype(dtype).name
    return _defined(case, name, seed)[1], _bounds(case, name, seed, rung if has_bounds(case, rung) else "")


@cache
def _defined(case: Case, dtype: str, seed: int) -> tuple[Arguments, dict[str, NDArray]]:
    given = case.arguments(dtype, seed)
    if not getattr(_family(case.kernel), "IN_DTYPE", False):
        given = {name: value.astype(np.float64) if is_floating(value) else value for name, value in given.items()}
    return given, define(case.kernel, given)


@cache
def _bounds(case: Case, dtype: str, seed: int, rung: str) -> dict[str, NDArray]:
    given, expected = _defined(case, dtype, seed)
    return bounds_of(case, rung)(case.kernel, case.settings, given, expected, float(np.finfo(dtype).eps))


def violation(kernel: Callable[..., None], case: Case, dtype: DTypeLike, seed: int = 0, rung: str = "default") -> str:
    """Empty if `kernel` keeps the contract on this case; else what it breaks.

    Called twice, on outputs full of NaN and of finite rubbish: both must be assigned whole, with the same bits. Inputs
    must stay as they are. `rung` says by whose bound.
    """
    runs = []
    for rubbish in (np.nan, 3.0):
        given, kept = (case.arguments(dtype, seed, rubbish) for _ in range(2))
        with np.errstate(all="ignore"):  # of infinities among the inputs
            kernel(*given.values())
        if broken := wrong(case, dtype, given, seed, rung) or _changed_input(case, given, kept):
            return broken
        runs.append(given)
    return _other_bits(case, runs[0], runs[1], "a second call")


def unstable(kernel: Callable[..., None], case: Case, dtype: DTypeLike, counts: tuple[int, ...] = (1, 2, 3)) -> str:
    """Empty if `kernel` gives the same bits at each number of threads; else where it does not."""
    before = get_num_threads()
    runs = []
    try:
        for count in counts:
            set_num_threads(count)
            given = case.arguments(dtype)
            with np.errstate(all="ignore"):
                kernel(*given.values())
            runs.append(given)
            if broken := _other_bits(case, runs[0], given, f"{count} threads instead of {counts[0]}"):
                return broken
    finally:
        set_num_threads(before)
    return ""


def _other_bits(case: Case, one: Arguments, two: Arguments, what: str) -> str:
    for name in CONTRACTS[case.kernel].outputs:
        if one[name] is not None and one[name].tobytes() != two[name].tobytes():
            return f"{case.kernel} [{case.id}]: {what} gives other bits in {name}"
    return ""


def _changed_input(case: Case, given: Arguments, kept: Arguments) -> str:
    for name in CONTRACTS[case.kernel].inputs:
        if kept[name] is not None and not np.array_equal(given[name], kept[name], equal_nan=True):
            return f"{case.kernel} [{case.id}] changed its input {name}"
    return ""


def wrong(case: Case, dtype: DTypeLike, got: dict[str, NDArray], seed: int = 0, rung: str = "default") -> str:
    """Empty if every output is within its bound; else which one is not, where, expected and got. NaN equals NaN."""
    expected, bounds = judge(case, dtype, seed, rung)
    for name, right in expected.items():
        off = _off(got[name], right, bounds[name])
        if off.any():
            at = tuple(int(i) for i in np.argwhere(off)[0])
            return (
                f"{case.kernel} [{case.id}] {np.dtype(dtype).name}: {name}{list(at)} is {got[name][at]}, expected "
                f"{right[at]} within {bounds[name][at]:.3g}; {int(off.sum())} of {off.size} elements are off"
            )
    return ""


def _off(got: NDArray, right: NDArray, bound: NDArray) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):  # inf - inf
        near = (np.abs(got - right) <= bound) & np.isfinite(right) | (got == right)  # infinities have no neighbours
    return np.where(np.isnan(right), ~np.isnan(got), ~near)


def _word(field: str, value: Any) -> str:
    return f"{field}{value if isinstance(value, str) else 'x'.join(str(int(v)) for v in np.ravel(value))}"
