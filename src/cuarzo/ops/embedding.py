"""Embedding: a row of a table for each index."""

from typing import Any

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty
from cuarzo.ops.arrays import check_range, integer_array
from cuarzo.ops.checks import check_tensor, integer
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def embedding(indices: Any, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """y[...] = weight[indices[...]]: integers of any shape (...), weight (V, D), y (..., D).

    The gradient of a row is the sum over all places where it was taken; the row `padding_idx` (from the end if below
    0) gets none. Raises TypeError for indices that are no integers, ValueError for one outside 0 ... V - 1.
    """
    check_tensor("embedding", "weight", weight, "V, D")
    V, D = weight.shape
    padding = padding_index("embedding", padding_idx, V)
    places = integer_array("embedding", "indices", indices)
    check_range("embedding", "indices", places, 0, V, f"weight has {V} rows")
    flat, table = places.reshape(-1), np.ascontiguousarray(weight.data)
    y, backend = empty((flat.size, D), weight.dtype), kernels.current()
    backend.embedding_forward(flat, table, y)

    def backward(dy: Array) -> tuple[Array]:
        dweight = empty((V, D), dy.dtype)
        backend.embedding_backward(np.ascontiguousarray(dy).reshape(-1, D), flat, padding, dweight)
        return (dweight,)

    return Tensor.from_op(y.reshape(*places.shape, D), (weight,), backward)


def padding_index(op: str, padding_idx: Any, rows: int) -> int:
    """`padding_idx` counted from the front; -1 for none."""
    if padding_idx is None:
        return -1
    index = integer(op, "padding_idx", padding_idx, -rows)
    if index >= rows:
        raise ValueError(f"{op}: padding_idx is {index}, expected one of the {rows} rows")
    return index % rows
