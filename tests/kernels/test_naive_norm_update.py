"""The definition of norms and updates, judged by SciPy, by hand, in closed form, and by finite differences."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d
from scipy.stats import zscore

from cuarzo.kernels import naive
from differences import differences

RNG = np.random.default_rng(32)


def batch_norm(x, weight, bias, eps):
    y, mean, variance = np.empty_like(x), np.empty(x.shape[1]), np.empty(x.shape[1])
    naive.batch_norm_forward(x, weight, bias, eps, y, mean, variance)
    return y, mean, variance


def layer_norm(x, weight, bias, eps):
    y, mean, variance = np.empty_like(x), np.empty(x.shape[0]), np.empty(x.shape[0])
    naive.layer_norm_forward(x, weight, bias, eps, y, mean, variance)
    return y, mean, variance


def test_batch_norm_is_a_z_score_of_each_channel():
    x = 3 * RNG.standard_normal((4, 3, 5)) + 10
    y, mean, variance = batch_norm(x, None, None, 0.0)
    np.testing.assert_allclose(y, _zscore_of_channels(x), rtol=1e-12)
    np.testing.assert_allclose(mean, np.mean(x, (0, 2)), rtol=1e-14)
    np.testing.assert_allclose(variance, np.var(x, (0, 2)), rtol=1e-13)


def _zscore_of_channels(x):
    return np.stack([zscore(x[:, c], axis=None) for c in range(x.shape[1])], axis=1)


def test_layer_norm_is_a_z_score_of_each_row():
    x = 3 * RNG.standard_normal((4, 9)) + 10
    y, mean, variance = layer_norm(x, None, None, 0.0)
    np.testing.assert_allclose(y, zscore(x, axis=1), rtol=1e-12)
    np.testing.assert_allclose((mean, variance), (np.mean(x, 1), np.var(x, 1)), rtol=1e-13)


def test_norms_by_hand():
    # mean 3, biased variance 4, and eps = 12 under the root: deviations through 4
    x = np.array([[1.0, 1.0, 5.0, 5.0]])
    y, mean, variance = layer_norm(x, np.array([1.0, 2.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0]), 12.0)
    assert (y.tolist(), mean.tolist(), variance.tolist()) == ([[-0.5, -1.0, 1.5, 2.0]], [3.0], [4.0])
    y, mean, variance = batch_norm(x.reshape(2, 1, 2), np.array([2.0]), np.array([0.5]), 12.0)
    assert (y.ravel().tolist(), mean.tolist(), variance.tolist()) == ([-0.5, -0.5, 1.5, 1.5], [3.0], [4.0])


def test_norms_of_nothing():
    _, mean, variance = batch_norm(np.empty((0, 2, 3)), None, None, 1e-5)
    assert mean.tolist() == variance.tolist() == [0, 0]
    dweight, dbias = np.full(2, 7.0), np.full(2, 7.0)
    empty = np.empty((0, 2, 3))
    naive.batch_norm_backward(empty, empty, None, mean, variance, 1e-5, empty.copy(), dweight, dbias)
    assert dweight.tolist() == dbias.tolist() == [0, 0]


@pytest.mark.parametrize("norm, backward, shape, axis", [
    (batch_norm, naive.batch_norm_backward, (3, 2, 4), 1),
    (batch_norm, naive.batch_norm_backward, (5, 3, 1), 1),
    (layer_norm, naive.layer_norm_backward, (3, 5), 1),
])  # fmt: skip
@pytest.mark.parametrize("affine", [True, False])
def test_gradients_of_norms_are_finite_differences(norm, backward, shape, axis, affine):
    x, dy, eps = RNG.standard_normal(shape), RNG.standard_normal(shape), 0.1
    weight, bias = (RNG.standard_normal(shape[axis]) if affine else None for _ in range(2))
    loss = lambda: float(np.sum(norm(x, weight, bias, eps)[0] * dy))  # noqa: E731
    _, mean, variance = norm(x, weight, bias, eps)
    dx = np.empty_like(x)
    dweight, dbias = (np.empty(shape[axis]) if affine else None for _ in range(2))
    backward(dy, x, weight, mean, variance, eps, dx, dweight, dbias)
    np.testing.assert_allclose(dx, differences(loss, x), rtol=1e-6, atol=1e-8)
    if affine:
        np.testing.assert_allclose(dweight, differences(loss, weight), rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(dbias, differences(loss, bias), rtol=1e-6, atol=1e-8)


def response(x, *options):
    y, scale = np.empty_like(x), np.empty_like(x)
    naive.local_response_norm_forward(x, *options, y, scale)
    return y, scale


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 11])
def test_local_response_norm_has_scipys_moving_average(size):
    x = RNG.standard_normal((2, 6, 3))
    y, scale = response(x, size, 0.7, 0.6, 1.5)
    average = uniform_filter1d(x**2, size, axis=1, mode="constant")  # an even window reaches further back, as here
    np.testing.assert_allclose(scale, 1.5 + 0.7 * average, rtol=1e-12)
    np.testing.assert_allclose(y, x / (1.5 + 0.7 * average) ** 0.6, rtol=1e-12)


def test_local_response_norm_by_hand():
    x = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1)
    y, scale = response(x, 2, 4.0, 1.0, 1.0)  # windows {0}, {0, 1}, {1, 2}; alpha / size = 2
    assert scale.ravel().tolist() == [3, 11, 27]
    np.testing.assert_allclose(y.ravel(), [1 / 3, 2 / 11, 3 / 27], rtol=1e-15)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_gradient_of_local_response_norm_is_finite_differences(size):
    x, dy, options = RNG.standard_normal((2, 5, 2)), RNG.standard_normal((2, 5, 2)), (size, 0.9, 0.75, 1.2)
    dx = np.empty_like(x)
    naive.local_response_norm_backward(dy, x, response(x, *options)[1], *options, dx)
    loss = lambda: float(np.sum(response(x, *options)[0] * dy))  # noqa: E731
    np.testing.assert_allclose(dx, differences(loss, x), rtol=1e-6, atol=1e-8)


def test_sgd_by_hand():
    g, p = np.array([1.0, 2.0, -4.0]), np.array([2.0, -1.0, 0.0])
    plain, decayed = p.copy(), p.copy()
    naive.sgd_update(g, 0.5, 0.0, 0.0, 0.0, False, 0.0, True, plain, None)
    assert plain.tolist() == [1.5, -2.0, 2.0]
    naive.sgd_update(g, 0.5, 0.0, 0.0, 0.25, False, 0.5, True, decayed, None)  # g + p / 4 + sign p / 2
    assert decayed.tolist() == [1.0, -1.625, 2.0]


def test_momentum_by_hand():
    p, v = np.array([0.0]), np.array([np.nan])
    naive.sgd_update(np.array([4.0]), 1.0, 0.5, 0.75, 0.0, False, 0.0, True, p, v)
    assert (p[0], v[0]) == (-4.0, 4.0)  # the first velocity is the gradient, not dampened
    naive.sgd_update(np.array([8.0]), 1.0, 0.5, 0.75, 0.0, False, 0.0, False, p, v)
    assert (p[0], v[0]) == (-8.0, 4.0)  # 4 / 2 + 8 / 4
    naive.sgd_update(np.array([8.0]), 1.0, 0.5, 0.0, 0.0, True, 0.0, False, p, v)
    assert (p[0], v[0]) == (-21.0, 10.0)  # the step is 8 + 10 / 2


def test_momentum_of_a_constant_gradient_is_a_geometric_series():
    p, v = np.array([0.0]), np.zeros(1)
    for t in range(1, 20):
        naive.sgd_update(np.array([3.0]), 0.1, 0.9, 0.0, 0.0, False, 0.0, t == 1, p, v)
        np.testing.assert_allclose(v, 3 * (1 - 0.9**t) / 0.1, rtol=1e-13)


@pytest.mark.parametrize("centred", [False, True])
def test_rmsprop_of_a_constant_gradient_in_closed_form(centred):
    p, s, expected = np.array([1.0]), np.zeros(1), 1.0
    mean = np.zeros(1) if centred else None
    for t in range(1, 12):
        naive.rmsprop_update(np.array([-2.0]), 0.01, 0.9, 1e-8, 0.0, 0.0, p, s, mean, None)
        weight = 1 - 0.9**t  # of the running means: mean -2 weight, square 4 weight
        spread = 4 * weight - (4 * weight**2 if centred else 0)
        expected += 0.01 * 2 / (np.sqrt(spread) + 1e-8)
        np.testing.assert_allclose((p[0], s[0]), (expected, 4 * weight), rtol=1e-12)


def test_rmsprop_by_hand():
    p, s, v = np.array([4.0]), np.array([12.0]), np.array([2.0])
    # g = 2 + 4 / 2 = 4; s = 0.5 * 12 + 0.5 * 16 = 14 -> root of 14; v = 0.25 * 2 + 4 / (sqrt 14 + 1)
    naive.rmsprop_update(np.array([2.0]), 0.5, 0.5, 1.0, 0.5, 0.25, p, s, None, v)
    assert s[0] == 14
    np.testing.assert_allclose(v, 0.5 + 4 / (np.sqrt(14) + 1), rtol=1e-15)
    np.testing.assert_allclose(p, 4 - v / 2, rtol=1e-15)


def test_a_spread_below_zero_by_rounding_counts_as_zero():
    p, s, mean = np.array([1.0], np.float32), np.array([1.0], np.float32), np.array([1.0 + 2.0**-20], np.float32)
    naive.rmsprop_update(np.array([1.0], np.float32), 0.5, 1.0, 2.0, 0.0, 0.0, p, s, mean, None)
    assert p[0] == 0.75  # g / (0 + eps)


@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam_moves_by_lr_when_the_gradient_is_constant(amsgrad):
    """Corrected for their start at 0, the means of a constant gradient are g and g^2 at every step."""
    p, m, s = np.array([1.0, -1.0]), np.zeros(2), np.zeros(2)
    largest = np.zeros(2) if amsgrad else None
    for t in range(1, 8):
        naive.adam_update(np.array([5.0, -0.01]), 0.1, 0.9, 0.999, 0.0, 0.0, False, t, p, m, s, largest)
        np.testing.assert_allclose(p, [1 - 0.1 * t, -1 + 0.1 * t], rtol=1e-10)
    np.testing.assert_allclose(s, [25 * (1 - 0.999**7), 1e-4 * (1 - 0.999**7)], rtol=1e-10)


def test_adam_by_hand():
    # g = 3 + 0.5 * 2 = 4; m = 0.5 * 2 + 0.5 * 4 = 3; s = 0.75 * 16 + 0.25 * 16 = 16; t = 2: 1 - 1/4, 1 - 9/16
    p, m, s, largest = np.array([2.0]), np.array([2.0]), np.array([16.0]), np.array([25.0])
    naive.adam_update(np.array([3.0]), 0.75, 0.5, 0.75, 1.0, 0.5, False, 2, p, m, s, None)
    assert (m[0], s[0]) == (3.0, 16.0)
    np.testing.assert_allclose(p, 2 - 3 / (4 / np.sqrt(7 / 16) + 1), rtol=1e-15)
    p[0], m[0], s[0] = 2, 2, 16
    naive.adam_update(np.array([4.0]), 0.75, 0.5, 0.75, 1.0, 0.5, True, 2, p, m, s, largest)  # decoupled: p (1 - 3/8)
    np.testing.assert_allclose(p, 1.25 - 3 / (5 / np.sqrt(7 / 16) + 1), rtol=1e-15)
    assert (s[0], largest[0]) == (16.0, 25.0)


def test_no_weight_decay_is_no_product_with_the_parameter():
    """0 times an infinite parameter would make every state NaN."""
    start, g = np.array([np.inf, np.nan, 1.0]), np.ones(3)
    p, v = start.copy(), np.zeros(3)
    naive.sgd_update(g, 0.5, 0.5, 0.0, 0.0, False, 0.0, False, p, v)
    assert v.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(p, [np.inf, np.nan, 0.5])
    naive.sgd_update(g, 0.5, 0.5, 0.0, 0.0, False, 2.0, True, start.copy(), v)
    assert v.tolist() == [3, 1, 3]  # l1: the sign of NaN is 0
    p, s = start.copy(), np.zeros(3)
    naive.rmsprop_update(g, 0.5, 0.5, 1.0, 0.0, 0.0, p, s, None, None)
    assert s.tolist() == [0.5, 0.5, 0.5]
    p, m, s = start.copy(), np.zeros(3), np.zeros(3)
    naive.adam_update(g, 0.5, 0.5, 0.75, 1.0, 0.0, False, 1, p, m, s, None)
    assert (m.tolist(), s.tolist()) == ([0.5] * 3, [0.25] * 3)


def test_amsgrads_largest_keeps_nan():
    p, m, s, largest = np.zeros(3), np.zeros(3), np.array([1.0, np.nan, 1.0]), np.array([np.nan, 4.0, 4.0])
    naive.adam_update(np.ones(3), 0.5, 0.5, 0.75, 1.0, 0.0, False, 1, p, m, s, largest)
    np.testing.assert_array_equal(largest, [np.nan, np.nan, 4.0])
    np.testing.assert_array_equal(np.isnan(p), [True, True, False])
