"""Embedding: rows taken, and rows added up after they have been sorted by word. See naive/embedding.py.

np.add.at would need no sorting, but goes element by element.
"""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border


def embedding_forward(indices: NDArray, weight: NDArray, y: NDArray) -> None:
    _border.check("embedding_forward", indices, weight, y)
    if indices.size:  # without a word there is nothing to take from, which np.take refuses
        np.take(weight, indices, axis=0, out=y, mode="clip")  # mode="raise" would take into a buffer first


def embedding_backward(dy: NDArray, indices: NDArray, padding_index: int, dweight: NDArray) -> None:
    _border.check("embedding_backward", dy, indices, padding_index, dweight)
    order = np.argsort(indices, kind="stable")
    order = order[indices[order] != padding_index]
    words, starts = np.unique(indices[order], return_index=True)
    dweight[...] = 0
    if words.size:
        dweight[words] = np.add.reduceat(dy[order], starts, axis=0)
