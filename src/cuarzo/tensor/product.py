"""The matrix product on plain arrays, 1-D, 2-D or batched with broadcasting, by the `matmul` kernel.

y = a b,    da = dy b^T,    db = a^T dy
"""

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty
from cuarzo.tensor.elementwise import Array, Result, unbroadcast


def matmul(a: Array, b: Array) -> Result:
    """NumPy's `@`: a vector on the left is a row, on the right a column, and the axis of 1 is dropped from y."""
    _check(a, b)
    backend = kernels.current()
    rows, columns = a.reshape(1, -1) if a.ndim == 1 else a, b.reshape(-1, 1) if b.ndim == 1 else b
    y = _product(backend, rows, columns, False, False)
    full = y.shape

    def da(dy: Array) -> Array:
        return unbroadcast(_product(backend, dy.reshape(full), columns, False, True), rows.shape).reshape(a.shape)

    def db(dy: Array) -> Array:
        dy = dy.reshape(full)
        if columns.ndim == 2:  # the batch is one more part of the sum: one product serves all of it
            flat = _flat(rows), _flat(dy)
            return _product(backend, *flat, True, False).reshape(b.shape)
        return unbroadcast(_product(backend, rows, dy, True, False), columns.shape).reshape(b.shape)

    dropped = (full[:-2] if a.ndim == 1 else full[:-1]) + (() if b.ndim == 1 else full[-1:])
    return y.reshape(dropped), (da, db)


def _check(a: Array, b: Array) -> None:
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(f"matmul: expected at least one axis on both sides, got shapes {a.shape} and {b.shape}")
    k = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != k:
        raise ValueError(
            f"matmul: {a.shape} @ {b.shape}: the last axis of the left side has {a.shape[-1]} elements, "
            f"expected {k}, as many as the right side has rows"
        )
    try:
        np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError(f"matmul: {a.shape} @ {b.shape}: the batch axes do not broadcast") from None


def _product(backend: kernels.Backend, a: Array, b: Array, transpose_a: bool, transpose_b: bool) -> Array:
    """op(a) op(b) over the last two axes, the axes before them broadcast."""
    m, n = a.shape[-1 if transpose_a else -2], b.shape[-2 if transpose_b else -1]
    if b.ndim == 2 and a.ndim > 2 and not transpose_a:
        flat = _product(backend, _flat(a), b, False, transpose_b)
        return flat.reshape(*a.shape[:-1], n)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, batch + a.shape[-2:]), np.broadcast_to(b, batch + b.shape[-2:])
    c = empty((*batch, m, n), a.dtype)
    for i in np.ndindex(batch):
        backend.matmul(np.ascontiguousarray(a[i]), np.ascontiguousarray(b[i]), transpose_a, transpose_b, c[i])
    return c


def _flat(x: Array) -> Array:
    """(..., M, K) as (... M, K)."""
    return x.reshape(int(np.prod(x.shape[:-1], dtype=np.int64)), x.shape[-1])
