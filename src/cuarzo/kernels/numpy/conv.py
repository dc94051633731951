"""Convolution without loops over elements, for any number of axes. See naive/conv.py and naive/conv3d.py.

direct   one small product for each tap of the window: as many passes over the image, no copy of it
im2col   all windows written out as the columns of a matrix, then one BLAS product: as many times the memory, and
         several times the speed, because one large product reuses what it reads from the cache
         (Chellapilla et al. 2006, "High performance convolutional neural networks for document processing")

Below, L is the product of the outputs' axes, O P Q in a volume, and K the number of taps in a filter, C/G E R S.
"""

from math import prod

import numpy as np

from cuarzo.kernels import _border

from ._windows import inner, pad, reach, shifted, windows


def conv1d_forward(x, w, b, stride, padding, dilation, groups, y):
    conv1d_forward_im2col(x, w, b, stride, padding, dilation, groups, y)


def conv2d_forward(x, w, b, stride, padding, dilation, groups, y):
    conv2d_forward_im2col(x, w, b, stride, padding, dilation, groups, y)


def conv3d_forward(x, w, b, stride, padding, dilation, groups, y):
    conv3d_forward_im2col(x, w, b, stride, padding, dilation, groups, y)


def conv1d_forward_im2col(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv1d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward_im2col(x, w, b, stride, padding, dilation, groups, y)


def conv2d_forward_im2col(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv2d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward_im2col(x, w, b, stride, padding, dilation, groups, y)


def conv3d_forward_im2col(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv3d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward_im2col(x, w, b, stride, padding, dilation, groups, y)


def _forward_im2col(x, w, b, stride, padding, dilation, groups, y):
    F = len(w)
    columns = _columns(x, w.shape[2:], y.shape[2:], stride, padding, dilation, groups)
    # y[n, g] = w[g] @ columns[n, g]: (F/G, K) @ (K, L)
    np.matmul(w.reshape(groups, F // groups, columns.shape[2]), columns, out=_by_group(y, groups))
    if b is not None:
        y += _spread(b, y)


def conv1d_forward_direct(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv1d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward_direct(x, w, b, stride, padding, dilation, groups, y)


def conv2d_forward_direct(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv2d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward_direct(x, w, b, stride, padding, dilation, groups, y)


def conv3d_forward_direct(x, w, b, stride, padding, dilation, groups, y):
    _border.check("conv3d_forward", x, w, b, stride, padding, dilation, groups, y)
    _forward_direct(x, w, b, stride, padding, dilation, groups, y)


def _forward_direct(x, w, b, stride, padding, dilation, groups, y):
    (F, CG, *window), outputs = w.shape, y.shape[2:]
    padded = pad(x, reach(x.shape[2:], window, outputs, stride, padding, dilation), padding)
    y[...] = 0.0 if b is None else _spread(b, y)
    Y, V = _by_group(y, groups), w.reshape(groups, F // groups, CG, *window)
    for tap in np.ndindex(*window):
        Y += V[(..., *tap)] @ _by_group(shifted(padded, tap, outputs, stride, dilation), groups)


def conv1d_backward_input(dy, w, stride, padding, dilation, groups, dx):
    conv1d_backward_input_im2col(dy, w, stride, padding, dilation, groups, dx)


def conv2d_backward_input(dy, w, stride, padding, dilation, groups, dx):
    conv2d_backward_input_im2col(dy, w, stride, padding, dilation, groups, dx)


def conv3d_backward_input(dy, w, stride, padding, dilation, groups, dx):
    conv3d_backward_input_im2col(dy, w, stride, padding, dilation, groups, dx)


def conv1d_backward_input_im2col(dy, w, stride, padding, dilation, groups, dx):
    _border.check("conv1d_backward_input", dy, w, stride, padding, dilation, groups, dx)
    _backward_input_im2col(dy, w, stride, padding, dilation, groups, dx)


def conv2d_backward_input_im2col(dy, w, stride, padding, dilation, groups, dx):
    _border.check("conv2d_backward_input", dy, w, stride, padding, dilation, groups, dx)
    _backward_input_im2col(dy, w, stride, padding, dilation, groups, dx)


def conv3d_backward_input_im2col(dy, w, stride, padding, dilation, groups, dx):
    _border.check("conv3d_backward_input", dy, w, stride, padding, dilation, groups, dx)
    _backward_input_im2col(dy, w, stride, padding, dilation, groups, dx)


def _backward_input_im2col(dy, w, stride, padding, dilation, groups, dx):
    (N, F, *outputs), (C, *size), (CG, *window) = dy.shape, dx.shape[1:], w.shape[1:]
    # dcolumns[n, g] = w[g].T @ dy[n, g]: (K, F/G) @ (F/G, L)
    V = w.reshape(groups, F // groups, CG * prod(window)).swapaxes(1, 2)
    dcolumns = (V @ _by_group(dy, groups)).reshape(N, C, *window, *outputs)
    padded = np.zeros((N, C, *reach(size, window, outputs, stride, padding, dilation)), dx.dtype)
    for tap in np.ndindex(*window):  # within one tap no element stands twice, so `+=` on the view is safe
        shifted(padded, tap, outputs, stride, dilation)[...] += dcolumns[(slice(None), slice(None), *tap)]
    dx[...] = inner(padded, size, padding)


def conv1d_backward_input_direct(dy, w, stride, padding, dilation, groups, dx):
    _border.check("conv1d_backward_input", dy, w, stride, padding, dilation, groups, dx)
    _backward_input_direct(dy, w, stride, padding, dilation, groups, dx)


def conv2d_backward_input_direct(dy, w, stride, padding, dilation, groups, dx):
    _border.check("conv2d_backward_input", dy, w, stride, padding, dilation, groups, dx)
    _backward_input_direct(dy, w, stride, padding, dilation, groups, dx)


def conv3d_backward_input_direct(dy, w, stride, padding, dilation, groups, dx):
    _border.check("conv3d_backward_input", dy, w, stride, padding, dilation, groups, dx)
    _backward_input_direct(dy, w, stride, padding, dilation, groups, dx)


def _backward_input_direct(dy, w, stride, padding, dilation, groups, dx):
    (N, F, *outputs), (C, *size), (CG, *window) = dy.shape, dx.shape[1:], w.shape[1:]
    padded = np.zeros((N, C, *reach(size, window, outputs, stride, padding, dilation)), dx.dtype)
    DY, V = _by_group(dy, groups), w.reshape(groups, F // groups, CG, *window).swapaxes(1, 2)
    for tap in np.ndindex(*window):
        # one tap of dcolumns: (C/G, F/G) @ (F/G, L)
        read = shifted(padded, tap, outputs, stride, dilation)
        read += (V[(..., *tap)] @ DY).reshape(read.shape)
    dx[...] = inner(padded, size, padding)


def conv1d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db):
    conv1d_backward_weight_im2col(x, dy, stride, padding, dilation, groups, dw, db)


def conv2d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db):
    conv2d_backward_weight_im2col(x, dy, stride, padding, dilation, groups, dw, db)


def conv3d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db):
    conv3d_backward_weight_im2col(x, dy, stride, padding, dilation, groups, dw, db)


def conv1d_backward_weight_im2col(x, dy, stride, padding, dilation, groups, dw, db):
    _border.check("conv1d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)
    _backward_weight_im2col(x, dy, stride, padding, dilation, groups, dw, db)


def conv2d_backward_weight_im2col(x, dy, stride, padding, dilation, groups, dw, db):
    _border.check("conv2d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)
    _backward_weight_im2col(x, dy, stride, padding, dilation, groups, dw, db)


def conv3d_backward_weight_im2col(x, dy, stride, padding, dilation, groups, dw, db):
    _border.check("conv3d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)
    _backward_weight_im2col(x, dy, stride, padding, dilation, groups, dw, db)


def _backward_weight_im2col(x, dy, stride, padding, dilation, groups, dw, db):
    F = len(dw)
    columns = _columns(x, dw.shape[2:], dy.shape[2:], stride, padding, dilation, groups)
    # dw[g] = sum_n dy[n, g] @ columns[n, g].T: (F/G, L) @ (L, K)
    dws = _by_group(dy, groups) @ columns.swapaxes(2, 3)
    np.sum(dws, axis=0, out=dw.reshape(groups, F // groups, columns.shape[2]))
    _backward_bias(dy, db)


def conv1d_backward_weight_direct(x, dy, stride, padding, dilation, groups, dw, db):
    _border.check("conv1d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)
    _backward_weight_direct(x, dy, stride, padding, dilation, groups, dw, db)


def conv2d_backward_weight_direct(x, dy, stride, padding, dilation, groups, dw, db):
    _border.check("conv2d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)
    _backward_weight_direct(x, dy, stride, padding, dilation, groups, dw, db)


def conv3d_backward_weight_direct(x, dy, stride, padding, dilation, groups, dw, db):
    _border.check("conv3d_backward_weight", x, dy, stride, padding, dilation, groups, dw, db)
    _backward_weight_direct(x, dy, stride, padding, dilation, groups, dw, db)


def _backward_weight_direct(x, dy, stride, padding, dilation, groups, dw, db):
    (F, CG, *window), outputs = dw.shape, dy.shape[2:]
    padded = pad(x, reach(x.shape[2:], window, outputs, stride, padding, dilation), padding)
    DY = _by_group(dy, groups)
    for tap in np.ndindex(*window):
        # one tap of dw[g] = sum_n dy[n, g] @ x[n, g].T: (F/G, L) @ (L, C/G)
        dws = DY @ _by_group(shifted(padded, tap, outputs, stride, dilation), groups).swapaxes(2, 3)
        dw[(..., *tap)] = dws.sum(axis=0).reshape(F, CG)
    _backward_bias(dy, db)


def _backward_bias(dy, db):
    if db is not None:
        np.sum(dy, axis=(0, *range(2, dy.ndim)), out=db)


def _columns(x, window, outputs, stride, padding, dilation, groups):
    """(N, G, K, L): column l is the window that output l reads."""
    padded = pad(x, reach(x.shape[2:], window, outputs, stride, padding, dilation), padding)
    view = windows(padded, window, outputs, stride, dilation)
    N, C = x.shape[:2]
    return view.reshape(N, groups, C // groups * prod(window), prod(outputs))


def _by_group(y, groups):
    """(N, G, F/G, L), a view where `y` (N, F, *outputs) is contiguous."""
    N, F, *outputs = y.shape
    return y.reshape(N, groups, F // groups, prod(outputs))


def _spread(b, y):
    """The bias (F,) as it is added to `y` (N, F, *outputs)."""
    return b.reshape(len(b), *(1,) * (y.ndim - 2))
