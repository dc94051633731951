"""Tensor: a NumPy array that remembers how it was computed, and reverse-mode differentiation over it.

tensor.py        Tensor: the class, its operators and methods
graph.py         nodes, the backward walk, no_grad
elementwise.py   y = f(a, b), each function with the derivative for each of its arguments, on plain arrays
reduction.py     sums, means, extrema, variances, softmax: the same
shape.py         reshape, transpose, indexing: the same
product.py       the matrix product, through the kernels
"""

from cuarzo.tensor.graph import no_grad as no_grad
from cuarzo.tensor.graph import recording as recording
from cuarzo.tensor.tensor import Tensor as Tensor

__all__ = ["Tensor", "no_grad", "recording"]
