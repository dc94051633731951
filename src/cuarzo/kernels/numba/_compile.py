"""How this backend compiles and runs its loops.

Numba offers three layers for its threads. Its OpenMP layer kills a forked child, TBB is a further dependency; its own
`workqueue` survives a fork but refuses two calls at once: hence one lock around all our parallel loops. A fork waits
for the lock, so that the child starts with the queue idle.
"""

import os
from collections.abc import Callable
from functools import wraps
from threading import RLock
from typing import Any

import numba

from cuarzo.kernels.numba._cache import make_safe
from cuarzo.kernels.threads import get_num_threads

numba.config.THREADING_LAYER = "workqueue"  # read once, before the first parallel loop of the process

_lock = RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def serial(loops: Callable) -> Any:
    """Compile a part that runs inside one thread. Nothing is compiled before the first call with a new dtype."""
    return _jit(loops, parallel=False)


def parallel(loops: Callable) -> Callable[..., None]:
    """Compile loops that have a `prange`, and run them on as many threads as cuarzo is set to."""
    compiled = _jit(loops, parallel=True)

    @wraps(loops)
    def run(*arguments: Any) -> None:
        with _lock:
            before = numba.get_num_threads()  # the program may have Numba code of its own
            numba.set_num_threads(min(get_num_threads(), numba.config.NUMBA_NUM_THREADS))
            try:
                compiled(*arguments)
            finally:
                numba.set_num_threads(before)

    return run


def _jit(loops: Callable, parallel: bool) -> Any:
    # No fastmath: it lets LLVM reorder sums and assume that there is no NaN. error_model="numpy": 0 / 0 is NaN.
    options = {"parallel": parallel, "nogil": True, "error_model": "numpy"}
    try:
        compiled = numba.njit(cache=True, **options)(loops)
    except RuntimeError:  # neither the package nor the user's cache folder can be written: compile in each process
        return numba.njit(**options)(loops)
    make_safe(compiled)
    return compiled
