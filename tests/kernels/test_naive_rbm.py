"""The definition of restricted Boltzmann machines, judged by every state of small ones, and by quadrature."""

import math

import numpy as np
import pytest
from exact_rbm import Exact, ExactGaussian, parameters, states
from scipy import stats
from scipy.integrate import dblquad, quad

from cuarzo.kernels import naive

SIZES = [(1, 1), (4, 3), (3, 6), (7, 5)]
EXACT = dict(rtol=1e-12, atol=1e-14)


def hidden(v, w, b):
    mean = np.empty((len(v), len(b)))
    naive.rbm_hidden(v, w, b, 0, 0, mean, None)
    return mean


def visible(h, w, a, gaussian=False):
    mean = np.empty((len(h), len(a)))
    naive.rbm_visible(h, w, a, gaussian, 0, 0, mean, None)
    return mean


def free_energy(v, w, a, b, gaussian=False):
    f = np.empty(len(v))
    naive.rbm_free_energy(v, w, a, b, gaussian, f)
    return f


def odds(mean, on):
    """The probability of each state of a layer, given the means of its units: (rows, states)."""
    return np.where(on[None] > 0, mean[:, None], 1 - mean[:, None]).prod(axis=2)


@pytest.mark.parametrize("V, U", SIZES)
def test_conditional_means_are_those_of_the_joint_distribution(V, U):
    w, a, b = parameters(V, U)
    exact = Exact(w, a, b)
    p = exact.p()
    np.testing.assert_allclose(hidden(exact.v, w, b), p @ exact.h / p.sum(axis=1, keepdims=True), **EXACT)
    np.testing.assert_allclose(visible(exact.h, w, a), p.T @ exact.v / p.T.sum(axis=1, keepdims=True), **EXACT)


@pytest.mark.parametrize("V, U", SIZES)
def test_free_energy_and_conditionals_give_every_probability(V, U):
    w, a, b = parameters(V, U, seed=1)
    exact = Exact(w, a, b)
    f = free_energy(exact.v, w, a, b)
    np.testing.assert_allclose(f, -np.log(np.exp(exact.minus_energy()).sum(axis=1)), **EXACT)
    log_z = math.log(np.exp(-f).sum())
    assert log_z == pytest.approx(exact.log_z(), rel=1e-13)
    p_v = np.exp(-f - log_z)
    np.testing.assert_allclose(p_v[:, None] * odds(hidden(exact.v, w, b), exact.h), exact.p(), **EXACT)
    p_h = exact.p().sum(axis=0)  # and the other way round
    np.testing.assert_allclose((p_h[:, None] * odds(visible(exact.h, w, a), exact.v)).T, exact.p(), **EXACT)


@pytest.mark.parametrize("V, U", SIZES[1:])
def test_exact_gradient_of_the_likelihood(V, U):
    """d log p(v) / dw = <h v> with the data less <h v> of the model: means by the kernels, against differences of the
    exact log-likelihood, a sum over all states."""
    w, a, b = parameters(V, U, seed=2)
    v = states(V)[np.random.default_rng(3).integers(0, 2**V, 6)]
    p_v = Exact(w, a, b).p().sum(axis=1)
    on, all_v = hidden(v, w, b), states(V)
    on_of_all = hidden(all_v, w, b)
    gradients = [
        on.T @ v - len(v) * (p_v[:, None] * on_of_all).T @ all_v,
        v.sum(axis=0) - len(v) * p_v @ all_v,
        on.sum(axis=0) - len(v) * p_v @ on_of_all,
    ]

    def likelihood():
        return float(-free_energy(v, w, a, b).sum() - len(v) * Exact(w, a, b).log_z())

    for array, gradient in zip((w, a, b), gradients, strict=True):
        for i in np.ndindex(array.shape):
            kept, step = array[i], 1e-5
            array[i] = kept + step
            above = likelihood()
            array[i] = kept - step
            assert gradient[i] == pytest.approx((above - likelihood()) / (2 * step), rel=1e-7, abs=1e-7)
            array[i] = kept


@pytest.mark.parametrize("V, U", [(1, 1), (1, 5), (3, 4), (6, 6)])
def test_gaussian_free_energy_is_that_of_the_mixture(V, U):
    w, a, b = parameters(V, U, seed=4, scale=0.7)
    exact = ExactGaussian(w, a, b)
    v = np.random.default_rng(5).standard_normal((9, V)) * 2
    np.testing.assert_allclose(free_energy(v, w, a, b, True), -np.log(np.exp(-exact.energy(v)).sum(axis=1)), **EXACT)
    density = [stats.multivariate_normal(center, np.eye(V)).pdf(v) for center in exact.centers()]
    log_p = np.log(np.exp(exact.log_weights()) @ np.reshape(density, (len(exact.h), -1)))
    np.testing.assert_allclose(-free_energy(v, w, a, b, True), log_p, **EXACT)
    np.testing.assert_allclose(visible(exact.h, w, a, True), exact.centers(), **EXACT)
    weight = np.exp(-exact.energy(v))
    np.testing.assert_allclose(hidden(v, w, b), weight @ exact.h / weight.sum(axis=1, keepdims=True), **EXACT)


