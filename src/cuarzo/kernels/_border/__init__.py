"""The border of the backends behind Python (NumPy, Numba, Cython): what does not fit is refused before it is read.

`ops` checks what users pass and says it in their words; here stands what memory safety asks for, whoever calls. Every
refusal names the kernel, the argument, what was given and what was expected. TypeError: no array, or of another dtype;
ValueError: all else.

Here: dtypes, layout, and the shapes as `contracts` writes them. In a file for each family that needs one, a function
`check_<stem>(kernel, given)`: options, and what letters cannot say.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from cuarzo.kernels.contracts import CONTRACTS, INTEGERS, Contract

from .values import Named

_Check = Callable[[str, Named], None]


def check(kernel: str, *arguments: Any) -> None:
    """Refuse a call of the contract `kernel` with anything but arrays and options that fit each other."""
    contract, further = CONTRACTS[kernel], _family_check(kernel)
    given = dict(zip(contract.arguments, arguments, strict=True))
    sizes: dict[str, int] = {}
    dtype = None
    for name, letters in contract.shapes.items():
        array = given[name]
        if array is None and name in contract.optional:
            continue
        if type(array) is not np.ndarray:
            _refuse_type(kernel, name, array)
        if name in INTEGERS:
            expected = _INT64
        else:
            expected = dtype = dtype or array.dtype
        if array.dtype != expected or (expected not in _FLOATS and name not in INTEGERS):
            _refuse_dtype(kernel, name, array, expected)
        if not array.flags.carray and not _is_readable(contract, name, array):
            _refuse_layout(contract, name, array)
        _bind(contract, name, letters, array.shape, sizes)
    _sizes(contract, given, sizes)
    if further:
        further(kernel, given)


_INT64 = np.dtype(np.int64)
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def _is_readable(contract: Contract, name: str, array: np.ndarray) -> bool:
    """An input may be read-only."""
    return name not in contract.outputs and array.flags.c_contiguous and array.flags.aligned


def _bind(contract: Contract, name: str, letters: tuple[str, ...], shape: tuple[int, ...], sizes: dict) -> None:
    """The first array with a letter alone says how large it is."""
    if letters == ("*",):
        return
    if len(shape) != len(letters):
        raise ValueError(f"{contract.name}: {name} has shape {shape}, expected {len(letters)} dimensions")
    for letter, size in zip(letters, shape):
        if len(letter) == 1:
            sizes.setdefault(letter, size)


def _sizes(contract: Contract, given: Named, sizes: dict[str, int]) -> None:
    """Equal letters are equal sizes; 4U is four times U."""
    for name, letters in contract.shapes.items():
        if given[name] is None or letters == ("*",):
            continue
        shape = given[name].shape
        expected = tuple([_size(letter, size, sizes) for letter, size in zip(letters, shape)])
        if shape != expected:
            raise ValueError(f"{contract.name}: {name} has shape {shape}, expected ({', '.join(letters)}) = {expected}")


def _size(letter: str, given: int, sizes: dict[str, int]) -> int:
    if letter == "_":
        return given
    return sizes[letter] if len(letter) == 1 else int(letter[:-1]) * sizes[letter[-1]]


def _refuse_type(kernel: str, name: str, array: Any) -> None:
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{kernel}: {name} must be a NumPy array, got {type(array).__name__}")


def _refuse_dtype(kernel: str, name: str, array: np.ndarray, expected: np.dtype) -> None:
    wanted = expected if expected in (_INT64, *_FLOATS) else "float32 or float64"
    raise TypeError(f"{kernel}: {name} has dtype {array.dtype}, expected {wanted}")


def _refuse_layout(contract: Contract, name: str, array: np.ndarray) -> None:
    if name in contract.outputs and not array.flags.writeable:
        raise ValueError(f"{contract.name}: {name} is an output, but read-only")
    raise ValueError(f"{contract.name}: {name} has strides {array.strides}, expected a C-contiguous array")


@cache
def _family_check(kernel: str) -> _Check | None:
    """`check_<stem>` of the family's file, for the longest stem that the kernel's name begins with."""
    name = f"{__name__}.{CONTRACTS[kernel].family}"
    if find_spec(name) is None:
        return None
    checks = {key[6:]: value for key, value in vars(import_module(name)).items() if key.startswith("check_")}
    stems = [stem for stem in checks if kernel.startswith(stem)]
    return checks[max(stems, key=len)] if stems else None
