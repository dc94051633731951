"""Dropout."""

from cuarzo import ops
from cuarzo.nn.module import Module
from cuarzo.random import Stream
from cuarzo.tensor import Tensor


class Dropout(Module):
    """In training each element becomes 0 with probability `p`, else x / (1 - p); see ops.dropout.

    The masks come from a stream of the layer's own: of `seed`, or else with the next key of the process.
    """

    def __init__(self, p: float = 0.5, *, seed: int | None = None):
        self.p = ops.checks.probability("Dropout", p)
        self.stream = Stream(seed)

    def __call__(self, x: Tensor) -> Tensor:
        return ops.dropout(x, self.p, self.training, self.stream)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"
