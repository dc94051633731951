"""Wrong recurrent networks: the mistakes that all three share."""

import numpy as np

from cuarzo.kernels.numpy._sequence import initial

from .plant import bent, instead, plant_accumulating, plant_float32, spoilt
from .steps import backward, forward, over, zero

NETS = "rnn", "lstm", "gru"
_CELLS, _CELLS_BACK, _FORWARD, _BACKWARD = (
    " ".join(f"{net}_{which}" for net in NETS) for which in ("cell_forward", "cell_backward", "forward", "backward")
)
_ALL_FORWARD, _ALL_BACKWARD = f"{_CELLS} {_FORWARD}", f"{_CELLS_BACK} {_BACKWARD}"


def _zeros(array):
    return None if array is None else np.zeros_like(array)


def _each_gate(w, change):
    return np.ascontiguousarray(np.concatenate([change(gate) for gate in np.split(w, len(w) // w.shape[1])]))


def _cut(a, t, c):
    """Let nothing come from the step after t."""
    c.dh = zero(a.dh[t], over(a, t))
    if hasattr(c, "dc") and t < len(a.x) - 1:
        c.dc = np.zeros_like(c.dc)


plant_float32(f"{_ALL_FORWARD} {_ALL_BACKWARD}")
plant_accumulating(f"{_CELLS_BACK} {_BACKWARD}")


@bent(_ALL_FORWARD, "recurrent bias forgotten")
def _(a):
    a.b_hh = None


@bent(_ALL_FORWARD, "input bias forgotten")
def _(a):
    a.b_ih = None


@bent(_ALL_FORWARD, "no recurrent bias where there is no input bias")
def _(a):
    a.b_hh = None if a.b_ih is None else a.b_hh


@bent(_ALL_FORWARD, "one bias for both")
def _(a):
    a.b_hh = a.b_hh if a.b_ih is None or a.b_hh is None else a.b_ih


@bent(_ALL_FORWARD, "h0 ignored")
def _(a):
    a.h0 = _zeros(a.h0)


@bent(_ALL_FORWARD, "h0 of the first row for all")
def _(a):
    a.h0 = None if a.h0 is None else np.repeat(a.h0[:1], len(a.h0), axis=0)


@bent(f"{_ALL_FORWARD} {_ALL_BACKWARD}", "w_hh transposed")
def _(a):
    a.w_hh = _each_gate(a.w_hh, lambda w: w.T)


@bent(_ALL_FORWARD, "w_ih transposed where it is square")
def _(a):
    if a.w_ih.shape[1] == a.w_hh.shape[1]:
        a.w_ih = _each_gate(a.w_ih, lambda w: w.T)


@bent(_ALL_FORWARD, "units of h0 summed in blocks of 4 where there are more: the rest is forgotten")
def _(a):
    units = a.w_hh.shape[1]
    if units > 4:
        a.w_hh = a.w_hh.copy()
        a.w_hh[:, units - units % 4 :] = 0


@bent(_ALL_FORWARD, "inputs summed in blocks of 4 where there are more: the rest is forgotten")
def _(a):
    inputs = a.x.shape[-1]
    if inputs > 4:
        a.x = a.x.copy()
        a.x[..., inputs - inputs % 4 :] = 0


@bent(_FORWARD, "reversed in time")
def _(a):
    a.x = a.x[::-1].copy()


@bent(_FORWARD, "batch first where there are as many steps as sequences")
def _(a):
    if a.x.shape[0] == a.x.shape[1]:
        a.x = a.x.swapaxes(0, 1).copy()


@bent(f"{_FORWARD} {_BACKWARD}", "lengths ignored")
def _(a):
    a.lengths = None


@bent(f"{_FORWARD} {_BACKWARD}", "one step more than the length")
def _(a):
    a.lengths = None if a.lengths is None else np.minimum(a.lengths + 1, len(a.x))


@bent(f"{_FORWARD} {_BACKWARD}", "one step less than the length")
def _(a):
    a.lengths = None if a.lengths is None else np.maximum(a.lengths - 1, 1)


@bent(f"{_FORWARD} {_BACKWARD}", "lengths sorted, as packing wants them, but not the rows")
def _(a):
    a.lengths = None if a.lengths is None else np.sort(a.lengths)[::-1].copy()


@bent(f"{_FORWARD} {_BACKWARD}", "all rows run to the end of the longest")
def _(a):
    if a.lengths is not None and a.lengths.size:
        a.lengths = np.full_like(a.lengths, a.lengths.max())


@bent(_FORWARD, "last step missing")
def _(a):
    most = np.full(a.x.shape[1], max(len(a.x) - 1, 1))
    a.lengths = most if a.lengths is None else np.minimum(a.lengths, most)


@spoilt(_FORWARD, "state past the end is zero, not held")
def _(a):
    for t, h in enumerate(a.h):
        h[over(a, t)] = 0


@spoilt(_FORWARD, "masked by products, m h + (1 - m) h0: a NaN past the end comes through")
def _(a):
    for t, h in enumerate(a.h):
        h += 0 * (over(a, t)[:, None] * a.x[t]).sum(1, keepdims=True)


for _net in NETS:

    @instead(f"{_net}_forward", "every step starts from h0")
    def _(a, net=_net):
        def change(t, c):
            c.h0 = initial(a.h0, a.h[0])

        forward(net, a, change)

    @instead(f"{_net}_forward", "first step starts from h[-1], which holds an older result")
    def _(a, net=_net):
        def change(t, c):
            c.h0 = last if t == 0 and a.h0 is None else c.h0

        last = a.h[-1].copy()
        forward(net, a, change)

    @instead(f"{_net}_backward", "nothing flows from step to step")
    def _(a, net=_net):
        def change(t, c):
            _cut(a, t, c)

        backward(net, a, change)

    @instead(f"{_net}_backward", "back-propagation cut after 5 steps")
    def _(a, net=_net):
        def change(t, c):
            if (len(a.x) - t) % 5 == 1:
                _cut(a, t, c)

        backward(net, a, change)

    @instead(f"{_net}_backward", "h[t] for h[t - 1]")
    def _(a, net=_net):
        def change(t, c):
            c.h0 = a.h[t]

        backward(net, a, change)

    @instead(f"{_net}_backward", "h[t - 1] of the first step is h[-1], the last state")
    def _(a, net=_net):
        def change(t, c):
            c.h0 = c.h0 if t else a.h[-1]

        backward(net, a, change)

    @instead(f"{_net}_backward", "weights get the first step's gradient alone: assigned, not added")
    def _(a, net=_net):
        backward(net, a, total=lambda parts: parts[0])

    @instead(f"{_net}_backward", "weights do not get the first step's gradient where h0 is None")
    def _(a, net=_net):
        backward(net, a, total=lambda parts: sum(parts[1:], 0 * parts[0]) if a.h0 is None else sum(parts))

    @instead(f"{_net}_backward", "weight gradients divided by the number of steps")
    def _(a, net=_net):
        backward(net, a, total=lambda parts: sum(parts) / len(parts))

    @instead(f"{_net}_backward", "dh0 is the gradient by h[0]: one step short")
    def _(a, net=_net):
        steps = backward(net, a)
        if a.dh0 is not None:
            a.dh0[...] = steps[0].dh

    @instead(f"{_net}_backward", "adds up in the caller's dh")
    def _(a, net=_net):
        for t, c in enumerate(backward(net, a)):
            if a.dh.flags.writeable:
                a.dh[t] = c.dh


@bent(_BACKWARD, "gradient of the last step only")
def _(a):
    a.dh = a.dh.copy()
    a.dh[:-1] = 0


@bent(_BACKWARD, "gradient past the end dropped, where it should flow to the last state")
def _(a):
    a.dh = np.stack([zero(dh, over(a, t)) for t, dh in enumerate(a.dh)])


@bent(_ALL_BACKWARD, "dh clipped to -1 ... 1")
def _(a):
    a.dh = np.clip(a.dh, -1, 1)


@bent(_BACKWARD, "dh0 not assigned")
def _(a):
    a.dh0 = None


@bent(_BACKWARD, "dh0 not assigned where dx is not wanted")
def _(a):
    a.dh0 = None if a.dx is None else a.dh0


@bent(_ALL_BACKWARD, "db_hh not assigned where db_ih is not wanted")
def _(a):
    a.db_hh = None if a.db_ih is None else a.db_hh


@spoilt(_ALL_BACKWARD, "weight gradients divided by the batch")
def _(a):
    a.dw_ih /= max(a.x.shape[-2], 1)
    a.dw_hh /= max(a.x.shape[-2], 1)


@instead(_BACKWARD, "dx past the end keeps what it held")
def _(a):
    net = "lstm" if hasattr(a, "c") else "gru" if hasattr(a, "gates") else "rnn"
    held = None if a.dx is None else a.dx.copy()
    backward(net, a)
    for t in range(len(a.x) if a.dx is not None else 0):
        a.dx[t][over(a, t)] = held[t][over(a, t)]


@spoilt(_BACKWARD, "x past the end times 0: a NaN there comes into dw_ih")
def _(a):
    for t, x in enumerate(a.x):
        a.dw_ih += 0 * x[over(a, t)].sum(0)
