"""Embedding: a row of the weight for each index. It is a product with one-hot rows, without the zeros.

    y[m]       = weight[indices[m]]
    dweight[v] = sum of dy[m] over the m with indices[m] = v; 0 for a word that does not occur, and for padding_index

Indices lie in 0 ... V - 1. padding_index: a word that learns nothing, or -1 for none; forwards it is like others.

Source: Bengio et al. 2003, "A neural probabilistic language model"; padding as in torch.
"""

import numpy as np
from numpy.typing import NDArray


def embedding_forward(indices: NDArray, weight: NDArray, y: NDArray) -> None:
    # indices  IN  (M,) int64
    # weight   IN  (V, K)
    # y        OUT (M, K)
    for m, index in enumerate(indices):
        for k in range(weight.shape[1]):
            y[m, k] = weight[index, k]


def embedding_backward(dy: NDArray, indices: NDArray, padding_index: int, dweight: NDArray) -> None:
    # dy       IN  (M, K)
    # indices  IN  (M,) int64
    # dweight  OUT (V, K)
    total = np.zeros(dweight.shape)
    for m, index in enumerate(indices):
        if index != padding_index:
            for k in range(dweight.shape[1]):
                total[index, k] += float(dy[m, k])
    dweight[...] = total
