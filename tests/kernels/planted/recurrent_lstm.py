"""Wrong long short-term memories. What all recurrent networks may have wrong is in recurrent.py."""

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.numpy._sequence import previous

from .plant import bent, instead, spoilt
from .steps import backward, evaluate, finish, over, pre_activations, reordered, wrong_step, wrong_step_back, zero


def _sigmoid(a):
    return 1 / (1 + np.exp(-a))


_STEP = {
    "i": lambda v: _sigmoid(v.a[0]),
    "f": lambda v: _sigmoid(v.a[1]),
    "g": lambda v: np.tanh(v.a[2]),
    "o": lambda v: _sigmoid(v.a[3]),
    "c": lambda v: v.f * v.c0 + v.i * v.g,
    "h": lambda v: v.o * np.tanh(v.c),
}


def _step(bug, **wrong):
    @wrong_step("lstm", bug)
    def _(c):
        v = evaluate(_STEP | wrong, a=np.split(pre_activations(c), 4, 1), c0=c.c0, h0=c.h0)
        c.h[...], c.c[...], c.gates[...] = v.h, v.c, np.concatenate([v.i, v.f, v.g, v.o], 1)


def _hard(a):
    return np.clip(0.2 * a + 0.5, 0, 1)


def _overflowing(a):
    return np.exp(a) / (1 + np.exp(a))


_step("g by the sigmoid", g=lambda v: _sigmoid(v.a[2]))
_step("o by tanh", o=lambda v: np.tanh(v.a[3]))
_step("i and f by the hard sigmoid", i=lambda v: _hard(v.a[0]), f=lambda v: _hard(v.a[1]))
_step("f by e^a / (1 + e^a): NaN for a large a", f=lambda v: _overflowing(v.a[1]))
_step("h is o c, without tanh", h=lambda v: v.o * v.c)
_step("h is tanh(o c)", h=lambda v: np.tanh(v.o * v.c))
_step("c without the forget gate, as in 1997", c=lambda v: v.c0 + v.i * v.g)
_step("c is f c0 + (1 - f) g: input and forget gates coupled", c=lambda v: v.f * v.c0 + (1 - v.f) * v.g)
_step("c is f h0 + i g", c=lambda v: v.f * v.h0 + v.i * v.g)
_step("c is i c0 + f g", c=lambda v: v.i * v.c0 + v.f * v.g)
_step("c clipped to -3 ... 3", c=lambda v: np.clip(v.f * v.c0 + v.i * v.g, -3, 3))
_step("h from the old c", h=lambda v: v.o * np.tanh(v.c0))
_step("forget gate biased by one", f=lambda v: _sigmoid(v.a[1] + 1))
_step("peephole: o sees the new c", o=lambda v: _sigmoid(v.a[3] + v.f * v.c0 + v.i * v.g))

for _bug, _order in (("i, f, o, g", (0, 1, 3, 2)), ("i, g, f, o", (0, 2, 1, 3)), ("f, i, g, o", (1, 0, 2, 3))):

    @bent("lstm_cell_forward lstm_forward", f"rows of the weights in the order {_bug}")
    def _(a, order=_order):
        for name in ("w_ih", "w_hh", "b_ih", "b_hh"):
            setattr(a, name, reordered(getattr(a, name), order))

    @spoilt("lstm_cell_forward lstm_forward", f"gates saved in the order {_bug}")
    def _(a, order=_order):
        blocks = np.split(a.gates, 4, -1)
        a.gates[...] = np.concatenate([blocks[k] for k in order], -1)

    @spoilt("lstm_cell_backward lstm_backward", f"weight gradients in the order {_bug}")
    def _(a, order=_order):
        for array in (a.dw_ih, a.dw_hh, a.db_ih, a.db_hh):
            if array is not None:
                array[...] = reordered(array, order)


@spoilt("lstm_cell_forward", "gates saved before the activation")
def _(a):
    a.gates[...] = pre_activations(a)


@spoilt("lstm_forward", "gates saved before the activation")
def _(a):
    a.h0 = previous(a.h, a.h0)
    past = np.array([over(a, t) for t in range(len(a.x))])
    a.gates[...] = np.where(past[..., None], 0, pre_activations(a))


@bent("lstm_cell_forward lstm_forward", "h0 and c0 exchanged")
def _(a):
    a.h0, a.c0 = a.c0, a.h0


@bent("lstm_cell_forward lstm_forward lstm_cell_backward lstm_backward", "c0 ignored")
def _(a):
    a.c0 = None if a.c0 is None else np.zeros_like(a.c0)


@bent("lstm_forward lstm_backward", "c0 ignored where h0 is None")
def _(a):
    a.c0 = None if a.h0 is None else a.c0


