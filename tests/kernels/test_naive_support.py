"""The definition of activations, softmax, embedding, dropout: judged by SciPy, by hand, by finite differences."""

import numpy as np
import pytest
from scipy import special

from cuarzo.kernels import naive
from differences import differences

RNG = np.random.default_rng(31)
X = np.concatenate([np.linspace(-30, 30, 121), RNG.standard_normal(40), [0.0, -0.0, 1e-30, -1e-30]])
ROOT = np.sqrt(2 / np.pi)

# forward, options, an outsider's value
ACTIVATIONS = [
    ("relu", (), lambda x: (x + abs(x)) / 2),
    ("leaky_relu", (0.1,), lambda x: np.maximum(x, 0.1 * x)),
    ("elu", (1.3,), lambda x: np.maximum(x, 0) + 1.3 * special.boxcox(np.exp(np.minimum(x, 0)), 1)),
    ("sigmoid", (), special.expit),
    ("tanh", (), lambda x: 2 * special.expit(2 * x) - 1),
    ("silu", (), lambda x: x * special.expit(x)),
    ("softplus", (1.0, 50.0), lambda x: -special.log_expit(-x)),
    ("softplus", (2.5, np.inf), lambda x: np.logaddexp(0, 2.5 * x) / 2.5),
    ("gelu", (False,), lambda x: x * special.ndtr(x)),
    ("gelu", (True,), lambda x: x / 2 * (1 + np.tanh(ROOT * (x + 0.044715 * x**3)))),
]
IDS = [f"{name}{options}" for name, options, _ in ACTIVATIONS]


def run(kernel, *arguments):
    """Calls naive with an output like the first argument, which comes back."""
    y = np.full_like(arguments[0], np.nan)
    getattr(naive, kernel)(*arguments, y)
    return y


