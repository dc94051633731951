"""The suite itself, tested: each planted wrong kernel must be caught by the cases, and the right kernels by none."""

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


def test_enough_are_planted():
    about = [planted.kernel for planted in PLANTED]
    assert sum(name.startswith("conv2d") for name in about) >= 8
    assert sum("pool2d" in name for name in about) >= 8
