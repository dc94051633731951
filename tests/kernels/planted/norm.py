"""Wrong batch norm and layer norm."""

import numpy as np

from .plant import bent, plant_accumulating, plant_float32, spoilt

_FORWARD, _BACKWARD = "batch_norm_forward layer_norm_forward", "batch_norm_backward layer_norm_backward"

plant_float32(f"{_FORWARD} {_BACKWARD}")
plant_accumulating(_BACKWARD)


def _axes(a):
    return (0, 2) if a.x.ndim == 3 else (1,)


def _count(a):
    return int(np.prod([a.x.shape[axis] for axis in _axes(a)]))


def _of_group(array):
    """(C,) beside (N, C, K), (M,) beside (M, K)."""
    return array[:, None]


def _of_element(a, array, none):
    """A weight or a bias beside x."""
    if array is None:
        return none
    return array[:, None] if a.x.ndim == 3 else array


def _apply(a, z):
    a.y[...] = z * _of_element(a, a.weight, 1) + _of_element(a, a.bias, 0)


@spoilt(_FORWARD, "variance of a sample, by n - 1")
def _(a):
    a.variance *= _count(a) / max(_count(a) - 1, 1)
    _apply(a, (a.x - _of_group(a.mean)) / np.sqrt(_of_group(a.variance) + a.eps))


@spoilt(_FORWARD, "variance for the running average, by n - 1, though y is right")
def _(a):
    a.variance *= _count(a) / max(_count(a) - 1, 1)


@spoilt(_FORWARD, "eps outside the root")
def _(a):
    _apply(a, (a.x - _of_group(a.mean)) / (np.sqrt(_of_group(a.variance)) + a.eps))


@spoilt(_FORWARD, "eps only where the variance is smaller")
def _(a):
    _apply(a, (a.x - _of_group(a.mean)) / np.sqrt(np.maximum(_of_group(a.variance), a.eps)))


@spoilt(_FORWARD, "eps in the variance that is saved")
def _(a):
    a.variance += a.eps


@spoilt(_FORWARD, "1 / sqrt(variance + eps) saved for the variance")
def _(a):
    a.variance[...] = 1 / np.sqrt(a.variance + a.eps)


@spoilt(_FORWARD, "divided by the variance, not its root")
def _(a):
    _apply(a, (a.x - _of_group(a.mean)) / _of_group(a.variance + a.eps))


@spoilt(_FORWARD, "one-pass variance, mean x^2 - mean^2: a large mean takes its digits")
def _(a):
    n = max(_count(a), 1)
    mean = a.x.sum(_axes(a)) / n
    a.variance[...] = np.maximum((a.x * a.x).sum(_axes(a)) / n - mean * mean, 0)
    _apply(a, (a.x - _of_group(mean)) / np.sqrt(_of_group(a.variance) + a.eps))


@spoilt(_FORWARD, "weight after the bias")
def _(a):
    z = (a.x - _of_group(a.mean)) / np.sqrt(_of_group(a.variance) + a.eps)
    a.y[...] = (z + _of_element(a, a.bias, 0)) * _of_element(a, a.weight, 1)


@bent(_FORWARD, "no bias without a weight")
def _(a):
    a.bias = None if a.weight is None else a.bias


@bent(_FORWARD, "no weight without a bias")
def _(a):
    a.weight = None if a.bias is None else a.weight


@spoilt(_FORWARD, "n = 0 divides by itself")
def _(a):
    if _count(a) == 0:
        a.mean[...] = a.variance[...] = np.nan


@spoilt(_FORWARD, "one element is left as it is")
def _(a):
    if _count(a) == 1:
        _apply(a, a.x)


@spoilt(_FORWARD, "mean not taken away where it is small beside the deviation")
def _(a):
    mean = np.where(np.abs(a.mean) < 0.1 * np.sqrt(a.variance), 0, a.mean)
    _apply(a, (a.x - _of_group(mean)) / np.sqrt(_of_group(a.variance) + a.eps))


