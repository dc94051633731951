"""Each kernel, each backend, each rung, each course size: verified, then timed. How to read it: README.md."""

from collections.abc import Callable
from time import perf_counter, sleep

import numpy as np
import pytest

from cuarzo import get_num_threads, kernels, set_num_threads
from cuarzo.study import roof
from cuarzo.study.sides import DTYPES, Group, Side, arguments, groups, sides, wrong
from report import Report

SECONDS = 0.1  # for a side, in each pass
FAIR = 1.8  # two threads on an idle machine come to about twice the peak of one
PROBES = 8

ALL_THREADS = get_num_threads()
GROUPS = groups(sorted({1, ALL_THREADS}))


def calls(group: Group, side: Side) -> tuple[Callable[[], None], dict]:
    """The kernel bound to the group's input and to outputs of its own."""
    given, contract = dict(arguments(group.case, group.dtype)), kernels.CONTRACTS[group.case.kernel]
    outputs = {name: np.full_like(given[name], -1) for name in contract.outputs if given[name] is not None}
    values = [{**given, **outputs}[name] for name in contract.arguments]
    function = kernels.implementation(group.case.kernel, side.backend, side.rung)
    return lambda: function(*values), outputs


def idle(group: Group) -> bool:
    """Whether the cores are ours: a group on several threads waits for that, for a while."""
    for _ in range(PROBES):
        if roof.fma(group.dtype, group.threads) >= FAIR / 2 * group.threads * roof.peak(group.dtype, 1):
            return True
        sleep(0.2)
    return False


@pytest.mark.skipif(kernels.backends()["numba"] != "available", reason=f"numba: {kernels.backends()['numba']}")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", kernels.names())
def test_compile(kernel: str, dtype: str, benchmark: Callable, report: Report) -> None:
    """The first call in a process without a cache: Numba compiles."""
    group = next(group for group in GROUPS if group.case.kernel == kernel and group.dtype == dtype)
    call, outputs = calls(group, Side("numba", "default"))
    benchmark.pedantic(call, rounds=1)
    assert not (message := wrong(group, outputs)), message
    report.compiled[kernel, dtype] = benchmark.stats.stats.data[0]


def every_side(passes: int) -> list:
    """Each group as often as there are passes, its sides one after another in each: they alternate."""
    return [
        pytest.param(group, side, id=f"{group.id}-pass{number}-{side.id}")
        for group in GROUPS
        for number in range(passes)
        for side in sides(group)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "side" in metafunc.fixturenames:
        metafunc.parametrize(("group", "side"), every_side(metafunc.config.getoption("passes")))


def test_kernel(group: Group, side: Side, benchmark: Callable, report: Report) -> None:
    set_num_threads(group.threads)
    call, outputs = calls(group, side)
    call()
    assert not (message := wrong(group, outputs, side.rung)), message
    if group.threads > 1 and side == sides(group)[0] and not idle(group):
        report.busy.add(group)
    start = perf_counter()
    call()  # warm again, after what the verification has left in the caches
    seconds = perf_counter() - start
    iterations = int(np.clip(5e-5 / seconds, 1, 50))  # a round of 50 microseconds is what the clock resolves well
    rounds = int(np.clip(SECONDS / seconds / iterations, 3, 200))
    benchmark.pedantic(call, rounds=rounds, iterations=iterations)
    assert not (message := wrong(group, outputs, side.rung)), message
    report.seconds[group][side] += benchmark.stats.stats.data
