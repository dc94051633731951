"""The recurrent definitions, judged by outsiders: values worked out by hand, finite differences of every element."""

import math

import numpy as np
import pytest

from cuarzo.kernels import naive
from cuarzo.kernels.contracts import CONTRACTS

KINDS = ("rnn", "relu", "lstm", "gru")
GATES = {"rnn": 1, "relu": 1, "lstm": 4, "gru": 3}  # blocks of U rows in the weights
FORMS = {  # what may be None or not, and rows of different length
    "full": {},
    "lengths": {"lengths": np.array([2, 4, 1])},
    "zero state": {"h0": None, "c0": None, "dc": None},
    "no bias": {"b_ih": None, "b_hh": None},
    "one bias": {"b_ih": None, "lengths": np.array([4, 3, 1])},
}


def parameters(kind, T=4, N=3, I=2, U=3, seed=1):
    """Everything that a sequence kernel may ask for, by name."""
    rng, rows = np.random.default_rng(seed), GATES[kind] * U
    sizes = {"x": (T, N, I), "h0": (N, U), "c0": (N, U), "w_ih": (rows, I), "w_hh": (rows, U)}
    sizes |= {"b_ih": (rows,), "b_hh": (rows,), "dh": (T, N, U), "dc": (N, U)}
    made = {name: 0.7 * rng.standard_normal(size) for name, size in sizes.items()}
    return {**made, "lengths": None, "relu": kind == "relu"}


def run(kernel, given):
    """Call the definition; its outputs by name. An output is made like the argument it is the gradient of."""
    contract = CONTRACTS[kernel]
    *leading, N, U = given["dh"].shape
    like = {"h": (*leading, N, U), "c": (*leading, N, U), "gates": (*leading, N, 4 * U)}
    outputs = {}
    for name in contract.outputs:
        source = given.get(name[1:])
        shape = like.get(name, None if source is None else source.shape)
        outputs[name] = None if shape is None else np.full(shape, np.nan)
    named = {**given, **outputs}
    getattr(naive, kernel)(*(named[name] for name in contract.arguments))
    return outputs


def stem(kind):
    return "rnn" if kind == "relu" else kind


def loss(kind, given):
    """A weighted sum of all states and of the last cell."""
    made = run(f"{stem(kind)}_forward", given)
    total = float(np.sum(made["h"] * given["dh"]))
    if "c" in made and given["dc"] is not None:
        total += float(np.sum(made["c"][-1] * given["dc"]))
    return total


def differences(function, array, step=1e-5):
    gradient = np.empty_like(array)
    for i in np.ndindex(array.shape):
        kept = array[i]
        array[i] = kept + step
        above = function()
        array[i] = kept - step
        gradient[i] = (above - function()) / (2 * step)
        array[i] = kept
    return gradient


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_differences(kind, form):
    given = parameters(kind) | FORMS[form]
    gradients = run(f"{stem(kind)}_backward", given | run(f"{stem(kind)}_forward", given))
    for name, gradient in gradients.items():
        if gradient is None:
            continue
        expected = differences(lambda: loss(kind, given), given[name[1:]])
        np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-8, err_msg=name)
        assert np.count_nonzero(expected), name


@pytest.mark.parametrize("kind", KINDS)
def test_unwanted_gradients_change_no_other(kind):
    given = parameters(kind)
    given |= run(f"{stem(kind)}_forward", given)
    every = run(f"{stem(kind)}_backward", given)
    contract = CONTRACTS[f"{stem(kind)}_backward"]
    outputs = {name: None if name in contract.optional else np.full_like(every[name], np.nan) for name in every}
    getattr(naive, contract.name)(*({**given, **outputs}[name] for name in contract.arguments))
    for name in ("dw_ih", "dw_hh"):
        np.testing.assert_array_equal(outputs[name], every[name])


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_is_its_cells_one_by_one(kind):
    given = parameters(kind)
    whole = run(f"{stem(kind)}_forward", given)
    state = {name: given[name] for name in ("h0", "c0")}
    steps = []
    for t in range(len(given["x"])):
        step = run(f"{stem(kind)}_cell_forward", {**given, **state, "x": given["x"][t], "dh": given["dh"][t]})
        for name, value in step.items():
            np.testing.assert_array_equal(whole[name][t], value)
        steps.append({**state, **step})
        state = {"h0": step["h"], "c0": step.get("c")}
    _check_cells_backward(kind, given, run(f"{stem(kind)}_backward", given | whole), steps)


