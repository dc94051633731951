"""Samplers, judged by what they draw: exact distributions for small machines, naive's numbers for large ones.

Each test of a distribution takes one state of each of many independent chains, after a burn-in whose effect is computed
and not assumed. Level: LEVEL for every test; keys are fixed, so that a result never changes.
"""

import numpy as np
import pytest
from exact_rbm import Exact, ExactGaussian, parameters
from scipy import stats

from cuarzo import kernels
from cuarzo.kernels.cases import Case, cases, judge, unstable, violation
from cuarzo.kernels.cases.rbm import Units, chain
from implementations import implementations

LEVEL = 1e-3
DTYPES = [np.float32, np.float64]
BACKENDS = [name for name, state in kernels.backends().items() if state == "available"]
KERNELS = ("rbm_hidden", "rbm_visible", "rbm_gibbs")
LAYERS = [Case(kernel, Units(64, 784, 500, key=3)) for kernel in ("rbm_visible", "rbm_hidden")]


def chains(gibbs, parameters, count, steps, dtype, gaussian=False, key=21):
    """(v, h): the last state of `count` chains that started with all hidden units off."""
    w, a, b = (array.astype(dtype) for array in parameters)
    (U, V), h = w.shape, np.zeros((count, len(b)), dtype)
    v_mean, v, h_mean, last = (np.empty((count, n), dtype) for n in (V, V, U, U))
    gibbs(h, w, a, b, gaussian, steps, key, 5, v_mean, v, h_mean, last)
    return v, last


def number_of(state):
    """The place of each row in `states`."""
    return state.astype(int) @ (2 ** np.arange(state.shape[1])[::-1])


def chi_square(counted, expected):
    """The probability of a fit as bad as this or worse. Cells are pooled, rarest first, to an expected 5 or more."""
    pooled, held = [], np.zeros(2)
    for cell in np.stack([counted, expected], axis=1)[np.argsort(expected)]:
        held = held + cell
        if held[1] >= 5:
            pooled.append(held)
            held = np.zeros(2)
    pooled[-1] = pooled[-1] + held
    observed, wanted = np.array(pooled).T
    assert len(pooled) > 20
    return stats.chisquare(observed, wanted).pvalue


def joint_fit(gibbs, count, steps, dtype):
    """How well the chains' (v, h) fit the 128 probabilities of a machine of 4 + 3 units."""
    exact = Exact(*parameters(4, 3, seed=1))
    v, h = chains(gibbs, exact, count, steps, dtype)
    counted = np.bincount(number_of(v) * 8 + number_of(h), minlength=128)
    return chi_square(counted, count * exact.p().ravel())


def not_yet_forgotten(exact, steps):
    """What the start still adds to chi-square per chain: sum (q - p)^2 / p, q the chain's exact distribution of h."""
    p = exact.p()
    p_h, v_given_h, h_given_v = p.sum(axis=0), (p / p.sum(axis=0)).T, p / p.sum(axis=1, keepdims=True)
    q = np.eye(len(p_h))[0] @ np.linalg.matrix_power(v_given_h @ h_given_v, steps)
    return float(((q - p_h) ** 2 / p_h).sum())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_chains_reach_the_joint_distribution(backend, dtype):
    count, steps = (2000, 20) if backend == "naive" else (40_000, 30)
    assert count * not_yet_forgotten(Exact(*parameters(4, 3, seed=1)), steps) < 1e-3
    assert joint_fit(kernels.implementation("rbm_gibbs", backend), count, steps, dtype) > LEVEL


