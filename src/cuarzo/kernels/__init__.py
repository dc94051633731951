"""Kernels: contracts, backends, and the choice between them.

A kernel is a function of its arguments: it keeps no state, changes no input and assigns every element of its outputs.
Each contract exists in five backends (`BACKENDS`); `naive` is the definition of all of them.

    kernels.current().conv2d_forward(...)           the chosen backend's function, looked up at the call
    kernels.use("numba")                            from here on, process-wide; or as `with kernels.use("numba"):`
    kernels.use("cpp", conv2d_forward="im2col")     one rung of a backend by name
    kernels.register("mine", conv2d_forward=f)      an overlay on `auto`, chosen by kernels.use("mine")
"""

import os
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType
from typing import Any

from cuarzo.kernels.contracts import CONTRACTS, Contract

__all__ = [
    "BACKENDS",
    "CONTRACTS",
    "Backend",
    "Contract",
    "algorithms",
    "backends",
    "current",
    "names",
    "register",
    "use",
]

BACKENDS = ("naive", "numpy", "numba", "cython", "cpp")

# `auto` takes the first of these that is there. Measured on the course sizes, float32, one and two threads, geometric
# means of the medians in ms (AMD EPYC with AVX-512, November 2026):
#
#                            cpp          numpy        cython       numba
#   matmul                   0.28 0.34    0.48 0.26    1.94 1.20    2.20 1.70
#   conv2d_forward           0.55 0.55    1.57 0.99    3.29 1.92    4.41 3.27
#   conv2d_backward_weight   0.75 0.53    2.14 1.51    4.95 3.83    8.24 5.68
#   max_pool2d_backward      0.11 0.11    1.02 1.11    0.52 0.56    1.24 1.27
#   philox_uniform           0.09 0.10    0.94 1.10    0.25 0.41    0.94 0.73
#
# So without C++ a sum of products belongs to NumPy's BLAS, all else to compiled loops: Cython's where a C compiler was
# there, Numba's where none was. With indices Numba's maximum pooling takes half of NumPy's time.
_AUTO_ORDER = ("cpp", "cython", "numba", "numpy", "naive")
_AUTO_PRODUCTS = ("cpp", "numpy", "cython", "numba", "naive")
PRODUCTS = ("matmul", "conv", "recurrent", "rbm")  # families whose time goes into sums of products

Kernel = Callable[..., None]
_registered: dict[str, dict[str, Kernel]] = {}


def names() -> list[str]:
    """The names of all contracts."""
    return list(CONTRACTS)


def backends() -> dict[str, str]:
    """Each backend's name -> "available", or the reason why it cannot serve here."""
    return {name: _reason_missing(name) or "available" for name in (*BACKENDS, *_registered)}


def algorithms(name: str, backend: str) -> list[str]:
    """The rungs of contract `name` in `backend`, "default" (the backend's own choice) first.

    A rung is a function called `<contract>_<rung>` in the backend's package: adding one needs no other edit.
    """
    _known("kernel", name, CONTRACTS)
    if backend in _registered:
        return ["default"] if name in _registered[backend] else []
    package = _package(backend)
    rungs = sorted(key[len(name) + 1 :] for key in vars(package) if key.startswith(name + "_"))
    return (["default"] if hasattr(package, name) else []) + rungs


def implementation(name: str, backend: str, algorithm: str = "default") -> Kernel:
    """The function that serves contract `name` in `backend`, by the named rung."""
    if backend in _registered:
        _known(f"algorithm of {name} in backend {backend!r}", algorithm, ["default"])
        return _registered[backend][name]
    _known(f"algorithm of {name} in backend {backend!r}", algorithm, algorithms(name, backend))
    return getattr(_package(backend), name if algorithm == "default" else f"{name}_{algorithm}")


class Backend:
    """A choice of one function for each contract; `backend.conv2d_forward(...)` calls it.

    A named backend is strict for core kernels; support kernels that it lacks come from `auto`. `origins()` tells.
    """

    def __init__(self, name: str, rungs: dict[str, str] | None = None):
        self.name = name
        self.rungs = dict(rungs or {})

    def __getattr__(self, contract: str) -> Kernel:
        if contract not in CONTRACTS:
            raise AttributeError(f"there is no kernel {contract!r}{_near(contract, CONTRACTS)}")
        kernel = implementation(contract, self.origin(contract), self.rungs.get(contract, "default"))
        vars(self)[contract] = kernel  # the next look-up is a plain attribute
        return kernel

    def origin(self, contract: str) -> str:
        """The backend that serves `contract` here."""
        if self.name in _registered:
            return self.name if contract in _registered[self.name] else _auto_origin(contract)
        if self.name == "auto" or (not CONTRACTS[contract].core and not hasattr(_package(self.name), contract)):
            return _auto_origin(contract)
        return self.name

    def origins(self) -> dict[str, str]:
        """Contract -> name of the backend that serves it here."""
        return {contract: self.origin(contract) for contract in CONTRACTS}

    def __repr__(self) -> str:
        return f"Backend({', '.join([self.name, *(f'{k}={v}' for k, v in self.rungs.items())])})"


