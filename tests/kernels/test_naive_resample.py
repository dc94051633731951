"""The definition of resampling, judged by outsiders: values worked out by hand, NumPy and SciPy, finite differences."""

import numpy as np
import pytest
from scipy.ndimage import zoom

from cuarzo.kernels import naive

RNG = np.random.default_rng(29)
NAN, INF = np.nan, np.inf


def along(kernel, x, P, *options):
    """A row (H,) resampled to P elements by `kernel`."""
    y = np.empty((1, P, 1))
    getattr(naive, f"{kernel}_forward")(np.array(x, np.float64).reshape(1, -1, 1), *options, y)
    return y.ravel().tolist()


def maxima(x, P):
    y, indices = np.empty((1, P, 1)), np.empty((1, P, 1), np.int64)
    naive.adaptive_max_pool_forward(np.array(x, np.float64).reshape(1, -1, 1), y, indices)
    return y.ravel().tolist(), indices.ravel().tolist()


def test_adaptive_windows_by_hand():
    # 7 elements for 3 windows: 0 1 2, 2 3 4, 4 5 6
    assert along("adaptive_avg_pool", [3, 0, 6, 9, 0, 3, 3], 3) == [3, 5, 2]
    assert maxima([3, 0, 6, 9, 0, 3, 3], 3) == ([6, 9, 3], [2, 3, 5])
    assert along("adaptive_avg_pool", [1, 2], 5) == [1, 1, 1.5, 2, 2]  # more windows than elements
    assert along("adaptive_avg_pool", [1, 2, 6], 1) == [3]
    assert along("adaptive_avg_pool", [1, 2, 6], 3) == [1, 2, 6]