def test_chi_square_sees_wrong_samplers():
    """A counter that stands still, and a mean taken for a sample, are rejected at the same level."""
    numpy = kernels.Backend("numpy")

    def stale(h, w, a, b, gaussian, steps, key, counter, *outputs):
        for _ in range(steps):
            numpy.rbm_gibbs(h, w, a, b, gaussian, 1, key, counter, *outputs)
            h = outputs[-1].copy()

    def mean_field(h, w, a, b, gaussian, steps, key, counter, v_mean, v, h_mean, last):
        for step in range(steps):
            numpy.rbm_gibbs(h, w, a, b, gaussian, 1, key, counter + step * 10**6, v_mean, v, h_mean, last)
            h = h_mean.copy()

    for wrong in (stale, mean_field):
        assert joint_fit(wrong, 40_000, 30, np.float32) < LEVEL


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_gaussian_noise_is_normal(backend, dtype):
    count = 500 if backend == "naive" else 5000
    mean, sample = np.empty((count, 3), dtype), np.empty((count, 3), dtype)
    h, w, a = np.ones((count, 2), dtype), np.array([[1, -2, 30], [0.5, 0.25, -3]], dtype), np.zeros(3, dtype)
    kernels.implementation("rbm_visible", backend)(h, w, a, True, 8, 0, mean, sample)
    noise = (sample - mean).astype(np.float64)
    assert stats.kstest(noise.ravel(), stats.norm.cdf).pvalue > LEVEL
    assert stats.kstest((noise**2).sum(axis=1), stats.chi2(3).cdf).pvalue > LEVEL  # the three are independent


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_gaussian_chains_reach_the_mixture(backend, dtype):
    """Each visible unit, and their sum, against the exact distribution: a mixture of 2^3 normal ones."""
    exact = ExactGaussian(*parameters(2, 3, seed=2, scale=0.8))
    count, steps = (1000, 20) if backend == "naive" else (20_000, 40)
    v, h = chains(kernels.implementation("rbm_gibbs", backend), exact, count, steps, dtype, gaussian=True)
    weight = np.exp(exact.log_weights())
    weight /= weight.sum()
    for direction in ([1, 0], [0, 1], [1, 1]):
        spread, at = np.linalg.norm(direction), exact.centers() @ direction
        cdf = lambda x, at=at, spread=spread: stats.norm.cdf((x[:, None] - at) / spread) @ weight  # noqa: E731
        assert stats.kstest(v.astype(np.float64) @ direction, cdf).pvalue > LEVEL
    assert stats.chisquare(np.bincount(number_of(h), minlength=8), count * weight).pvalue > LEVEL


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_no_small_case_leaves_a_sample_open(kernel, dtype):
    """No mean lies so near its random number that rounding could turn the sample: no bound is slack."""
    for case in cases(kernel):
        _, bounds = judge(case, dtype)
        binary = [name for name in bounds if name in ("sample", "h_sample", "v_sample")]
        if case.settings.gaussian:
            binary = [name for name in binary if name == "h_sample"]
        assert not any(bounds[name].any() for name in binary), case.id
        assert not any(np.isinf(bound).any() for bound in bounds.values()) or case.settings.values == "special", case.id


def test_bounds_of_a_chain_follow_the_chain():
    """The layers that the bounds walk through are those of rbm_gibbs itself."""
    for case in cases("rbm_gibbs"):
        expected, _ = judge(case, np.float32)
        visible, hidden = chain(case.arguments(np.float32))[-2:]
        for name, value in (("v", visible), ("h", hidden)):
            np.testing.assert_array_equal(value[2]["mean"], expected[f"{name}_mean"])
            np.testing.assert_array_equal(value[2]["sample"], expected[f"{name}_sample"])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.kernel)
@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "naive"])
def test_every_flip_of_a_large_layer_is_rounding(backend, case, dtype):
    """784 x 500 units: a sample differs from naive's only where |u - p| is within the mean's bound, which is rare."""
    if broken := violation(kernels.implementation(case.kernel, backend), case, dtype):
        pytest.fail(broken, pytrace=False)
    _, bounds = judge(case, dtype)
    assert np.mean(bounds["sample"] > 0) < (1e-3 if dtype == np.float32 else 1e-9)


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "naive"])
def test_refuses_wrong_options(backend):
    """Keys and counters have 64 bits; a chain has one step or more."""
    given = Case("rbm_gibbs", Units(3, 5, 4)).arguments(np.float32)
    wrong = {"key": [-1, 2**64, 1.5, None], "counter": [-1, 2**64, "0"], "steps": [0, -1, 1.5, 2**40, None]}
    for option, values in wrong.items():
        for value in values:
            with pytest.raises((TypeError, ValueError), match=f"rbm_gibbs.*{option}"):
                kernels.implementation("rbm_gibbs", backend)(*{**given, option: value}.values())
    assert all(np.isnan(given[name]).all() for name in ("v_mean", "v_sample", "h_mean", "h_sample"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel, backend, rung", [row for row in implementations("numba", "cython", "cpp")
                                                   if row[0] in KERNELS])  # fmt: skip
def test_no_flip_between_thread_counts(kernel, backend, rung, dtype):
    case = Case(kernel, Units(64, 784, 500, key=3, steps=3))
    assert not unstable(kernels.implementation(kernel, backend, rung), case, dtype, (1, 2, 3))
