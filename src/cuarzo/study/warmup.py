"""Numba's kernels, compiled ahead: each case of each kernel is run once in both dtypes, and Numba keeps what it made.

Numba compiles at the first call with arguments of new types: arrays of another dtype, an optional one that is there or
not. What it compiled it writes beside the source, or into the user's cache folder, where later processes find it.
"""

import time
from collections.abc import Iterator

import numpy as np

from cuarzo import kernels
from cuarzo.kernels.cases import cases


def lines() -> Iterator[str]:
    """A line for each family as it is done, then the total."""
    state = kernels.backends()["numba"]
    if state != "available":
        raise RuntimeError(f"warmup: there is no Numba here: {state}")
    from numba.core.event import RecordingListener, install_listener

    families: dict[str, list[str]] = {}
    for kernel, contract in kernels.CONTRACTS.items():
        if kernels.algorithms(kernel, "numba"):
            families.setdefault(contract.family, []).append(kernel)
    started, compilations = time.perf_counter(), 0
    for family, names in families.items():
        recorded, before = RecordingListener(), time.perf_counter()
        with install_listener("numba:compile", recorded), np.errstate(all="ignore"):
            _run(names)
        count = len(recorded.buffer) // 2  # a start and an end for each
        compilations += count
        yield f"{family:12} {len(names):3} kernels {time.perf_counter() - before:6.1f} s, {count} functions compiled"
    seconds = time.perf_counter() - started
    yield f"{seconds:.1f} s; {compilations} functions compiled" + ("" if compilations else ": all came from the cache")


def _run(names: list[str]) -> None:
    from tqdm import tqdm

    todo = [(name, rung) for name in names for rung in kernels.algorithms(name, "numba")]
    for name, rung in tqdm(todo, unit="kernel", leave=False, disable=None):
        function = kernels.implementation(name, "numba", rung)
        for case in cases(name):
            for dtype in (np.float32, np.float64):
                function(*case.arguments(dtype).values())
