"""What the recurrent kernels share: the products that all steps do at once, and rows that are past their length."""

import numpy as np
from numpy.typing import NDArray


def sigmoid(a: NDArray) -> None:
    """a = 1 / (1 + exp(-a)), in place. Where exp overflows to infinity the quotient is the 0 it should be."""
    a *= -1  # np.negative(a, out=a) of NumPy 2.4 reads what it has written where a's rows are 4 elements apart
    with np.errstate(over="ignore"):
        np.exp(a, out=a)
    a += 1
    np.reciprocal(a, out=a)


def past(lengths: NDArray | None, T: int) -> NDArray | None:
    """(T, N): where the sequence of a row is over; None: nowhere."""
    return None if lengths is None else np.arange(T)[:, None] >= lengths


def without(over: NDArray | None, x: NDArray) -> NDArray:
    """x (T, N, ...), zero where the sequence is over: NaN may stand there, and must not reach a sum."""
    return x if over is None else np.where(over[:, :, None], x.dtype.type(0), x)


def initial(state: NDArray | None, like: NDArray) -> NDArray:
    return np.zeros_like(like) if state is None else state


def products(x: NDArray, w: NDArray, out: NDArray) -> None:
    """out[t, n] = x[t, n] @ w.T for all steps at once: one BLAS product, (T N, I) @ (I, rows)."""
    np.matmul(x.reshape(-1, x.shape[-1]), w.T, out=out.reshape(-1, out.shape[-1]))


def bias_sum(b_ih: NDArray | None, b_hh: NDArray | None) -> NDArray | float:
    given = [b for b in (b_ih, b_hh) if b is not None]
    return given[0] + given[1] if len(given) == 2 else given[0] if given else 0.0


def previous(h: NDArray, h0: NDArray | None) -> NDArray:
    """(T, N, U): the state that each step started from."""
    return np.concatenate([initial(h0, h[0])[None], h[:-1]])


def weight_gradients(da: NDArray, x: NDArray, dw: NDArray, db: NDArray | None) -> None:
    """dw = sum of da[t, n] x[t, n].T over all steps and rows, db that of da: one product, (rows, T N) @ (T N, I)."""
    flat = da.reshape(-1, da.shape[-1])
    np.matmul(flat.T, x.reshape(-1, x.shape[-1]), out=dw)
    if db is not None:
        np.sum(flat, axis=0, out=db)


def input_gradient(da: NDArray, w: NDArray, over: NDArray | None, dx: NDArray | None) -> None:
    """dx[t, n] = da[t, n] @ w"""
    if dx is None:
        return
    np.matmul(da.reshape(-1, da.shape[-1]), w, out=dx.reshape(-1, dx.shape[-1]))
    if over is not None:
        dx[over] = 0
