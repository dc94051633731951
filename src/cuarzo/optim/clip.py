"""Clipping of gradients, between backward() and step()."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from cuarzo.ops.checks import number
from cuarzo.tensor import Tensor


def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    """Scale all gradients by max_norm / (norm + 1e-6) where that is below 1; returns the norm of all of them together.

    `norm_type` p: (sum |g|^p)^(1/p), or inf for the largest |g|; summed in float64. Raises ValueError for a norm that
    is NaN or infinite if asked to.
    """
    max_norm = number("clip_grad_norm_", "max_norm", max_norm, 0, finite=False)
    norm_type = number("clip_grad_norm_", "norm_type", norm_type, finite=False)
    with_grad = [p for p in ([parameters] if isinstance(parameters, Tensor) else parameters) if p.grad is not None]
    norms = [_norm(p.grad, norm_type) for p in with_grad if p.size]
    total = _norm(norms, norm_type) if norms else 0.0
    if error_if_nonfinite and not math.isfinite(total):
        raise ValueError(f"clip_grad_norm_: the norm of the gradients is {total}, expected a finite number")
    scale = max_norm / (total + 1e-6)
    if scale < 1 or math.isnan(scale):
        for p in with_grad:
            p.grad = np.asarray(p.grad * p.dtype.type(scale))
    return total


def _norm(x: Any, norm_type: float) -> float:
    flat = np.asarray(x, np.float64).ravel()
    if norm_type == 2:  # NumPy's own norm is a product of BLAS here, whose last bit depends on the number of threads
        return math.sqrt(np.sum(np.square(flat)))
    return float(np.linalg.norm(flat, norm_type))


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Cut every element of the gradients off at -clip_value and clip_value."""
    clip_value = number("clip_grad_value_", "clip_value", clip_value, 0, finite=False)
    for p in [parameters] if isinstance(parameters, Tensor) else parameters:
        if p.grad is not None:
            p.grad = np.asarray(np.clip(p.grad, -clip_value, clip_value))
