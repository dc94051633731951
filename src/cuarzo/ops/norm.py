"""Normalisation: over the batch, over a layer, over neighbouring channels. The formulas of the backward passes stand in
kernels/naive/norm.py.
"""

import math
from typing import Any

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty
from cuarzo.ops.arrays import contiguous, needs
from cuarzo.ops.checks import check_dtype, check_tensor, flag, integer, number
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def batch_norm(
    x: Tensor,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x - mean_c) / sqrt(var_c + eps) weight_c + bias_c for each channel c of x (N, C, ...) (Ioffe, Szegedy 2015).

    In training mean and variance are those of the batch, over all axes but C; the variance divides by the count n. The
    running arrays (C,), where given, move in place: running = (1 - momentum) running + momentum batch, the variance
    there divided by n - 1. Otherwise mean and variance are the running ones, which are constants to the gradient.

    Raises TypeError for unequal dtypes; ValueError for shapes that do not fit, for a batch of one value per channel in
    training (it has no variance) and running arrays that cannot be written to there, and without running arrays outside
    training. After an error neither has moved.
    """
    momentum, eps = number("batch_norm", "momentum", momentum), number("batch_norm", "eps", eps, 0)
    training = flag("batch_norm", "training", training)
    _check_batch(x, running_mean, running_var, weight, bias, training)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: running_mean and running_var are None, expected arrays outside training")
        return _by_running(x, running_mean, running_var, weight, bias, eps)
    y, mean, variance = _by_batch(x, weight, bias, eps)
    if n := x.size // x.shape[1] if x.shape[1] else 0:
        for running, batch in ((running_mean, mean), (running_var, variance * (n / (n - 1)))):
            if running is not None:
                running *= 1 - momentum
                running += momentum * batch
    return y


def _by_batch(x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> tuple[Tensor, Array, Array]:
    N, C = x.shape[:2]
    if x.size == C:
        raise ValueError(
            f"batch_norm: x has shape {x.shape}, expected more than one value per channel in training: one has no "
            "variance. If it is the last batch of an epoch, another batch size gives it more samples"
        )
    shape, rows, w, b = (
        x.shape,
        np.ascontiguousarray(x.data).reshape(N, C, _rest(x)),
        contiguous(weight),
        contiguous(bias),
    )
    y, mean, variance = empty(rows.shape, x.dtype), np.zeros(C, x.dtype), np.zeros(C, x.dtype)
    backend, wanted = kernels.current(), (needs(weight), needs(bias))
    if y.size:
        backend.batch_norm_forward(rows, w, b, eps, y, mean, variance)

    def backward(dy: Array) -> tuple[Array | None, ...]:
        dy = np.ascontiguousarray(dy).reshape(rows.shape)
        # made in the shape of x: a view of another array would be copied to become the `grad` of x
        dx, (dw, db) = empty(shape, dy.dtype), (np.zeros(C, dy.dtype) if need else None for need in wanted)
        if dy.size:
            backend.batch_norm_backward(dy, rows, w, mean, variance, eps, dx.reshape(rows.shape), dw, db)
        return _present(dx, weight, dw, bias, db)

    return Tensor.from_op(y.reshape(shape), _present(x, weight, weight, bias, bias), backward), mean, variance


def _by_running(x: Tensor, mean: Array, var: Array, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """One scale and one shift for each channel: y = x scale + shift."""
    spread = [slice(None), *[None] * (x.ndim - 2)]
    inverse, mean = 1 / np.sqrt(var + eps), mean.copy()  # the next training step changes the running ones
    scale = inverse if weight is None else inverse * weight.data
    shift = -mean * scale if bias is None else bias.data - mean * scale
    y = x.data * scale[*spread] + shift[*spread]
    axes, z, wanted = (0, *range(2, x.ndim)), x.data, (needs(weight), needs(bias))

    def backward(dy: Array) -> tuple[Array | None, ...]:
        dw = (dy * (z - mean[*spread])).sum(axes) * inverse if wanted[0] else None
        return _present(dy * scale[*spread], weight, dw, bias, dy.sum(axes) if wanted[1] else None)

    return Tensor.from_op(y, _present(x, weight, weight, bias, bias), backward)


def layer_norm(
    x: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) weight + bias, mean and variance (divided by the count) over the last axes of x,
    which have `normalized_shape`, as have weight and bias (Ba, Kiros and Hinton 2016).

    Raises TypeError for unequal dtypes, ValueError for shapes that do not fit.
    """
    over, eps = shape_of("layer_norm", normalized_shape), number("layer_norm", "eps", eps, 0)
    check_tensor("layer_norm", "x", x)
    if x.shape[-len(over) :] != over:
        raise ValueError(f"layer_norm: x has shape {x.shape}, expected (..., {', '.join(map(str, over))})")
    for name, tensor in (("weight", weight), ("bias", bias)):
        _check_parameter("layer_norm", name, tensor, over)
    check_dtype("layer_norm", x=x, weight=weight, bias=bias)
    K = math.prod(over)
    M, shape = (x.size // K if K else 0), x.shape
    rows, (w, b) = np.ascontiguousarray(x.data).reshape(M, K), (_flat(weight), _flat(bias))
    y, mean, variance = empty((M, K), x.dtype), np.empty(M, x.dtype), np.empty(M, x.dtype)
    backend, wanted = kernels.current(), (needs(weight), needs(bias))
    backend.layer_norm_forward(rows, w, b, eps, y, mean, variance)

    def backward(dy: Array) -> tuple[Array | None, ...]:
        dy = np.ascontiguousarray(dy).reshape(M, K)
        dx, (dw, db) = empty(shape, dy.dtype), (np.empty(K, dy.dtype) if need else None for need in wanted)
        backend.layer_norm_backward(dy, rows, w, mean, variance, eps, dx.reshape(M, K), dw, db)
        dw, db = (None if d is None else d.reshape(over) for d in (dw, db))
        return _present(dx, weight, dw, bias, db)

    return Tensor.from_op(y.reshape(shape), _present(x, weight, weight, bias, bias), backward)


def local_response_norm(x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """y = x / (k + alpha / size * sum of x^2 over `size` neighbouring channels)^beta for x (N, C, ...).

    The window has size // 2 channels before and (size - 1) // 2 after, as in torch; Krizhevsky et al. 2012, section
    3.3, do not divide alpha by the size. Raises ValueError for fewer than three axes and a size below 1.
    """
    check_tensor("local_response_norm", "x", x)
    if x.ndim < 3:
        raise ValueError(f"local_response_norm: x has shape {x.shape}, expected 3 axes or more: (N, C, ...)")
    options = (
        integer("local_response_norm", "size", size, 1),
        *(number("local_response_norm", name, value) for name, value in (("alpha", alpha), ("beta", beta), ("k", k))),
    )
    shape, rows = x.shape, np.ascontiguousarray(x.data).reshape(*x.shape[:2], _rest(x))
    y, scale = empty(rows.shape, x.dtype), empty(rows.shape, x.dtype)
    backend = kernels.current()
    backend.local_response_norm_forward(rows, *options, y, scale)

    def backward(dy: Array) -> tuple[Array]:
        dx = empty(shape, dy.dtype)
        dy = np.ascontiguousarray(dy).reshape(rows.shape)
        backend.local_response_norm_backward(dy, rows, scale, *options, dx.reshape(rows.shape))
        return (dx,)

    return Tensor.from_op(y.reshape(shape), (x,), backward)


def shape_of(op: str, normalized_shape: Any) -> tuple[int, ...]:
    """An integer, or a tuple of them, as a tuple."""
    sizes = normalized_shape if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
    if not sizes:
        raise ValueError(f"{op}: normalized_shape is {normalized_shape!r}, expected at least one axis")
    return tuple(integer(op, "normalized_shape", n, 1) for n in sizes)


def _check_batch(
    x: Tensor,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
) -> None:
    check_tensor("batch_norm", "x", x)
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x has shape {x.shape}, expected 2 axes or more: (N, C, ...)")
    for name, tensor in (("weight", weight), ("bias", bias)):
        _check_parameter("batch_norm", name, tensor, x.shape[1:2])
    check_dtype("batch_norm", x=x, weight=weight, bias=bias)
    for name, running in (("running_mean", running_mean), ("running_var", running_var)):
        if running is None:
            continue
        if not isinstance(running, np.ndarray) or running.dtype != x.dtype:
            given = getattr(running, "dtype", type(running).__name__)
            raise TypeError(f"batch_norm: {name} is {given}, expected an array of {x.dtype}, the dtype of x")
        if running.shape != x.shape[1:2]:
            raise ValueError(f"batch_norm: {name} has shape {running.shape}, expected {x.shape[1:2]}")
        if training and not running.flags.writeable:
            raise ValueError(f"batch_norm: {name} is read-only, expected an array that training can change in place")


def _check_parameter(op: str, name: str, tensor: Tensor | None, expected: tuple[int, ...]) -> None:
    if tensor is None:
        return
    check_tensor(op, name, tensor)
    if tensor.shape != expected:
        raise ValueError(f"{op}: {name} has shape {tensor.shape}, expected {expected}")


def _rest(x: Tensor) -> int:
    """How many places a channel of x (N, C, ...) has in one sample."""
    return math.prod(x.shape[2:])


def _flat(tensor: Tensor | None) -> Array | None:
    return None if tensor is None else tensor.data.ravel()


def _present(first: Any, weight: Tensor | None, of_weight: Any, bias: Tensor | None, of_bias: Any) -> tuple[Any, ...]:
    """What belongs to x, then to weight and bias where they are there."""
    return (first, *([] if weight is None else [of_weight]), *([] if bias is None else [of_bias]))
