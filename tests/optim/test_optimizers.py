"""Optimisers: steps by hand from their formulas, state saved and loaded, refusals."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cuarzo import Tensor, optim

P0 = np.array([1.0, -2.0])
G = [np.array([0.5, 1.0]), np.array([-1.0, 0.25]), np.array([2.0, -0.5])]


def run(make, gradients=G, dtype=np.float64):
    p = Tensor(P0.astype(dtype), requires_grad=True)
    optimizer = make([p])
    for g in gradients:
        p.grad = g.astype(dtype)
        optimizer.step()
    return p.data


def test_sgd():
    assert_allclose(run(lambda p: optim.SGD(p, 0.1)), P0 - 0.1 * sum(G))


def test_sgd_with_decay_and_l1():
    expected = P0.copy()
    for g in G:
        expected = expected - 0.1 * (g + 0.3 * expected + 0.2 * np.sign(expected))
    assert_allclose(run(lambda p: optim.SGD(p, 0.1, weight_decay=0.3, l1=0.2)), expected)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_with_momentum(nesterov):
    m1 = G[0]
    m2 = 0.9 * m1 + G[1]
    m3 = 0.9 * m2 + G[2]
    moves = [g + 0.9 * m if nesterov else m for g, m in zip(G, (m1, m2, m3))]
    assert_allclose(run(lambda p: optim.SGD(p, 0.1, 0.9, nesterov=nesterov)), P0 - 0.1 * sum(moves))


def test_dampening_begins_with_the_second_step():
    m2 = 0.5 * G[0] + 0.75 * G[1]
    assert_allclose(run(lambda p: optim.SGD(p, 1, 0.5, 0.25), G[:2]), P0 - G[0] - m2)


def test_rmsprop():
    v1 = 0.1 * G[0] ** 2
    v2 = 0.9 * v1 + 0.1 * G[1] ** 2
    moves = G[0] / (np.sqrt(v1) + 1e-8), G[1] / (np.sqrt(v2) + 1e-8)
    assert_allclose(run(lambda p: optim.RMSprop(p, 0.1, 0.9), G[:2]), P0 - 0.1 * sum(moves))
    assert_allclose(
        run(lambda p: optim.RMSprop(p, 0.1, 0.9, momentum=0.5), G[:2]), P0 - 0.1 * (1.5 * moves[0] + moves[1])
    )


def test_rmsprop_centered():
    move = G[0] / (np.sqrt(0.1 * G[0] ** 2 - (0.1 * G[0]) ** 2) + 1e-8)
    assert_allclose(run(lambda p: optim.RMSprop(p, 0.1, 0.9, centered=True), G[:1]), P0 - 0.1 * move)


def adam(gradients, lr=0.1, b1=0.9, b2=0.999, amsgrad=False, decay=0.0, decoupled=False):
    p, m, v, largest = P0.copy(), 0, 0, 0
    for t, g in enumerate(gradients, 1):
        p, g = (p * (1 - lr * decay), g) if decoupled else (p, g + decay * p)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        largest = np.maximum(largest, v) if amsgrad else v
        p = p - lr * (m / (1 - b1**t)) / (np.sqrt(largest / (1 - b2**t)) + 1e-8)
    return p


@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam(amsgrad):
    betas = (0.7, 0.6)  # so that v falls, and amsgrad matters
    options = {"weight_decay": 0.3, "amsgrad": amsgrad, "betas": betas}
    assert_allclose(run(lambda p: optim.Adam(p, 0.1, **options)), adam(G, 0.1, *betas, amsgrad, 0.3))
    assert_allclose(run(lambda p: optim.AdamW(p, 0.1, **options)), adam(G, 0.1, *betas, amsgrad, 0.3, True))
    assert_allclose(run(lambda p: optim.Adam(p)), adam(G, 1e-3))
    assert_allclose(run(lambda p: optim.AdamW(p)), adam(G, 1e-3, decay=1e-2, decoupled=True))


def test_the_first_step_of_adam_is_the_rate():
    assert_allclose(run(lambda p: optim.Adam(p, 0.1), G[:1]), P0 - 0.1 * np.sign(G[0]), rtol=1e-6)


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, 0.1, weight_decay=0.1, l1=0.1),
    "momentum": lambda p: optim.SGD(p, 0.1, 0.9, nesterov=True),
    "RMSprop": lambda p: optim.RMSprop(p, 0.1, momentum=0.9, centered=True),
    "Adam": lambda p: optim.Adam(p, 0.1),
    "AdamW": lambda p: optim.AdamW(p, 0.1, amsgrad=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_state_saved_and_loaded(name, dtype):
    """Two steps, saved, loaded into another optimiser, a third step: the same bits as three steps."""
    p, q = (Tensor(P0.astype(dtype), requires_grad=True) for _ in range(2))
    idle = Tensor(np.zeros(3, dtype), requires_grad=True)  # never has a gradient: stays without state
    one, two = OPTIMIZERS[name]([idle, p]), OPTIMIZERS[name]([idle, q])
    for g in G[:2]:
        p.grad = g.astype(dtype)
        one.step()
    one.lr = 0.05
    state = one.state_dict()
    assert all(isinstance(array, np.ndarray) for array in state.values())
    assert all(array.dtype == dtype for key, array in state.items() if key not in ("lr", "1.step"))
    q.data[:] = p.data
    two.load_state_dict({key: array.copy() for key, array in state.items()})
    for t, optimizer in ((p, one), (q, two)):
        t.grad = G[2].astype(dtype)
        optimizer.step()
    assert_array_equal(p.data, q.data)
    assert two.lr == 0.05 and p.dtype == dtype and not idle.data.any()
    assert {key: array.tolist() for key, array in one.state_dict().items()} == {
        key: array.tolist() for key, array in two.state_dict().items()
    }


WIDE = {
    "SGD": lambda p, n: optim.SGD(p, n(0.1), weight_decay=n(0.1), l1=n(0.1)),
    "momentum": lambda p, n: optim.SGD(p, n(0.1), n(0.9), n(0.3), n(0.2)),
    "RMSprop": lambda p, n: optim.RMSprop(p, n(0.1), n(0.9), n(1e-8), n(0.1), n(0.9), True),
    "Adam": lambda p, n: optim.Adam(p, n(0.1), (n(0.8), n(0.9)), n(1e-8), n(0.1)),
    "AdamW": lambda p, n: optim.AdamW(p, n(0.1), [n(0.8), n(0.9)], n(1e-8), n(0.1)),
}


@pytest.mark.parametrize("name", WIDE)
def test_numpy_scalars_compute_as_python_numbers(name):
    """A float64 scalar must not widen the arithmetic of float32 parameters: bit for bit, also with a rate set later."""
    start = np.linspace(-1.37, 2.11, 50, dtype=np.float32)
    results = []
    for number in (float, np.float64):
        p = Tensor(start.copy(), requires_grad=True)
        optimizer = WIDE[name]([p], number)
        for rate in (0.1, 0.037, 0.0123):
            optimizer.lr = number(rate)
            assert type(optimizer.lr) is float
            p.grad = p.data * np.float32(0.7) + np.float32(0.1)
            optimizer.step()
        results.append(p.data)
    assert_array_equal(*results)


def test_the_rate_is_checked_whenever_it_is_set():
    optimizer = optim.SGD([Tensor(P0.copy(), requires_grad=True)], 0.1)
    for bad, message in ((math.nan, "lr is nan"), (-1, "lr is -1"), ("1", "lr is '1'"), (np.ones(2), "lr is array")):
        with pytest.raises((TypeError, ValueError), match=message):
            optimizer.lr = bad
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict({"lr": np.array(bad)})
    assert optimizer.lr == 0.1
    optimizer.load_state_dict({"lr": 0.5})
    assert optimizer.lr == 0.5


def test_the_saved_state_is_a_copy():
    p = Tensor(P0.copy(), requires_grad=True)
    optimizer = optim.SGD([p], 0.1, 0.9)
    p.grad = G[0]
    optimizer.step()
    optimizer.state_dict()["0.momentum"][:] = 7
    assert_array_equal(optimizer.state[0]["momentum"], G[0])
    assert optimizer.state[0]["momentum"] is not p.grad


def test_load_state_dict_names_everything_that_is_wrong():
    p = Tensor(P0.copy(), requires_grad=True)
    optimizer = optim.Adam([p])
    state = {
        "0.mean": np.zeros(3), "0.step": np.array(1), "0.speed": np.zeros(2), "1.mean": np.zeros(2), "x": np.zeros(1),
    }  # fmt: skip
    with pytest.raises(ValueError) as error:
        optimizer.load_state_dict(state)
    text = str(error.value)
    for part in ("missing: lr", "0.mean is float64 (3,), expected float64 (2,)", "unexpected: 0.speed",
                 "unexpected: 1.mean", "unexpected: x", "missing: 0.square"):  # fmt: skip
        assert part in text
    assert optimizer.state == [{}]


def test_gradients_stay_as_they_are():
    for make in OPTIMIZERS.values():
        p = Tensor(P0.copy(), requires_grad=True)
        optimizer = make([p])
        for _ in range(2):
            p.grad = G[0].copy()
            optimizer.step()
            assert_array_equal(p.grad, G[0])
        optimizer.zero_grad()
        assert p.grad is None
        before = p.data.copy()
        optimizer.step()  # without a gradient nothing moves
        assert_array_equal(p.data, before)


def test_a_parameter_without_axes():
    p = Tensor(np.array(3.0), requires_grad=True)
    for make in OPTIMIZERS.values():
        optimizer = make([p])
        for _ in range(3):
            optimizer.zero_grad()
            ((p - 1) ** 2).backward()
            optimizer.step()
    assert p.shape == () and isinstance(p.data, np.ndarray)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_valley_is_descended(name):
    p = Tensor(np.array([3.0, -2.0]), requires_grad=True)
    optimizer = OPTIMIZERS[name]([p])
    optimizer.lr = 0.02
    for _ in range(300):
        optimizer.zero_grad()
        (p * p * np.array([1.0, 5.0])).sum().backward()
        optimizer.step()
    assert np.abs(p.data).max() < 0.1


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: optim.SGD(p[0], 0.1), TypeError, "SGD: params is one tensor, expected a list"),
        (lambda p: optim.SGD([], 0.1), ValueError, "params is empty"),
        (lambda p: optim.Adam([np.zeros(2)]), TypeError, r"Adam: params\[0\] is a ndarray"),
        (lambda p: optim.SGD(p + p, 0.1), ValueError, "name a tensor twice"),
        (lambda p: optim.SGD(p, -0.1), ValueError, "SGD: lr is -0.1, expected a finite number of 0 or more"),
        (lambda p: optim.SGD(p, math.nan), ValueError, "lr is nan"),
        (lambda p: optim.SGD(p, math.inf), ValueError, "lr is inf, expected a finite number"),
        (lambda p: optim.SGD(p, "0.1"), TypeError, "SGD: lr is '0.1' of type str, expected a number"),
        (lambda p: optim.SGD(p, 0.1, dampening="a"), TypeError, "dampening is 'a'"),
        (
            lambda p: optim.Adam(p, betas=(0.1, 0.2, 0.3)),
            ValueError,
            r"betas is \(0.1, 0.2, 0.3\), expected two numbers",
        ),
        (lambda p: optim.Adam(p, betas=0.9), ValueError, "betas is 0.9, expected two numbers"),
        (lambda p: optim.Adam(p, betas=("a", 0.9)), TypeError, r"betas\[0\] is 'a'"),
        (lambda p: optim.Adam(p).load_state_dict([1]), TypeError, "state is a list, expected a dict"),
        (lambda p: optim.SGD(p, 0.1, l1=-1), ValueError, "l1 is -1"),
        (lambda p: optim.SGD(p, 0.1, nesterov=True), ValueError, "nesterov needs momentum > 0"),
        (lambda p: optim.SGD(p, 0.1, 0.9, 0.1, nesterov=True), ValueError, "dampening 0.1"),
        (lambda p: optim.RMSprop(p, momentum=-1), ValueError, "RMSprop: momentum is -1"),
        (lambda p: optim.Adam(p, betas=(0.9, 1.0)), ValueError, r"Adam: betas\[1\] is 1.0, expected 0 <= beta < 1"),
        (lambda p: optim.AdamW(p, weight_decay=-1), ValueError, "AdamW: weight_decay is -1"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make([Tensor(P0.copy(), requires_grad=True)])


def test_clip_grad_norm():
    p, q, none = (Tensor(np.zeros(2), requires_grad=True) for _ in range(3))
    p.grad, q.grad = np.array([3.0, 0.0]), np.array([0.0, -4.0])
    assert optim.clip_grad_norm_([p, q, none], 10) == 5
    assert_array_equal(p.grad, [3, 0])
    assert optim.clip_grad_norm_([p, q, none], 1.0) == 5
    assert_allclose([p.grad, q.grad], np.array([[3, 0], [0, -4]]) / 5.000001)
    p.grad, q.grad = np.array([3.0, 1.0]), np.array([0.0, -4.0])
    assert optim.clip_grad_norm_([p, q], 100, norm_type=1) == 8
    assert optim.clip_grad_norm_([p, q], 100, norm_type=math.inf) == 4
    assert optim.clip_grad_norm_(none, 1) == 0
    p.grad[0] = math.nan
    with pytest.raises(ValueError, match="the norm of the gradients is nan"):
        optim.clip_grad_norm_([p], 1, error_if_nonfinite=True)
    with pytest.raises(ValueError, match="max_norm is -1"):
        optim.clip_grad_norm_([p], -1)


def test_clip_grad_norm_of_large_float32():
    p = Tensor(np.zeros(2, np.float32), requires_grad=True)
    p.grad = np.array([3e30, 4e30], np.float32)  # the squares overflow in float32
    assert optim.clip_grad_norm_(p, 1.0) == pytest.approx(5e30)
    assert_allclose(p.grad, [0.6, 0.8], rtol=1e-6)
    assert p.grad.dtype == np.float32


def test_clip_grad_value():
    p = Tensor(np.zeros(3), requires_grad=True)
    optim.clip_grad_value_(p, 1.0)
    p.grad = np.array([-3.0, 0.5, 2.0])
    optim.clip_grad_value_([p], 1.0)
    assert_array_equal(p.grad, [-1, 0.5, 1])
    with pytest.raises(ValueError, match="clip_value is -1"):
        optim.clip_grad_value_(p, -1)
    with pytest.raises(TypeError, match="max_norm is '1'"):
        optim.clip_grad_norm_(p, "1")
    q = Tensor(np.zeros(1, np.float32), requires_grad=True)
    q.grad = np.array([3], np.float32)
    optim.clip_grad_value_(q, np.float64(1))
    assert q.grad.dtype == np.float32
