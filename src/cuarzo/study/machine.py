"""What a result was computed on: without it, neither a time nor the last bits of a number can be judged."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cuarzo import kernels
from cuarzo.kernels.threads import get_num_threads

PACKAGES = ("cuarzo", "numpy", "numba", "scikit-learn", "safetensors")


def cpu() -> str:
    """The CPU's own name."""
    try:
        from cuarzo.kernels.cpp import _cpu

        return _cpu.name().strip()
    except ImportError:
        return _cpu_of_the_system()


def _cpu_of_the_system() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def build() -> str:
    """The build of the C++ kernels that this process runs (baseline, avx2, avx512), or why there is none."""
    try:
        from cuarzo.kernels import cpp
    except ImportError as error:
        return f"none: {error}"
    return cpp.BUILD


def blas() -> list[str]:
    """The BLAS libraries that NumPy has loaded, with the architecture they chose."""
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return [
        f"{p['internal_api']} {p['version']} ({p.get('architecture', '?')}, {p['num_threads']} threads)" for p in pools
    ]


def versions() -> dict[str, str]:
    """Python, and the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def borrowed() -> dict[str, str]:
    """Support kernels that the chosen backend lacks -> the backend which serves them instead."""
    current = kernels.current()
    if current.name == "auto":
        return {}
    return {contract: origin for contract, origin in current.origins().items() if origin != current.name}


def describe() -> dict[str, object]:
    """Everything above, for run.json and for the heads of tables."""
    return {
        "cpu": cpu(),
        "cpus": os.cpu_count(),
        "backend": kernels.current().name,
        "build": build(),
        "threads": get_num_threads(),
        "blas": blas(),
        "versions": versions(),
        "system": platform.platform(),
    }


def line() -> str:
    """One line for the start of a run; kernels that other backends lend stand there by family."""
    lent: dict[str, dict[str, None]] = {}
    for contract, origin in borrowed().items():
        lent.setdefault(origin, {})[kernels.CONTRACTS[contract].family] = None
    auto = "; ".join(f"{', '.join(families)} from {origin}" for origin, families in lent.items())
    name, threads = kernels.current().name, get_num_threads()
    served = sorted(set(kernels.current().origins().values())) if name == "auto" else []
    return (
        f"backend {name}"
        + (f" ({', '.join(served)})" if served else "")
        + f", C++ build {build().partition(':')[0]}, {threads} thread{'s' if threads > 1 else ''}"
        + (f"; not in {name}: {auto}" if auto else "")
    )
