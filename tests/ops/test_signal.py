"""Convolution of signal processing against scipy.signal, every size and mode."""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cuarzo import Tensor, ops

scipy_signal = pytest.importorskip("scipy.signal")
RNG = np.random.default_rng(5)
SIZES = [
    *(((n,), (k,)) for n, k in product(range(1, 7), repeat=2)),
    *(((5, n), (k, 3)) for n, k in product((1, 2, 4), (1, 2, 4, 5, 6))),
    ((3, 3), (4, 5)),
    ((4, 5, 6), (2, 3, 4)),
    ((2, 3, 4), (4, 3, 5)),
    ((3, 4, 5), (1, 1, 1)),
    ((4, 2, 3), (2, 4, 3)),
]


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("name", ["convolve", "correlate"])
@pytest.mark.parametrize(("n", "k"), SIZES, ids=[f"{n} {k}" for n, k in SIZES])
def test_as_scipy(name, n, k, mode):
    x, kernel = RNG.normal(size=n), RNG.normal(size=k)
    op = getattr(ops, name)
    try:
        expected = getattr(scipy_signal, name)(x, kernel, mode, method="direct")
    except ValueError:  # neither holds the other
        with pytest.raises(ValueError, match=f"{name}: .* expected one as large as the other in every axis"):
            op(Tensor(x), Tensor(kernel), mode)
        return
    y = op(Tensor(x), Tensor(kernel), mode)
    assert y.shape == expected.shape
    terms = min(x.size, kernel.size)
    scale = getattr(scipy_signal, name)(abs(x), abs(kernel), mode, method="direct")
    assert (abs(y.data - expected) <= 2 * (terms + 2) * np.finfo(np.float64).eps * scale).all()


def test_by_hand():
    x, kernel = Tensor(np.array([1.0, 2.0, 3.0])), Tensor(np.array([0.0, 1.0, 0.5]))
    assert_array_equal(ops.convolve(x, kernel).data, [0, 1, 2.5, 4, 1.5])
    assert_array_equal(ops.convolve(x, kernel, "same").data, [1, 2.5, 4])
    assert_array_equal(ops.correlate(x, kernel, "valid").data, [3.5])


def test_float32_stays():
    x = Tensor(RNG.normal(size=40).astype(np.float32), requires_grad=True)
    y = ops.convolve(x, Tensor(np.ones(5, np.float32) / np.float32(5)), "valid")
    assert y.dtype == np.float32 and y.shape == (36,)
    assert_allclose(y.data, np.convolve(x.data.astype(np.float64), np.ones(5) / 5, "valid"), rtol=1e-5, atol=1e-6)
    y.sum().backward()
    assert_allclose(x.grad[:6], np.array([1, 2, 3, 4, 5, 5]) / 5, rtol=1e-6)


ONE, TWO = Tensor(np.ones(3)), Tensor(np.ones((3, 3)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.convolve(ONE, TWO), ValueError, "expected 1, 2 or 3 axes, as many in both"),
        (lambda: ops.convolve(ONE.sum(), ONE.sum()), ValueError, "expected 1, 2 or 3 axes"),
        (lambda: ops.correlate(ONE, ONE, "whole"), ValueError, "correlate: mode is 'whole', expected one of 'full'"),
        (lambda: ops.convolve(ONE, ONE.data), TypeError, "convolve: kernel is a ndarray, expected a Tensor"),
        (lambda: ops.convolve(ONE, Tensor(np.ones(3, np.float32))), TypeError, "kernel has dtype float32"),
        (lambda: ops.convolve(ONE, Tensor(np.ones(0))), ValueError, "expected at least 1 element"),
    ],
)
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_lecture_examples(tmp_path):
    """Run as a script: a name of the standard library beside it would be imported in its place."""
    script = Path(__file__).parents[2] / "examples" / "signals.py"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([sys.executable, script], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert {path.name for path in (tmp_path / "runs" / "signal").iterdir()} == {"signal.png", "sound.wav", "echo.wav"}