@pytest.mark.parametrize("name, options, outsider", ACTIVATIONS, ids=IDS)
def test_activations(name, options, outsider):
    np.testing.assert_allclose(run(f"{name}_forward", X, *options), outsider(X), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name, options, outsider", ACTIVATIONS, ids=IDS)
def test_gradients_of_activations(name, options, outsider):
    x = X[abs(X) > 1e-3]  # a kink at 0 has no derivative
    y = run(f"{name}_forward", x, *options)
    dy = RNG.standard_normal(x.shape)
    dx = run(f"{name}_backward", dy, y if name in ("relu", "sigmoid", "tanh") else x, *options)
    step = 1e-5
    slopes = (run(f"{name}_forward", x + step, *options) - run(f"{name}_forward", x - step, *options)) / (2 * step)
    np.testing.assert_allclose(dx, dy * slopes, rtol=1e-6, atol=1e-9)


def test_gelu_keeps_its_digits_in_the_tail():
    x = np.array([-5.0, -10.0, -20.0, -37.0])
    np.testing.assert_allclose(run("gelu_forward", x, False), x * special.ndtr(x), rtol=1e-12)
    y = run("gelu_forward", np.array([1.0, -1.0]), False)
    np.testing.assert_allclose(y, [0.8413447460685429, -0.15865525393145707], rtol=1e-15)
    np.testing.assert_allclose(run("gelu_forward", np.array([1.0]), True), [0.8411919906082768], rtol=1e-14)


def test_edges_of_activations():
    inf, nan = np.inf, np.nan
    x = np.array([inf, -inf, nan, 0.0])
    assert repr(run("relu_forward", x).tolist()) == "[inf, 0.0, nan, 0.0]"
    assert repr(run("relu_backward", np.array([1.0, 2.0, 3.0, 4.0]), x).tolist()) == "[1.0, 0.0, 3.0, 0.0]"
    assert repr(run("leaky_relu_forward", x, 0.5).tolist()) == "[inf, -inf, nan, 0.0]"
    assert repr(run("elu_forward", x, 2.0).tolist()) == "[inf, -2.0, nan, 0.0]"
    assert repr(run("sigmoid_forward", x).tolist()) == "[1.0, 0.0, nan, 0.5]"
    assert repr(run("tanh_forward", x).tolist()) == "[1.0, -1.0, nan, 0.0]"
    assert repr(run("silu_forward", x).tolist()) == "[inf, nan, nan, 0.0]"
    assert repr(run("softplus_forward", x, 1.0, 20.0).tolist()) == f"[inf, 0.0, nan, {np.log(2)}]"
    for approximate in (False, True):
        assert repr(run("gelu_forward", x, approximate).tolist()) == "[inf, nan, nan, 0.0]"


@pytest.mark.parametrize("approximate", [False, True])
def test_slopes_of_gelu_are_0_and_1_far_out(approximate):
    x = np.array([40.0, -40.0, 1e60, -1e60, 1e110, -1e110, 1e160, -1e160, 1e308, -1e308])  # x^2 and x^3 overflow
    assert run("gelu_backward", np.full(10, 3.0), x, approximate).tolist() == [3.0, 0.0] * 5
    assert np.isnan(run("gelu_backward", np.ones(2), np.array([np.inf, -np.inf]), approximate)).all()


def test_softplus_is_the_line_above_its_threshold():
    assert run("softplus_forward", np.array([1.0, 1.5]), 2.0, 2.0).tolist() == [np.log1p(np.exp(2.0)) / 2, 1.5]
    assert run("softplus_backward", np.ones(2), np.array([1.0, 1.5]), 2.0, 2.0).tolist() == [special.expit(2.0), 1.0]


@pytest.mark.parametrize("scale", [1, 100, 1000])
def test_softmax_is_scipys(scale):
    x = scale * RNG.standard_normal((5, 7))
    y, log_y = run("softmax_forward", x), run("log_softmax_forward", x)
    np.testing.assert_allclose(y, special.softmax(x, 1), rtol=1e-13)
    np.testing.assert_allclose(log_y, special.log_softmax(x, 1), rtol=1e-13, atol=1e-13)
    loss, p, labels = np.empty(5), np.empty_like(x), np.array([0, 6, 3, 3, 1])
    naive.cross_entropy_forward(x, labels, loss, p)
    np.testing.assert_allclose(loss, -special.log_softmax(x, 1)[np.arange(5), labels], rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(p, y)


def test_cross_entropy_by_hand():
    loss, p = np.empty(2), np.empty((2, 2))
    naive.cross_entropy_forward(np.array([[0.0, 0.0], [0.0, np.log(3)]]), np.array([0, 1]), loss, p)
    np.testing.assert_allclose(loss, [np.log(2), np.log(4 / 3)], rtol=1e-15)
    np.testing.assert_allclose(p, [[0.5, 0.5], [0.25, 0.75]], rtol=1e-15)
    dx = np.empty((2, 2))
    naive.cross_entropy_backward(np.array([1.0, 2.0]), p, np.array([0, 1]), dx)
    np.testing.assert_allclose(dx, [[-0.5, 0.5], [0.5, -0.5]], rtol=1e-15)


def test_softmax_of_infinities():
    inf = np.inf
    assert run("softmax_forward", np.array([[-inf, 1.0, 1.0]])).tolist() == [[0, 0.5, 0.5]]
    assert run("log_softmax_forward", np.array([[-inf, 1.0]])).tolist() == [[-inf, 0]]
    for row in ([inf, 1.0], [-inf, -inf], [np.nan, 1.0]):
        assert np.isnan(run("softmax_forward", np.array([row]))).all()


@pytest.mark.parametrize("stem", ["softmax", "log_softmax"])
def test_gradients_of_softmax_are_finite_differences(stem):
    x, dy = 2 * RNG.standard_normal((3, 5)), RNG.standard_normal((3, 5))
    dx = run(f"{stem}_backward", dy, run(f"{stem}_forward", x))
    loss = lambda: float(np.sum(run(f"{stem}_forward", x) * dy))  # noqa: E731
    np.testing.assert_allclose(dx, differences(loss, x), rtol=1e-6, atol=1e-9)


def test_gradient_of_cross_entropy_is_finite_differences():
    x, dloss, labels = 2 * RNG.standard_normal((4, 5)), RNG.standard_normal(4), np.array([4, 0, 2, 2])
    losses, p, dx = np.empty(4), np.empty_like(x), np.empty_like(x)

    def loss():
        naive.cross_entropy_forward(x, labels, losses, p)
        return float(losses @ dloss)

    expected = differences(loss, x)
    loss()
    naive.cross_entropy_backward(dloss, p, labels, dx)
    np.testing.assert_allclose(dx, expected, rtol=1e-6, atol=1e-9)


def test_embedding_is_a_product_with_one_hot_rows():
    indices, weight, dy = np.array([2, 0, 2, 3]), RNG.standard_normal((5, 3)), RNG.standard_normal((4, 3))
    one_hot = np.eye(5)[indices]
    y, dweight = np.empty((4, 3)), np.empty((5, 3))
    naive.embedding_forward(indices, weight, y)
    np.testing.assert_array_equal(y, one_hot @ weight)
    naive.embedding_backward(dy, indices, -1, dweight)
    np.testing.assert_allclose(dweight, one_hot.T @ dy, rtol=1e-15)
    naive.embedding_backward(dy, indices, 2, dweight)
    np.testing.assert_allclose(dweight, (one_hot * [1, 1, 0, 1, 1]).T @ dy, rtol=1e-15)
    naive.embedding_forward(indices, weight, y)
    np.testing.assert_array_equal(y[0], weight[2])  # forwards the padding is a word like others


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_dropout_keeps_where_the_number_is_not_below_p(dtype, p):
    x, u = RNG.standard_normal(1001).astype(dtype), np.empty(1001, np.float32)
    naive.philox_uniform(7, 2**64 - 3, u)
    y = run("dropout", x, p, 7, 2**64 - 3)
    kept = u >= np.float32(p)
    np.testing.assert_array_equal(y[~kept], 0)
    np.testing.assert_allclose(y[kept], x[kept] / (1 - p) if p < 1 else [], rtol=2 * np.finfo(dtype).eps)
    assert abs(kept.mean() - (1 - p)) < 4 * np.sqrt(p * (1 - p) / 1001) + 1e-12


def test_dropout_by_hand():
    # the first block of Philox4x32-10 at key 0, counter 0 (Random123's known answers), and the next
    words = [*naive.philox4x32((0, 0, 0, 0), (0, 0)), *naive.philox4x32((1, 0, 0, 0), (0, 0))]
    expected = [2.0 * i if word >= 2**31 else 0 for i, word in zip(range(1, 7), words)]
    assert run("dropout", np.arange(1.0, 7.0), 0.5, 0, 0).tolist() == expected