@pytest.mark.parametrize("H, P", [(1, 1), (7, 3), (3, 7), (10, 4), (12, 3), (5, 1)])
def test_adaptive_pooling_is_numpys_on_each_window(H, P):
    x = RNG.standard_normal((2, H, 3))
    y, best, at = np.empty((2, P, 3)), np.empty((2, P, 3)), np.empty((2, P, 3), np.int64)
    naive.adaptive_avg_pool_forward(x, y)
    naive.adaptive_max_pool_forward(x, best, at)
    for p in range(P):
        window = x[:, int(np.floor(p * H / P)) : int(np.ceil((p + 1) * H / P))]
        np.testing.assert_allclose(y[:, p], window.mean(axis=1), rtol=1e-14)
        assert np.array_equal(best[:, p], window.max(axis=1))
    assert np.array_equal(np.take_along_axis(x, at, axis=1), best)
    if H % P == 0:  # then the windows neither overlap nor differ
        np.testing.assert_allclose(y, x.reshape(2, P, H // P, 3).mean(axis=2), rtol=1e-14)


def test_adaptive_maximum_of_ties_and_specials():
    assert maxima([5, 5, 1, 2, 2, 2], 2) == ([5, 2], [0, 3])
    assert maxima([-INF, -INF, 3, -INF], 2) == ([-INF, 3], [0, 2])
    y, indices = maxima([INF, NAN, NAN, 1, NAN, 2], 2)
    assert np.isnan(y).all() and indices == [1, 4]


def test_nearest_by_hand():
    assert along("upsample_nearest", [1, 2, 3], 6) == [1, 1, 2, 2, 3, 3]
    assert along("upsample_nearest", [1, 2, 3], 5) == [1, 1, 2, 2, 3]
    assert along("upsample_nearest", [1, 2, 3, 4, 5], 2) == [1, 3]
    y = along("upsample_nearest", [NAN, -INF], 4)
    assert np.isnan(y[:2]).all() and y[2:] == [-INF, -INF]


def test_nearest_repeats_where_the_factor_is_whole():
    x = RNG.standard_normal((2, 5, 3))
    y = np.empty((2, 15, 3))
    naive.upsample_nearest_forward(x, y)
    assert np.array_equal(y, np.repeat(x, 3, axis=1))


def test_linear_by_hand():
    assert along("upsample_linear", [0, 4], 4, False) == [0, 1, 3, 4]  # beyond the first and last centre: as there
    assert along("upsample_linear", [0, 6], 4, True) == pytest.approx([0, 2, 4, 6], rel=1e-15)
    assert along("upsample_linear", [0, 2, 4, 6], 2, False) == [1, 5]
    assert along("upsample_linear", [5, 7, 9], 1, True) == [5]
    assert along("upsample_linear", [5, 7, 9], 1, False) == [7]
    assert along("upsample_linear", [5], 3, False) == along("upsample_linear", [5], 3, True) == [5, 5, 5]


@pytest.mark.parametrize("H, P", [(2, 5), (5, 9), (9, 5), (7, 7), (4, 2)])
@pytest.mark.parametrize("align_corners", [True, False])
def test_linear_is_numpys_and_scipys(H, P, align_corners):
    x = RNG.standard_normal(H)
    y = along("upsample_linear", x, P, align_corners)
    s = np.arange(P) * (H - 1) / (P - 1) if align_corners else np.maximum(0, (np.arange(P) + 0.5) * H / P - 0.5)
    np.testing.assert_allclose(y, np.interp(s, np.arange(H), x), rtol=1e-12, atol=1e-14)
    # SciPy with the same convention: grid_mode is the one of centres; mode "nearest" repeats what is at the ends
    scipys = zoom(x, P / H, order=1, mode="nearest", grid_mode=not align_corners)
    np.testing.assert_allclose(y, scipys, rtol=1e-9, atol=1e-12)


def test_linear_spreads_nan_to_what_lies_beside():
    y = along("upsample_linear", [0, NAN, 0, 0, INF, 1], 12, False)
    assert np.isnan(y[:5]).all()  # y[0] too, where the NaN has weight 0
    assert y[5:] == [0, 0, INF, INF, INF, INF, 1]


@pytest.mark.parametrize("kernel, options", [
    ("adaptive_avg_pool", ()),
    ("upsample_nearest", ()),
    ("upsample_linear", (False,)),
    ("upsample_linear", (True,)),
])  # fmt: skip
@pytest.mark.parametrize("H, P", [(1, 1), (7, 3), (3, 7), (5, 1), (1, 4), (4, 8)])
def test_gradients_are_finite_differences(kernel, options, H, P):
    x, dy = RNG.standard_normal((2, H, 2)), RNG.standard_normal((2, P, 2))
    y, dx = np.empty_like(dy), np.full_like(x, NAN)
    getattr(naive, f"{kernel}_backward")(dy, *options, dx)

    def loss():
        getattr(naive, f"{kernel}_forward")(x, *options, y)
        return float(np.sum(y * dy))

    np.testing.assert_allclose(dx, differences(loss, x), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("H, P", [(1, 1), (7, 3), (3, 7), (5, 1), (6, 2)])
def test_adaptive_maximum_gradient_is_finite_differences(H, P):
    x, dy = 10.0 * RNG.permutation(4 * H).reshape(2, H, 2), RNG.standard_normal((2, P, 2))  # a step changes no winner
    y, indices, dx = np.empty_like(dy), np.empty(dy.shape, np.int64), np.full_like(x, NAN)
    naive.adaptive_max_pool_forward(x, y, indices)
    naive.adaptive_max_pool_backward(dy, indices, dx)

    def loss():
        naive.adaptive_max_pool_forward(x, y, np.empty_like(indices))
        return float(np.sum(y * dy))

    np.testing.assert_allclose(dx, differences(loss, x, 0.25), atol=1e-9)


def test_unpooling_undoes_pooling():
    x = RNG.permutation(48).astype(np.float64).reshape(2, 2, 3, 4)
    y, indices = np.empty((2, 2, 1, 2)), np.empty((2, 2, 1, 2), np.int64)
    naive.max_pool2d_forward(x, (3, 2), (3, 2), ((0, 0), (0, 0)), (1, 1), y, indices)
    back = np.full((4, 12), NAN)
    naive.max_unpool_forward(y.reshape(4, 2), indices.reshape(4, 2), back)
    assert np.array_equal(np.sort(back[back != 0]), np.sort(y.ravel()))
    assert np.array_equal(back[back != 0], x.reshape(4, 12)[back != 0])


def test_unpooling_by_hand():
    x, indices = np.array([[1.0, 2, 3, 4]]), np.array([[2, 0, 2, -1]])
    y, dx = np.full((1, 3), NAN), np.full((1, 4), NAN)
    naive.max_unpool_forward(x, indices, y)
    assert y.tolist() == [[2, 0, 3]]  # the last of the two that go to 2; -1 goes nowhere
    naive.max_unpool_backward(np.array([[10.0, 20, 30]]), indices, dx)
    assert dx.tolist() == [[0, 10, 30, 0]]


def test_unpooling_gradient_is_finite_differences():
    x, indices = RNG.standard_normal((3, 6)), RNG.integers(-1, 5, (3, 6))
    y, dy, dx = np.empty((3, 5)), RNG.standard_normal((3, 5)), np.full((3, 6), NAN)
    naive.max_unpool_backward(dy, indices, dx)

    def loss():
        naive.max_unpool_forward(x, indices, y)
        return float(np.sum(y * dy))

    np.testing.assert_allclose(dx, differences(loss, x), rtol=1e-8, atol=1e-9)


def differences(loss, array, step=1e-4):
    """Central differences of loss() by every element of `array`; exact but for rounding where loss is linear in it."""
    gradient = np.empty_like(array)
    for i in np.ndindex(array.shape):
        kept = array[i]
        array[i] = kept + step
        above = loss()
        array[i] = kept - step
        gradient[i] = (above - loss()) / (2 * step)
        array[i] = kept
    return gradient
