"""The affine map."""

import math

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty
from cuarzo.ops.checks import check_dtype, check_tensor
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def linear(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """y = x w^T + b:  x (..., I), w (O, I), b (O,), y (..., O).

    dx = dy w,  dw = dy^T x,  db = sum of dy over all but the last axis.
    Raises TypeError for unequal dtypes, ValueError for shapes that do not fit.
    """
    _check(x, w, b)
    backend, (outputs, inputs), shape = kernels.current(), w.data.shape, x.data.shape
    rows = math.prod(shape[:-1])
    flat, weight = np.ascontiguousarray(x.data.reshape(rows, inputs)), np.ascontiguousarray(w.data)
    y = empty((rows, outputs), x.dtype)
    backend.matmul(flat, weight, False, True, y)
    if b is not None:
        y += b.data
    needs_x, needs_w, needs_b = x.requires_grad, w.requires_grad, b is not None and b.requires_grad

    def backward(dy: Array) -> tuple[Array | None, ...]:
        dy = np.ascontiguousarray(dy.reshape(rows, outputs))
        dx = dw = db = None
        if needs_x:
            backend.matmul(dy, weight, False, False, dx := empty((rows, inputs), dy.dtype))
        if needs_w:
            backend.matmul(dy, flat, True, False, dw := empty((outputs, inputs), dy.dtype))
        if needs_b:
            db = np.add.reduce(dy, 0)
        gradients = (None if dx is None else dx.reshape(shape), dw, db)
        return gradients if b is not None else gradients[:2]

    return Tensor.from_op(y.reshape(*shape[:-1], outputs), (x, w) if b is None else (x, w, b), backward)


def _check(x: Tensor, w: Tensor, b: Tensor | None) -> None:
    check_tensor("linear", "x", x)
    check_tensor("linear", "w", w, "O, I")
    if x.ndim == 0 or x.shape[-1] != w.shape[1]:
        raise ValueError(f"linear: x has shape {x.shape}, expected (..., {w.shape[1]}), since w has shape {w.shape}")
    if b is not None:
        check_tensor("linear", "b", b, "O")
        if b.shape != w.shape[:1]:
            raise ValueError(f"linear: b has shape {b.shape}, expected {w.shape[:1]}, since w has shape {w.shape}")
    check_dtype("linear", x=x, w=w, b=b)
