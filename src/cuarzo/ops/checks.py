"""What every op asks of its arguments. Each error says which argument, what was given and what was expected."""

import math
import operator
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from cuarzo.tensor import Tensor

LARGEST = 2**30  # of any integer, and of a padded image along an axis: what the borders of all backends take


def check_tensor(op: str, name: str, value: Any, axes: str | None = None) -> None:
    """`value` must be a tensor, with the axes that `axes` names: "N, C, H, W"."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{op}: {name} is a {type(value).__name__}, expected a Tensor")
    if axes is not None and value.data.ndim != axes.count(",") + 1:
        raise ValueError(f"{op}: {name} has shape {value.shape}, expected {axes.count(',') + 1} axes: ({axes})")


def check_dtype(op: str, **tensors: Tensor | None) -> None:
    """All tensors must have the dtype of the first."""
    dtypes = [tensor.data.dtype for tensor in tensors.values() if tensor is not None]
    if dtypes.count(dtypes[0]) < len(dtypes):
        given = {name: tensor.dtype for name, tensor in tensors.items() if tensor is not None}
        (first, dtype), *others = given.items()
        name, other = next((n, d) for n, d in others if d != dtype)
        raise TypeError(f"{op}: {name} has dtype {other}, expected {dtype}, the dtype of {first}")


def check_mapping(op: str, name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"{op}: {name} is a {type(value).__name__}, expected a dict from names to arrays")


def check_choice(op: str, name: str, value: Any, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{op}: {name} is {value!r}, expected one of {', '.join(map(repr, choices))}")


def integer(op: str, name: str, value: Any, least: int) -> int:
    """`value` as a Python int between `least` and LARGEST."""
    try:
        n = operator.index(value)
    except TypeError:
        raise TypeError(f"{op}: {name} is {value!r} of type {type(value).__name__}, expected an integer") from None
    if not least <= n <= LARGEST:
        raise ValueError(f"{op}: {name} is {n}, expected an integer from {least} to {LARGEST}")
    return n


def flag(op: str, name: str, value: Any) -> bool:
    """`value`, True or False, as a Python bool: what is merely truthy, as "same" and -1 are, is a mistake."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{op}: {name} is {value!r} of type {type(value).__name__}, expected True or False")
    return bool(value)


def real(op: str, name: str, value: Any) -> float:
    """`value`, a number or an array without axes, as a Python float, NaN and infinity among them.

    A NumPy scalar would widen the arithmetic of float32 arrays.
    """
    if type(value) is float:  # what nearly always comes
        return value
    plain = value.item() if isinstance(value, np.ndarray | np.generic) and value.ndim == 0 else value
    if not isinstance(plain, Real):
        raise TypeError(f"{op}: {name} is {plain!r} of type {type(plain).__name__}, expected a number")
    try:
        return float(plain)
    except OverflowError:
        raise ValueError(f"{op}: {name} is an integer too large for a float, expected a number below 1.8e308") from None


def number(op: str, name: str, value: Any, least: float = -math.inf, finite: bool = True) -> float:
    """`value` as a Python float of at least `least`: never NaN, nor infinite unless `finite=False` lets it pass."""
    x = real(op, name, value)
    if not x >= least or (finite and math.isinf(x)):
        wanted = ("a finite number" if finite else "a number") + ("" if math.isinf(least) else f" of {least:g} or more")
        raise ValueError(f"{op}: {name} is {value}, expected {wanted}")
    return x


def probability(op: str, p: Any, name: str = "p") -> float:
    x = number(op, name, p)
    if not 0 <= x <= 1:
        raise ValueError(f"{op}: {name} is {p}, expected a probability between 0 and 1")
    return x


def axis_of(op: str, name: str, dim: Any, x: Tensor, called: str = "x") -> int:
    """`dim` as an axis of `x`, which the caller knows as `called`; one below 0 counts from the end."""
    axis = integer(op, name, dim, -LARGEST)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{op}: {name} is {axis}, expected an axis of {called}, which has shape {x.shape}")
    return axis


def check_elements(op: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an output, refused if NumPy could not even count its bytes."""
    elements = 1
    for n in shape:
        elements *= n
    if elements > 2**59:
        raise ValueError(f"{op}: the output would have shape {shape}, {elements} elements: too many for any memory")
    return shape
