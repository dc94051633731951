"""Losses. `reduction` is "mean", "sum" or "none"; a mean over an empty batch is 0, and so are its gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty, empty_like
from cuarzo.ops.arrays import check_range, integer_array, like
from cuarzo.ops.checks import LARGEST, check_choice, check_tensor, integer, probability
from cuarzo.tensor import Tensor
from cuarzo.tensor.elementwise import logistic
from cuarzo.tensor.graph import Array

REDUCTIONS = ("mean", "sum", "none")


def cross_entropy(
    logits: Tensor, labels: Any, reduction: str = "mean", ignore_index: int = -100, label_smoothing: float = 0.0
) -> Tensor:
    """-log softmax(logits)[label] for logits (N, K) and integer labels (N,), or (N, K, ...) and (N, ...).

    Stable: log sum e^z is taken after subtracting the row's maximum. d logits = softmax - one-hot. Where the label is
    `ignore_index` loss and gradient are 0; the mean divides by the number of the others. `label_smoothing` s: the
    target is 1 - s + s / K for the label and s / K for each other class (Szegedy et al. 2016), in place of 1 and 0.
    Raises TypeError for labels that are not integers; ValueError for shapes that do not fit and a label that is neither
    one of 0 ... K - 1 nor `ignore_index`.
    """
    check_tensor("cross_entropy", "logits", logits)
    check_choice("cross_entropy", "reduction", reduction, REDUCTIONS)
    if logits.ndim < 2:
        raise ValueError(f"cross_entropy: logits has shape {logits.shape}, expected 2 axes or more: (N, K, ...)")
    smoothing = probability("cross_entropy", label_smoothing, "label_smoothing")
    classes, ignored = _checked_labels(
        labels, logits.shape, integer("cross_entropy", "ignore_index", ignore_index, -LARGEST)
    )
    rows = np.ascontiguousarray(_class_last(logits.data))
    shape, rows = rows.shape, rows.reshape(classes.size, rows.shape[-1])
    losses, pull = (_smoothed if smoothing else _plain)(rows, classes.reshape(-1), smoothing)
    count = classes.size
    if ignored is not None:
        losses[ignored] = 0
        count -= int(np.count_nonzero(ignored))
    loss, scale = _reduced("cross_entropy", losses.reshape(classes.shape), reduction, count)

    def backward(dy: Array) -> tuple[Array]:
        each = empty((classes.size,), rows.dtype)
        np.multiply(dy.reshape(-1), scale, out=each)  # a mean's or a sum's one gradient is that of each
        gradient = pull(each)
        if ignored is not None:
            gradient[ignored] = 0
        return (_class_second(gradient.reshape(shape)),)

    return Tensor.from_op(loss, (logits,), backward)


def _plain(rows: Array, labels: Array, _: float) -> tuple[Array, Callable[[Array], Array]]:
    """The loss of each row, and the way from its gradient to that of the rows."""
    backend, losses, softmax = kernels.current(), np.empty(len(rows), rows.dtype), empty_like(rows)
    backend.cross_entropy_forward(rows, labels, losses, softmax)

    def pull(dlosses: Array) -> Array:
        backend.cross_entropy_backward(dlosses, softmax, labels, gradient := empty_like(softmax))
        return gradient

    return losses, pull


def _smoothed(rows: Array, labels: Array, smoothing: float) -> tuple[Array, Callable[[Array], Array]]:
    """The same with smoothed labels: a product of targets and the logarithms of softmax."""
    backend, log_p = kernels.current(), empty_like(rows)
    backend.log_softmax_forward(rows, log_p)
    target = np.full_like(rows, smoothing / rows.shape[1])
    target[np.arange(len(rows)), labels] += 1 - smoothing

    def pull(dlosses: Array) -> Array:
        backend.log_softmax_backward(-target * dlosses[:, None], log_p, gradient := empty_like(log_p))
        return gradient

    return -(target * log_p).sum(1), pull


def _class_last(x: Array) -> Array:
    """(N, K, ...) as (N, ..., K)."""
    return x if x.ndim == 2 else np.moveaxis(x, 1, -1)


def _class_second(x: Array) -> Array:
    return x if x.ndim == 2 else np.moveaxis(x, -1, 1)


def mse_loss(x: Tensor, target: Any, reduction: str = "mean") -> Tensor:
    """(x - target)^2; the mean divides by the number of elements. `target`: a tensor, an array or a list of the same
    shape.
    """
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
    """binary_cross_entropy(sigmoid(x), t) without overflow: |x| w + log(1 + e^-|x|), w being the part of the target on
    the other side: 1 - t where x > 0, else t. dx = sigmoid(x) - t.

    No term is below 0, so that nothing cancels. Where w = 0 the product is 0, for an infinite x too.
    """
    target = _checked_target("binary_cross_entropy_with_logits", x, target, probabilities=True)
    z, t = x.data, target.data
    far, wrong = np.abs(z), np.where(z > 0, 1 - t, t)
    losses = np.multiply(far, wrong, out=np.zeros_like(z), where=wrong != 0) + np.log1p(np.exp(-far))
    loss, scale = _reduced("binary_cross_entropy_with_logits", losses, reduction, x.size)

    def backward(dy: Array) -> tuple[Array, None]:
        return np.asarray((logistic(z) - t) * (dy * scale), z.dtype), None

    return Tensor.from_op(loss, (x, target), backward)


def _reduced(op: str, losses: Array, reduction: str, count: int) -> tuple[Array, float]:
    """The losses reduced, and what a gradient of the result is multiplied with to become one of each loss."""
    check_choice(op, "reduction", reduction, REDUCTIONS)
    if reduction == "none":
        return losses, 1.0
    scale = 1 / max(count, 1) if reduction == "mean" else 1.0
    return np.asarray(np.add.reduce(losses, None) * scale, losses.dtype), scale


def _checked_labels(labels: Any, shape: tuple[int, ...], ignore_index: int) -> tuple[Array, Array | None]:
    """A copy of the labels as int64, 0 in place of those to be ignored, and which these are among the rows, if any."""
    array = integer_array("cross_entropy", "labels", labels)
    k, expected = shape[1], (shape[0], *shape[2:])
    if array.shape != expected:
        what = "row of logits" if len(shape) == 2 else f"row of classes in logits of shape {shape}"
        raise ValueError(f"cross_entropy: labels have shape {array.shape}, expected {expected}, one per {what}")
    if not 0 <= ignore_index < k and _all_below(array, k):  # what nearly always comes
        return array, None
    ignored = array == ignore_index
    array[ignored] = 0
    check_range("cross_entropy", "labels", array, 0, k, f"logits have {k} columns")
    return array, ignored.reshape(-1)


def _all_below(labels: Array, k: int) -> bool:
    """Whether all are one of 0 ... k - 1: as a number without sign one below 0 is larger than any k."""
    return not labels.size or int(np.maximum.reduce(labels.view(np.uint64), None)) < k


def _checked_target(op: str, x: Tensor, target: Any, probabilities: bool = False) -> Tensor:
    check_tensor(op, "x", x)
    target = like(op, "target", target, x)
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
