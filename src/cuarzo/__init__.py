"""cuarzo: a deep-learning engine that one can see through.

The names below are the public ones. Each is imported when it is first used, so that `import cuarzo` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cuarzo import data, init, kernels, metrics, models, nn, ops, optim, plots, random, study
    from cuarzo.gradient_check import gradcheck
    from cuarzo.kernels.threads import get_num_threads, set_num_threads
    from cuarzo.random import seed
    from cuarzo.tensor import Tensor, no_grad
    from cuarzo.train import fit

_MODULES = ("data", "init", "kernels", "metrics", "models", "nn", "ops", "optim", "plots", "random", "study")
_NAMES = {
    "Tensor": "cuarzo.tensor",
    "no_grad": "cuarzo.tensor",
    "seed": "cuarzo.random",
    "get_num_threads": "cuarzo.kernels.threads",
    "set_num_threads": "cuarzo.kernels.threads",
    "gradcheck": "cuarzo.gradient_check",
    "fit": "cuarzo.train",
}

__all__ = [
    "Tensor",
    "data",
    "fit",
    "get_num_threads",
    "gradcheck",
    "init",
    "kernels",
    "metrics",
    "models",
    "nn",
    "no_grad",
    "ops",
    "optim",
    "plots",
    "random",
    "seed",
    "set_num_threads",
    "study",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"cuarzo.{name}")
    if name in _NAMES:
        value = getattr(import_module(_NAMES[name]), name)
        globals()[name] = value  # the next look-up is a plain attribute
        return value
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("cuarzo")
        except PackageNotFoundError:
            return "unknown (not installed)"
    raise AttributeError(f"module 'cuarzo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
