"""Sizes beyond every cache block and register tile, judged by naive on some rows, filters and images of the whole."""

import numpy as np
import pytest

from cuarzo import kernels
from cuarzo.kernels.cases import Case, define
from cuarzo.kernels.cases.conv import Conv
from cuarzo.kernels.cases.matmul import Product
from implementations import implementations

PRODUCTS = [Product(M, K, N, ta, tb) for M, K, N in [(197, 1030, 397), (1500, 70, 66), (33, 50, 2500)]
            for ta, tb in [(False, False), (True, True), (False, True), (True, False)]]  # fmt: skip
CONVS = [
    Conv(2, 20, 30, 33, 50, 3, 3, pad=((1, 1), (1, 1))),
    Conv(1, 130, 14, 15, 70, 3, 3, pad=((1, 1), (1, 1)), stride=(2, 2)),
    Conv(64, 1, 28, 28, 6, 5, 5, pad=((2, 2), (2, 2))),
    Conv(3, 40, 9, 50, 33, 1, 1),
    Conv(2, 3, 70, 66, 10, 7, 7, stride=(2, 2), pad=((3, 3), (3, 3))),
]


def _agree(got, part, terms):
    """`part`: the arguments that define the part of the output; expected within (n + 2) eps sum |a| |b|."""
    kernel, arguments = part
    double = {k: v.astype(np.float64) if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
    sizes = {k: np.abs(v) if isinstance(v, np.ndarray) else v for k, v in double.items()}
    for name, right in define(kernel, double).items():
        bound = (terms + 2) * np.finfo(np.float32).eps * define(kernel, sizes)[name]
        assert (np.abs(got[name] - right) <= bound).all(), name


@pytest.mark.parametrize("settings", PRODUCTS, ids=lambda s: Case("matmul", s).id)
@pytest.mark.parametrize("kernel, backend, rung", [row for row in implementations() if row[0] == "matmul"])
def test_product(kernel, backend, rung, settings):
    given = Case(kernel, settings).arguments(np.float32)
    kernels.implementation(kernel, backend, rung)(*given.values())
    rows = np.linspace(0, settings.M - 1, 9).astype(int)
    columns = np.linspace(0, settings.N - 1, 9).astype(int)
    part = {
        "a": given["a"][:, rows] if settings.ta else given["a"][rows],
        "b": given["b"][columns] if settings.tb else given["b"][:, columns],
        "c": np.empty((9, 9)),
    }
    _agree({"c": given["c"][np.ix_(rows, columns)]}, (kernel, {**given, **part}), settings.K)


@pytest.mark.parametrize("settings", CONVS, ids=lambda s: Case("conv2d_forward", s).id)
@pytest.mark.parametrize("kernel, backend, rung", [row for row in implementations() if row[0].startswith("conv2d")])
def test_convolution(kernel, backend, rung, settings):
    case = Case(kernel, settings)
    given = case.arguments(np.float32)
    kernels.implementation(kernel, backend, rung)(*given.values())
    for n, f, c in [(0, 0, 0), (settings.N - 1, settings.F - 1, settings.C - 1), (settings.N // 2, settings.F // 2, 0)]:
        image, filt, channel = slice(n, n + 1), slice(f, f + 1), slice(c, c + 1)
        if kernel == "conv2d_forward":
            part = {"x": given["x"][image], "w": given["w"][filt], "b": given["b"][filt], "y": given["y"][image, filt]}
        elif kernel == "conv2d_backward_input":
            part = {"dy": given["dy"][image], "w": given["w"][:, channel], "dx": given["dx"][image, channel]}
        else:
            part = {"x": given["x"][:, channel], "dy": given["dy"][:, filt], "dw": given["dw"][filt, channel],
                    "db": given["db"][filt]}  # fmt: skip
        part = {k: np.ascontiguousarray(v) for k, v in part.items()}
        _agree(part, (kernel, {**given, **part}), case.terms())
