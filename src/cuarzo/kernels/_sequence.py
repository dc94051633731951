"""What the recurrent kernels in Numba and Cython share before their loops: options made arrays."""

import numpy as np
from numpy.typing import NDArray


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


def while_running(lengths: NDArray | None, x: NDArray) -> NDArray:
    """x (T, N, ...), zero where the sequence is over: NaN may stand there, and must not reach a sum."""
    if lengths is None:
        return x
    runs = np.arange(len(x))[:, None] < lengths
    return np.where(runs[:, :, None], x, x.dtype.type(0))


def previous(h: NDArray, h0: NDArray | None) -> NDArray:
    """(T, N, U): the state that each step started from."""
    return np.concatenate([initial(h0, h)[None], h[:-1]])
