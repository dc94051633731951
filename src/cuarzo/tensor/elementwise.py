"""Functions of the elements, on plain arrays: each returns y and, for each argument, dy -> its gradient.

The arguments broadcast as in NumPy; `unbroadcast` sums a gradient back to the shape of its argument.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuarzo import kernels
from cuarzo.memory import empty

Array = NDArray[Any]
Pullback = Callable[[Array], Array]
Result = tuple[Array, tuple[Pullback, ...]]


def unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum `gradient` over the axes along which an array of `shape` was repeated."""
    if gradient.shape == shape:
        return gradient
    extra = gradient.ndim - len(shape)
    repeated = tuple(i for i, n in enumerate(gradient.shape) if i < extra or (shape[i - extra] == 1 and n != 1))
    return gradient.sum(repeated).reshape(shape)


def add(a: Array, b: Array) -> Result:
    return a + b, (lambda dy: dy, lambda dy: dy)


def subtract(a: Array, b: Array) -> Result:
    return a - b, (lambda dy: dy, lambda dy: -dy)


def multiply(a: Array, b: Array) -> Result:
    return a * b, (lambda dy: dy * b, lambda dy: dy * a)


def divide(a: Array, b: Array) -> Result:
    y = a / b
    return y, (lambda dy: dy / b, lambda dy: -dy * y / b)


def power(a: Array, b: Array) -> Result:
    """a^b: da = b a^(b-1), and 0 where b = 0; db = y log a, and 0 where a = 0 <= b (both as in torch)."""
    y = a**b

    def da(dy: Array) -> Array:
        return dy * np.where(b == 0, 0, b * a ** np.where(b == 0, 1, b - 1).astype(b.dtype))

    def db(dy: Array) -> Array:
        return dy * y * np.log(np.where((a == 0) & (b >= 0), 1, a).astype(a.dtype))

    return y, (da, db)


def negative(x: Array) -> Result:
    return -x, (lambda dy: -dy,)


def exp(x: Array) -> Result:
    y = np.exp(x)
    return y, (lambda dy: dy * y,)


def log(x: Array) -> Result:
    return np.log(x), (lambda dy: dy / x,)


def sqrt(x: Array) -> Result:
    y = np.sqrt(x)
    return y, (lambda dy: dy / (y + y),)


def activation(name: str, x: Array, *options: Any, keeps_y: bool = False) -> Result:
    """The kernels <name>_forward and <name>_backward, on flat arrays. `keeps_y`: the latter reads y instead of x."""
    backend, flat, y = kernels.current(), x.ravel(), empty(x.shape, x.dtype)
    flat_y = y.ravel()  # of a contiguous array, a view
    getattr(backend, name + "_forward")(flat, *options, flat_y)
    kept = flat_y if keeps_y else flat

    def dx(dy: Array) -> Array:
        gradient = empty(dy.shape, dy.dtype)
        getattr(backend, name + "_backward")(dy.ravel(), kept, *options, gradient.ravel())
        return gradient

    return y, (dx,)


def logistic(x: Array) -> Array:
    """1 / (1 + e^-x), through e^-|x|, which cannot overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)
