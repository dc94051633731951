"""Matrix product by BLAS, which reads a transpose in place. See naive/matmul.py."""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border


def matmul(a: NDArray, b: NDArray, transpose_a: bool, transpose_b: bool, c: NDArray) -> None:
    _border.check("matmul", a, b, transpose_a, transpose_b, c)
    np.matmul(a.T if transpose_a else a, b.T if transpose_b else b, out=c)
