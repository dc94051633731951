"""What the recurrent kernels share around their compiled steps: the products of all steps at once."""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels.numba.matmul import _product

ROWS = 8  # of the batch in a block: few enough for many threads, enough to reuse what is loaded of the weights


def products(x: NDArray, w: NDArray, out: NDArray) -> None:
    """out[t, n] = x[t, n] @ w.T for all steps at once."""
    _product(_rows(x), w, False, True, _rows(out))


def input_gradient(da: NDArray, w: NDArray, lengths: NDArray | None, dx: NDArray | None) -> None:
    """dx[t, n] = da[t, n] @ w"""
    if dx is not None:
        _product(_rows(da), w, False, False, _rows(dx))
        if lengths is not None:
            dx[np.arange(len(dx))[:, None] >= lengths] = 0


def weight_gradients(da: NDArray, x: NDArray, dw: NDArray, db: NDArray | None) -> None:
    """dw = sum of da[t, n] x[t, n].T over all steps and rows, db that of da."""
    _product(_rows(da), _rows(x), True, False, dw)
    if db is not None:
        np.sum(_rows(da), axis=0, out=db)


def _rows(x: NDArray) -> NDArray:
    return x.reshape(-1, x.shape[-1])
