"""Normalisation: of channels over a batch, of rows, and of each pixel by the channels beside it.

Batch norm, of each channel c over its n = N K elements; layer norm is the same of each row over its n = K elements,
with a weight and a bias for each element (K,) in place of each channel (C,):

    mean     = sum x / n
    variance = sum (x - mean)^2 / n                  biased, of deviations: two passes
    z        = (x - mean) / sqrt(variance + eps)
    y        = z weight + bias                       a weight of None is 1, a bias of None 0

    dbias    = sum dy,    dweight = sum dy z         over the elements that share them
    dz       = dy weight
    dx       = (dz - sum dz / n - z sum dz z / n) / sqrt(variance + eps)

Backwards mean and variance are those of the forward pass. With n = 0 both are 0. K is the product of the spatial axes.

Local response norm, of channel c over the `size` channels c - size // 2 ... c + (size - 1) // 2, as far as they exist:

    scale[c] = k + alpha / size sum x[j]^2           over the window of c
    y[c]     = x[c] / scale[c]^beta
    dx[c]    = dy[c] / scale[c]^beta - 2 alpha beta / size x[c] sum dy[j] x[j] / scale[j]^(beta + 1)
               over the j whose window holds c

Source: Ioffe and Szegedy 2015 (batch norm); Ba, Kiros and Hinton 2016 (layer norm); Krizhevsky et al. 2012, section 3.3
(local response norm), with alpha divided by size and the window of an even size as in torch.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from ._arithmetic import divide, power, root


def batch_norm_forward(
    x: NDArray,
    weight: NDArray | None,
    bias: NDArray | None,
    eps: float,
    y: NDArray,
    mean: NDArray,
    variance: NDArray,
) -> None:
    # x                IN  (N, C, K)
    # weight, bias     IN  (C,) or None
    # y                OUT (N, C, K)
    # mean, variance   OUT (C,)
    N, C, K = x.shape
    for c in range(C):
        m, v = _moments(x[:, c].ravel().tolist())
        mean[c], variance[c] = m, v
        w, b = _scale(weight, c), 0.0 if bias is None else float(bias[c])
        for n, k in product(range(N), range(K)):
            y[n, c, k] = divide(float(x[n, c, k]) - m, root(v + eps)) * w + b


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
    # dy, x            IN  (N, C, K)
    # weight           IN  (C,) or None
    # mean, variance   IN  (C,)
    # dx               OUT (N, C, K)
    # dweight, dbias   OUT (C,) or None
    for c in range(x.shape[1]):
        deviation = root(float(variance[c]) + eps)
        z = [divide(value - float(mean[c]), deviation) for value in x[:, c].ravel().tolist()]
        dz = [d * _scale(weight, c) for d in dy[:, c].ravel().tolist()]
        dx[:, c] = np.reshape(_d_normalised(dz, z, deviation), dx[:, c].shape)
        gradients = dy[:, c].ravel().tolist()
        if dweight is not None:
            dweight[c] = sum((d * value for d, value in zip(gradients, z)), 0.0)
        if dbias is not None:
            dbias[c] = sum(gradients, 0.0)


def layer_norm_forward(
    x: NDArray,
    weight: NDArray | None,
    bias: NDArray | None,
    eps: float,
    y: NDArray,
    mean: NDArray,
    variance: NDArray,
) -> None:
    # x                IN  (M, K)
    # weight, bias     IN  (K,) or None
    # y                OUT (M, K)
    # mean, variance   OUT (M,)
    for m, row in enumerate(x.tolist()):
        mu, v = _moments(row)
        mean[m], variance[m] = mu, v
        for k, value in enumerate(row):
            b = 0.0 if bias is None else float(bias[k])
            y[m, k] = divide(value - mu, root(v + eps)) * _scale(weight, k) + b


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
    # dy, x            IN  (M, K)
    # weight           IN  (K,) or None
    # mean, variance   IN  (M,)
    # dx               OUT (M, K)
    # dweight, dbias   OUT (K,) or None
    M, K = x.shape
    of_weight, of_bias = [0.0] * K, [0.0] * K
    for m in range(M):
        deviation = root(float(variance[m]) + eps)
        z = [divide(value - float(mean[m]), deviation) for value in x[m].tolist()]
        dz = [d * _scale(weight, k) for k, d in enumerate(dy[m].tolist())]
        dx[m] = _d_normalised(dz, z, deviation)
        for k, d in enumerate(dy[m].tolist()):
            of_weight[k] += d * z[k]
            of_bias[k] += d
    if dweight is not None:
        dweight[...] = of_weight
    if dbias is not None:
        dbias[...] = of_bias


def local_response_norm_forward(
    x: NDArray, size: int, alpha: float, beta: float, k: float, y: NDArray, scale: NDArray
) -> None:
    # x         IN  (N, C, K)
    # y, scale  OUT (N, C, K)
    N, C, K = x.shape
    for n, c, i in product(range(N), range(C), range(K)):
        total = 0.0
        for j in range(max(c - size // 2, 0), min(c + (size - 1) // 2 + 1, C)):
            total += float(x[n, j, i]) ** 2
        s = k + alpha / size * total
        scale[n, c, i] = s
        y[n, c, i] = float(x[n, c, i]) * power(s, -beta)


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
    # dy, x, scale  IN  (N, C, K)
    # dx            OUT (N, C, K)
    N, C, K = x.shape
    for n, c, i in product(range(N), range(C), range(K)):
        total = 0.0
        for j in range(max(c - (size - 1) // 2, 0), min(c + size // 2 + 1, C)):  # c lies in the window of j
            total += float(dy[n, j, i]) * float(x[n, j, i]) * power(float(scale[n, j, i]), -beta - 1)
        own = float(dy[n, c, i]) * power(float(scale[n, c, i]), -beta)
        dx[n, c, i] = own - 2 * alpha * beta / size * float(x[n, c, i]) * total


def _moments(values: list[float]) -> tuple[float, float]:
    """Mean and biased variance."""
    n = max(len(values), 1)
    mean = sum(values, 0.0) / n
    return mean, sum(((value - mean) ** 2 for value in values), 0.0) / n


def _d_normalised(dz: list[float], z: list[float], deviation: float) -> list[float]:
    """dx of z = (x - mean) / deviation, where mean and deviation follow x."""
    n = max(len(z), 1)
    mean_dz, mean_dz_z = sum(dz, 0.0) / n, sum((d * value for d, value in zip(dz, z)), 0.0) / n
    return [divide(d - mean_dz - value * mean_dz_z, deviation) for d, value in zip(dz, z)]


def _scale(weight: NDArray | None, i: int) -> float:
    return 1.0 if weight is None else float(weight[i])