@spoilt("lstm_forward", "lengths ignored in c")
def _(a):
    for t, c in enumerate(a.c[1:], 1):  # as if 0 inputs came
        past = over(a, t)
        made = [np.empty_like(c), np.empty_like(c), np.empty_like(a.gates[t])]
        right.lstm_cell_forward(np.zeros_like(a.x[t]), a.h[t - 1], a.c[t - 1], a.w_ih, a.w_hh, a.b_ih, a.b_hh, *made)
        c[past] = made[1][past]


@spoilt("lstm_forward", "c past the end is zero, not held")
def _(a):
    for t, c in enumerate(a.c):
        c[over(a, t)] = 0


@spoilt("lstm_forward", "gates past the end are those of the last step, not zero")
def _(a):
    for t in range(1, len(a.x)):
        a.gates[t][over(a, t)] = a.gates[t - 1][over(a, t)]


_BACK = {
    "cell": lambda v: v.dc + v.dh * v.o * (1 - v.s * v.s),
    "da_i": lambda v: v.cell * v.g * v.i * (1 - v.i),
    "da_f": lambda v: v.cell * v.c0 * v.f * (1 - v.f),
    "da_g": lambda v: v.cell * v.i * (1 - v.g * v.g),
    "da_o": lambda v: v.dh * v.s * v.o * (1 - v.o),
    "dc0": lambda v: v.cell * v.f,
}


def _step_back(bug, **wrong):
    @wrong_step_back("lstm", bug)
    def _(c):
        i, f, g, o = np.split(c.gates, 4, 1)
        v = evaluate(_BACK | wrong, dh=c.dh, dc=c.dc, c0=c.c0, c=c.c, s=np.tanh(c.c), i=i, f=f, g=g, o=o)
        finish(c, np.concatenate([v.da_i, v.da_f, v.da_g, v.da_o], 1))
        c.dc0[...] = v.dc0


_step_back("tanh'(c) forgotten", cell=lambda v: v.dc + v.dh * v.o)
_step_back("tanh'(c) taken of c, as if c were tanh(c)", cell=lambda v: v.dc + v.dh * v.o * (1 - v.c * v.c))
_step_back("o forgotten on the way to c", cell=lambda v: v.dc + v.dh * (1 - v.s * v.s))
_step_back("dc ignored", cell=lambda v: v.dh * v.o * (1 - v.s * v.s))
_step_back("dh reaches c by dc alone", cell=lambda v: v.dc)
_step_back("dc goes through tanh too", cell=lambda v: (v.dc + v.dh * v.o) * (1 - v.s * v.s))
_step_back("da_i without g", da_i=lambda v: v.cell * v.i * (1 - v.i))
_step_back("da_i without sigmoid'", da_i=lambda v: v.cell * v.g)
_step_back("da_f from c, not c0", da_f=lambda v: v.cell * v.c * v.f * (1 - v.f))
_step_back("da_f with i's slope", da_f=lambda v: v.cell * v.c0 * v.i * (1 - v.i))
_step_back("da_g with the sigmoid's slope", da_g=lambda v: v.cell * v.i * v.g * (1 - v.g))
_step_back("da_g without tanh'", da_g=lambda v: v.cell * v.i)
_step_back("da_g from dc alone", da_g=lambda v: v.dc * v.i * (1 - v.g * v.g))
_step_back("da_o from c, not tanh(c)", da_o=lambda v: v.dh * v.c * v.o * (1 - v.o))
_step_back("da_o from what reaches c", da_o=lambda v: v.cell * v.s * v.o * (1 - v.o))
_step_back("tanh(c) as h / o: NaN where o is 0", da_o=lambda v: v.dh * (v.o * v.s / v.o) * v.o * (1 - v.o))
_step_back("dc0 without the forget gate", dc0=lambda v: v.cell)
_step_back("dc0 from dc alone", dc0=lambda v: v.dc * v.f)
_step_back("dc0 by the input gate", dc0=lambda v: v.cell * v.i)


@bent("lstm_backward", "dc of rows that end early is lost")
def _(a):
    if a.dc is not None and a.lengths is not None:
        a.dc = zero(a.dc, a.lengths < len(a.x))


@instead("lstm_backward", "dc comes in at every step")
def _(a):
    def change(t, c):
        if t < len(a.x) - 1 and a.dc is not None:
            c.dc = zero(c.dc + a.dc, over(a, t))

    backward("lstm", a, change)


@instead("lstm_backward", "nothing flows from step to step by c")
def _(a):
    def change(t, c):
        c.dc = c.dc if t == len(a.x) - 1 else np.zeros_like(c.dc)

    backward("lstm", a, change)


@instead("lstm_backward", "c[t - 1] of the first step is c[-1], the last")
def _(a):
    def change(t, c):
        c.c0 = c.c0 if t else a.c[-1]

    backward("lstm", a, change)


@bent("lstm_backward", "dc0 not assigned where dh0 is not wanted")
def _(a):
    a.dc0 = None if a.dh0 is None else a.dc0


@spoilt("lstm_backward", "dc0 is the gradient by h0")
def _(a):
    if a.dc0 is not None and a.dh0 is not None:
        a.dc0[...] = a.dh0
