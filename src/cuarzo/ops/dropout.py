"""Dropout (Srivastava et al. 2014), with inverted scaling."""

import numpy as np

from cuarzo.ops.checks import check_tensor, probability
from cuarzo.random import Stream
from cuarzo.tensor import Tensor


def dropout(x: Tensor, p: float = 0.5, training: bool = True, stream: Stream | None = None) -> Tensor:
    """Each element becomes 0 with probability `p`, else x / (1 - p): the mean stays. Outside training y is x.

    An element is kept where u >= p, u being a float32 of `stream` (the next key of the process unless given) for x of
    either dtype; the counter moves on once per call, and not at all where nothing is drawn (not training, or p = 0).
    The backward pass applies the same mask. Raises ValueError unless 0 <= p <= 1.
    """
    check_tensor("dropout", "x", x)
    p = probability("dropout", p)
    if not training or p == 0:
        return x
    kept = (stream or Stream()).uniform(x.shape, np.float32) >= p
    scale = x.dtype.type(1 / (1 - p) if p < 1 else 0)
    mask = kept * scale
    return Tensor.from_op(x.data * mask, (x,), lambda dy: (dy * mask,))
