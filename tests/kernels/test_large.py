"""Sizes beyond every cache block and register tile, judged by naive on some rows, filters and images of the whole."""

from functools import cache

import numpy as np
import pytest

from cuarzo import kernels
from cuarzo.kernels.cases import Case, bounds_of, define, has_bounds, norm, serves, unstable
from cuarzo.kernels.cases.conv import Conv
from cuarzo.kernels.cases.family import is_floating, sums
from cuarzo.kernels.cases.matmul import Product
from implementations import implementations

PRODUCTS = [Product(M, K, N, ta, tb) for M, K, N in [(197, 1030, 397), (1500, 70, 66), (33, 50, 2500)]
            for ta, tb in [(False, False), (True, True), (False, True), (True, False)]]  # fmt: skip
CONVS = [
    Conv(2, 20, (30, 33), 50, (3, 3), pad=1),
    Conv(5, 20, (30, 33), 17, (3, 3), pad=((1, 1), (0, 2))),
    Conv(12, 520, (9, 8), 130, (3, 3), pad=1),  # more filters than tiles, and more of both than one block holds
    Conv(1, 130, (14, 15), 70, (3, 3), stride=2, pad=1),
    Conv(64, 1, (28, 28), 6, (5, 5), pad=2),
    Conv(3, 40, (9, 50), 33, (1, 1)),
    Conv(2, 3, (70, 66), 10, (7, 7), stride=2, pad=3),
    Conv(3, 20, (1100,), 40, (5,), pad=2),
    Conv(1, 1, (5000,), 9, (9,), stride=2, pad=((8, 0),)),
    Conv(2, 8, (5, 12, 17), 12, (3, 3, 3), pad=1),
    Conv(1, 3, (7, 20, 21), 5, (3, 5, 5), stride=(1, 2, 2), pad=((1, 1), (2, 2), (2, 2))),
]


@pytest.mark.parametrize("settings", PRODUCTS, ids=lambda s: Case("matmul", s).id)
@pytest.mark.parametrize("kernel, backend, rung", [row for row in implementations() if row[0] == "matmul"])
def test_product(kernel, backend, rung, settings):
    given = Case(kernel, settings).arguments(np.float32)
    kernels.implementation(kernel, backend, rung)(*given.values())
    rows = np.linspace(0, settings.M - 1, 9).astype(int)
    columns = np.linspace(0, settings.N - 1, 9).astype(int)
    part = {
        **given,
        "a": given["a"][:, rows] if settings.ta else given["a"][rows],
        "b": given["b"][columns] if settings.tb else given["b"][:, columns],
        "c": np.empty((9, 9)),
    }
    part = {k: np.ascontiguousarray(v, np.float64) if is_floating(v) else v for k, v in part.items()}
    expected = define(kernel, part)
    bound = sums(kernel, settings, part, expected, np.finfo(np.float32).eps)["c"]
    assert (np.abs(given["c"][np.ix_(rows, columns)] - expected["c"]) <= bound).all()


ROWS = [
    (*row, settings)
    for row in implementations()
    for settings in CONVS
    if row[0].startswith(f"conv{len(settings.size)}d") and serves(Case(row[0], settings), row[2])
]


@pytest.mark.parametrize(
    "kernel, backend, rung, settings", ROWS, ids=lambda v: v if isinstance(v, str) else Case("", v).id
)
def test_convolution(kernel, backend, rung, settings):
    case = Case(kernel, settings)
    given = case.arguments(np.float32)
    kernels.implementation(kernel, backend, rung)(*given.values())
    for at, expected, bounds in _parts(case, rung if has_bounds(case, rung) else ""):
        for name, right in expected.items():
            assert (np.abs(given[name][at[name]] - right) <= bounds[name]).all(), name


@cache  # every backend is compared with it
def _parts(case, rung):
    """Some parts of the outputs: where they are, what is expected there, and its bounds."""
    kernel, settings = case
    given = {k: v.astype(np.float64) if is_floating(v) else v for k, v in case.arguments(np.float32).items()}
    parts = []
    for n, f, c in [(0, 0, 0), (settings.N - 1, settings.F - 1, settings.C - 1), (settings.N // 2, settings.F // 2, 0)]:
        image, filt, channel = slice(n, n + 1), slice(f, f + 1), slice(c, c + 1)
        every = slice(None)
        at = {
            "forward": {"x": image, "w": filt, "b": filt, "y": (image, filt)},
            "backward_input": {"dy": image, "w": (every, channel), "dx": (image, channel)},
            "backward_weight": {"x": (every, channel), "dy": (every, filt), "dw": (filt, channel), "db": filt},
        }[kernel.split("_", 1)[1]]
        part = {**given, **{name: np.ascontiguousarray(given[name][where]) for name, where in at.items()}}
        expected = define(kernel, part)
        parts.append((at, expected, bounds_of(case, rung)(kernel, settings, part, expected, np.finfo(np.float32).eps)))
    return parts


@pytest.mark.parametrize("kernel", ["batch_norm_forward", "batch_norm_backward"])
@pytest.mark.parametrize("settings", [norm.Channels(3, 2, 350_003), norm.Channels(40, 61, 901)])
def test_batch_norm_past_the_caches(kernel, settings):
    """Results of more than 8 MB are streamed, from rows that begin anywhere. The definition would take minutes."""
    case = Case(kernel, settings)
    given = case.arguments(np.float32)
    exact = {k: np.asarray(v, np.float64) if is_floating(v) else v for k, v in case.arguments(np.float32).items()}
    kernels.implementation(kernel, "numpy")(*exact.values())
    bounds = norm.bounds(kernel, settings, exact, exact, np.finfo(np.float32).eps)
    for backend in [row[1] for row in implementations("numba", "cython", "cpp") if row[0] == kernel]:
        function = kernels.implementation(kernel, backend)
        function(*given.values())
        for name, bound in bounds.items():
            assert (np.abs(given[name] - exact[name]) <= bound).all(), (backend, name)
        assert not unstable(function, case, np.float32)
