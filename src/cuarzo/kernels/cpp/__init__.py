"""The kernels in C++ (csrc/): one module per instruction set, of which this CPU runs the best.

`CUARZO_CPP_BUILD=baseline|avx2|avx512` chooses another; one that this CPU cannot run is refused. `BUILD` names it.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cuarzo.kernels import threads
from cuarzo.kernels._unbuilt import reason

if TYPE_CHECKING:
    from collections.abc import Callable

    def __getattr__(name: str) -> Callable[..., None]: ...  # the contracts, and their rungs


if find_spec(f"{__name__}._cpu") is None:
    raise ImportError(reason("cpp"))

from . import _cpu


def _choose(wanted: str | None) -> str:
    """The build named `wanted`, or else the best; ImportError with the reason if this CPU cannot run it."""
    reasons = _cpu.builds()
    for name in reasons:
        if not reasons[name] and find_spec(f"{__name__}._{name}") is None:
            reasons[name] = "it was not built for this machine"
    if not wanted:
        wanted = next((name for name, missing in reasons.items() if not missing), "baseline")
    if wanted not in reasons:
        raise ImportError(f"CUARZO_CPP_BUILD={wanted}: there is no such build; known: {', '.join(reasons)}")
    if reasons[wanted]:
        raise ImportError(f"C++ build {wanted}: {reasons[wanted]}")
    return wanted


BUILD = _choose(os.environ.get("CUARZO_CPP_BUILD"))
_module = import_module(f"{__name__}._{BUILD}")
globals().update({name: value for name, value in vars(_module).items() if not name.startswith("_")})
del globals()["set_num_threads"]
threads.on_change(_module.set_num_threads)
threads.obey_threadpoolctl()
