"""Dropout (Srivastava et al. 2014), with inverted scaling."""

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty
from cuarzo.ops.checks import check_tensor, flag, probability
from cuarzo.random import Stream
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def dropout(x: Tensor, p: float = 0.5, training: bool = True, stream: Stream | None = None) -> Tensor:
    """Each element becomes 0 with probability `p`, else x / (1 - p): the mean stays. Outside training y is x.

    An element is kept where u >= p, u being a float32 of `stream` (the next key of the process unless given) for x of
    either dtype; the counter moves on once per call, and not at all where nothing is drawn (not training, or p = 0).
    The backward pass draws the same mask again. Raises ValueError unless 0 <= p <= 1, TypeError for other types.
    """
    check_tensor("dropout", "x", x)
    p = probability("dropout", p)
    if stream is not None and not isinstance(stream, Stream):
        raise TypeError(f"dropout: stream is a {type(stream).__name__}, expected a Stream or None")
    if not flag("dropout", "training", training) or p == 0:
        return x
    drawn = (p, *(Stream() if stream is None else stream).take(x.size, np.float32))
    backend, y = kernels.current(), empty(x.shape, x.dtype)
    backend.dropout(x.data.ravel(), *drawn, y.ravel())

    def backward(dy: Array) -> tuple[Array]:
        dx = empty(dy.shape, dy.dtype)
        backend.dropout(dy.ravel(), *drawn, dx.ravel())
        return (dx,)

    return Tensor.from_op(y, (x,), backward)
