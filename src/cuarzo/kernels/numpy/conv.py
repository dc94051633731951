"""Convolution without loops over elements. See naive/conv.py.

direct   one small product for each tap of the window: R S passes over the image, no copy of it
im2col   all windows written out as the columns of a matrix, then one BLAS product: R S times the memory, and several
         times the speed, because one large product reuses what it reads from the cache
         (Chellapilla et al. 2006, "High performance convolutional neural networks for document processing")
"""

import numpy as np
from numpy.typing import NDArray

from cuarzo.kernels import _border

from ._windows import Padding, Pair, pad, reach, shifted, windows


def conv2d_forward(
    x: NDArray, w: NDArray, b: NDArray | None, stride: Pair, padding: Padding, dilation: Pair, groups: int, y: NDArray
) -> None:
    conv2d_forward_im2col(x, w, b, stride, padding, dilation, groups, y)


def conv2d_forward_im2col(
    x: NDArray, w: NDArray, b: NDArray | None, stride: Pair, padding: Padding, dilation: Pair, groups: int, y: NDArray
) -> None:
    _border.check("conv2d_forward", x, w, b, stride, padding, dilation, groups, y)
    N, F, P, Q = y.shape
    columns = _columns(x, w.shape[2:], (P, Q), stride, padding, dilation, groups)
    # y[n, g] = w[g] @ columns[n, g]: (F/G, CRS/G) @ (CRS/G, PQ)
    np.matmul(w.reshape(groups, F // groups, -1), columns, out=y.reshape(N, groups, F // groups, P * Q))
    if b is not None:
        y += b[:, None, None]


def conv2d_forward_direct(
    x: NDArray, w: NDArray, b: NDArray | None, stride: Pair, padding: Padding, dilation: Pair, groups: int, y: NDArray
) -> None:
    _border.check("conv2d_forward", x, w, b, stride, padding, dilation, groups, y)
    N, F, P, Q = y.shape
    CG, R, S = w.shape[1:]
    padded = pad(x, reach(x.shape[2:], (R, S), (P, Q), stride, padding, dilation), padding)
    y[...] = 0.0 if b is None else b[:, None, None]
    Y = y.reshape(N, groups, F // groups, P * Q)
    V = w.reshape(groups, F // groups, CG, R, S)
    for r, s in np.ndindex(R, S):
        tap = shifted(padded, r, s, (P, Q), stride, dilation).reshape(N, groups, CG, P * Q)
        Y += V[..., r, s] @ tap


def conv2d_backward_input(
    dy: NDArray, w: NDArray, stride: Pair, padding: Padding, dilation: Pair, groups: int, dx: NDArray
) -> None:
    _border.check("conv2d_backward_input", dy, w, stride, padding, dilation, groups, dx)
    N, F, P, Q = dy.shape
    C, H, W = dx.shape[1:]
    R, S = w.shape[2:]
    # dcolumns[n, g] = w[g].T @ dy[n, g]: (CRS/G, F/G) @ (F/G, PQ)
    V = w.reshape(groups, F // groups, -1).swapaxes(1, 2)
    dcolumns = (V @ dy.reshape(N, groups, F // groups, P * Q)).reshape(N, C, R, S, P, Q)
    padded = np.zeros((N, C, *reach((H, W), (R, S), (P, Q), stride, padding, dilation)), dx.dtype)
    for r, s in np.ndindex(R, S):  # within one tap no element stands twice, so `+=` on the view is safe
        shifted(padded, r, s, (P, Q), stride, dilation)[...] += dcolumns[:, :, r, s]
    (top, _), (left, _) = padding
    dx[...] = padded[:, :, top : top + H, left : left + W]


def conv2d_backward_weight(
    x: NDArray,
    dy: NDArray,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    dw: NDArray,
    db: NDArray | None,
) -> None:
    _border.check("conv2d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)
    N, F, P, Q = dy.shape
    columns = _columns(x, dw.shape[2:], (P, Q), stride, padding, dilation, groups)
    # dw[g] = sum_n dy[n, g] @ columns[n, g].T: (F/G, PQ) @ (PQ, CRS/G)
    dws = dy.reshape(N, groups, F // groups, P * Q) @ columns.swapaxes(2, 3)
    np.sum(dws, axis=0, out=dw.reshape(groups, F // groups, -1))
    if db is not None:
        np.sum(dy, axis=(0, 2, 3), out=db)


def _columns(
    x: NDArray, window: Pair, outputs: Pair, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> NDArray:
    """(N, G, C R S / G, P Q): column (p, q) is the window that output (p, q) reads."""
    padded = pad(x, reach(x.shape[2:], window, outputs, stride, padding, dilation), padding)
    view = windows(padded, window, outputs, stride, dilation)
    N, C, R, S, P, Q = view.shape
    return view.reshape(N, groups, C // groups * R * S, P * Q)
