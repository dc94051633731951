"""What the families' checks share: integers, pairs, shapes, windows."""

from typing import Any

import numpy as np

_LARGEST = 2**30  # of a stride, a padding and their like: no product of two of them overflows a 64-bit counter
Named = dict[str, Any]


def check_shape(kernel: str, given: Named, name: str, expected: tuple[int, ...]) -> None:
    array = given.get(name)
    if array is not None and array.shape != expected:
        raise ValueError(f"{kernel}: {name} has shape {array.shape}, expected {expected}")


def is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_word(kernel: str, given: Named, *names: str) -> None:
    """A key or a counter: 64 bits."""
    for name in names:
        if not is_integer(given[name]) or not 0 <= given[name] < 2**64:
            raise ValueError(f"{kernel}: {name} must be an integer in 0 ... 2**64 - 1, got {given[name]!r}")


def check_flag(kernel: str, given: Named, *names: str) -> None:
    for name in names:
        if not isinstance(given[name], bool | int | np.bool_ | np.integer):
            raise TypeError(f"{kernel}: {name} must be True or False, got {type(given[name]).__name__}")


def check_number(kernel: str, given: Named, *names: str) -> None:
    """A real number, such as a rate or a slope."""
    for name in names:
        if not isinstance(given[name], float | int | np.floating | np.integer) or isinstance(given[name], bool):
            raise TypeError(f"{kernel}: {name} must be a number, got {given[name]!r}")


def check_range(kernel: str, given: Named, name: str, least: int, stop: int) -> None:
    """An array of indices, lengths or labels, each in least ... stop - 1."""
    array = given[name]
    if array is not None and array.size and not (array.min() >= least and array.max() < stop):
        raise ValueError(f"{kernel}: {name} must lie in {least} ... {stop - 1}, got {array.min()} ... {array.max()}")


def integers(kernel: str, name: str, value: Any, count: int, least: int) -> tuple[int, ...]:
    """`value`, which must hold `count` integers, as Python's: those of few bits would overflow in the sums to come."""
    whole = isinstance(value, tuple | list) and len(value) == count and all(map(is_integer, value))
    if not whole or not all(least <= v <= _LARGEST for v in value):
        raise ValueError(f"{kernel}: {name} must hold {count} integers from {least} to {_LARGEST}, got {value!r}")
    return tuple(int(v) for v in value)


def check_windows(kernel: str, given: Named, y: str, sizes: Any, window: Any, outputs: Any) -> None:
    """As many windows as fit into the padded image, or in ceil mode one more, which starts inside it."""
    n = len(sizes)
    stride = integers(kernel, "stride", given["stride"], n, 1)
    dilation = integers(kernel, "dilation", given.get("dilation", (1,) * n), n, 1)
    padding = given["padding"]
    if not isinstance(padding, tuple | list) or len(padding) != n:
        raise ValueError(f"{kernel}: padding must be (before, after) for each of {n} axes, got {padding!r}")
    for axis in range(n):
        before, after = integers(kernel, "padding", padding[axis], 2, 0)
        padded, spread = before + sizes[axis] + after, (window[axis] - 1) * dilation[axis] + 1
        fit = max(0, (padded - spread) // stride[axis] + 1)
        ceil = max(0, -((spread - padded) // stride[axis]) + 1)
        if not fit <= outputs[axis] <= ceil or (outputs[axis] - 1) * stride[axis] >= padded:
            raise ValueError(f"{kernel}: {y} has {outputs[axis]} windows along axis {axis + 2}, expected {fit}")
