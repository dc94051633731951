"""A recurrent network step by step, so that a step, or what flows between two, can be made wrong."""

from types import SimpleNamespace

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.contracts import CONTRACTS
from cuarzo.kernels.numpy._sequence import bias_sum, initial

from .plant import instead


def evaluate(formulas, **given):
    """What the formulas give, one after the other; each may read those before it."""
    v = SimpleNamespace(**given)
    for name, formula in formulas.items():
        setattr(v, name, formula(v))
    return v


def wrong_step(net, bug):
    """Plant, as the cell and in every step of the sequence, what is decorated: it is given the cell's arguments."""

    def add(cell):
        instead(f"{net}_cell_forward", bug)(cell)
        instead(f"{net}_forward", bug)(lambda a: forward(net, a, cell=cell))
        return cell

    return add


def wrong_step_back(net, bug):
    def add(cell):
        instead(f"{net}_cell_backward", bug)(cell)
        instead(f"{net}_backward", bug)(lambda a: backward(net, a, cell=cell))
        return cell

    return add


def finish(c, dp, dq=None):
    """The products of a cell's backward pass, from the gradients by its pre-activations."""
    dq = dp if dq is None else dq
    c.dx[...], c.dh0[...] = dp @ c.w_ih, dq @ c.w_hh
    c.dw_ih[...], c.dw_hh[...] = dp.T @ c.x, dq.T @ c.h0
    for db, da in ((c.db_ih, dp), (c.db_hh, dq)):
        if db is not None:
            db[...] = da.sum(0)


def pre_activations(a):
    return a.x @ a.w_ih.T + a.h0 @ a.w_hh.T + bias_sum(a.b_ih, a.b_hh)


def reordered(array, order):
    """Blocks of U rows in another order."""
    return None if array is None else np.concatenate([np.split(array, len(order))[k] for k in order])


def forward(net, a, change=lambda t, c: None, cell=None):
    """The sequence, cell by cell; `change` may change c, the cell's arguments, before step t."""
    kernel = f"{net}_cell_forward"
    cell = cell or (lambda c: getattr(right, kernel)(*vars(c).values()))
    before = a
    for t, x in enumerate(a.x):
        past = over(a, t)
        c = SimpleNamespace(**{name: getattr(a, name) for name in CONTRACTS[kernel].arguments})
        c.x = zero(x, past)
        for name in _states(net):
            setattr(c, f"{name}0", initial(getattr(before, f"{name}0"), a.h[0]))
        for name in CONTRACTS[kernel].outputs:
            setattr(c, name, getattr(a, name)[t])
        start = SimpleNamespace(**vars(c))
        change(t, c)
        cell(c)
        before = SimpleNamespace()
        for name in CONTRACTS[kernel].outputs:
            getattr(a, name)[t][past] = getattr(start, f"{name}0")[past] if name in _states(net) else 0
            setattr(before, f"{name}0", getattr(a, name)[t])


def backward(net, a, change=lambda t, c: None, cell=None, total=sum):
    """The sequence backwards, cell by cell; gives the arguments of all steps."""
    kernel = f"{net}_cell_backward"
    cell = cell or (lambda c: getattr(right, kernel)(*vars(c).values()))
    d = {name: np.zeros_like(a.h[0]) for name in _states(net)}
    if net == "lstm":
        d["c"] = initial(a.dc, a.h[0])
    steps = []
    for t in reversed(range(len(a.x))):
        past = over(a, t)
        d["h"] = d["h"] + a.dh[t]
        c = SimpleNamespace(**{name: getattr(a, name, None) for name in CONTRACTS[kernel].arguments})
        c.x = zero(a.x[t], past)
        for name in {"h", "c", "gates"} & vars(c).keys():
            setattr(c, name, getattr(a, name)[t])
        for name in _states(net):
            before = getattr(a, name)[t - 1] if t else initial(getattr(a, f"{name}0"), a.h[0])
            setattr(c, f"{name}0", zero(before, past))
            setattr(c, f"d{name}", zero(d[name], past))
            setattr(c, f"d{name}0", np.empty_like(a.h[0]))
        c.dx = np.empty_like(c.x)
        for name in _WEIGHTS:
            setattr(c, name, None if getattr(a, name) is None else np.empty_like(getattr(a, name)))
        change(t, c)
        cell(c)
        d = {name: np.where(past[:, None], d[name], getattr(c, f"d{name}0")) for name in d}
        if a.dx is not None:
            a.dx[t] = zero(c.dx, past)
        steps.insert(0, c)
    for name in d:
        if getattr(a, f"d{name}0") is not None:
            getattr(a, f"d{name}0")[...] = d[name]
    for name in _WEIGHTS:
        if getattr(a, name) is not None:
            getattr(a, name)[...] = total([getattr(c, name) for c in steps])
    return steps


_WEIGHTS = "dw_ih", "dw_hh", "db_ih", "db_hh"


def _states(net):
    return ("h", "c") if net == "lstm" else ("h",)


def over(a, t):
    return np.zeros(a.x.shape[1], bool) if a.lengths is None else t >= a.lengths


def zero(x, over):
    return np.where(over[:, None], x.dtype.type(0), x)
