"""Embedding."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import init, ops
from cuarzo.nn.module import Module, Parameter
from cuarzo.ops.checks import integer
from cuarzo.ops.embedding import padding_index
from cuarzo.random import Stream
from cuarzo.tensor import Tensor


class Embedding(Module):
    """A learned row of D numbers for each of V indices: integers (...), as an array or a list, to (..., D).

    The weight (V, D) starts from N(0, 1); the row `padding_idx` from 0, and it learns nothing. `seed`: of the initial
    values; by default the next key of the process.
    """

    takes_integers = True

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
    ):
        self.num_embeddings = integer("Embedding", "num_embeddings", num_embeddings, 1)
        self.embedding_dim = integer("Embedding", "embedding_dim", embedding_dim, 1)
        index = padding_index("Embedding", padding_idx, self.num_embeddings)
        self.padding_idx = None if padding_idx is None else index
        table = Parameter(np.empty((self.num_embeddings, self.embedding_dim), dtype))
        self.weight = init.normal_(table, stream=Stream(seed))
        if padding_idx is not None:
            self.weight.data[index] = 0

    def __call__(self, x: Any) -> Tensor:
        return ops.embedding(x, self.weight, self.padding_idx)

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A look-up: nothing is computed."""
        return 0

    def __repr__(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"Embedding({self.num_embeddings}, {self.embedding_dim}{padding})"
