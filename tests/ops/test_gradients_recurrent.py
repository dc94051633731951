"""Recurrent networks against finite differences in float64, at every element of sequence, states and weights."""

import numpy as np
import pytest

from cuarzo import gradcheck, kernels, ops

RNG = np.random.default_rng(13)
T, N, I, U = 4, 3, 2, 3
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
LENGTHS = [2, 4, 1]


def normal(*shape):
    return RNG.normal(size=shape)


def weights(kind, bias=True):
    rows = GATES[kind] * U
    return [normal(rows, I), normal(rows, U), *([normal(rows), normal(rows)] if bias else [])]


def together(y, state):
    """All that an op returns in one tensor, so that one gradient visits it all."""
    states = state if isinstance(state, tuple) else (state,)
    return ops.concatenate([y.reshape(-1, U), *(part.reshape(-1, U) for part in states)])


def sequences(kind):
    op, states = getattr(ops, kind), [normal(N, U) for _ in range(2 if kind == "lstm" else 1)]
    given = (lambda s: tuple(s)) if kind == "lstm" else (lambda s: s[0])
    n = len(states)

    def call(x, *rest, lengths=None):
        return together(*op(x, given(rest[:n]), *rest[n:], lengths=lengths))

    def later(x, *rest):
        """A loss on the outputs alone, past and within the lengths."""
        return op(x, None, *rest, lengths=LENGTHS)[0]

    def last(x, *rest):
        return together(op(x, None, *rest)[0][:0], op(x, None, *rest)[1])

    yield "", call, normal(T, N, I), *states, *weights(kind)
    yield " lengths", (lambda *a: call(*a, lengths=LENGTHS)), normal(T, N, I), *states, *weights(kind)
    yield " from zeros", later, normal(T, N, I), *weights(kind)
    yield " without bias", last, normal(T, N, I), *weights(kind, bias=False)
    yield " one step", call, normal(1, N, I), *states, *weights(kind)


def cells(kind):
    op, states = getattr(ops, kind + "_cell"), [normal(N, U) for _ in range(2 if kind == "lstm" else 1)]
    given, n = (lambda s: tuple(s)) if kind == "lstm" else (lambda s: s[0]), len(states)

    def call(x, *rest):
        state = op(x, given(rest[:n]), *rest[n:])
        return together(x.reshape(-1)[:0].reshape(0, U), state)

    yield "", call, normal(N, I), *states, *weights(kind)
    yield " without bias", call, normal(N, I), *states, *weights(kind, bias=False)


CASES = {}
for kind in GATES:
    CASES |= {kind + name: case for name, *case in sequences(kind)}
    CASES |= {f"{kind}_cell{name}": case for name, *case in cells(kind)}
CASES["rnn relu"] = (
    lambda x, h, *w: together(*ops.rnn(x, h, *w, lengths=LENGTHS, nonlinearity="relu")),
    *(normal(T, N, I), normal(N, U), *weights("rnn")),
)
CASES["rnn_cell relu"] = (
    lambda x, h, *w: ops.rnn_cell(x, h, *w, nonlinearity="relu"),
    *(normal(N, I), normal(N, U), *weights("rnn")),
)
CASES["reverse_time"] = (lambda x: ops.reverse_time(x) * np.arange(float(T)).reshape(T, 1, 1), normal(T, N, I))
CASES["reverse_time lengths"] = (
    lambda x: ops.reverse_time(x, LENGTHS) * (1 + np.arange(float(T))).reshape(T, 1, 1),
    normal(T, N, I),
)


@pytest.mark.parametrize("name", CASES)
def test_gradient(name):
    """By the definition: its backward kernels meet an outsider here. The other backends are held against it."""
    function, *inputs = CASES[name]
    with kernels.use("naive"):
        assert gradcheck(function, *inputs)
