"""Reshape, transpose and indexing, on plain arrays: each returns y and dy -> dx."""

from typing import Any

import numpy as np

from cuarzo.tensor.elementwise import Array, Result


def reshape(x: Array, shape: tuple[int, ...]) -> Result:
    before = x.shape
    return x.reshape(shape), (lambda dy: dy.reshape(before),)


def transpose(x: Array, axes: tuple[int, ...]) -> Result:
    y = x.transpose(axes)
    back = np.argsort([axis % x.ndim for axis in axes])
    return y, (lambda dy: dy.transpose(back),)


def getitem(x: Array, key: Any) -> Result:
    """x[key]. Positions named more than once add up in the gradient."""
    shape, key = x.shape, _own(key)
    basic = all(isinstance(k, int | np.integer | slice | type(None) | type(Ellipsis)) for k in key)

    def dx(dy: Array) -> Array:
        gradient = np.zeros(shape, dy.dtype)
        if basic:
            gradient[key] = dy  # no position comes twice
        else:
            np.add.at(gradient, key, dy)
        return gradient

    return x[key], (dx,)


def _own(key: Any) -> tuple[Any, ...]:
    """The key as a tuple whose arrays are our own: the caller may change its arrays before the backward pass."""
    keys = key if isinstance(key, tuple) else (key,)
    return tuple(_own_array(k) if isinstance(k, list | tuple | np.ndarray) else k for k in keys)


def _own_array(k: Any) -> Array:
    array = np.array(k)
    return array.astype(np.int64) if array.size == 0 and not isinstance(k, np.ndarray) else array
