"""`cuarzo bench KERNEL`: every backend and rung of one kernel, verified, then timed on the sizes of the course.

`make bench` (the folder benchmarks/) does the same for all kernels, with a report; both stand on sides.py and roof.py.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np

from cuarzo import kernels
from cuarzo.kernels import cases
from cuarzo.kernels.threads import get_num_threads, set_num_threads
from cuarzo.names import check_name
from cuarzo.study import machine, roof
from cuarzo.study.sides import DTYPES, Group, Side, arguments, label, moved, sides, wrong

PASSES = 3  # all sides of a group take turns, so that a noisy moment does not hit one of them alone
SECONDS = 0.05  # for a side in each pass
BLAS_LIMITS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # other kernels or blocks than OpenBLAS chooses for this CPU


def check_arguments(kernel: str, backends: list[str] | None, dtype: str, threads: int) -> None:
    """Raise ValueError for an unknown name, with the near miss, and for a thread count below 1."""
    check_name("kernel", kernel, kernels.names())
    check_name("dtype", dtype, DTYPES)
    for name in backends or ():
        check_name("backend", name, kernels.backends())
    if threads < 1:
        raise ValueError(f"threads is {threads}, expected 1 or more")


def lines(kernel: str, backends: list[str] | None, dtype: str, threads: int) -> Iterator[str]:
    """The report, line by line as it comes. RuntimeError if a backend is missing or computes wrong numbers."""
    states = kernels.backends()
    for name in backends or ():
        if states[name] != "available":
            raise RuntimeError(f"backend {name!r} is not available: {states[name]}")
    before = get_num_threads()
    set_num_threads(threads)
    try:
        yield from _head(kernel, dtype, threads)
        for case in cases.cases(kernel, "course"):
            group = Group(case, dtype, threads)
            yield from _group(group, backends or list(states))
    finally:
        set_num_threads(before)
    yield from ("", *(f"{name}: {state}" for name, state in states.items() if state != "available"))


def _head(kernel: str, dtype: str, threads: int) -> Iterator[str]:
    load = f", load {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else ""
    yield f"{kernels.CONTRACTS[kernel]} in {dtype} on {threads} thread{'s' if threads > 1 else ''}"
    yield f"CPU: {machine.cpu()}{load}; C++ build {machine.build()}"
    yield f"NumPy's BLAS: {', '.join(machine.blas()) or 'none that threadpoolctl knows'}"
    if limits := [name for name in BLAS_LIMITS if os.environ.get(name)]:
        yield f"NumPy's rows are not at their best: {' and '.join(limits)} in the environment hold its BLAS back"
    yield f"roof: {roof.peak(dtype, threads) / 1e9:.0f} GFLOP/s in registers; bytes: a copy of the same size"
    yield "every result was compared with the definition before it was timed; median of calls, and its quartiles"


def _group(group: Group, backends: list[str]) -> Iterator[str]:
    present = [side for side in sides(group) if side.backend in backends]
    calls, first = {}, {}
    for side in present:
        calls[side], outputs = bind(group, side)
        started = perf_counter()
        calls[side]()
        first[side] = perf_counter() - started
        if message := wrong(group, outputs, side.rung):
            raise RuntimeError(f"{side.id} computes wrong numbers: {message}")
    times: dict[Side, list[float]] = defaultdict(list)
    for _ in range(PASSES):
        for side, call in calls.items():
            times[side] += measure(call)
    yield ""
    yield f"{label(group.case)}"
    naive = next((np.median(times[side]) for side in present if side.backend == "naive"), None)
    for side in sorted(present, key=lambda side: -np.median(times[side])):
        yield _row(group, side, times[side], first[side], naive)
    if "naive" not in {side.backend for side in present}:
        several = "it runs on one thread only" if group.threads > 1 else "too slow for this size"
        yield f"  naive             left out: {several if 'naive' in backends else 'not asked for'}"


def bind(group: Group, side: Side) -> tuple[Callable[[], None], dict]:
    """The kernel with the group's input and outputs of its own, ready to be called; and the outputs."""
    given, contract = dict(arguments(group.case, group.dtype)), kernels.CONTRACTS[group.case.kernel]
    outputs = {name: np.full_like(given[name], -1) for name in contract.outputs if given[name] is not None}
    values = [{**given, **outputs}[name] for name in contract.arguments]
    function = kernels.implementation(group.case.kernel, side.backend, side.rung)
    return lambda: function(*values), outputs


def measure(call: Callable[[], None]) -> list[float]:
    """Seconds of single calls, for SECONDS in all; the first one warms the caches and is not counted."""
    call()
    times: list[float] = []
    while not times or sum(times) < SECONDS:
        started = perf_counter()
        call()
        times.append(perf_counter() - started)
    return times


def _row(group: Group, side: Side, times: list[float], first: float, naive: float | None) -> str:
    low, median, high = np.percentile(times, (25, 50, 75))
    flops = group.case.flops()
    threads = 1 if side.backend == "naive" else group.threads
    top = roof.peak(group.dtype, threads) if flops else roof.copy(moved(group), threads)
    rate, unit = (flops or moved(group)) / median, "GFLOP/s" if flops else "GB/s"
    cells = f"  {side.id:<16}{1e3 * median:>10.3f} ms  ({1e3 * low:.3f} to {1e3 * high:.3f})".ljust(56)
    cells += f"{rate / 1e9:>9.2f} {unit} {rate / top:>6.1%} of the roof"
    cells += f"{naive / median:>9.1f} x naive" if naive else ""
    return cells + (f"  first call {first:.1f} s" if first > max(0.1, 10 * median) else "")
