"""Wrong restricted Boltzmann machines: the gradient."""

import numpy as np

from cuarzo.kernels import numpy as right

from .plant import planted


@planted("rbm_gradient", "data less model: the gradient of log p")
def _(*args):
    right.rbm_gradient(*args)
    for gradient in args[-3:]:
        np.negative(gradient, out=gradient)


@planted("rbm_gradient", "both halves divided by the rows of the data")
def _(v, h, v_chain, h_chain, dw, da, db):
    scale = len(v_chain) / max(1, len(v))
    right.rbm_gradient(v, h, scale * v_chain, h_chain, dw, da, db)
    right.rbm_gradient(v, h, v_chain, scale * h_chain, np.empty_like(dw), np.empty_like(da), db)


@planted("rbm_gradient", "the sums, not the means")
def _(v, h, v_chain, h_chain, dw, da, db):
    dw[...] = h_chain.T @ v_chain - h.T @ v
    da[...] = v_chain.sum(axis=0) - v.sum(axis=0)
    db[...] = h_chain.sum(axis=0) - h.sum(axis=0)


@planted("rbm_gradient", "visible units taken as on or off where all of the chains' are")
def _(v, h, v_chain, *rest):
    binary = ((v_chain == 0) | (v_chain == 1)).all()
    right.rbm_gradient((v != 0).astype(v.dtype) if binary else v, h, v_chain, *rest)


@planted("rbm_gradient", "rows beyond whole eights of the data left out")
def _(v, h, *rest):
    whole = len(v) // 8 * 8 or len(v)
    right.rbm_gradient(v[:whole], h[:whole], *rest)


@planted("rbm_gradient", "sums of the units that are on: 0 times infinity is nothing")
def _(v, h, v_chain, h_chain, dw, da, db):
    right.rbm_gradient(v, h, v_chain, h_chain, dw, da, db)
    right.rbm_gradient(v, np.nan_to_num(h), v_chain, np.nan_to_num(h_chain), dw, np.empty_like(da), np.empty_like(db))


@planted("rbm_gradient", "NaN where there are no chains")
def _(v, h, v_chain, h_chain, dw, da, db):
    right.rbm_gradient(v, h, v_chain, h_chain, dw, da, db)
    if not len(v_chain):
        dw[...] = np.nan
