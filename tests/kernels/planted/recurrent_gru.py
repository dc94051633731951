"""Wrong gated recurrent units. What all recurrent networks may have wrong is in recurrent.py."""

import numpy as np

from .plant import bent, spoilt
from .steps import evaluate, finish, over, reordered, wrong_step, wrong_step_back


def _sigmoid(a):
    return 1 / (1 + np.exp(-a))


def _overflowing(a):
    return np.exp(a) / (1 + np.exp(a))


_STEP = {
    "r": lambda v: _sigmoid(v.p[0] + v.q[0]),
    "z": lambda v: _sigmoid(v.p[1] + v.q[1]),
    "m": lambda v: v.q[2],
    "n": lambda v: np.tanh(v.p[2] + v.r * v.m),
    "h": lambda v: (1 - v.z) * v.n + v.z * v.h0,
}


def _affine(x, w, b):
    return np.split(x @ w.T + (0 if b is None else b), 3, 1)


def _step(bug, **wrong):
    @wrong_step("gru", bug)
    def _(c):
        given = {"p": _affine(c.x, c.w_ih, c.b_ih), "q": _affine(c.h0, c.w_hh, c.b_hh), "h0": c.h0}
        bias = 0 if c.b_hh is None else np.split(c.b_hh, 3)[2]
        v = evaluate(_STEP | wrong, w=np.split(c.w_hh, 3), bias=bias, **given)
        c.h[...], c.gates[...] = v.h, np.concatenate([v.r, v.z, v.n, v.m], 1)


_step(
    "reset gate before the product with w_hn, as in Cho",
    n=lambda v: np.tanh(v.p[2] + (v.r * v.h0) @ v.w[2].T + v.bias),
)
_step("bias of w_hn outside the reset gate", n=lambda v: np.tanh(v.p[2] + v.r * (v.m - v.bias) + v.bias))
_step("reset gate forgotten", n=lambda v: np.tanh(v.p[2] + v.m))
_step("reset gate times p too", n=lambda v: np.tanh(v.r * (v.p[2] + v.m)))
_step("n by the sigmoid", n=lambda v: _sigmoid(v.p[2] + v.r * v.m))
_step("n by ReLU", n=lambda v: np.maximum(v.p[2] + v.r * v.m, 0))
_step("n by e^2a, which overflows", n=lambda v: 2 * _overflowing(2 * (v.p[2] + v.r * v.m)) - 1)
_step("z and 1 - z exchanged", h=lambda v: v.z * v.n + (1 - v.z) * v.h0)
_step("h is n + z h0", h=lambda v: v.n + v.z * v.h0)
_step("h keeps r h0", h=lambda v: (1 - v.z) * v.n + v.z * v.r * v.h0)
_step("r by the hard sigmoid", r=lambda v: np.clip(0.2 * (v.p[0] + v.q[0]) + 0.5, 0, 1))
_step("z without what w_hh gives", z=lambda v: _sigmoid(v.p[1]))
_step("r and z share one product with w_hh", z=lambda v: _sigmoid(v.p[1] + v.q[0]))
_step("z by e^a / (1 + e^a): NaN for a large a", z=lambda v: _overflowing(v.p[1] + v.q[1]))

for _bug, _order in (("z, r, n", (1, 0, 2)), ("r, n, z", (0, 2, 1)), ("n, r, z", (1, 2, 0))):

    @bent("gru_cell_forward gru_forward", f"rows of the weights in the order {_bug}")
    def _(a, order=_order):
        for name in ("w_ih", "w_hh", "b_ih", "b_hh"):
            setattr(a, name, reordered(getattr(a, name), order))

    @spoilt("gru_cell_forward gru_forward", f"gates saved in the order {_bug}, m")
    def _(a, order=_order):
        blocks = np.split(a.gates, 4, -1)
        a.gates[...] = np.concatenate([blocks[k] for k in (*order, 3)], -1)

    @spoilt("gru_cell_backward gru_backward", f"weight gradients in the order {_bug}")
    def _(a, order=_order):
        for array in (a.dw_ih, a.dw_hh, a.db_ih, a.db_hh):
            if array is not None:
                array[...] = reordered(array, order)


@spoilt("gru_cell_forward gru_forward", "m saved after the reset gate")
def _(a):
    r, _, _, m = np.split(a.gates, 4, -1)
    m *= r


@spoilt("gru_cell_forward", "m saved without its bias")
def _(a):
    if a.b_hh is not None:
        np.split(a.gates, 4, -1)[3][...] -= np.split(a.b_hh, 3)[2]


