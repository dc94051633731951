"""RNN, LSTM and GRU over sequences: layers, directions, initial states, sequences of unequal length."""

from typing import Any

import numpy as np

import cuarzo as cz
from peers.peer import Configuration, analysed, called, chance, families, parameters, run_family, torch
from peers.rounding import Traced, concatenate, kinked, sigmoid, stack, tanh, where

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def step(kind: str, x: Traced, h: Traced, c: Traced | None, w: list[Any]) -> tuple[Traced, Traced | None]:
    """One step of PyTorch's formulas. `w`: both weights, then both biases if there are any."""
    a, b = x @ w[0].transpose(1, 0), h @ w[1].transpose(1, 0)
    a, b = (a + w[2], b + w[3]) if len(w) > 2 else (a, b)
    U = h.shape[1]
    if kind in ("tanh", "relu"):
        return (tanh if kind == "tanh" else kinked)(a + b), None
    if kind == "lstm":
        i, f, g, o = ((a + b)[:, k * U : (k + 1) * U] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c
    r, z = (sigmoid((a + b)[:, k * U : (k + 1) * U]) for k in range(2))
    n = tanh(a[:, 2 * U :] + r * b[:, 2 * U :])
    return (1.0 - z) * n + z * h, None


def sequence(kind: str, x: Traced, h: Traced, c: Any, w: list[Any], lengths: np.ndarray, back: bool) -> tuple[Any, ...]:
    """One layer in one direction: (y, last h, last c), y 0 past a sequence's end."""
    T, N = x.shape[:2]
    t = np.arange(T)[:, None]
    order = (np.where(t < lengths, lengths - 1 - t, t), np.arange(N)[None, :])
    x, ys = x[order] if back else x, []
    for s in range(T):
        alive = (s < lengths)[:, None]
        new_h, new_c = step(kind, x[s], h, c, w)
        h, c = where(alive, new_h, h), None if new_c is None else where(alive, new_c, c)
        ys.append(where(alive, h, 0.0))
    y = stack(ys)
    return y[order] if back else y, h, c


def network(
    kind: str, layers: int, directions: int, names: list[str], a: dict[str, Traced], lengths: Any, U: int
) -> Any:
    """All layers: x (T, N, I) to y, last h and, for the LSTM, last c."""
    x, N = a["x"], a["x"].shape[1]
    zero, ends_h, ends_c = Traced(np.zeros((N, U))), [], []
    for k in range(layers):
        ys = []
        for d in range(directions):
            suffix = f"_l{k}{'_reverse' * d}"
            w = [a[name] for name in names if name.endswith(suffix)]
            h, c = (a[s][k * directions + d] if s in a else zero for s in ("h0", "c0"))
            y, h, c = sequence(kind, x, h, c, w, lengths, bool(d))
            ys.append(y)
            ends_h.append(h)
            ends_c.append(c)
        x = concatenate(ys)
    return (x, stack(ends_h), stack(ends_c) if kind == "lstm" else None)


def configuration(rng: np.random.Generator, family: str) -> Configuration:
    T, N, inputs, U = (int(v) for v in rng.integers(1, 6, 4))
    layers, both, bias, first = int(rng.choice([1, 1, 2, 3])), chance(rng), chance(rng, 0.7), chance(rng)
    D, kind, given = 1 + both, family.removeprefix("rnn_"), chance(rng)
    alone = chance(rng, 0.15)  # one sequence without a batch
    lengths = rng.integers(1, T + 1, N) if chance(rng) and not alone else None
    N, first = (1, False) if alone else (N, first)
    options = {"num_layers": layers, "bias": bias, "batch_first": first, "bidirectional": both}
    options |= {"nonlinearity": kind} if family.startswith("rnn") else {}
    name = "RNN" if family.startswith("rnn") else family.upper()
    peer = getattr(torch.nn, name)(inputs, U, **options)
    weights = parameters(peer, rng)
    names = list(weights)
    shape = (T, inputs) if alone else (N, T, inputs) if first else (T, N, inputs)
    states = ("h0", "c0") if family == "lstm" else ("h0",)
    state = {s: rng.normal(size=(layers * D, U) if alone else (layers * D, N, U)) for s in states} if given else {}
    arrays = {"x": rng.normal(size=shape), **state, **weights}

    def begin(a: dict[str, Any]) -> Any:
        return None if not given else (a["h0"], a["c0"]) if family == "lstm" else a["h0"]

    def results(y: Any, state: Any) -> dict[str, Any]:
        return {"y": y, "h": state[0], "c": state[1]} if family == "lstm" else {"y": y, "h": state}

    def ours(a, layer):
        return results(*layer(a["x"], begin(a), lengths))

    def theirs(a):
        if lengths is None:
            return results(*called(peer, names, a, a["x"], begin(a)))
        rnn = torch.nn.utils.rnn
        packed = rnn.pack_padded_sequence(a["x"], torch.from_numpy(lengths), first, enforce_sorted=False)
        y, state = called(peer, names, a, packed, begin(a))
        return results(rnn.pad_packed_sequence(y, first, total_length=T)[0], state)

    def formula(a):
        a = dict(a)
        if alone:
            a |= {k: a[k].reshape(a[k].shape[0], 1, a[k].shape[1]) for k in ("x", *state)}
        if first:
            a["x"] = a["x"].transpose(1, 0, 2)
        ends = np.full(N, T) if lengths is None else lengths
        y, h, c = network(kind, layers, D, names, a, ends, U)
        if alone:
            y, h, c = y[:, 0], h[:, 0], None if c is None else c[:, 0]
        return results(y.transpose(1, 0, 2) if first else y, h if c is None else (h, c))

    def module(dtype):
        return getattr(cz.nn, name)(inputs, U, **options, seed=1, dtype=dtype)

    about = f"x {shape} U {U} {options} state {given} lengths {None if lengths is None else lengths.tolist()}"
    return Configuration(about, arrays, ours, theirs, analysed(formula), module, peer)


def cell(rng: np.random.Generator, family: str) -> Configuration:
    N, inputs, U = (int(v) for v in rng.integers(1, 7, 3))
    bias, given, alone, kind = chance(rng, 0.7), chance(rng, 0.7), chance(rng, 0.15), family.removesuffix("_cell")
    kind, name = kind.removeprefix("rnn_"), {"lstm": "LSTM", "gru": "GRU"}.get(kind, "RNN")
    options = {"bias": bias} | ({"nonlinearity": kind} if name == "RNN" else {})
    peer = getattr(torch.nn, f"{name}Cell")(inputs, U, **options)
    weights = parameters(peer, rng)
    names, rows = list(weights), () if alone else (N,)
    states = (("h0", "c0") if name == "LSTM" else ("h0",)) if given else ()
    arrays = {"x": rng.normal(size=(*rows, inputs)), **{s: rng.normal(size=(*rows, U)) for s in states}, **weights}

    def begin(a: dict[str, Any]) -> Any:
        return None if not given else (a["h0"], a["c0"]) if name == "LSTM" else a["h0"]

    def results(state: Any) -> dict[str, Any]:
        return {"h": state[0], "c": state[1]} if name == "LSTM" else {"h": state}

    def formula(a):
        n = 1 if alone else N
        x, zero = a["x"].reshape(n, inputs), Traced(np.zeros((n, U)))
        h, c = (a[s].reshape(n, U) if s in a else zero for s in ("h0", "c0"))
        new = [v.reshape(*rows, U) for v in step(kind, x, h, c, [a[w] for w in names]) if v is not None]
        return results(new if name == "LSTM" else new[0])

    return Configuration(
        f"x {arrays['x'].shape} U {U} {options} state {given}",
        arrays,
        lambda a, layer: results(layer(a["x"], begin(a))),
        lambda a: results(called(peer, names, a, a["x"], begin(a))),
        analysed(formula),
        lambda dtype: getattr(cz.nn, f"{name}Cell")(inputs, U, **options, seed=1, dtype=dtype),
        peer,
    )


@families("rnn_tanh", "rnn_relu", "lstm", "gru")
def test_recurrent(family, block, record_property):
    run_family(family, block, lambda rng: configuration(rng, family), record_property)


@families("rnn_tanh_cell", "rnn_relu_cell", "lstm_cell", "gru_cell")
def test_cell(family, block, record_property):
    run_family(family, block, lambda rng: cell(rng, family), record_property)