@spoilt("batch_norm_forward", "variance is the mean of the images' own variances")
def _(a):
    if a.x.size:
        a.variance[...] = a.x.var(2).mean(0)
        _apply(a, (a.x - _of_group(a.mean)) / np.sqrt(_of_group(a.variance) + a.eps))


@spoilt("batch_norm_forward", "statistics of each image: instance norm")
def _(a):
    if a.x.size:
        _apply(a, (a.x - a.x.mean(2, keepdims=True)) / np.sqrt(a.x.var(2, keepdims=True) + a.eps))


@spoilt("layer_norm_forward", "weight and bias of the row where there are as many rows as columns")
def _(a):
    if len(a.x) == a.x.shape[1]:
        z = (a.x - _of_group(a.mean)) / np.sqrt(_of_group(a.variance) + a.eps)
        columns = [none if b is None else b[:, None] for b, none in ((a.weight, 1), (a.bias, 0))]
        a.y[...] = z * columns[0] + columns[1]


def _gradient(a, mean=1, along=1, n=None, weight=True, axes=None):
    """dx, with its second and third term times `mean` and `along`."""
    n, axes = max(n or _count(a), 1), axes or _axes(a)
    scale = 1 / np.sqrt(_of_group(a.variance) + a.eps)
    z = (a.x - _of_group(a.mean)) * scale
    dz = a.dy * _of_element(a, a.weight if weight else None, 1)
    sums = [part.sum(axes, keepdims=True) / n for part in (dz, dz * z)]
    a.dx[...] = (dz - mean * sums[0] - along * z * sums[1]) * scale


@spoilt(_BACKWARD, "weight forgotten in dx")
def _(a):
    _gradient(a, weight=False)


@spoilt(_BACKWARD, "mean's part of dx forgotten")
def _(a):
    _gradient(a, mean=0)


@spoilt(_BACKWARD, "variance's part of dx forgotten")
def _(a):
    _gradient(a, along=0)


@spoilt(_BACKWARD, "variance's part of dx of the other sign")
def _(a):
    _gradient(a, along=-1)


@spoilt(_BACKWARD, "mean and variance held fixed, as after training")
def _(a):
    _gradient(a, mean=0, along=0)


@spoilt(_BACKWARD, "n - 1 for n in dx")
def _(a):
    _gradient(a, n=_count(a) - 1)


@spoilt("batch_norm_backward", "dx from sums over the batch alone, each pixel by itself")
def _(a):
    _gradient(a, axes=(0,), n=len(a.x))


@spoilt("layer_norm_backward", "dx from sums over the rows, as in batch norm")
def _(a):
    _gradient(a, axes=(0,), n=len(a.x))


@bent(_BACKWARD, "eps forgotten")
def _(a):
    a.eps = 0.0


@bent(_BACKWARD, "eps always 1e-5")
def _(a):
    a.eps = 1e-5


def _sums_axes(a):
    return (0, 2) if a.x.ndim == 3 else 0


@spoilt(_BACKWARD, "dweight with x for z")
def _(a):
    if a.dweight is not None:
        a.dweight[...] = (a.dy * a.x).sum(_sums_axes(a))


@spoilt(_BACKWARD, "dweight with x - mean, not scaled")
def _(a):
    if a.dweight is not None:
        a.dweight[...] = (a.dy * (a.x - _of_group(a.mean))).sum(_sums_axes(a))


@spoilt(_BACKWARD, "dweight and dbias of dy times weight")
def _(a):
    for array in (a.dweight, a.dbias):
        if array is not None and a.weight is not None:
            array *= a.weight


@spoilt(_BACKWARD, "dweight and dbias are means")
def _(a):
    for array in (a.dweight, a.dbias):
        if array is not None:
            array /= max(a.x.size // max(array.size, 1), 1)


@bent(_BACKWARD, "dbias not assigned without dweight")
def _(a):
    a.dbias = None if a.dweight is None else a.dbias


@bent(_BACKWARD, "dweight not assigned without a weight")
def _(a):
    a.dweight = None if a.weight is None else a.dweight
