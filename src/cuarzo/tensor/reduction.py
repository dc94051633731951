"""Sums, means, extrema, variances and softmax along axes, on plain arrays: each returns y and dy -> dx.

`axis` is None (all axes), an integer or a tuple of them, as in NumPy.
"""

import numpy as np

from cuarzo.tensor.elementwise import Array, Result

Axis = int | tuple[int, ...] | None


def sum_(x: Array, axis: Axis, keepdims: bool) -> Result:
    shape = x.shape
    return x.sum(axis, keepdims=keepdims), (lambda dy: np.broadcast_to(_kept(dy, shape, axis), shape),)


def mean(x: Array, axis: Axis, keepdims: bool) -> Result:
    shape, n = x.shape, _count(x.shape, axis)
    return x.mean(axis, keepdims=keepdims), (lambda dy: np.broadcast_to(_kept(dy, shape, axis) / n, shape),)


def var(x: Array, axis: Axis, correction: float, keepdims: bool) -> Result:
    """sum (x - mean)^2 / (n - correction)."""
    n = max(_count(x.shape, axis) - correction, 0)
    deviation = x - x.mean(axis, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):  # one element has no variance: NaN, as in torch
        y = np.divide((deviation * deviation).sum(axis, keepdims=keepdims), n, dtype=x.dtype)
    return y, (lambda dy: _kept(dy, deviation.shape, axis) * deviation * (2 / n if n else np.nan),)


def max_(x: Array, axis: Axis, keepdims: bool) -> Result:
    return _extremum(x, x.max(axis, keepdims=keepdims), axis)


def min_(x: Array, axis: Axis, keepdims: bool) -> Result:
    return _extremum(x, x.min(axis, keepdims=keepdims), axis)


def _extremum(x: Array, y: Array, axis: Axis) -> Result:
    """Elements that tie share the gradient equally (torch's amax)."""

    def dx(dy: Array) -> Array:
        ties = (x == _kept(y, x.shape, axis)).astype(x.dtype)
        with np.errstate(invalid="ignore"):  # where NaN won nothing ties: 0 / 0, NaN
            return _kept(dy, x.shape, axis) * ties / ties.sum(axis, keepdims=True)

    return y, (dx,)


def softmax(x: Array, axis: int) -> Result:
    """e^x / sum e^x along an axis: dx = y (dy - sum dy y)."""
    e = np.exp(x - _max(x, axis))
    y = e / e.sum(axis, keepdims=True)
    return y, (lambda dy: y * (dy - (dy * y).sum(axis, keepdims=True)),)


def log_softmax(x: Array, axis: int) -> Result:
    """x - log sum e^x along an axis: dx = dy - e^y sum dy."""
    shifted = x - _max(x, axis)
    y = shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))
    return y, (lambda dy: dy - np.exp(y) * dy.sum(axis, keepdims=True),)


def _max(x: Array, axis: int) -> Array:
    return x.max(axis, keepdims=True, initial=-np.inf)


def _axes(shape: tuple[int, ...], axis: Axis) -> set[int]:
    if axis is None:
        return set(range(len(shape)))
    return {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}


def _count(shape: tuple[int, ...], axis: Axis) -> int:
    return int(np.prod([shape[a] for a in _axes(shape, axis)], dtype=np.int64))


def _kept(y: Array, shape: tuple[int, ...], axis: Axis) -> Array:
    """`y`, a reduction of an array of `shape`, with the reduced axes put back with length 1."""
    reduced = _axes(shape, axis)
    return y.reshape([1 if i in reduced else n for i, n in enumerate(shape)])
