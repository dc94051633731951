"""Activations, softmax, cross-entropy and dropout call the current backend's kernels, whatever array comes."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cuarzo import Tensor, kernels, ops, random

RNG = np.random.default_rng(4)
BACKENDS = ["naive", "numpy", "auto"]
ELEMENTWISE = {
    "relu": (ops.relu, lambda x: np.where(x > 0, x, x * 0)),
    "sigmoid": (ops.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "tanh": (ops.tanh, np.tanh),
    "leaky_relu": (ops.leaky_relu, lambda x: np.where(x > 0, x, x * 0.01)),
    "elu": (lambda x: ops.elu(x, 1.5), lambda x: np.where(x > 0, x, 1.5 * np.expm1(x))),
    "gelu": (ops.gelu, lambda x: x * np.vectorize(lambda z: math.erfc(-z / math.sqrt(2)) / 2, otypes="d")(x)),
    "gelu_tanh": (
        lambda x: ops.gelu(x, "tanh"),
        lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    ),
    "silu": (ops.silu, lambda x: x / (1 + np.exp(-x))),
    "softplus": (lambda x: ops.softplus(x, 2.0), lambda x: np.log1p(np.exp(2 * x)) / 2),
    "softmax": (lambda x: ops.softmax(x, 0) if x.ndim else x.exp() / x.exp(), lambda x: np.exp(x) / np.exp(x).sum(0)),
}
ARRAYS = {
    "0-d": np.array(-0.7),
    "empty": np.zeros((0, 3)),
    "empty rows": np.zeros((3, 0)),
    "transposed": RNG.normal(size=(3, 4)).T,
    "backwards": RNG.normal(size=7)[::-1],
    "strided": RNG.normal(size=(4, 6))[::2, 1::2],
    "broadcast": np.broadcast_to(RNG.normal(size=3), (2, 3)),
    "4-D": RNG.normal(size=(2, 1, 3, 2)),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_whatever_array_comes(name, array, dtype, backend):
    """Values by the formula in NumPy; derivatives by central differences of it, for f'(x) <= 1.5 and f'' <= 3.

    A difference of step h errs by h^2 |f'''| / 6 + eps |f| / h, below 1e-6 at h = 1e-4 in float64; float32 rounds y and
    dx, and reads x and y rounded: 10 eps of values below 10.
    """
    function, formula = ELEMENTWISE[name]
    plain = ARRAYS[array]
    view = plain.astype(dtype, order="K") if dtype == np.float32 else plain
    x = Tensor(view, requires_grad=True)
    with kernels.use(backend):
        y = function(x)
    assert y.shape == x.shape and y.dtype == dtype and isinstance(y.data, np.ndarray)
    tolerance = 100 * np.finfo(dtype).eps
    assert_allclose(y.data, formula(view.astype(np.float64)), atol=tolerance, rtol=tolerance)
    dy = np.broadcast_to(np.asarray(0.5, dtype), x.shape)
    y.backward(dy)
    assert x.grad.shape == x.shape and x.grad.dtype == dtype
    if name != "softmax":
        wide = view.astype(np.float64)
        slope = (formula(wide + 1e-4) - formula(wide - 1e-4)) / 2e-4
        assert_allclose(x.grad, 0.5 * slope, atol=1e-6 + tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_edges(backend, dtype):
    x = Tensor(np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e4, -1e4], dtype), requires_grad=True)
    with kernels.use(backend), np.errstate(invalid="ignore", over="ignore"):
        y = ops.relu(x)
        assert_array_equal(y.data, [0, 0, np.nan, np.inf, 0, 1e4, 0])
        y.backward(np.ones_like(y.data))
        assert_array_equal(x.grad, [0, 0, 1, 1, 0, 1, 0])  # 0 at 0; a NaN lets the gradient pass
        assert_array_equal(ops.sigmoid(x).data, [0.5, 0.5, np.nan, 1, 0, 1, 0])
        assert_array_equal(ops.tanh(x).data, [0, 0, np.nan, 1, -1, 1, -1])
        assert_array_equal(ops.elu(x).data, [0, 0, np.nan, np.inf, -1, 1e4, -1])
        assert_array_equal(ops.softplus(x).data[2:], [np.nan, np.inf, 0, 1e4, 0])
        assert np.isnan(ops.gelu(x).data[2]) and np.isnan(ops.silu(x).data[2])
        rows = Tensor(np.array([[0, -np.inf], [np.nan, 0], [1e4, -1e4]], dtype))
        assert_array_equal(ops.softmax(rows).data, [[1, 0], [np.nan, np.nan], [1, 0]])
        assert_array_equal(ops.log_softmax(rows).data, [[0, -np.inf], [np.nan, np.nan], [0, -2e4]])


def test_softmax_along_several_axes():
    """Tensor.softmax takes axes as NumPy's reductions do."""
    z = RNG.normal(size=(2, 3, 4))
    for axis in (0, 1, -1, (0, 2), (1, 0), None):
        e = np.exp(z)
        x = Tensor(z, requires_grad=True)
        y = x.softmax(axis)
        assert_allclose(y.data, e / e.sum(axis, keepdims=True), rtol=1e-12)
        assert y.data.flags.c_contiguous
        assert_allclose(x.log_softmax(axis).data, np.log(y.data), rtol=1e-12)
        (y * z).sum().backward()
        expected = y.data * (z - (y.data * z).sum(axis, keepdims=True))
        assert_allclose(x.grad, expected, rtol=1e-10, atol=1e-15)
    assert Tensor(np.array(3.0)).softmax(None).item() == 1


def test_the_backend_of_the_forward_pass_serves_backwards():
    called = []

    def spy(name):
        function = kernels.implementation(name, "numpy")
        return lambda *arguments: (called.append(name), function(*arguments))[1]

    names = [name for name, contract in kernels.CONTRACTS.items() if not contract.core]
    kernels.register("spying", **{name: spy(name) for name in names})
    x = Tensor(RNG.normal(size=(3, 4)), requires_grad=True)
    w = Tensor(np.ones(4), requires_grad=True)
    calls = {
        "relu": ops.relu, "tanh": lambda x: x.tanh(), "sigmoid": lambda x: x.sigmoid(), "elu": ops.elu,
        "leaky_relu": ops.leaky_relu, "gelu": ops.gelu, "silu": ops.silu, "softplus": ops.softplus,
        "softmax": lambda x: x.softmax(1), "log_softmax": ops.log_softmax,
        "cross_entropy": lambda x: ops.cross_entropy(x, [0, 1, 3]), "layer_norm": lambda x: ops.layer_norm(x, 4, w),
        "batch_norm": lambda x: ops.batch_norm(x, None, None, training=True),
        "local_response_norm": lambda x: ops.local_response_norm(x.reshape(1, 3, 4), 2),
        "embedding": lambda x: ops.embedding([1, 2], x),
    }  # fmt: skip
    for name, call in calls.items():
        called.clear()
        with kernels.use("spying"):
            y = call(x)
        y.backward(np.ones_like(y.data))
        assert called == [f"{name}_forward", f"{name}_backward"]
    called.clear()
    with kernels.use("spying"):
        y = ops.dropout(x)
    y.backward(np.ones_like(y.data))
    assert called == ["dropout", "dropout"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_draws_what_it_always_drew(backend, dtype):
    """The definition multiplies by the scale in float64 and rounds once, the others by the rounded scale."""
    x = Tensor(RNG.normal(size=(5, 7)).astype(dtype).T, requires_grad=True)
    kept = random.Stream(8).uniform((7, 5), np.float32) >= 0.3
    with kernels.use(backend):
        stream = random.Stream(8)
        y = ops.dropout(x, 0.3, True, stream)
    assert_array_equal(y.data != 0, kept)
    assert_allclose(y.data, x.data * (kept * dtype(1 / 0.7)), rtol=0 if backend != "naive" else np.finfo(dtype).eps)
    y.backward(np.ones((7, 5), dtype))
    assert_array_equal(x.grad, kept * dtype(1 / 0.7))
    assert stream.counter == 9 and random.Stream(8).take(35) == (stream.key, 0)
    assert ops.dropout(Tensor(np.zeros((0, 2))), 0.5, True, stream).shape == (0, 2) and stream.counter == 9


def test_cross_entropy_of_images_and_ignored_labels():
    """As the mean over the places that count, each a row of its own."""
    z, labels = RNG.normal(size=(2, 3, 4, 2)), RNG.integers(0, 3, (2, 4, 2))
    labels[0, 0, 0] = labels[1, 3, 1] = -100
    rows, flat = np.moveaxis(z, 1, -1).reshape(-1, 3), labels.reshape(-1)
    counts = flat >= 0
    log_p = rows - np.log(np.exp(rows).sum(1, keepdims=True))
    losses = np.where(counts, -log_p[np.arange(16), np.where(counts, flat, 0)], 0)
    x = Tensor(z, requires_grad=True)
    assert_allclose(ops.cross_entropy(x, labels, "none").data, losses.reshape(2, 4, 2))
    assert_allclose(ops.cross_entropy(x, labels, "sum").item(), losses.sum())
    loss = ops.cross_entropy(x, labels)
    assert_allclose(loss.item(), losses.sum() / 14)
    loss.backward()
    assert not x.grad[0, :, 0, 0].any() and not x.grad[1, :, 3, 1].any() and np.count_nonzero(x.grad) == 3 * 14
    bad = z.copy()
    bad[0, :, 0, 0] = np.nan  # what is ignored is not looked at
    x = Tensor(bad, requires_grad=True)
    loss = ops.cross_entropy(x, labels)
    loss.backward()
    assert_allclose(loss.item(), losses.sum() / 14)
    assert np.isfinite(x.grad).all()
    nothing = ops.cross_entropy(Tensor(z, requires_grad=True), np.full((2, 4, 2), 7), ignore_index=7)
    assert nothing.item() == 0


def test_label_smoothing():
    z = RNG.normal(size=(4, 3))
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    for smoothing in (0.1, 1.0):
        target = np.full((4, 3), smoothing / 3)
        target[np.arange(4), [2, 0, 1, 1]] += 1 - smoothing
        loss = ops.cross_entropy(Tensor(z), [2, 0, 1, 1], label_smoothing=smoothing)
        assert_allclose(loss.item(), -(target * log_p).sum() / 4)
    ignored = ops.cross_entropy(Tensor(z), [2, -1, -1, 1], "mean", -1, 0.2)
    some = ops.cross_entropy(Tensor(z[[0, 3]]), [2, 1], label_smoothing=0.2)
    assert_allclose(ignored.item(), some.item())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: ops.cross_entropy(x, [0, 1], label_smoothing=1.5), ValueError, "label_smoothing is 1.5"),
        (lambda x: ops.cross_entropy(x, [0, 1], ignore_index=0.5), TypeError, "ignore_index is 0.5"),
        (lambda x: ops.cross_entropy(x, [0, 1], "all", label_smoothing=0.1), ValueError, "reduction is 'all'"),
        (lambda x: ops.cross_entropy(x, [0, -99]), ValueError, r"labels\[1\] is -99, expected 0 ... 2"),
        (
            lambda x: ops.cross_entropy(x.reshape(2, 3, 1), [0, 1]),
            ValueError,
            r"labels have shape \(2,\), expected \(2, 1\), one per row of classes",
        ),
        (
            lambda x: ops.cross_entropy(x.reshape(1, 3, 2), [[0, 3]]),
            ValueError,
            r"labels\[0, 1\] is 3, expected 0 ... 2",
        ),
        (lambda x: ops.silu(x.data), TypeError, "silu: x is a ndarray"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call(Tensor(np.zeros((2, 3))))
