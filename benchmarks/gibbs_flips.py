"""Gibbs steps of a machine of 784 x 500 units from a common state: which samples of a backend differ from naive's.

    python benchmarks/gibbs_flips.py [--chains 780] [--key 3]

780 chains make 780 (784 + 500) = 1,001,520 draws for each backend and dtype. Both layers start from the same binary
states, the same weights and the same random numbers as naive's, which adds up in float64 and rounds once. A unit whose
mean p lies within rounding of its number u may then fall on the other side: a flip. Each must have |u - p| within the
bound of its mean (`kernels/cases/rbm.py` derives it); one that has not is unexplained, and the script ends with status
1. Open are the units that the bound lets flip; expected, the flips that a backend's errors in p make likely: the sum of
their sizes over all units. Numba, Cython and C++ must draw the same at 1, 2 and 3 threads.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cuarzo import get_num_threads, kernels, set_num_threads
from cuarzo.kernels.cases import Case, judge
from cuarzo.kernels.cases.rbm import Units, uniforms
from cuarzo.study import machine

V, U = 784, 500
HEADS = ("backend", "dtype", "draws", "open", "expected", "flips", "largest |u - p|", "its bound", "unexplained",
         "1 against 2, 3 threads")  # fmt: skip


class Flips(NamedTuple):
    """Of one layer, or of several together."""

    draws: int
    open: int  # units with |u - p| within the bound
    expected: float  # number of flips, from the errors of the means
    distance: NDArray  # |u - p| of each flip, p as naive has it
    bound: NDArray  # of the mean of each flip

    def __add__(self, other: "Flips") -> "Flips":
        sums = (self.draws + other.draws, self.open + other.open, self.expected + other.expected)
        return Flips(*sums, *(np.concatenate(pair) for pair in zip(self[3:], other[3:], strict=True)))


def layers(chains: int, key: int) -> list[Case]:
    return [Case(kernel, Units(chains, V, U, key=key)) for kernel in ("rbm_visible", "rbm_hidden")]


def drawn(case: Case, backend: str, dtype: type, threads: int) -> tuple[NDArray, NDArray]:
    """(mean, sample)"""
    before = get_num_threads()
    set_num_threads(threads)
    try:
        given = case.arguments(dtype)
        kernels.implementation(case.kernel, backend)(*given.values())
        return given["mean"], given["sample"]
    finally:
        set_num_threads(before)


def flips(case: Case, dtype: type, mean: NDArray, sample: NDArray) -> Flips:
    """Where `sample` differs from naive's."""
    expected, bounds = judge(case, dtype)
    flipped = sample != expected["sample"]
    u = uniforms(case.settings.key, case.settings.counter, sample.shape, np.dtype(dtype))
    distance = np.abs(u - expected["mean"])
    likely = float(np.abs(mean - expected["mean"]).sum(dtype=np.float64))
    return Flips(sample.size, int(bounds["sample"].sum()), likely, distance[flipped], bounds["mean"][flipped])


def rows(chains: int, key: int) -> Iterator[tuple[tuple[str, ...], int]]:
    """(cells, what is wrong in them) for each backend and dtype."""
    available = [name for name in kernels.BACKENDS[1:] if kernels.backends()[name] == "available"]
    for dtype in (np.float32, np.float64):
        for backend in available:
            found, differ = Flips(0, 0, 0.0, np.empty(0), np.empty(0)), 0
            for case in layers(chains, key):
                mean, sample = drawn(case, backend, dtype, 1)
                found += flips(case, dtype, mean, sample)
                if backend != "numpy":  # its BLAS splits sums by the thread count
                    differ += sum(int((drawn(case, backend, dtype, n)[1] != sample).sum()) for n in (2, 3))
            unexplained = int((found.distance > found.bound).sum())
            yield cells(backend, dtype, found, unexplained, differ), unexplained + differ


def cells(backend: str, dtype: type, found: Flips, unexplained: int, differ: int) -> tuple[str, ...]:
    shown = ("–", "–")
    if len(found.distance):
        most = int(found.distance.argmax())
        shown = (f"{found.distance[most]:.2e}", f"{found.bound[most]:.2e}")
    threads = "–" if backend == "numpy" else str(differ)
    counts = (f"{found.draws:,}", str(found.open), f"{found.expected:.2g}", str(len(found.distance)))
    return (backend, np.dtype(dtype).name, *counts, *shown, str(unexplained), threads)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chains", type=int, default=780)
    parser.add_argument("--key", type=int, default=3, help="of the random numbers")
    options = parser.parse_args()
    facts, started, wrong = machine.describe(), time.perf_counter(), 0
    print(f"{options.chains} chains, {V} x {U} units, key {options.key}; {facts['cpu']}, C++ build {facts['build']}")
    print(", ".join(f"{name} {number}" for name, number in machine.versions().items()))
    missing = [f"{name}: {state}" for name, state in kernels.backends().items() if state != "available"]
    print(f"missing: {'; '.join(missing) or 'nothing'}\n")
    print(f"| {' | '.join(HEADS)} |\n{'|---' * len(HEADS)}|")
    for row, errors in rows(options.chains, options.key):
        print(f"| {' | '.join(row)} |", flush=True)
        wrong += errors
    print(f"\n{time.perf_counter() - started:.0f} s, nearly all of it naive's")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
