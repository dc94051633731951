"""The networks: sizes that can be counted by hand, and that they can be built by name."""

import numpy as np
import pytest

from cuarzo import models, ops, random
from cuarzo.tensor import Tensor


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("softmax", 784 * 10 + 10),
        ("mlp", 784 * 256 + 256 + 256 * 10 + 10),
        ("lenet5", 156 + 2416 + 48_120 + 10_164 + 850),
        ("cnn", 320 + 18_496 + 3136 * 128 + 128 + 1290),
        ("rnn", 128 * (28 + 128 + 2) + 1290),
        ("lstm", 4 * 128 * (28 + 128 + 2) + 1290),
        ("gru", 3 * 128 * (28 + 128 + 2) + 1290),
        ("rbm", 784 * 500 + 784 + 500),
    ],
)
def test_parameters(name, count):
    assert sum(p.size for p in models.build(name).parameters()) == count


def test_lenet5_has_the_parameters_of_the_modern_form():
    assert sum(p.size for p in models.lenet5().parameters()) == 61_706


@pytest.mark.parametrize("name", models.CLASSIFIERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_and_backward(name, dtype):
    model = models.build(name, classes=7, dtype=dtype)
    x = Tensor(np.random.default_rng(0).random((3, 1, 28, 28)).astype(dtype))
    logits = model(x)
    assert logits.shape == (3, 7) and logits.dtype == dtype
    ops.cross_entropy(logits, np.array([0, 6, 3])).backward()
    assert all(p.grad is not None and p.grad.dtype == dtype and np.any(p.grad) for p in model.parameters())
    assert model(Tensor(np.zeros((0, 1, 28, 28), dtype))).shape == (0, 7)


def test_lenet5_layer_by_layer():
    """The sizes of figure 2 of the paper."""
    x, shapes = Tensor(np.zeros((2, 1, 28, 28), np.float32)), []
    for layer in models.lenet5():
        x = layer(x)
        shapes.append(x.shape[1:])
    assert shapes[::3][:2] == [(6, 28, 28), (16, 10, 10)] and shapes[2] == (6, 14, 14) and shapes[5] == (16, 5, 5)
    assert shapes[7:] == [(120,), (120,), (84,), (84,), (10,)]


def test_mlp_with_other_widths():
    weights = [p.shape for p in models.mlp(20, (7, 5), 3).parameters() if p.ndim == 2]
    assert weights == [(7, 20), (5, 7), (3, 5)]


def test_two_built_alike_differ_and_the_seed_repeats_them():
    with random.seed(0):
        one, two = models.lenet5().state_dict(), models.lenet5().state_dict()
    with random.seed(0):
        again = models.lenet5().state_dict()
    assert not np.array_equal(one["0.weight"], two["0.weight"])
    assert all(np.array_equal(one[name], again[name]) for name in one)


def test_unknown_model_is_answered_with_the_near_miss():
    with pytest.raises(ValueError, match=r"unknown model 'lenet' \(did you mean 'lenet5'\?\)"):
        models.build("lenet")
    with pytest.raises(TypeError, match="model is 3 of type int, expected one of: softmax"):
        models.build(3)
