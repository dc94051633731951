"""The thread count: one for the whole process and all backends.

It starts as `OMP_NUM_THREADS`, else as the number of CPUs this process may run on. No result of the naive, Numba,
Cython and C++ kernels depends on it: partitions and orders of summation are functions of the shape alone. NumPy's do in
their last bits, because its BLAS splits sums by the number of threads.
"""

import operator
import os
from collections.abc import Callable

_MOST = 1024

_listeners: list[Callable[[int], None]] = []


def _initial() -> int:
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if first.isdigit() and int(first) > 0:
        return min(int(first), _MOST)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_wanted = _initial()
_limit: int | None = None  # what threadpoolctl allows, where somebody has set a limit through it


def get_num_threads() -> int:
    """The number of threads that kernels use: what was set, or the smaller limit set through threadpoolctl."""
    return _wanted if _limit is None else min(_wanted, _limit)


def set_num_threads(n: int) -> None:
    """Let kernels of all backends use `n` threads (n >= 1).

    Raises TypeError if `n` is no integer, ValueError if it is below 1.
    """
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"set_num_threads: n must be an integer, got {n!r} of type {type(n).__name__}")
    n = operator.index(n)
    if not 1 <= n <= _MOST:
        raise ValueError(f"set_num_threads: n must be between 1 and {_MOST}, got {n}")
    global _wanted
    _wanted = n
    _tell()


def set_limit(n: int | None) -> None:
    """Cap the count from outside (threadpoolctl's controller calls this); None lifts the cap."""
    global _limit
    _limit = n
    _tell()


def on_change(callback: Callable[[int], None]) -> None:
    """Call `callback(n)` now and whenever the count changes: how a backend keeps its own runtime in step."""
    _listeners.append(callback)
    callback(get_num_threads())


def _tell() -> None:
    for callback in _listeners:
        callback(get_num_threads())


def obey_threadpoolctl() -> None:
    """Let `threadpoolctl.threadpool_limits` cap the count, and `threadpool_info` show it."""
    import threadpoolctl

    class Controller(threadpoolctl.LibController):
        """threadpoolctl finds us by the name and the entry point of the loaded C++ module."""

        user_api = internal_api = "cuarzo"
        filename_prefixes = ("_baseline", "_avx2", "_avx512")
        check_symbols = ("PyInit__baseline", "PyInit__avx2", "PyInit__avx512")

        def get_num_threads(self) -> int:
            return get_num_threads()

        def set_num_threads(self, n: int) -> None:
            set_limit(n if n < _wanted else None)  # restoring the old count lifts the cap

        def get_version(self) -> None:
            return None

        def set_additional_attributes(self) -> None:
            pass

    threadpoolctl.register(Controller)
