"""How a wrong kernel is planted, and what several of them share."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.contracts import CONTRACTS


class Planted(NamedTuple):
    kernel: str
    bug: str
    function: Callable[..., None]


PLANTED: list[Planted] = []


def planted(kernel: str, bug: str) -> Callable:
    def add(function: Callable[..., None]) -> Callable[..., None]:
        PLANTED.append(Planted(kernel, bug, function))
        return function

    return add


def fresh(kernel: Callable[..., None], *args: Any) -> np.ndarray:
    """What `kernel` writes into its last argument, which itself stays as it is."""
    made = np.empty_like(args[-1])
    kernel(*args[:-1], made)
    return made


def low_precision(kernel: Callable[..., None], dtype: Any, *args: Any) -> np.ndarray:
    """`kernel` with every floating-point array, its last argument included, in `dtype`."""
    floating = [isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in args]
    return fresh(kernel, *(a.astype(dtype) if f else a for a, f in zip(args, floating)))


def bent(kernels: str, bug: str) -> Callable:
    """Plant each of the right kernels, called with other arguments: what is decorated changes them, by name."""

    def call(change: Callable, kernel: str, *args: Any) -> None:
        arguments = _named(kernel, args)
        change(arguments)
        getattr(right, kernel)(*vars(arguments).values())

    return _each(kernels, bug, call)


def spoilt(kernels: str, bug: str) -> Callable:
    """Plant each of the right kernels, but what is decorated, given all arguments by name, then spoils the outputs."""

    def call(change: Callable, kernel: str, *args: Any) -> None:
        getattr(right, kernel)(*args)
        change(_named(kernel, args))

    return _each(kernels, bug, call)


def instead(kernels: str, bug: str) -> Callable:
    """Plant what is decorated, given all arguments by name, in place of each of the kernels."""
    return _each(kernels, bug, lambda change, kernel, *args: change(_named(kernel, args)))


def plant_float32(kernels: str) -> None:
    """Plant each of the right kernels in float32, whatever the arrays are."""

    def call(_: Callable, kernel: str, *args: Any) -> None:
        given, made = _named(kernel, args), _named(kernel, args)
        for name, array in vars(given).items():
            if isinstance(array, np.ndarray) and array.dtype == np.float64:
                setattr(made, name, array.astype(np.float32))
        getattr(right, kernel)(*vars(made).values())
        _copy_outputs(kernel, made, given)

    _each(kernels, "float64 in float32", call)(None)


def plant_accumulating(kernels: str) -> None:
    """Plant each of the right kernels with += where its outputs are assigned."""

    def call(_: Callable, kernel: str, *args: Any) -> None:
        given, held = _named(kernel, args), _named(kernel, args)
        for name in CONTRACTS[kernel].outputs:
            if getattr(given, name) is not None:
                setattr(held, name, getattr(given, name).copy())
        getattr(right, kernel)(*args)
        for name in CONTRACTS[kernel].outputs:
            if getattr(given, name) is not None:
                getattr(given, name)[...] += getattr(held, name)

    _each(kernels, "adds to what the outputs held", call)(None)


def _named(kernel: str, args: tuple) -> SimpleNamespace:
    return SimpleNamespace(**dict(zip(CONTRACTS[kernel].arguments, args, strict=True)))


def _copy_outputs(kernel: str, made: SimpleNamespace, given: SimpleNamespace) -> None:
    for name in CONTRACTS[kernel].outputs:
        if getattr(given, name) is not None:
            getattr(given, name)[...] = getattr(made, name)


def _each(kernels: str, bug: str, call: Callable) -> Callable:
    def add(change: Callable) -> Callable:
        for kernel in kernels.split():
            planted(kernel, bug)(np.errstate(all="ignore")(partial(call, change, kernel)))
        return change

    return add