def test_gaussian_partition_function_by_quadrature():
    w, a, b = parameters(1, 3, seed=6)
    z = quad(lambda x: math.exp(-free_energy(np.array([[x]]), w, a, b, True)[0]), -15, 15, epsabs=1e-10)[0]
    assert z == pytest.approx(np.exp(ExactGaussian(w, a, b).log_weights()).sum(), rel=1e-9)
    w, a, b = parameters(2, 2, seed=7, scale=0.5)
    z = dblquad(lambda y, x: math.exp(-free_energy(np.array([[x, y]]), w, a, b, True)[0]), -9, 9, -9, 9, epsabs=1e-6)[0]
    assert z == pytest.approx(np.exp(ExactGaussian(w, a, b).log_weights()).sum(), rel=1e-6)


def test_gaussian_conditional_by_quadrature():
    """Given h, v is normal around a + h W with variance 1: moments of e^-E, integrated."""
    w, a, b = parameters(1, 2, seed=8)
    h = states(2)
    mean = visible(h, w, a, True)
    for k in range(4):
        moments = [
            quad(lambda x, n=n, k=k: x**n * math.exp(-ExactGaussian(w, a, b).energy(np.array([[x]]))[0, k]), -20, 20)[0]
            for n in range(3)
        ]
        assert moments[1] / moments[0] == pytest.approx(mean[k, 0], rel=1e-9)
        assert moments[2] / moments[0] - (moments[1] / moments[0]) ** 2 == pytest.approx(1, rel=1e-8)


@pytest.mark.parametrize("dtype, per_block", [(np.float32, 4), (np.float64, 2)])
@pytest.mark.parametrize("gaussian", [False, True])
def test_chain_is_layer_after_layer_at_the_next_blocks(dtype, per_block, gaussian):
    """The visible layer's 15 numbers take 4 blocks in float32, 8 in float64; Gaussian units take 30 numbers."""
    w, a, b = (array.astype(dtype) for array in parameters(5, 2, seed=9))
    h = np.array([[0, 1], [1, 1], [1, 0]], dtype)
    key, counter = 11, 2**64 - 6  # it wraps
    got = [np.empty((3, n), dtype) for n in (5, 5, 2, 2)]
    naive.rbm_gibbs(h, w, a, b, gaussian, 3, key, counter, *got)
    blocks_v, blocks_h = math.ceil((30 if gaussian else 15) / per_block), math.ceil(6 / per_block)
    v_mean, v, h_mean, state = (np.empty_like(array) for array in got)
    state[...] = h
    for step in range(3):
        at = counter + step * (blocks_v + blocks_h)
        naive.rbm_visible(state, w, a, gaussian, key, at % 2**64, v_mean, v)
        naive.rbm_hidden(v, w, b, key, (at + blocks_v) % 2**64, h_mean, state)
    for array, expected in zip(got, (v_mean, v, h_mean, state), strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_by_hand(dtype):
    """On where u < mean, u in row-major order; a real unit takes two numbers."""
    mean, sample, u = (np.empty((2, 3), dtype) for _ in range(3))
    v = np.ones((2, 1), dtype)
    w, b = np.array([[0.5], [-0.25], [1]], dtype), np.zeros(3, dtype)
    naive.rbm_hidden(v, w, b, 5, 6, mean, sample)
    naive.philox_uniform(5, 6, u)
    np.testing.assert_allclose(mean, np.tile([0.6224593312018546, 0.43782349911420193, 0.7310585786300049], (2, 1)),
                               rtol=np.finfo(dtype).eps)  # fmt: skip
    np.testing.assert_array_equal(sample, u < mean)
    assert 0 < sample.sum() < 6
    pairs, real = np.empty((2, 3, 2), dtype), np.empty((2, 3), dtype)
    naive.philox_uniform(5, 6, pairs)
    naive.rbm_visible(v, np.array([[2, 3, 4]], dtype), b, True, 5, 6, mean, real)
    for n, j in np.ndindex(2, 3):
        first, second = map(float, pairs[n, j])
        noise = math.sqrt(-2 * math.log(1 - first)) * math.cos(2 * math.pi * second)
        assert real[n, j] == dtype(j + 2 + noise)
        assert mean[n, j] == j + 2


def test_edges():
    """Large sums give 0 and 1 and no overflow; NaN turns nothing on."""
    v, w = np.ones((1, 1)), np.array([[1e308], [-1e308], [np.inf], [-np.inf], [np.nan], [-800.0], [800.0]])
    mean, sample = np.empty((1, 7)), np.empty((1, 7))
    naive.rbm_hidden(v, w, np.zeros(7), 1, 0, mean, sample)
    np.testing.assert_array_equal(mean, [[1, 0, 1, 0, np.nan, 0, 1]])
    np.testing.assert_array_equal(sample, [[1, 0, 1, 0, 0, 0, 1]])
    assert free_energy(v, w[[0]], np.zeros(1), np.zeros(1)) == -1e308
    assert free_energy(v, w[[1]], np.zeros(1), np.zeros(1)) == 0
    assert free_energy(v, w[[6]], np.array([3.0]), np.zeros(1)) == -803
    assert free_energy(1e200 * v, w[[6]] * 0, np.zeros(1), np.zeros(1), True) == np.inf


def test_gradient_by_hand():
    v, h = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[0.5], [0.25]])
    v_chain, h_chain = np.array([[0.0, 1.0]]), np.array([[0.75]])
    dw, da, db = np.empty((1, 2)), np.empty(2), np.empty(1)
    naive.rbm_gradient(v, h, v_chain, h_chain, dw, da, db)
    np.testing.assert_array_equal(dw, [[-(0.5 + 0.25) / 2, 0.75 - 0.25 / 2]])
    np.testing.assert_array_equal(da, [-1, 1 - 0.5])
    np.testing.assert_array_equal(db, [0.75 - 0.75 / 2])
