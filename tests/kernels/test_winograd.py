"""The rung `winograd`: what it refuses, what it does to numbers that are none, and how far from the exact sum it is."""

import numpy as np
import pytest

from cuarzo import kernels
from cuarzo.kernels.cases import Case, cases, serves
from cuarzo.kernels.cases.conv import Conv
from cuarzo.kernels.cases.winograd import matrices

KERNELS = ["conv2d_forward", "conv2d_backward_input", "conv2d_backward_weight"]
BACKENDS = [b for b, state in kernels.backends().items() if state == "available"]
ROWS = [(k, b) for k in KERNELS for b in BACKENDS if "winograd" in kernels.algorithms(k, b)]

pytestmark = pytest.mark.skipif(not ROWS, reason="no backend here has the rung")


@pytest.mark.parametrize("kernel, backend", ROWS)
def test_what_it_does_not_serve_is_refused(kernel, backend):
    refused = [case for case in cases(kernel) if not serves(case, "winograd")]
    assert len(refused) > 10
    for case in refused:
        arguments = case.arguments(np.float32)
        with pytest.raises(ValueError, match=f"{kernel}: winograd serves windows of 3 x 3 .*, got a window of"):
            kernels.implementation(kernel, backend, "winograd")(*arguments.values())


@pytest.mark.parametrize("dtype, m", [(np.float32, 4), (np.float64, 2)], ids=["float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("kernel, backend", [row for row in ROWS if row[0] != "conv2d_backward_weight"])
def test_what_is_no_number_spreads_over_its_tiles_and_no_further(kernel, backend, bad, dtype, m):
    function = kernels.implementation(kernel, backend, "winograd")
    arguments = Case(kernel, Conv(1, 3, (11, 13), 5, (3, 3), pad=1)).arguments(dtype)
    source, result = ("x", "y") if "x" in arguments else ("dy", "dx")
    function(*arguments.values())
    clean = arguments[result].copy()
    at = 4
    arguments[source][0, 1, at, at] = bad
    function(*arguments.values())
    tiles = np.zeros(clean.shape[2:], bool)  # those that read it: m results each way, and a pixel more on either side
    for i in range(0, len(tiles), m):
        for j in range(0, tiles.shape[1], m):
            tiles[i : i + m, j : j + m] = i - 1 <= at <= i + m and j - 1 <= at <= j + m
    assert not np.isfinite(arguments[result][..., at - 1 : at + 2, at - 1 : at + 2]).any()
    np.testing.assert_array_equal(arguments[result][..., ~tiles], clean[..., ~tiles])


@pytest.mark.parametrize("m, factor", [(2, 8.0), (4, 22.06)])
def test_the_matrices_compute_a_correlation(m, factor):
    A, G, B = matrices(m)
    x, w = np.arange(1.0, m + 3), np.array([3.0, -1.0, 2.0])
    np.testing.assert_allclose(A @ ((G @ w) * (B @ x)), np.correlate(x, w), rtol=1e-13)
    size = np.abs(A) @ (np.abs(G).sum(1) * np.abs(B).sum(1))
    np.testing.assert_allclose(size.max(), factor, rtol=1e-2)
