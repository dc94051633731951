"""gradcheck must pass right gradients, and fail each kind of wrong one."""

import re

import numpy as np
import pytest

from cuarzo import Tensor, gradcheck, ops, random

X = np.random.default_rng(0).normal(size=(2, 3))


def op(gradient):
    """x^2 with the given gradient."""
    return lambda x: Tensor.from_op(x.data**2, (x,), lambda dy: (gradient(x.data, dy),))


def test_right_gradients_pass():
    assert gradcheck(op(lambda x, dy: 2 * x * dy), X) is True
    assert gradcheck(lambda a, b: a * b + b.exp(), X, Tensor(X[:1].astype(np.float32)))
    assert gradcheck(lambda x: x.sum(), X.T)


def one_wrong(x, dy):
    gradient = 2 * x * dy
    gradient[1, 2] *= 1.001
    return gradient


def test_one_wrong_element_is_named():
    with pytest.raises(AssertionError, match=r"input 1, index \(1, 2\): expected ") as error:
        gradcheck(lambda a, b: a.sum() + op(one_wrong)(b).sum(), X, X)
    expected, got = re.findall(r"(?:expected|got) ([-\d.]+)", str(error.value))
    assert float(got) / float(expected) == pytest.approx(1.001, abs=1e-6)


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        (lambda x, dy: dy * 2, "expected"),
        (lambda x, dy: x * dy, "expected"),
        (lambda x, dy: 2 * x * dy.mean(), "expected"),
        (lambda x, dy: np.full_like(x, np.nan), "got nan"),
        (lambda x, dy: np.zeros_like(x), "expected"),
        (lambda x, dy: None, "no gradient"),
    ],
)
def test_wrong_gradients_fail(gradient, message):
    with pytest.raises(AssertionError, match=message):
        gradcheck(op(gradient), X)


def test_a_gradient_that_is_zero_throughout_fails():
    with pytest.raises(AssertionError, match="input 0 is zero throughout"):
        gradcheck(lambda x: (x - 100).relu(), X)


def test_nothing_to_check():
    with pytest.raises(ValueError, match="nothing to check"):
        gradcheck(lambda x: x.sum(), np.zeros((0, 3)))


def test_a_function_that_draws_is_refused():
    stream = random.Stream(0)
    with pytest.raises(ValueError, match="two results"):
        gradcheck(lambda x: ops.dropout(x, 0.5, True, stream), X)


def test_the_inputs_stay_as_they_are():
    before = X.copy()
    gradcheck(lambda x: x * x, X)
    np.testing.assert_array_equal(X, before)
