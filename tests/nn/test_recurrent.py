"""RNN, LSTM, GRU and their cells: layers, directions, lengths, states, dropout, truncated back-propagation."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import cuarzo as cz
from cuarzo import Tensor, gradcheck, nn, ops

RNG = np.random.default_rng(5)
T, N, I, U = 5, 4, 3, 2
KINDS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
CELLS = {"RNN": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell}
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
LENGTHS = np.array([3, 5, 1, 4])


def sequence(*shape):
    return Tensor(RNG.normal(size=shape or (T, N, I)))


def make(kind, *sizes, **options):
    return KINDS[kind](*(sizes or (I, U)), seed=1, dtype=np.float64, **options)


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def assert_same(a, b):
    for one, two in zip(parts(a), parts(b), strict=True):
        assert one.shape == two.shape
        assert_allclose(one.data, two.data, rtol=0, atol=1e-12)


SIGNATURES = {
    "RNN": "input_size hidden_size num_layers=1 nonlinearity='tanh' bias=True batch_first=False dropout=0.0 "
    "bidirectional=False",
    "LSTM": "input_size hidden_size num_layers=1 bias=True batch_first=False dropout=0.0 bidirectional=False",
    "GRU": "input_size hidden_size num_layers=1 bias=True batch_first=False dropout=0.0 bidirectional=False",
    "RNNCell": "input_size hidden_size bias=True nonlinearity='tanh'",
    "LSTMCell": "input_size hidden_size bias=True",
    "GRUCell": "input_size hidden_size bias=True",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name):
    parameters = inspect.signature(getattr(nn, name)).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    shown = " ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in positional)
    assert shown == SIGNATURES[name]


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_shapes_as_in_torch(kind):
    net, g = make(kind, num_layers=2, bidirectional=True), GATES[kind]
    assert {name: array.shape for name, array in net.state_dict().items()} == {
        "weight_ih_l0": (g * U, I), "weight_hh_l0": (g * U, U), "bias_ih_l0": (g * U,), "bias_hh_l0": (g * U,),
        "weight_ih_l0_reverse": (g * U, I), "weight_hh_l0_reverse": (g * U, U),
        "bias_ih_l0_reverse": (g * U,), "bias_hh_l0_reverse": (g * U,),
        "weight_ih_l1": (g * U, 2 * U), "weight_hh_l1": (g * U, U), "bias_ih_l1": (g * U,), "bias_hh_l1": (g * U,),
        "weight_ih_l1_reverse": (g * U, 2 * U), "weight_hh_l1_reverse": (g * U, U),
        "bias_ih_l1_reverse": (g * U,), "bias_hh_l1_reverse": (g * U,),
    }  # fmt: skip
    assert list(make(kind, bias=False).state_dict()) == ["weight_ih_l0", "weight_hh_l0"]
    assert list(CELLS[kind](I, U).state_dict()) == ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    bound = 1 / np.sqrt(U)
    assert all(np.abs(array).max() <= bound and array.std() > 0 for array in net.state_dict().values())


def test_the_lstm_by_hand():
    """The formulas of Gers et al. once more, in NumPy."""
    net, x = make("LSTM"), sequence()
    w = net.state_dict()
    h = c = np.zeros((N, U))
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    y, state = net(x)
    for t in range(T):
        z = x.data[t] @ w["weight_ih_l0"].T + w["bias_ih_l0"] + h @ w["weight_hh_l0"].T + w["bias_hh_l0"]
        i, f, g, o = np.split(z, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        assert_allclose(y.data[t], h, rtol=1e-12)
    assert_allclose(state.h.data[0], h, rtol=1e-12)
    assert_allclose(state.c.data[0], c, rtol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_padded_batch_is_each_sequence_alone(kind, bidirectional):
    net, x = make(kind, num_layers=2, bidirectional=bidirectional), sequence()
    state = tuple(sequence(4 if bidirectional else 2, N, U) for _ in range(2 if kind == "LSTM" else 1))
    y, last = net(x, state if kind == "LSTM" else state[0], LENGTHS)
    for n, length in enumerate(LENGTHS):
        alone = tuple(Tensor(part.data[:, n]) for part in state)
        y_n, last_n = net(Tensor(x.data[:length, n]), alone if kind == "LSTM" else alone[0])
        assert_allclose(y.data[:length, n], y_n.data, atol=1e-12)
        assert not y.data[length:, n].any()
        for part, part_n in zip(parts(last), parts(last_n)):
            assert_allclose(part.data[:, n], part_n.data, atol=1e-12)
    other = Tensor(np.where((np.arange(T)[:, None] < LENGTHS)[:, :, None], x.data, np.nan))
    assert_array_equal(net(other, state if kind == "LSTM" else state[0], LENGTHS)[0].data, y.data)  # padding is unseen


@pytest.mark.parametrize("kind", KINDS)
def test_both_directions(kind):
    net, x = make(kind, bidirectional=True), sequence()
    forwards, backwards = make(kind), make(kind)
    weights = net.state_dict()
    forwards.load_state_dict({k: v for k, v in weights.items() if not k.endswith("_reverse")})
    backwards.load_state_dict({k.removesuffix("_reverse"): v for k, v in weights.items() if k.endswith("_reverse")})
    y, last = net(x)
    y_f, last_f = forwards(x)
    y_b, last_b = backwards(Tensor(x.data[::-1]))
    assert_allclose(y.data, np.concatenate([y_f.data, y_b.data[::-1]], -1), atol=1e-12)
    for part, f, b in zip(parts(last), parts(last_f), parts(last_b)):
        assert_allclose(part.data, np.concatenate([f.data, b.data]), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_batch_first(kind):
    x = sequence()
    y, last = make(kind, num_layers=2)(x)
    y_first, last_first = make(kind, num_layers=2, batch_first=True)(Tensor(x.data.transpose(1, 0, 2)))
    assert_allclose(y_first.data.transpose(1, 0, 2), y.data, atol=1e-12)
    assert_same(last_first, last)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
def test_a_loop_over_the_cell_is_the_layer(kind, bias):
    net, cell, x = make(kind, bias=bias), CELLS[kind](I, U, bias, dtype=np.float64), sequence()
    cell.load_state_dict({name.removesuffix("_l0"): array for name, array in net.state_dict().items()})
    y, last = net(x)
    state = None
    for t, step in enumerate(x):
        state = cell(step, state)
        assert_allclose(parts(state)[0].data, y.data[t], atol=1e-12)
    for part, expected in zip(parts(state), parts(last)):
        assert_allclose(part.data, expected.data[0], atol=1e-12)
    one = cell(Tensor(x.data[0, 0]))
    assert_allclose(parts(one)[0].data, y.data[0, 0], atol=1e-12)
    assert_allclose(parts(cell(Tensor(x.data[1, 0]), one))[0].data, y.data[1, 0], atol=1e-12)


def test_relu():
    net, x = make("RNN", nonlinearity="relu"), sequence()
    assert (net(x)[0].data >= 0).all() and (net(x)[0].data > 1).any() | (net(x)[0].data == 0).any()
    assert repr(net) == "RNN(3, 2, nonlinearity='relu')"
    cell = nn.RNNCell(I, U, nonlinearity="relu", dtype=np.float64)
    cell.load_state_dict({name.removesuffix("_l0"): array for name, array in net.state_dict().items()})
    assert_allclose(cell(x[0]).data, net(x)[0].data[0], atol=1e-12)
    assert repr(cell) == "RNNCell(3, 2, nonlinearity='relu')"


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_back_propagation(kind):
    """Detached, the state keeps its values and the gradient ends there; not detached, two calls are one."""
    net, x = make(kind, num_layers=2), RNG.normal(size=(T, N, I))
    whole = Tensor(x, requires_grad=True)
    y, _ = net(whole)
    y[3:].sum().backward()
    full = {name: p.grad for name, p in net.named_parameters()}
    for cut in (False, True):
        net.zero_grad()
        first, second = Tensor(x[:3], requires_grad=True), Tensor(x[3:], requires_grad=True)
        state = net(first)[1]
        if cut:
            state = state.detach()
        y_second, _ = net(second, state)
        assert_allclose(y_second.data, y.data[3:], atol=1e-12)
        y_second.sum().backward()
        assert_allclose(second.grad, whole.grad[3:], atol=1e-12)
        if cut:
            assert first.grad is None
            assert not np.allclose(net.weight_hh_l0.grad, full["weight_hh_l0"])
        else:
            assert_allclose(first.grad, whole.grad[:3], atol=1e-12)
            for name, p in net.named_parameters():
                assert_allclose(p.grad, full[name], atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_of_the_whole(kind):
    """Layers, directions and lengths together: by x and the state, every element."""
    net = KINDS[kind](2, 2, 2, bidirectional=True, seed=1, dtype=np.float64)

    def function(x, *state):
        y, last = net(x, state if kind == "LSTM" else state[0], [2, 3])
        return ops.concatenate([y.reshape(-1, 2), *(part.reshape(-1, 2) for part in parts(last))])

    count = 2 if kind == "LSTM" else 1
    assert gradcheck(function, RNG.normal(size=(3, 2, 2)), *(RNG.normal(size=(4, 2, 2)) for _ in range(count)))
    function(sequence(3, 2, 2), *(sequence(4, 2, 2) for _ in range(count))).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())


def test_dropout_between_the_layers():
    net, x = make("GRU", I, 20, num_layers=3, dropout=0.5), sequence()
    assert [name for name, _ in net.named_streams()] == ["stream"]
    a, b = net(x)[0].data, net(x)[0].data
    assert not np.array_equal(a, b) and (a != 0).all()  # between the layers, not after the last
    with cz.no_grad():
        net.eval()
        counter = net.stream.counter
        assert_array_equal(net(x)[0].data, net(x)[0].data)
        assert net.stream.counter == counter
    again = make("GRU", I, 20, num_layers=3, dropout=0.5)
    assert_array_equal(again(x)[0].data, a)  # the seed settles the masks, too
    plain = make("GRU", I, 20, num_layers=3)
    assert not list(plain.named_streams())
    assert_array_equal(plain(x)[0].data, net(x)[0].data)
    first, second = make("GRU", num_layers=2, dropout=0.5), make("GRU", num_layers=2, dropout=1.0)
    dead = second(x)[0].data  # nothing reaches the second layer
    assert_array_equal(dead[:, :1].repeat(N, 1), dead) and first
    with pytest.warns(UserWarning, match="acts between layers, and there is one"):
        make("GRU", dropout=0.5)


def test_lengths_that_are_all_whole_cost_nothing():
    net, x = make("LSTM"), sequence()
    assert_array_equal(net(x, None, [T] * N)[0].data, net(x)[0].data)
    y, _ = net(sequence(T, 0, I))
    assert y.shape == (T, 0, U)


def test_float32():
    net = nn.LSTM(I, U, 2, bidirectional=True, seed=0)
    x = Tensor(RNG.normal(size=(T, N, I)).astype(np.float32), requires_grad=True)
    y, state = net(x, None, LENGTHS)
    assert y.dtype == state.h.dtype == state.c.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32 and not x.grad[3:, 0].any() and x.grad[:3, 0].all()


def test_summary_and_repr():
    net = nn.LSTM(I, U, 2, bidirectional=True, dropout=0.1, batch_first=True)
    assert repr(net) == "LSTM(3, 2, num_layers=2, batch_first=True, dropout=0.1, bidirectional=True)"
    summary = net.summary((T, I))
    count = 2 * (8 * 3 + 8 * 2 + 16) + 2 * (8 * 4 + 8 * 2 + 16)
    assert summary.parameters == count and summary.rows[0].output_shape == (T, 2 * U)
    assert summary.flops == T * (2 * (count - 64) + 64)
    assert repr(nn.GRUCell(2, 3, False)) == "GRUCell(2, 3, bias=False)"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.LSTM(0, 2), ValueError, "LSTM: input_size is 0"),
        (lambda: nn.RNN(2, 2, nonlinearity="sin"), ValueError, "nonlinearity is 'sin', expected one of 'tanh', 'relu'"),
        (lambda: nn.GRU(2, 2, 2, dropout=2), ValueError, "GRU: dropout is 2"),
        (lambda: make("GRU")(sequence(T, N, 2)), ValueError, r"x has shape \(5, 4, 2\), expected 3 inputs"),
        (lambda: make("GRU")(sequence(I)), ValueError, r"x has shape \(3,\), expected \(T, N, I\) or \(T, I\)"),
        (lambda: make("GRU")(np.zeros((T, N, I))), TypeError, "GRU: x is a ndarray, expected a Tensor"),
        (lambda: make("GRU")(sequence(0, N, I)), ValueError, r"gru: x has shape \(0, 4, 3\), expected at least one"),
        (lambda: make("GRU")(sequence(), sequence(1, N, 3)), ValueError, r"state has shape .*, expected \(1, 4, 2\)"),
        (lambda: make("LSTM")(sequence(), sequence(1, N, U)), TypeError, "LSTM: state is a Tensor, expected a pair"),
        (lambda: make("LSTM")(sequence(), (None, None)), TypeError, "state is a NoneType, expected a Tensor"),
        (lambda: make("LSTM")(sequence(), (sequence(1, N, U), None)), TypeError, "LSTM: c of state is a NoneType"),
        (
            lambda: make("LSTM")(sequence(), [sequence(1, N, U)] * 3),
            ValueError,
            "LSTM: state is a list of 3, expected a",
        ),
        (lambda: make("GRU")(sequence(), None, [[1], [1, 2]]), ValueError, "GRU: lengths are lists of unequal lengths"),
        (lambda: make("GRU")(sequence(), None, [1, 2]), ValueError, r"lengths have shape \(2,\), expected \(4,\)"),
        (lambda: make("GRU")(sequence(), None, [1, 2, 6, 1]), ValueError, r"lengths\[2\] is 6, expected 1 ... 5"),
        (lambda: make("GRU")(sequence(), None, [1, 0, 1, 1]), ValueError, r"lengths\[1\] is 0, expected 1 ... 5"),
        (lambda: make("GRU")(sequence(), None, [1.0] * 4), TypeError, "lengths are of dtype float64"),
        (lambda: nn.GRU(I, U)(sequence()), TypeError, "gru: w_ih has dtype float32, expected float64"),
        (lambda: nn.RNNCell(I, U)(sequence(N, 2)), ValueError, r"rnn_cell: w_ih has shape \(2, 3\), expected \(2, 2\)"),
        (lambda: ops.rnn_cell(sequence(N, I), None, sequence(U, I), sequence(U, U)), TypeError, "h0 is a NoneType"),
        (lambda: ops.gru(sequence(), None, sequence(U, I), sequence(U, U)), ValueError, r"expected \(6, 3\)"),
        (lambda: ops.lstm(sequence(), sequence(), None, None), TypeError, "state is a Tensor, expected a pair"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
