"""Sums, means, extrema, variances and softmax along axes, on plain arrays: each returns y and dy -> dx.

`axis` is None (all axes), an integer or a tuple of them, as in NumPy; one that x does not have is an AxisError.
"""

import operator
from math import prod

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty_like
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
    return _row_by_row("softmax", x, _axes("softmax", x, axis))


def log_softmax(x: Array, axis: int) -> Result:
    """x - log sum e^x along an axis: dx = dy - e^y sum dy."""
    return _row_by_row("log_softmax", x, _axes("log_softmax", x, axis))


def _row_by_row(name: str, x: Array, axes: Axes) -> Result:
    """The kernels <name>_forward and <name>_backward, on rows (M, K) that run along `axes`."""
    backend, shape, x = kernels.current(), x.shape, _rows(x, axes)
    y = empty_like(x)
    if y.size:
        getattr(backend, name + "_forward")(x, y)

    def dx(dy: Array) -> Array:
        gradient = empty_like(y)
        if y.size:
            getattr(backend, name + "_backward")(_rows(dy, axes), y, gradient)
        return _unrowed(gradient, shape, axes)

    return _unrowed(y, shape, axes), (dx,)


def _rows(x: Array, axes: Axes) -> Array:
    """`x` as (M, K), in C order: `axes` moved to the end and made one."""
    if axes != (x.ndim - 1,):
        x = x.transpose(_moved(x.ndim, axes))
    k = prod(x.shape[x.ndim - len(axes) :])
    return np.ascontiguousarray(x).reshape(x.size // k if k else 0, k)


def _unrowed(rows: Array, shape: tuple[int, ...], axes: Axes) -> Array:
    """What `_rows` made of an array of `shape`, made undone."""
    if axes != (len(shape) - 1,):
        order = _moved(len(shape), axes)
        rows = np.ascontiguousarray(rows.reshape([shape[i] for i in order]).transpose(np.argsort(order)))
    return rows.reshape(shape)


def _moved(ndim: int, axes: Axes) -> list[int]:
    return [*(i for i in range(ndim) if i not in axes), *axes]


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
