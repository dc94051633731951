"""What the recurrent kernels share around their compiled steps: options made arrays, and the products of all steps."""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels.cython.matmul import matmul


def steps(lengths: NDArray | None, h: NDArray) -> NDArray:
    """The number of steps of each row: T where there are no lengths."""
    T, N, _ = h.shape
    return np.full(N, T, np.int64) if lengths is None else lengths


def initial(state: NDArray | None, h: NDArray) -> NDArray:
    return np.zeros(h.shape[1:], h.dtype) if state is None else state


def bias_sum(w: NDArray, *biases: NDArray | None) -> NDArray:
    total = np.zeros(len(w), w.dtype)
    for b in biases:
        if b is not None:
            total += b
    return total


def products(x: NDArray, w: NDArray, out: NDArray) -> None:
    """out[t, n] = x[t, n] @ w.T for all steps at once."""
    matmul(_rows(x), w, False, True, _rows(out))


def while_running(lengths: NDArray | None, x: NDArray) -> NDArray:
    """x (T, N, ...), zero where the sequence is over: NaN may stand there, and must not reach a sum."""
    if lengths is None:
        return x
    runs = np.arange(len(x))[:, None] < lengths
    return np.where(runs[:, :, None], x, x.dtype.type(0))


def previous(h: NDArray, h0: NDArray | None) -> NDArray:
    """(T, N, U): the state that each step started from."""
    return np.concatenate([initial(h0, h)[None], h[:-1]])


def input_gradient(da: NDArray, w: NDArray, lengths: NDArray | None, dx: NDArray | None) -> None:
    """dx[t, n] = da[t, n] @ w"""
    if dx is not None:
        matmul(_rows(da), w, False, False, _rows(dx))
        if lengths is not None:
            dx[np.arange(len(dx))[:, None] >= lengths] = 0


def weight_gradients(da: NDArray, x: NDArray, dw: NDArray, db: NDArray | None) -> None:
    """dw = sum of da[t, n] x[t, n].T over all steps and rows, db that of da."""
    matmul(_rows(da), _rows(x), True, False, dw)
    if db is not None:
        np.sum(_rows(da), axis=0, out=db)


def _rows(x: NDArray) -> NDArray:
    return x.reshape(-1, x.shape[-1])
