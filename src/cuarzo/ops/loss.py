"""Losses. `reduction` is "mean", "sum" or "none"; a mean over an empty batch is 0, and so are its gradients."""

from typing import Any

import numpy as np

from cuarzo.ops.checks import check_choice, check_dtype, check_tensor
from cuarzo.tensor import Tensor
from cuarzo.tensor.elementwise import logistic
from cuarzo.tensor.graph import Array
from cuarzo.tensor.reduction import log_softmax


def cross_entropy(logits: Tensor, labels: Any, reduction: str = "mean") -> Tensor:
    """-log softmax(logits)[label] for logits (N, K) and integer labels (N,); the mean divides by N.

    Stable: log sum e^z is taken after subtracting the row's maximum. d logits = softmax - one-hot.
    Raises TypeError for labels that are not integers; ValueError for shapes that do not fit and a label that is not one
    of 0 ... K - 1.
    """
    check_tensor("cross_entropy", "logits", logits, "N, K")
    n, k = logits.shape
    labels = _checked_labels(labels, n, k)
    rows = np.arange(n)
    log_p, _ = log_softmax(logits.data, 1)

    def d_logits() -> Array:
        gradient = np.exp(log_p)
        gradient[rows, labels] -= 1
        return gradient

    loss, scale = _reduced("cross_entropy", -log_p[rows, labels], reduction, n)

    def backward(dy: Array) -> tuple[Array]:
        return (d_logits() * np.asarray(dy * scale, log_p.dtype).reshape(-1, 1),)

    return Tensor.from_op(loss, (logits,), backward)


def mse_loss(x: Tensor, target: Any, reduction: str = "mean") -> Tensor:
    """(x - target)^2; the mean divides by the number of elements. `target`: a tensor or an array of the same shape."""
    target = _checked_target("mse_loss", x, target)
    difference = x.data - target.data
    loss, scale = _reduced("mse_loss", difference * difference, reduction, x.size)

    def backward(dy: Array) -> tuple[Array, Array]:
        dx = np.asarray(2 * difference * (dy * scale), difference.dtype)
        return dx, -dx

    return Tensor.from_op(loss, (x, target), backward)


def binary_cross_entropy(p: Tensor, target: Any, reduction: str = "mean") -> Tensor:
    """-(t log p + (1 - t) log(1 - p)) for probabilities p and targets t between 0 and 1.

    As in torch a logarithm is cut off at -100, and the divisor of the gradient (p - t) / (p (1 - p)) at 1e-12.
    """
    target = _checked_target("binary_cross_entropy", p, target, probabilities=True)
    _check_unit_interval("binary_cross_entropy", "p", p.data)
    t, q = target.data, p.data
    with np.errstate(divide="ignore"):
        log_p, log_1p = np.maximum(np.log(q), -100), np.maximum(np.log1p(-q), -100)
    loss, scale = _reduced("binary_cross_entropy", -(t * log_p + (1 - t) * log_1p), reduction, p.size)

    def backward(dy: Array) -> tuple[Array, None]:
        return np.asarray((q - t) / np.maximum(q * (1 - q), 1e-12) * (dy * scale), q.dtype), None

    return Tensor.from_op(loss, (p, target), backward)


def binary_cross_entropy_with_logits(x: Tensor, target: Any, reduction: str = "mean") -> Tensor:
    """binary_cross_entropy(sigmoid(x), t) without overflow: max(x, 0) - x t + log(1 + e^-|x|), dx = sigmoid(x) - t."""
    target = _checked_target("binary_cross_entropy_with_logits", x, target, probabilities=True)
    z, t = x.data, target.data
    losses = np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))
    loss, scale = _reduced("binary_cross_entropy_with_logits", losses, reduction, x.size)

    def backward(dy: Array) -> tuple[Array, None]:
        return np.asarray((logistic(z) - t) * (dy * scale), z.dtype), None

    return Tensor.from_op(loss, (x, target), backward)


def _reduced(op: str, losses: Array, reduction: str, count: int) -> tuple[Array, float]:
    """The losses reduced, and what a gradient of the result is multiplied with to become one of each loss."""
    check_choice(op, "reduction", reduction, ("mean", "sum", "none"))
    if reduction == "none":
        return losses, 1.0
    scale = 1 / max(count, 1) if reduction == "mean" else 1.0
    return np.asarray(losses.sum() * scale, losses.dtype), scale


def _checked_labels(labels: Any, n: int, k: int) -> Array:
    """A copy of the labels as int64, so that the caller may change theirs before the backward pass."""
    if isinstance(labels, np.ma.MaskedArray):
        raise TypeError("cross_entropy: labels are a masked array, expected a plain one: choose the rows first")
    array = labels.data if isinstance(labels, Tensor) else np.asarray(labels)
    if array.dtype.kind not in "iu" and not (isinstance(labels, list | tuple) and not labels):
        raise TypeError(f"cross_entropy: labels are of dtype {array.dtype}, expected an array of integers")
    if array.shape != (n,):
        raise ValueError(f"cross_entropy: labels have shape {array.shape}, expected ({n},), one per row of logits")
    outside = np.flatnonzero((array < 0) | (array >= k))
    if outside.size:
        i = outside[0]
        raise ValueError(f"cross_entropy: labels[{i}] is {array[i]}, expected 0 ... {k - 1}: logits have {k} columns")
    return array.astype(np.int64)


def _checked_target(op: str, x: Tensor, target: Any, probabilities: bool = False) -> Tensor:
    check_tensor(op, "x", x)
    target = target if isinstance(target, Tensor) else Tensor(target)
    check_dtype(op, x=x, target=target)
    if target.shape != x.shape:
        raise ValueError(f"{op}: target has shape {target.shape}, expected {x.shape}, the shape of x")
    if probabilities:
        if target.requires_grad:
            raise ValueError(f"{op}: target requires a gradient, expected a constant: use target.detach()")
        _check_unit_interval(op, "target", target.data)
    return target


def _check_unit_interval(op: str, name: str, values: Array) -> None:
    """NaN passes, as it does through all arithmetic."""
    outside = (values < 0) | (values > 1)
    if outside.any():
        raise ValueError(f"{op}: {name} has an element {values[outside][0]}, expected values between 0 and 1")