@spoilt("gru_cell_forward gru_forward", "n saved before tanh")
def _(a):
    n = np.split(a.gates, 4, -1)[2]
    n[...] = np.arctanh(n)


@spoilt("gru_cell_forward gru_forward", "1 - z saved")
def _(a):
    z = np.split(a.gates, 4, -1)[1]
    z[...] = 1 - z


@spoilt("gru_forward", "gates past the end are those of the last step, not zero")
def _(a):
    for t in range(1, len(a.x)):
        a.gates[t][over(a, t)] = a.gates[t - 1][over(a, t)]


@spoilt("gru_forward", "three of the four gates are zeroed past the end: m is forgotten")
def _(a):
    U = a.h.shape[2]
    for t in range(1, len(a.x)):
        a.gates[t, over(a, t), 3 * U :] = a.gates[t - 1, over(a, t), 3 * U :]


_BACK = {
    "dn": lambda v: v.dh * (1 - v.z) * (1 - v.n * v.n),
    "dr": lambda v: v.dn * v.m * v.r * (1 - v.r),
    "dz": lambda v: v.dh * (v.h0 - v.n) * v.z * (1 - v.z),
    "dm": lambda v: v.dn * v.r,
    "kept": lambda v: v.dh * v.z,
    "dp": lambda v: np.concatenate([v.dr, v.dz, v.dn], 1),
    "dq": lambda v: np.concatenate([v.dr, v.dz, v.dm], 1),
}


def _step_back(bug, **wrong):
    @wrong_step_back("gru", bug)
    def _(c):
        r, z, n, m = np.split(c.gates, 4, 1)
        v = evaluate(_BACK | wrong, dh=c.dh, h0=c.h0, r=r, z=z, n=n, m=m)
        finish(c, v.dp, v.dq)
        c.dh0 += v.kept


_step_back("dn without tanh'", dn=lambda v: v.dh * (1 - v.z))
_step_back("dn without 1 - z", dn=lambda v: v.dh * (1 - v.n * v.n))
_step_back("dn with z for 1 - z", dn=lambda v: v.dh * v.z * (1 - v.n * v.n))
_step_back("dn with the sigmoid's slope", dn=lambda v: v.dh * (1 - v.z) * v.n * (1 - v.n))
_step_back("dr without m", dr=lambda v: v.dn * v.r * (1 - v.r))
_step_back("dr with h0, as in Cho, for m", dr=lambda v: v.dn * v.h0 * v.r * (1 - v.r))
_step_back("dr without sigmoid'", dr=lambda v: v.dn * v.m)
_step_back("dr with m after the reset gate", dr=lambda v: v.dn * v.r * v.m * v.r * (1 - v.r))
_step_back("dz of the other sign", dz=lambda v: v.dh * (v.n - v.h0) * v.z * (1 - v.z))
_step_back("dz of h0 alone", dz=lambda v: v.dh * v.h0 * v.z * (1 - v.z))
_step_back("dz of n alone", dz=lambda v: -v.dh * v.n * v.z * (1 - v.z))
_step_back("dz without sigmoid'", dz=lambda v: v.dh * (v.h0 - v.n))
_step_back("m gets n's gradient whole: reset gate forgotten", dm=lambda v: v.dn)
_step_back("m gets nothing", dm=lambda v: 0 * v.dn)
_step_back("h0 that is kept gets nothing", kept=lambda v: 0 * v.dh)
_step_back("h0 that is kept gets 1 - z", kept=lambda v: v.dh * (1 - v.z))
_step_back("h0 that is kept gets dh whole", kept=lambda v: v.dh)
_step_back("both products from the gradients of q", dp=lambda v: np.concatenate([v.dr, v.dz, v.dm], 1))
_step_back("r and z exchanged", dr=_BACK["dz"], dz=_BACK["dr"])


@spoilt("gru_cell_backward gru_backward", "one bias gradient for both, that of b_ih")
def _(a):
    if a.db_ih is not None and a.db_hh is not None:
        a.db_hh[...] = a.db_ih


@spoilt("gru_cell_backward gru_backward", "one bias gradient for both, that of b_hh")
def _(a):
    if a.db_ih is not None and a.db_hh is not None:
        a.db_ih[...] = a.db_hh


@bent("gru_cell_backward gru_backward", "gates read in the order r, z, m, n")
def _(a):
    blocks = np.split(a.gates, 4, -1)
    a.gates = np.concatenate([blocks[k] for k in (0, 1, 3, 2)], -1)


@bent("gru_backward", "h[-1] for no h0: the first step")
def _(a):
    a.h0 = a.h[-1] if a.h0 is None else a.h0
