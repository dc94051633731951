"""Normalisation in passes over the whole array. See naive/norm.py.

Sums run in float64: NumPy adds pairwise only along the last axis, and over an axis before it one after the other.
"""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border

_Axes = int | tuple[int, ...]


def batch_norm_forward(
    x: NDArray,
    weight: NDArray | None,
    bias: NDArray | None,
    eps: float,
    y: NDArray,
    mean: NDArray,
    variance: NDArray,
) -> None:
    _border.check("batch_norm_forward", x, weight, bias, eps, y, mean, variance)
    _normalise(x, (0, 2), eps, y, mean[:, None], variance[:, None])
    _scale(y, None if weight is None else weight[:, None], None if bias is None else bias[:, None])


def batch_norm_backward(
    dy: NDArray,
    x: NDArray,
    weight: NDArray | None,
    mean: NDArray,
    variance: NDArray,
    eps: float,
    dx: NDArray,
    dweight: NDArray | None,
    dbias: NDArray | None,
) -> None:
    _border.check("batch_norm_backward", dy, x, weight, mean, variance, eps, dx, dweight, dbias)
    scale = _scale_of(variance, eps)
    z = (x - mean[:, None]) * scale[:, None]
    _gradients(dy, z, (0, 2), dweight, dbias)
    dz = dy if weight is None else dy * weight[:, None]
    _d_normalised(dz, z, scale[:, None], (0, 2), dx)


def layer_norm_forward(
    x: NDArray,
    weight: NDArray | None,
    bias: NDArray | None,
    eps: float,
    y: NDArray,
    mean: NDArray,
    variance: NDArray,
) -> None:
    _border.check("layer_norm_forward", x, weight, bias, eps, y, mean, variance)
    _normalise(x, 1, eps, y, mean[:, None], variance[:, None])
    _scale(y, weight, bias)


def layer_norm_backward(
    dy: NDArray,
    x: NDArray,
    weight: NDArray | None,
    mean: NDArray,
    variance: NDArray,
    eps: float,
    dx: NDArray,
    dweight: NDArray | None,
    dbias: NDArray | None,
) -> None:
    _border.check("layer_norm_backward", dy, x, weight, mean, variance, eps, dx, dweight, dbias)
    scale = _scale_of(variance, eps)
    z = (x - mean[:, None]) * scale[:, None]
    _gradients(dy, z, 0, dweight, dbias)
    _d_normalised(dy if weight is None else dy * weight, z, scale[:, None], 1, dx)


@np.errstate(divide="ignore", invalid="ignore")  # a scale of 0
def local_response_norm_forward(
    x: NDArray, size: int, alpha: float, beta: float, k: float, y: NDArray, scale: NDArray
) -> None:
    _border.check("local_response_norm_forward", x, size, alpha, beta, k, y, scale)
    scale[...] = float(k) + float(alpha / size) * _window_sum(x * x, size // 2, (size - 1) // 2)
    np.multiply(x, scale ** -float(beta), out=y)


@np.errstate(divide="ignore", invalid="ignore")
def local_response_norm_backward(
    dy: NDArray,
    x: NDArray,
    scale: NDArray,
    size: int,
    alpha: float,
    beta: float,
    k: float,
    dx: NDArray,
) -> None:
    _border.check("local_response_norm_backward", dy, x, scale, size, alpha, beta, k, dx)
    own = dy * scale ** -float(beta)
    # a channel lies in the windows of those (size - 1) // 2 before it ... size // 2 behind it
    total = _window_sum(own * x / scale, (size - 1) // 2, size // 2)
    np.subtract(own, float(2 * alpha * beta / size) * x * total, out=dx)


def _normalise(x: NDArray, axes: _Axes, eps: float, y: NDArray, mean: NDArray, variance: NDArray) -> None:
    """y = (x - mean) / sqrt(variance + eps), mean and variance taken along the axes and kept in views."""
    n = max(x.size // max(mean.size, 1), 1)
    mean[...] = (x.sum(axes, dtype=np.float64) / n).reshape(mean.shape)
    np.subtract(x, mean, out=y)
    variance[...] = ((y * y).sum(axes, dtype=np.float64) / n).reshape(mean.shape)
    y *= _scale_of(variance, eps)


def _scale_of(variance: NDArray, eps: float) -> NDArray:
    return (1 / np.sqrt(variance.astype(np.float64) + float(eps))).astype(variance.dtype)


def _scale(y: NDArray, weight: NDArray | None, bias: NDArray | None) -> None:
    if weight is not None:
        y *= weight
    if bias is not None:
        y += bias


def _gradients(dy: NDArray, z: NDArray, axes: _Axes, dweight: NDArray | None, dbias: NDArray | None) -> None:
    if dweight is not None:
        dweight[...] = (dy * z).sum(axes, dtype=np.float64)
    if dbias is not None:
        dbias[...] = dy.sum(axes, dtype=np.float64)


def _d_normalised(dz: NDArray, z: NDArray, scale: NDArray, axes: _Axes, dx: NDArray) -> None:
    n = max(z.size // max(scale.size, 1), 1)
    mean_dz = dz.sum(axes, dtype=np.float64, keepdims=True) / n
    mean_dz_z = (dz * z).sum(axes, dtype=np.float64, keepdims=True) / n
    np.multiply(dz - mean_dz.astype(z.dtype) - z * mean_dz_z.astype(z.dtype), scale, out=dx)


def _window_sum(values: NDArray, before: int, after: int) -> NDArray:
    """For each channel the sum over those from `before` before it to `after` behind it, as far as they exist."""
    C = values.shape[1]
    total = np.zeros_like(values)
    for shift in range(-min(before, C - 1), min(after, C - 1) + 1):
        low, high = max(-shift, 0), C - max(shift, 0)
        total[:, low:high] += values[:, low + shift : high + shift]
    return total
