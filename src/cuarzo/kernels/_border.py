"""The border of the backends behind Python (NumPy, Numba, Cython): what does not fit is refused before it is read.

`ops` checks what users pass and says it in their words; here stands what memory safety asks for, whoever calls. Every
refusal names the kernel, the argument, what was given and what was expected. TypeError: no array, or of another dtype;
ValueError: all else.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from cuarzo.kernels.contracts import CONTRACTS

_LARGEST = 2**30  # of a stride, a padding and their like: no product of two of them overflows a 64-bit counter
Named = dict[str, Any]


def check(kernel: str, *arguments: Any) -> None:
    """Refuse a call of the contract `kernel` with anything but arrays and options that fit each other."""
    contract = CONTRACTS[kernel]
    given = dict(zip(contract.arguments, arguments))
    family = next(family for family in _SIZES if family in kernel)
    dtype = None
    for name in contract.inputs + contract.outputs:
        array = given[name]
        if array is None and name in contract.optional:
            continue
        if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
            raise TypeError(f"{kernel}: {name} must be a NumPy array, got {type(array).__name__}")
        if name == "indices":
            expected = np.dtype(np.int64)
        else:
            expected = dtype = dtype or array.dtype
        _array(kernel, name, array, expected, _DIMENSIONS[family].get(name, _DIMENSIONS[family][""]))
        if name in contract.outputs and not array.flags.writeable:
            raise ValueError(f"{kernel}: {name} is an output, but read-only")
    _SIZES[family](kernel, given)


def _array(kernel: str, name: str, array: np.ndarray, dtype: np.dtype, ndim: int | None) -> None:
    if array.dtype != dtype or (name != "indices" and dtype not in (np.float32, np.float64)):
        wanted = dtype if dtype in (np.int64, np.float32, np.float64) else "float32 or float64"
        raise TypeError(f"{kernel}: {name} has dtype {array.dtype}, expected {wanted}")
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{kernel}: {name} has shape {array.shape}, expected {ndim} dimensions")
    if not (array.flags.c_contiguous and array.flags.aligned):
        raise ValueError(f"{kernel}: {name} has strides {array.strides}, expected a C-contiguous array")


def _matmul(kernel: str, given: Named) -> None:
    a, b, transpose_a, transpose_b = (given[name] for name in ("a", "b", "transpose_a", "transpose_b"))
    for name in ("transpose_a", "transpose_b"):
        if not isinstance(given[name], bool | int | np.bool_ | np.integer):
            raise TypeError(f"{kernel}: {name} must be True or False, got {type(given[name]).__name__}")
    M, K = a.shape[::-1] if transpose_a else a.shape
    N = b.shape[0 if transpose_b else 1]
    _shape(kernel, given, "b", (N, K) if transpose_b else (K, N))
    _shape(kernel, given, "c", (M, N))


def _conv2d(kernel: str, given: Named) -> None:
    x, w, y = (next(name for name in (plain, "d" + plain) if name in given) for plain in "xwy")
    (N, C, H, W), (F, _, R, S), (_, _, P, Q) = (given[name].shape for name in (x, w, y))
    groups = given["groups"]
    if 0 in (C, F, R, S):
        raise ValueError(f"{kernel}: {w} has {F} filters of {C} channels and {R} x {S}, expected at least 1 of each")
    if not _is_integer(groups) or groups < 1 or C % groups or F % groups:
        raise ValueError(f"{kernel}: groups must divide {C} channels and {F} filters, got {groups!r}")
    _shape(kernel, given, w, (F, C // groups, R, S))
    _shape(kernel, given, y, (N, F, P, Q))
    _shape(kernel, given, "db" if "db" in given else "b", (F,))
    _windows(kernel, given, y, (H, W), (R, S), (P, Q))


def _pool2d(kernel: str, given: Named) -> None:
    x, y = ("dx", "dy") if "dx" in given else ("x", "y")
    N, C, H, W = given[x].shape
    P, Q = given[y].shape[2:]
    for name in (y, "indices"):
        _shape(kernel, given, name, (N, C, P, Q))
    _shape(kernel, given, "x", (N, C, H, W))
    _windows(kernel, given, y, (H, W), _integers(kernel, given, "window", 1), (P, Q))
    if kernel == "max_pool2d_backward":
        indices = given["indices"]
        if indices is None and given["x"] is None:
            raise TypeError(f"{kernel}: x and indices are both None, expected one of them")
        if indices is not None and indices.size and not (indices.min() >= -1 and indices.max() < H * W):
            raise ValueError(
                f"{kernel}: indices must lie in -1 ... {H * W - 1}, got {indices.min()} ... {indices.max()}"
            )


def _philox(kernel: str, given: Named) -> None:
    for name in ("key", "counter"):
        if not _is_integer(given[name]) or not 0 <= given[name] < 2**64:
            raise ValueError(f"{kernel}: {name} must be an integer in 0 ... 2**64 - 1, got {given[name]!r}")


_SIZES: dict[str, Callable[[str, Named], None]] = {
    "matmul": _matmul, "conv2d": _conv2d, "pool2d": _pool2d, "philox": _philox,
}  # fmt: skip
_DIMENSIONS: dict[str, dict[str, int | None]] = {
    "matmul": {"": 2}, "conv2d": {"": 4, "b": 1, "db": 1}, "pool2d": {"": 4}, "philox": {"": None},
}  # fmt: skip


def _shape(kernel: str, given: Named, name: str, expected: tuple[int, ...]) -> None:
    array = given.get(name)
    if array is not None and array.shape != expected:
        raise ValueError(f"{kernel}: {name} has shape {array.shape}, expected {expected}")


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _integers(kernel: str, given: Named, name: str, least: int, value: Any = None) -> tuple[int, int]:
    """The option `name`, or a part of it, which must be two integers."""
    value = given.get(name, (1, 1)) if value is None else value
    whole = isinstance(value, tuple | list) and len(value) == 2 and all(map(_is_integer, value))
    if not whole or not all(least <= v <= _LARGEST for v in value):
        raise ValueError(f"{kernel}: {name} must hold two integers from {least} to {_LARGEST}, got {value!r}")
    return int(value[0]), int(value[1])  # a NumPy integer of few bits would overflow in the sums to come


def _windows(kernel: str, given: Named, y: str, sizes: Any, window: Any, outputs: Any) -> None:
    """As many windows as fit into the padded image, or in ceil mode one more, which starts inside it."""
    stride, dilation = _integers(kernel, given, "stride", 1), _integers(kernel, given, "dilation", 1)
    padding = given["padding"]
    if not isinstance(padding, tuple | list) or len(padding) != 2:
        raise ValueError(f"{kernel}: padding must be ((top, bottom), (left, right)), got {padding!r}")
    for axis, where in enumerate(("rows", "columns")):
        before, after = _integers(kernel, given, "padding", 0, padding[axis])
        padded, spread = before + sizes[axis] + after, (window[axis] - 1) * dilation[axis] + 1
        fit = max(0, (padded - spread) // stride[axis] + 1)
        ceil = max(0, -((spread - padded) // stride[axis]) + 1)
        if not fit <= outputs[axis] <= ceil or (outputs[axis] - 1) * stride[axis] >= padded:
            raise ValueError(f"{kernel}: {y} has {outputs[axis]} {where} of windows, expected {fit}")
