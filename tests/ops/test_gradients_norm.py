"""Normalisation, embedding, the activations and cross-entropy against finite differences in float64, every element."""

import numpy as np
import pytest

from cuarzo import gradcheck, kernels, ops, random

RNG = np.random.default_rng(17)


def normal(*shape):
    return RNG.normal(size=shape)


def away(*shape):
    """Elements of both signs, none near 0, where some slopes jump."""
    x = RNG.normal(size=shape)
    return x + np.sign(x) * 0.1


RUNNING = normal(2), RNG.uniform(0.5, 2, 2)
LABELS = np.array([[2, 0], [-100, 1]])

CASES = {
    "batch_norm": (lambda x, w, b: ops.batch_norm(x, None, None, w, b, True), normal(4, 2), normal(2), normal(2)),
    "batch_norm images": (
        lambda x, w, b: ops.batch_norm(x, None, None, w, b, True, eps=0.1),
        *(normal(2, 2, 3, 2), normal(2), normal(2)),
    ),
    "batch_norm plain": (lambda x: ops.batch_norm(x, None, None, training=True), normal(3, 2, 2)),
    "batch_norm weight": (lambda x, w: ops.batch_norm(x, None, None, w, training=True), normal(3, 2, 2), normal(2)),
    "batch_norm running": (
        lambda x, w, b: ops.batch_norm(x, *RUNNING, w, b),
        *(normal(3, 2, 2), normal(2), normal(2)),
    ),
    "batch_norm running plain": (lambda x: ops.batch_norm(x, *RUNNING), normal(3, 2)),
    "layer_norm": (lambda x, w, b: ops.layer_norm(x, 4, w, b), normal(2, 3, 4), normal(4), normal(4)),
    "layer_norm of two axes": (
        lambda x, w, b: ops.layer_norm(x, (3, 2), w, b, 0.1),
        *(normal(2, 3, 2), normal(3, 2), normal(3, 2)),
    ),
    "layer_norm plain": (lambda x: ops.layer_norm(x, (4,)), normal(3, 4)),
    "layer_norm bias": (lambda x, b: ops.layer_norm(x, 4, None, b), normal(3, 4), normal(4)),
    "local_response_norm": (lambda x: ops.local_response_norm(x, 3, 0.5), normal(2, 5, 3)),
    "local_response_norm even": (lambda x: ops.local_response_norm(x, 4, 2.0, 0.5, 2.0), normal(1, 5, 2, 2)),
    "embedding": (lambda w: ops.embedding([[0, 2, 2], [1, 0, 2]], w), normal(4, 2)),
    "silu": (ops.silu, away(3, 4)),
    "softmax of the middle": (lambda x: ops.softmax(x, 1), normal(2, 3, 2)),
    "log_softmax of the first": (lambda x: ops.log_softmax(x, 0), normal(3, 2, 2)),
    "cross_entropy of 2-D": (lambda x: ops.cross_entropy(x, LABELS), normal(2, 3, 2)),
    "cross_entropy of 2-D none": (lambda x: ops.cross_entropy(x, LABELS, "none"), normal(2, 3, 2)),
    "cross_entropy smoothed": (lambda x: ops.cross_entropy(x, LABELS, label_smoothing=0.3), normal(2, 3, 2)),
    "cross_entropy smoothed sum": (
        lambda x: ops.cross_entropy(x, [1, 0, 2], "sum", 2, 0.1),
        normal(3, 4),
    ),
}


@pytest.mark.parametrize("backend", ["numpy", "naive"])
@pytest.mark.parametrize("name", CASES)
def test_gradient(name, backend):
    function, *inputs = CASES[name]
    with kernels.use(backend):
        assert gradcheck(function, *inputs)


ACTIVATIONS = {
    "relu": ops.relu,
    "tanh": ops.tanh,
    "sigmoid": ops.sigmoid,
    "leaky_relu": lambda x: ops.leaky_relu(x, 0.2),
    "elu": lambda x: ops.elu(x, 1.5),
    "gelu": ops.gelu,
    "gelu tanh": lambda x: ops.gelu(x, "tanh"),
    "softplus": lambda x: ops.softplus(x, 2.0, 3.0),
    "dropout": lambda x: ops.dropout(x, 0.4, True, random.Stream(3)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradient_of_the_definition(name):
    with kernels.use("naive"):
        assert gradcheck(ACTIVATIONS[name], away(4, 3))