_current = Backend("auto")


def current() -> Backend:
    """The backend in use. Ops look it up at every call, and their backward pass keeps the one of its forward."""
    return _current


class use:  # noqa: N801 - a function to its callers: it acts at the call, and undoes that as a context manager
    """Choose the backend: `use("numba")`, or `with use("numba") as backend:` for a while.

    The choice is the process's, for all threads, like the thread count: two threads that each choose their own at the
    same time get the later choice.

    `rungs` name an algorithm for single kernels: `use("cpp", conv2d_forward="im2col")`. Raises ValueError for an
    unknown name, with the near miss, and RuntimeError for a backend that cannot serve here, with the reason.
    """

    def __init__(self, name: str, **rungs: str):
        global _current
        _known("backend", name, ("auto", *BACKENDS, *_registered))
        if reason := _reason_missing(name):
            raise RuntimeError(f"backend {name!r} is not available: {reason}")
        backend = Backend(name, rungs)
        for contract in rungs:
            _known("kernel", contract, CONTRACTS)
            getattr(backend, contract)
        self._backend = backend
        self._before, _current = _current, backend

    def __enter__(self) -> Backend:
        global _current
        if _current is not self._backend:  # made earlier, and something else was chosen since
            self._before, _current = _current, self._backend
        return _current

    def __exit__(self, *error: object) -> None:
        global _current
        _current = self._before


def register(name: str, **functions: Kernel) -> None:
    """Make `name` a backend of one's own: `functions` serve their contracts, `auto` serves the rest.

    Registering a name again replaces it, also while it is in use.

    Raises ValueError for the name of a built-in backend or an unknown contract,
    TypeError for something that cannot be called.
    """
    global _current
    if not isinstance(name, str) or not name.isidentifier() or name in ("auto", *BACKENDS):
        raise ValueError(f"register: name must be an identifier other than auto, {', '.join(BACKENDS)}; got {name!r}")
    if not functions:
        raise ValueError(f"register: {name!r} was given no kernel; expected e.g. register({name!r}, matmul=function)")
    for contract, function in functions.items():
        _known("kernel", contract, CONTRACTS)
        if not callable(function):
            raise TypeError(f"register: {contract} must be a function, got {type(function).__name__}")
    _registered[name] = functions
    if _current.name == name:  # it is in use: from here on the new functions serve
        _current = Backend(name, _current.rungs)


def _package(backend: str) -> ModuleType:
    _known("backend", backend, BACKENDS)
    return import_module(f"cuarzo.kernels.{backend}")


def _reason_missing(name: str) -> str:
    """Empty if the backend is there; else why not."""
    if name == "auto" or name in _registered:
        return ""
    try:
        _package(name)
    except ImportError as error:
        return str(error)
    return ""


def _auto_origin(contract: str) -> str:
    for name in _AUTO_PRODUCTS if CONTRACTS[contract].family in PRODUCTS else _AUTO_ORDER:
        reason = _reason_missing(name)
        if not reason and hasattr(_package(name), contract):
            return name
        if name == "cpp" and reason:
            if "CUARZO_CPP_BUILD" in os.environ:  # somebody asked for it: nothing else may serve in its place
                raise RuntimeError(f"backend 'cpp' is not available: {reason}")
            _say_once(reason)
    raise RuntimeError(f"no backend serves {contract}: {backends()}")


def _say_once(reason: str) -> None:
    if not _said:
        _said.append(reason)
        said = f"cuarzo runs without its C++ kernels ({reason}); NumPy and Numba serve, `cuarzo info` tells which where"
        # With a file that does not exist the warning is one line: no line of this file is quoted under it.
        warnings.warn_explicit(said, UserWarning, "cuarzo", 0)


_said: list[str] = []


def _known(what: str, given: str, known: Any) -> None:
    if given not in known:
        raise ValueError(f"unknown {what} {given!r}{_near(given, known)}; known: {', '.join(known) or 'none'}")


def _near(given: Any, known: Any) -> str:
    close = get_close_matches(str(given), list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""
