"""Sums, means, extrema, variances and softmax along axes, on plain arrays: each returns y and dy -> dx.

`axis` is None (all axes), an integer or a tuple of them, as in NumPy; one that x does not have is an AxisError.
"""

import operator
from math import prod

import numpy as np

from cuarzo.tensor.elementwise import Array, Result

Axis = int | tuple[int, ...] | None
Axes = tuple[int, ...]


def sum_(x: Array, axis: Axis, keepdims: bool) -> Result:
    shape, axes = x.shape, _axes("sum", x, axis)
    return x.sum(axes, keepdims=keepdims), (lambda dy: np.broadcast_to(_kept(dy, shape, axes), shape),)


def mean(x: Array, axis: Axis, keepdims: bool) -> Result:
    shape, axes = x.shape, _axes("mean", x, axis)
    n = _count(shape, axes)
    return x.mean(axes, keepdims=keepdims), (lambda dy: np.broadcast_to(_kept(dy, shape, axes) / n, shape),)


def var(x: Array, axis: Axis, correction: float, keepdims: bool) -> Result:
    """sum (x - mean)^2 / (n - correction)."""
    axes = _axes("var", x, axis)
    n = max(_count(x.shape, axes) - correction, 0)
    deviation = x - x.mean(axes, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):  # one element has no variance: NaN, as in torch
        y = np.divide((deviation * deviation).sum(axes, keepdims=keepdims), n, dtype=x.dtype)
    return y, (lambda dy: _kept(dy, deviation.shape, axes) * deviation * (2 / n if n else np.nan),)


def max_(x: Array, axis: Axis, keepdims: bool) -> Result:
    axes = _axes("max", x, axis)
    return _extremum(x, x.max(axes, keepdims=keepdims), axes)


def min_(x: Array, axis: Axis, keepdims: bool) -> Result:
    axes = _axes("min", x, axis)
    return _extremum(x, x.min(axes, keepdims=keepdims), axes)


def _extremum(x: Array, y: Array, axes: Axes) -> Result:
    """Elements that tie share the gradient equally (torch's amax)."""

    def dx(dy: Array) -> Array:
        ties = (x == _kept(y, x.shape, axes)).astype(x.dtype)
        with np.errstate(invalid="ignore"):  # where NaN won nothing ties: 0 / 0, NaN
            return _kept(dy, x.shape, axes) * ties / ties.sum(axes, keepdims=True)

    return y, (dx,)


def softmax(x: Array, axis: int) -> Result:
    """e^x / sum e^x along an axis: dx = y (dy - sum dy y)."""
    axes = _axes("softmax", x, axis)
    e = np.exp(x - _max(x, axes))
    y = e / e.sum(axes, keepdims=True)
    return y, (lambda dy: y * (dy - (dy * y).sum(axes, keepdims=True)),)


def log_softmax(x: Array, axis: int) -> Result:
    """x - log sum e^x along an axis: dx = dy - e^y sum dy."""
    axes = _axes("log_softmax", x, axis)
    shifted = x - _max(x, axes)
    y = shifted - np.log(np.exp(shifted).sum(axes, keepdims=True))
    return y, (lambda dy: dy - np.exp(y) * dy.sum(axes, keepdims=True),)


def _max(x: Array, axes: Axes) -> Array:
    return x.max(axes, keepdims=True, initial=-np.inf)


def _axes(name: str, x: Array, axis: Axis) -> Axes:
    """The axes meant, counted from the front."""
    if axis is None:
        return tuple(range(x.ndim))
    axes = [operator.index(a) for a in (axis if isinstance(axis, tuple) else (axis,))]
    for a in axes:
        if not -x.ndim <= a < x.ndim:
            raise np.exceptions.AxisError(a, x.ndim, name)
    return tuple(a % x.ndim for a in axes)


def _count(shape: tuple[int, ...], axes: Axes) -> int:
    return prod(shape[a] for a in axes)


def _kept(y: Array, shape: tuple[int, ...], axes: Axes) -> Array:
    """`y`, a reduction of an array of `shape`, with the reduced axes put back with length 1."""
    return y.reshape([1 if i in axes else n for i, n in enumerate(shape)])
