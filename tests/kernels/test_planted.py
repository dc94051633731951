"""The suite itself, tested: each planted wrong kernel must be caught by the cases, and the right kernels by none."""

import re

import numpy as np
import pytest
from planted import PLANTED

from cuarzo import kernels
from cuarzo.kernels import _border
from cuarzo.kernels.cases import cases, unstable, violation


@pytest.fixture(autouse=True)
def unguarded(monkeypatch):
    """Most planted kernels bend the arguments of a right one, whose border would refuse them before the bug shows."""
    monkeypatch.setattr(_border, "check", lambda *arguments: None)


def caught(kernel, function):
    """The first case that a kernel fails in either dtype, or None."""
    for dtype in (np.float32, np.float64):
        for case in cases(kernel):
            if broken := violation(function, case, dtype) or unstable(function, case, dtype):
                return broken
    return None


@pytest.mark.parametrize("planted", PLANTED, ids=lambda p: f"{p.kernel}-{p.bug}")
def test_wrong_kernel_is_caught(planted):
    with np.errstate(all="ignore"):
        assert caught(planted.kernel, planted.function), planted.bug


@pytest.mark.parametrize("kernel", kernels.names())
def test_the_definition_passes(kernel):
    assert caught(kernel, kernels.implementation(kernel, "naive")) is None


FAMILIES = {
    **{f"convolution in {n}-D": f"conv{n}d_" for n in (1, 2, 3)},
    **{f"pooling in {n}-D": f"(max|avg)_pool{n}d_" for n in (1, 2, 3)},
    "resample": "adaptive_|upsample_|max_unpool_",
    **{f"recurrent {cell}": f"{cell}_" for cell in ("rnn", "lstm", "gru")},
    "rbm": "rbm_",
    "norm": ".*_norm_",
    "activation": "(relu|leaky_relu|elu|sigmoid|tanh|gelu|silu|softplus)_",
    "softmax": "softmax_|log_softmax_|cross_entropy_",
    "embedding and dropout": "embedding_|dropout",
    "update": ".*_update",
    "matmul": "matmul",
    "random": "philox_",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_enough_are_planted(family):
    assert sum(bool(re.match(FAMILIES[family], planted.kernel)) for planted in PLANTED) >= 8


def test_every_kernel_belongs_to_a_family():
    assert all(sum(bool(re.match(names, kernel)) for names in FAMILIES.values()) == 1 for kernel in kernels.names())
