"""The text of `cuarzo info`."""

import os

from cuarzo import kernels
from cuarzo.kernels.threads import get_num_threads
from cuarzo.study import machine


def info() -> str:
    """CPU, build, threads, BLAS, versions, and the table kernel x backend, with the reason for what is missing."""
    import numpy  # noqa: F401 - threadpoolctl sees only a BLAS that is loaded

    versions = ", ".join(f"{name} {number}" for name, number in machine.versions().items())
    head = [
        f"CPU      {machine.cpu()}, {os.cpu_count()} logical",
        f"build    {machine.build()}",
        f"threads  {get_num_threads()}",
        *[f"BLAS     {library}" for library in machine.blas() or ["none found"]],
        f"versions {versions}",
        "",
    ]
    return "\n".join(head + _table())


def _table() -> list[str]:
    states = kernels.backends()
    auto = kernels.Backend("auto")
    rows = [["kernel", *states, "auto takes"]]
    for kernel, contract in kernels.CONTRACTS.items():
        if not contract.core and len(rows) == 1 + _core_count():
            rows.append(["support kernels:", *[""] * len(states), ""])
        cells = [_cell(kernel, backend) if state == "available" else "-" for backend, state in states.items()]
        rows.append([kernel, *cells, auto.origin(kernel)])
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    missing = [f"- {backend}: {state}" for backend, state in states.items() if state != "available"]
    return [
        *lines,
        "",
        "yes: there; +name: further algorithms of the backend; -: not there",
        "Core kernels are in every backend that is available; a support kernel that a backend lacks comes from auto.",
        *missing,
    ]


def _core_count() -> int:
    return sum(contract.core for contract in kernels.CONTRACTS.values())


def _cell(kernel: str, backend: str) -> str:
    rungs = kernels.algorithms(kernel, backend)
    if not rungs:
        return "-"
    return "yes" + "".join(f" +{rung}" for rung in rungs if rung != "default")
