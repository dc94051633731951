"""Initial values: bounds and moments by formula, the rule of rounding, the gains of torch."""

import math

import numpy as np
import pytest

import cuarzo as cz
from cuarzo import Tensor, init, random

SHAPES = [(200, 300), (40, 30, 3, 5)]


def scale(name, fan_in, fan_out):
    """The standard deviation that a formula promises."""
    return {"xavier": math.sqrt(2 / (fan_in + fan_out)), "kaiming": math.sqrt(2 / fan_in)}[name.split("_")[0]]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"])
def test_moments(name, shape):
    t = Tensor(np.empty(shape, np.float32))
    assert getattr(init, name)(t, stream=random.Stream(1)) is t
    window = math.prod(shape[2:])
    std = scale(name, shape[1] * window, shape[0] * window)
    n = t.size  # the relative error of a standard deviation is below 1 / sqrt(2 n) for these; five of them are allowed
    assert t.data.std() == pytest.approx(std, rel=5 / math.sqrt(2 * n))
    assert abs(t.data.mean()) < 5 * std / math.sqrt(n)
    if "uniform" in name:
        assert np.abs(t.data).max() == pytest.approx(math.sqrt(3) * std, rel=1e-3)
    else:
        assert np.abs(t.data).max() > 3.5 * std


def test_options():
    shape, seed = (30, 20), 2
    draw = lambda f, **options: f(Tensor(np.empty(shape)), stream=random.Stream(seed), **options).data  # noqa: E731
    np.testing.assert_allclose(draw(init.xavier_uniform_, gain=3.0), 3 * draw(init.xavier_uniform_))
    np.testing.assert_allclose(
        draw(init.kaiming_normal_, mode="fan_out"), draw(init.kaiming_normal_) * math.sqrt(20 / 30)
    )
    np.testing.assert_allclose(
        draw(init.kaiming_uniform_, nonlinearity="tanh"), draw(init.kaiming_uniform_) * 5 / 3 / math.sqrt(2)
    )
    np.testing.assert_allclose(
        draw(init.kaiming_uniform_, a=math.sqrt(5)), draw(init.uniform_, a=-1, b=1) / math.sqrt(20)
    )
    np.testing.assert_allclose(draw(init.normal_, mean=5.0, std=2.0), 5 + 2 * draw(init.normal_))
    assert (draw(lambda t, stream: init.ones_(t)) == 1).all() and not draw(lambda t, stream: init.zeros_(t)).any()
    assert (draw(lambda t, stream: init.constant_(t, 0.5)) == 0.5).all()


def test_drawn_in_float64_and_rounded_once():
    for f in (init.uniform_, init.normal_, init.xavier_normal_, init.kaiming_uniform_):
        narrow, wide = (f(Tensor(np.empty((7, 5), d)), stream=random.Stream(9)).data for d in (np.float32, np.float64))
        np.testing.assert_array_equal(narrow, wide.astype(np.float32))


def test_the_next_key_serves_without_a_stream():
    with cz.seed(1):
        a, b = (init.normal_(Tensor(np.empty(9))).data for _ in range(2))
    with cz.seed(1):
        c = init.normal_(Tensor(np.empty(9))).data
    assert (a != b).all()
    np.testing.assert_array_equal(a, c)


def test_gains():
    assert [init.calculate_gain(n) for n in ("linear", "sigmoid", "tanh", "relu")] == [1, 1, 5 / 3, math.sqrt(2)]
    assert init.calculate_gain("leaky_relu") == pytest.approx(math.sqrt(2 / 1.0001))
    assert init.calculate_gain("leaky_relu", math.sqrt(5)) == pytest.approx(1 / math.sqrt(3))


def test_refusals():
    with pytest.raises(ValueError, match="a vector has no fan"):
        init.xavier_uniform_(Tensor(np.empty(3)))
    with pytest.raises(ValueError, match=r"the weight has shape \(3, 0\), expected one element or more"):
        init.kaiming_uniform_(Tensor(np.empty((3, 0))))
    with pytest.raises(TypeError, match="nonlinearity is 3 of type int"):
        init.calculate_gain(3)
    with pytest.raises(ValueError, match=r"unknown nonlinearity 'rellu'.*id you mean 'relu'\?"):
        init.calculate_gain("rellu")
    with pytest.raises(ValueError, match="unknown mode 'fan'"):
        init.kaiming_uniform_(Tensor(np.empty((3, 3))), mode="fan")
