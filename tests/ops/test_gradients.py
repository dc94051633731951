"""Every differentiable function against finite differences in float64, at every element of every input."""

import inspect
import runpy
from pathlib import Path

import numpy as np
import pytest

from cuarzo import gradcheck, kernels, ops, random

RNG = np.random.default_rng(7)


def normal(*shape):
    return RNG.normal(size=shape)


def positive(*shape):
    return RNG.uniform(0.5, 2, size=shape)


def apart(*shape):
    """Elements that differ by 0.1 at least, none of them near 0: extrema and kinks stay where they are."""
    n = int(np.prod(shape))
    return (RNG.permutation(n) - n // 2 + 0.5).reshape(shape) / 10


LABELS = np.array([2, 0, 2, 1])
TARGETS = RNG.random((4, 3))

ARITHMETIC = {
    "add": (lambda a, b: a + b, normal(2, 3), normal(3)),
    "add a scalar": (lambda a: 3 + a + 2.5, normal(2, 3)),
    "subtract": (lambda a, b: a - b, normal(2, 1), normal(1, 3)),
    "subtract from a scalar": (lambda a: 1 - a, normal(3)),
    "multiply": (lambda a, b: a * b, normal(2, 3), normal(2, 1)),
    "multiply by itself": (lambda a: a * a * 0.5, normal(2, 3)),
    "divide": (lambda a, b: a / b, normal(2, 3), positive(3)),
    "divide a scalar": (lambda a: 2 / a, positive(2, 3)),
    "power": (lambda a, b: a**b, positive(2, 3), normal(3)),
    "square": (lambda a: a**2, normal(2, 3)),
    "inverse": (lambda a: a**-1.5, positive(2, 3)),
    "power of a scalar": (lambda a: 2.5**a, normal(2, 3)),
    "negative": (lambda a: -a, normal(2, 3)),
    "broadcast over new axes": (lambda a, b: a * b, normal(), normal(2, 2)),
    "broadcast both": (lambda a, b: a * b + a, normal(3, 1, 2), normal(4, 1)),
}
MATMUL = {
    f"matmul {a} {b}": (lambda x, y: x @ y, normal(*a), normal(*b))
    for a, b in [
        ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((2, 2, 3), (3, 2)), ((2, 2, 3), (3,)),
        ((3,), (2, 3, 2)), ((2, 3), (2, 3, 2)), ((2, 1, 2, 3), (3, 3, 2)), ((1, 2, 3), (2, 3, 1)),
    ]
}  # fmt: skip
FUNCTIONS = {
    "exp": (lambda x: x.exp(), normal(2, 3)),
    "log": (lambda x: x.log(), positive(2, 3)),
    "sqrt": (lambda x: x.sqrt(), positive(2, 3)),
    "tanh": (ops.tanh, normal(2, 3)),
    "sigmoid": (ops.sigmoid, normal(2, 3)),
    "relu": (ops.relu, apart(3, 4)),
    "leaky_relu": (lambda x: ops.leaky_relu(x, 0.2), apart(3, 4)),
    "elu": (lambda x: ops.elu(x, 1.5), apart(3, 4)),
    "gelu": (ops.gelu, normal(3, 4)),
    "gelu tanh": (lambda x: ops.gelu(x, "tanh"), normal(3, 4)),
    "softplus": (lambda x: ops.softplus(x, 2.0, 3.0), normal(3, 4)),
    "softmax": (ops.softmax, normal(3, 4)),
    "softmax dim 0": (lambda x: ops.softmax(x, 0), normal(3, 4, 2)),
    "log_softmax": (ops.log_softmax, normal(3, 4)),
    "log_softmax dim 1": (lambda x: ops.log_softmax(x, 1), normal(2, 4, 2)),
    "dropout": (lambda x: ops.dropout(x, 0.4, True, random.Stream(3)), normal(5, 4)),
}
REDUCTIONS = {
    f"{name} {axis} {keepdims}": (lambda x, n=name, a=axis, k=keepdims: getattr(x, n)(a, keepdims=k), apart(2, 3, 4))
    for name in ("sum", "mean", "max", "min", "var")
    for axis, keepdims in ((None, False), (1, False), (-1, True), ((0, 2), False), ((0, 1), True))
}
SHAPES = {
    "reshape": (lambda x: x.reshape(4, -1) * np.arange(4.0).reshape(4, 1), normal(2, 3, 2)),
    "transpose": (lambda x: x.transpose(1, 2, 0) * np.arange(2.0), normal(2, 3, 2)),
    "T": (lambda x: x.T * np.arange(2.0), normal(2, 3)),
    "slice": (lambda x: x[1:, ::-2], normal(3, 4)),
    "integers": (lambda x: x[1], normal(3, 4)),
    "repeated indices": (lambda x: x[[0, 2, 2, 0]], normal(3, 2)),
    "pairs of indices": (lambda x: x[np.array([0, 1, 1]), np.array([2, 0, 0])], normal(2, 3)),
    "mask": (lambda x: x[np.array([True, False, True])], normal(3, 2)),
    "flatten": (lambda x: ops.flatten(x, 1) * np.arange(6.0), normal(2, 3, 2)),
    "concatenate": (lambda a, b, c: ops.concatenate([a, b, c], 1) ** 2, normal(2, 1), normal(2, 3), normal(2, 2)),
    "concatenate with itself": (lambda a: ops.concatenate([a, a * a], -1), normal(2, 3)),
    "stack": (lambda a, b: ops.stack([a, b], 1) ** 2, normal(2, 3), normal(2, 3)),
    "stack last": (lambda a, b: ops.stack([a, b], -1) ** 2, normal(2, 3), normal(2, 3)),
    "pad": (lambda x: (ops.pad(x, [(1, 0), (0, 2)], 3.0) + 1) ** 2, normal(2, 3)),
}
LOSSES = {
    f"{name} {reduction}": (lambda x, f=op, t=target, r=reduction: f(x, t, r), x)
    for name, op, x, target in (
        ("cross_entropy", ops.cross_entropy, normal(4, 3), LABELS),
        ("mse_loss", ops.mse_loss, normal(4, 3), TARGETS),
        ("binary_cross_entropy", ops.binary_cross_entropy, RNG.uniform(0.1, 0.9, (4, 3)), TARGETS),
        ("binary_cross_entropy_with_logits", ops.binary_cross_entropy_with_logits, normal(4, 3), TARGETS),
    )
    for reduction in ("mean", "sum", "none")
}
LOSSES["mse_loss of both"] = (ops.mse_loss, normal(2, 3), normal(2, 3))
LAYERS = {
    "linear": (ops.linear, normal(2, 3), normal(4, 3), normal(4)),
    "linear without b": (ops.linear, normal(2, 3), normal(4, 3)),
    "linear of 1-D": (ops.linear, normal(3), normal(4, 3), normal(4)),
    "linear of 4-D": (ops.linear, normal(2, 1, 2, 3), normal(2, 3), normal(2)),
    "conv2d": (ops.conv2d, normal(2, 2, 4, 5), normal(3, 2, 3, 2), normal(3)),
    "conv2d without b": (ops.conv2d, normal(1, 1, 3, 3), normal(2, 1, 2, 2)),
    "conv2d stride": (
        lambda x, w, b: ops.conv2d(x, w, b, (2, 3), 1),
        normal(1, 2, 5, 6),
        normal(2, 2, 3, 3),
        normal(2),
    ),
    "conv2d groups": (
        lambda x, w, b: ops.conv2d(x, w, b, 1, (1, 0), 1, 2),
        normal(2, 4, 3, 4),
        normal(6, 2, 2, 3),
        normal(6),
    ),
    "conv2d depthwise": (
        lambda x, w: ops.conv2d(x, w, groups=3, padding="same"),
        normal(1, 3, 3, 3),
        normal(3, 1, 3, 3),
    ),
    "conv2d dilation": (
        lambda x, w: ops.conv2d(x, w, None, 1, ((2, 1), (0, 3)), (2, 3)),
        normal(1, 1, 4, 5),
        normal(2, 1, 2, 2),
    ),
    "max_pool2d": (lambda x: ops.max_pool2d(x, 2), apart(2, 2, 4, 5)),
    "max_pool2d overlap": (lambda x: ops.max_pool2d(x, 3, 1, 1, ceil_mode=True), apart(1, 2, 4, 5)),
    "max_pool2d dilation": (lambda x: ops.max_pool2d(x, (2, 3), 2, (0, 1), (2, 1)), apart(1, 1, 5, 6)),
    "avg_pool2d": (lambda x: ops.avg_pool2d(x, 2), normal(2, 2, 4, 5)),
    "avg_pool2d ceil": (lambda x: ops.avg_pool2d(x, 3, 2, 1, True), normal(1, 2, 4, 6)),
    "avg_pool2d inside": (lambda x: ops.avg_pool2d(x, (3, 2), (1, 2), (1, 1), True, False), normal(1, 2, 4, 5)),
}
CASES = {**ARITHMETIC, **MATMUL, **FUNCTIONS, **REDUCTIONS, **SHAPES, **LOSSES, **LAYERS}


@pytest.mark.parametrize("name", CASES)
def test_gradient(name):
    function, *inputs = CASES[name]
    with kernels.use("numpy"):
        assert gradcheck(function, *inputs)


@pytest.mark.parametrize("name", LAYERS)
def test_gradient_of_the_definition(name):
    """The same through the naive kernels: here the backward kernels of the definition meet an outsider."""
    function, *inputs = LAYERS[name]
    with kernels.use("naive"):
        assert gradcheck(function, *inputs)


def test_every_op_is_here():
    """In the CASES of this file, or of another test_gradients*.py beside it."""
    files = Path(__file__).parent.glob("test_gradients*.py")
    cases = [case for path in files for case in runpy.run_path(str(path))["CASES"]]
    for name in vars(ops):
        if inspect.isfunction(getattr(ops, name)):
            assert any(case.startswith(name) for case in cases), f"{name} has no gradient check"