def _check_cells_backward(kind, given, whole, steps):
    carried, sums = {"dh0": 0.0, "dc0": given["dc"]}, {}
    for t in reversed(range(len(steps))):
        incoming = {"dh": given["dh"][t] + carried["dh0"], "dc": carried.get("dc0")}
        carried = run(f"{stem(kind)}_cell_backward", {**given, **steps[t], **incoming, "x": given["x"][t]})
        np.testing.assert_allclose(whole["dx"][t], carried["dx"], rtol=1e-12, atol=1e-14)
        for name in ("dw_ih", "dw_hh", "db_ih", "db_hh"):
            sums[name] = sums.get(name, 0.0) + carried[name]
    for name in ("dh0", "dc0"):
        if name in whole:
            np.testing.assert_allclose(whole[name], carried[name], rtol=1e-12, atol=1e-14)
    for name, total in sums.items():
        np.testing.assert_allclose(whole[name], total, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_each_row_is_its_sequence_alone(kind):
    """Rows of different length are what the cut sequences are by themselves; x past the end is not looked at."""
    given = parameters(kind) | {"lengths": np.array([2, 4, 1])}
    for n, length in enumerate(given["lengths"]):
        given["x"][length:, n] = np.nan
    every = run(f"{stem(kind)}_forward", given)
    gradients = run(f"{stem(kind)}_backward", given | every)
    sums = dict.fromkeys(("dw_ih", "dw_hh", "db_ih", "db_hh"), 0.0)
    for n, length in enumerate(given["lengths"]):
        row = {name: given[name][n : n + 1] for name in ("h0", "c0", "dc")}
        row |= {name: given[name][:length, n : n + 1].copy() for name in ("x", "dh")}
        row["dh"][-1] += given["dh"][length:, n : n + 1].sum(axis=0)  # by the carried states
        alone = {**given, **row, "lengths": None}
        made = run(f"{stem(kind)}_forward", alone)
        for name, value in made.items():
            np.testing.assert_array_equal(every[name][:length, n], value[:, 0])
            carried = 0 if name == "gates" else value[-1, 0]
            assert np.all(every[name][length:, n] == carried)
        back = run(f"{stem(kind)}_backward", alone | made)
        np.testing.assert_allclose(gradients["dx"][:length, n], back["dx"][:, 0], rtol=1e-12, atol=1e-14)
        assert not gradients["dx"][length:, n].any()
        np.testing.assert_allclose(gradients["dh0"][n], back["dh0"][0], rtol=1e-12, atol=1e-14)
        sums = {name: total + back[name] for name, total in sums.items()}
    for name, total in sums.items():
        np.testing.assert_allclose(gradients[name], total, rtol=1e-12, atol=1e-14)


def _sigmoid(a):
    return 1 / (1 + math.exp(-a))


def _scalars(kind):
    """One unit, one input: x = 1, h0 = 0.5, c0 = 2, weights and biases that are all different."""
    rows = GATES[kind]
    base = np.arange(1.0, rows + 1)
    return {
        "x": np.array([[1.0]]), "h0": np.array([[0.5]]), "c0": np.array([[2.0]]), "dh": np.zeros((1, 1)),
        "w_ih": 0.1 * base[:, None], "w_hh": 0.2 * base[:, None], "b_ih": 0.01 * base, "b_hh": 0.002 * base,
        "relu": kind == "relu",
    }  # fmt: skip


def test_rnn_by_hand():
    made = run("rnn_cell_forward", _scalars("rnn"))
    assert made["h"][0, 0] == pytest.approx(math.tanh(0.1 + 0.1 + 0.01 + 0.002), rel=1e-15)
    given = _scalars("relu")
    assert run("rnn_cell_forward", given)["h"][0, 0] == pytest.approx(0.212, rel=1e-15)
    assert run("rnn_cell_forward", given | {"x": np.array([[-5.0]])})["h"][0, 0] == 0
    assert math.isnan(run("rnn_cell_forward", given | {"x": np.array([[np.nan]])})["h"][0, 0])


def test_lstm_by_hand():
    made = run("lstm_cell_forward", _scalars("lstm"))
    i, f, g, o = _sigmoid(0.212), _sigmoid(0.424), math.tanh(0.636), _sigmoid(0.848)
    np.testing.assert_allclose(made["gates"][0], [i, f, g, o], rtol=1e-15)
    assert made["c"][0, 0] == pytest.approx(2 * f + i * g, rel=1e-15)
    assert made["h"][0, 0] == pytest.approx(o * math.tanh(2 * f + i * g), rel=1e-15)


def test_gru_by_hand():
    made = run("gru_cell_forward", _scalars("gru"))
    r, z, m = _sigmoid(0.212), _sigmoid(0.424), 0.3 + 0.006  # w_hn h0 + b_hn: reset after the product
    n = math.tanh(0.3 + 0.03 + r * m)
    np.testing.assert_allclose(made["gates"][0], [r, z, n, m], rtol=1e-14)
    assert made["h"][0, 0] == pytest.approx((1 - z) * n + z * 0.5, rel=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_batch_has_gradients_of_zero(kind):
    given = parameters(kind, N=0)
    given |= run(f"{stem(kind)}_forward", given)
    for name, gradient in run(f"{stem(kind)}_backward", given).items():
        assert gradient.shape == given[name[1:]].shape
        assert not gradient.any()


def test_saturated_gates_do_not_overflow():
    given = parameters("lstm") | {"b_ih": np.full(12, -1e4), "b_hh": None}
    made = run("lstm_forward", given)
    assert not made["gates"][..., [*range(6), *range(9, 12)]].any()
    assert not made["h"].any()


def test_float32_is_rounded_once():
    """A sum whose terms float32 would lose: 1 and then 2**-24 twice."""
    one = np.ones((1, 1), np.float32)
    x, w_ih = np.array([[1.0, 2.0**-24, 2.0**-24]], np.float32), np.ones((1, 3), np.float32)
    h = np.empty((1, 1), np.float32)
    naive.rnn_cell_forward(x, 0 * one, w_ih, one, None, None, True, h)
    assert h[0, 0] == np.float32(1 + 2.0**-23)
