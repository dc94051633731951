"""The definition of pooling, judged by outsiders: values worked out by hand, SciPy, finite differences."""

import numpy as np
import pytest
from scipy.ndimage import maximum_filter, uniform_filter

from cuarzo.kernels import naive

RNG = np.random.default_rng(27)
NAN, INF = np.nan, np.inf


def run(kernel, x, *options, out):
    """`max_pool` or `avg_pool` along as many axes as x (N, C, ...) has, to outputs of the size `out`: y, indices."""
    y = np.full((*x.shape[:2], *out), NAN)
    indices = np.full(y.shape, -7, np.int64)
    forward = getattr(naive, f"{kernel}{len(out)}d_forward")
    forward(x, *options, y, *([indices] if kernel == "max_pool" else []))
    return y, indices


def maxima(x, window, stride, padding=None, dilation=None, out=None):
    """The maxima and indices of one channel, as lists."""
    n = len(window)
    options = window, stride, padding or ((0, 0),) * n, dilation or (1,) * n
    y, indices = run("max_pool", np.array(x, np.float64)[None, None], *options, out=out)
    return y[0, 0].tolist(), indices[0, 0].tolist()


def means(x, window, stride, padding, counted, out):
    return run("avg_pool", np.array(x, np.float64)[None, None], window, stride, padding, counted, out=out)[0][
        0, 0
    ].tolist()


def test_maximum_by_hand():
    x = [[1, 5, 2, 0], [5, 3, 2, 2], [-1, -2, 9, 9], [-3, -1, 9, 9]]
    assert maxima(x, (2, 2), (2, 2), out=(2, 2)) == ([[5, 2], [-1, 9]], [[1, 2], [8, 10]])  # the first of equals
    assert maxima(x, (2, 2), (1, 2), dilation=(2, 1), out=(2, 2)) == ([[5, 9], [5, 9]], [[1, 10], [4, 14]])
    assert maxima(x, (3, 3), (3, 3), ((1, 1), (1, 1)), out=(2, 2)) == ([[5, 2], [-1, 9]], [[1, 2], [8, 10]])


def test_maximum_of_sequences_by_hand():
    assert maxima([1, 3, 3, 2, 5], (2,), (2,), out=(2,)) == ([3, 3], [1, 2])
    assert maxima([1, 3, 3, 2, 5], (2,), (2,), out=(3,)) == ([3, 3, 5], [1, 2, 4])  # ceil mode: the last hangs over
    assert maxima([1, 3, 3, 2, 5], (3,), (2,), ((1, 0),), (2,), out=(1,)) == ([3], [1])
    assert maxima([-4, -2, -4], (2,), (1,), ((1, 2),), out=(5,)) == ([-4, -2, -2, -4, -INF], [0, 1, 1, 2, -1])


def test_maximum_of_volumes_by_hand():
    x = [[[1, 2], [8, 3]], [[8, 0], [-1, 5]], [[4, 4], [4, 4]]]
    assert maxima(x, (2, 2, 2), (1, 1, 1), out=(2, 1, 1)) == ([[[8]], [[8]]], [[[2]], [[4]]])  # slices before rows
    assert maxima(x, (2, 1, 1), (1, 2, 1), dilation=(2, 1, 1), out=(1, 1, 2)) == ([[[4, 4]]], [[[8, 9]]])
    assert maxima(x, (2, 2, 2), (3, 1, 2), ((1, 0), (0, 1), (0, 0)), out=(1, 2, 1)) == ([[[8], [8]]], [[[2], [2]]])


def test_maximum_of_specials():
    y, indices = maxima([[INF, NAN, -INF, -INF], [NAN, 1, -INF, -INF]], (2, 2), (2, 2), out=(1, 2))
    assert np.isnan(y[0][0]) and y[0][1] == -INF
    assert indices == [[1, 2]]  # the first NaN wins over infinity; among equals of -inf the first
    assert maxima([[7.0]], (1, 1), (2, 2), ((0, 1), (0, 1)), out=(1, 1)) == ([[7]], [[0]])
    # the first window sees padding alone
    assert maxima([[7.0]], (1, 2), (1, 2), ((0, 0), (2, 1)), out=(1, 2)) == ([[-INF, 7]], [[-1, 0]])
    assert maxima([[[7.0]]], (2, 1, 1), (2, 1, 1), ((2, 1), (0, 0), (0, 0)), out=(2, 1, 1)) == (
        [[[-INF]], [[7]]],
        [[[-1]], [[0]]],
    )
    y, indices = maxima([[[-INF, NAN], [INF, NAN]], [[NAN, 0], [0, 0]]], (2, 2, 2), (1, 1, 1), out=(1, 1, 1))
    assert np.isnan(y[0][0][0]) and indices == [[[1]]]


@pytest.mark.parametrize("size, window", [((13,), (3,)), ((7, 9), (3, 5)), ((5, 6, 7), (3, 1, 3))])
def test_windows_of_odd_size_are_scipys_filters(size, window):
    """With half a window of padding: SciPy's filters, whose windows are centred, with a border of the right kind."""
    x = RNG.standard_normal((1, 1, *size))
    options = window, (1,) * len(size), tuple((w // 2, w // 2) for w in window)
    y, indices = run("max_pool", x, *options, (1,) * len(size), out=size)
    assert np.array_equal(y[0, 0], maximum_filter(x[0, 0], window, mode="constant", cval=-INF))
    assert np.array_equal(x.ravel()[indices.ravel()], y.ravel())
    y, _ = run("avg_pool", x, *options, True, out=size)
    zeros_counted = uniform_filter(x[0, 0], window, mode="constant")
    np.testing.assert_allclose(y[0, 0], zeros_counted, rtol=1e-12, atol=1e-14)
    y, _ = run("avg_pool", x, *options, False, out=size)
    inside = uniform_filter(np.ones(size), window, mode="constant")
    np.testing.assert_allclose(y[0, 0], zeros_counted / inside, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("size, window", [((12,), (3,)), ((6, 8), (2, 4)), ((4, 6, 4), (2, 3, 1))])
def test_windows_side_by_side_are_numpys_blocks(size, window):
    x = np.round(RNG.standard_normal((2, 3, *size)) * 2)
    out = tuple(n // w for n, w in zip(size, window))
    pairs = [(m, w) for m, w in zip(out, window)]
    blocks = x.reshape(2, 3, *(side for pair in pairs for side in pair))
    inner = tuple(range(3, 3 + 2 * len(size), 2))
    nothing = ((0, 0),) * len(size)
    y, _ = run("max_pool", x, window, window, nothing, (1,) * len(size), out=out)
    assert np.array_equal(y, blocks.max(axis=inner))
    y, _ = run("avg_pool", x, window, window, nothing, True, out=out)
    np.testing.assert_allclose(y, blocks.mean(axis=inner), rtol=1e-14, atol=1e-15)


def test_a_volume_of_one_slice_is_an_image():
    x = np.round(RNG.standard_normal((2, 2, 5, 7)))
    options = (3, 2), (2, 1), ((1, 0), (1, 1)), (1, 2)
    flat, at = run("max_pool", x, *options, out=(2, 7))
    deep = (1, 3, 2), (1, 2, 1), ((0, 0), (1, 0), (1, 1)), (1, 1, 2)
    y, indices = run("max_pool", x[:, :, None], *deep, out=(1, 2, 7))
    assert np.array_equal(y[:, :, 0], flat) and np.array_equal(indices[:, :, 0], at)
    flat, _ = run("avg_pool", x, *options[:3], False, out=(2, 7))
    y, _ = run("avg_pool", x[:, :, None], *deep[:3], False, out=(1, 2, 7))
    assert np.array_equal(y[:, :, 0], flat)


def test_mean_by_hand():
    x = np.arange(1.0, 10.0).reshape(3, 3)
    left_and_top = (2, 2), (2, 2), ((1, 0), (1, 0))
    assert means(x, *left_and_top, True, (2, 2)) == [[0.25, 1.25], [2.75, 7.0]]  # the zeros counted: always a fourth
    assert means(x, *left_and_top, False, (2, 2)) == [[1.0, 2.5], [5.5, 7.0]]
    # Ceil mode: the last windows hang over the image and are clipped to it, whatever is counted.
    for counted in (True, False):
        assert means(x, (2, 2), (2, 2), ((0, 0), (0, 0)), counted, (2, 2)) == [[3.0, 4.5], [7.5, 9.0]]
    # Ceil mode with padding: clipped to image and padding. Row 4 of 5 is padding that counts, row 5 is beyond it.
    assert means(x, (3, 3), (3, 3), ((1, 1), (0, 0)), True, (2, 1)) == [[21 / 9], [24 / 6]]


def test_mean_of_sequences_and_volumes_by_hand():
    assert means([1, 2, 6, 8], (3,), (2,), ((1, 1),), True, (2,)) == [1, 16 / 3]
    assert means([1, 2, 6, 8], (3,), (2,), ((1, 1),), False, (2,)) == [1.5, 16 / 3]
    assert means([1, 2, 6, 8, 5], (2,), (2,), ((0, 0),), True, (3,)) == [1.5, 7, 5]  # ceil mode
    x = np.arange(8.0).reshape(2, 2, 2)
    assert means(x, (2, 2, 2), (2, 2, 2), ((0, 0), (0, 0), (0, 0)), True, (1, 1, 1)) == [[[3.5]]]
    assert means(x, (2, 1, 2), (1, 1, 2), ((1, 0), (0, 0), (0, 0)), True, (2, 2, 1)) == [
        [[0.25], [1.25]],
        [[2.5], [4.5]],
    ]
    assert means(x, (2, 1, 2), (1, 1, 2), ((1, 0), (0, 0), (0, 0)), False, (2, 2, 1)) == [
        [[0.5], [2.5]],
        [[2.5], [4.5]],
    ]


def test_mean_of_specials():
    y = means([1, NAN, 3, INF, 1, -INF, 2, 0], (2,), (1,), ((0, 0),), True, (7,))
    assert np.isnan(y[:2]).all() and y[2:6] == [INF, INF, -INF, -INF] and y[6] == 1


# size, window, stride, padding, dilation, outputs (the second of each in ceil mode)
GEOMETRIES = [
    ((9,), (3,), (2,), ((1, 0),), (2,), (3,)),
    ((9,), (3,), (3,), ((1, 1),), (1,), (4,)),
    ((4, 7), (2, 3), (1, 2), ((1, 0), (1, 1)), (2, 1), (3, 4)),
    ((5, 6), (3, 2), (2, 2), ((1, 1), (1, 0)), (1, 1), (3, 4)),
    ((3, 4, 5), (2, 2, 3), (1, 2, 2), ((1, 0), (0, 1), (1, 1)), (2, 1, 1), (2, 2, 3)),
    ((3, 4, 3), (2, 3, 2), (2, 2, 2), ((0, 1), (1, 0), (0, 0)), (1, 1, 1), (2, 2, 2)),
]


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("size, window, stride, padding, dilation, out", GEOMETRIES)
def test_maximum_gradient_is_finite_differences(size, window, stride, padding, dilation, out, given):
    n, x = (
        len(size),
        RNG.permutation(60.0 * np.arange(2 * np.prod(size))).reshape(1, 2, *size),
    )  # a step changes no winner
    options = window, stride, padding, dilation
    _, indices = run("max_pool", x, *options, out=out)
    dy, dx = RNG.standard_normal(indices.shape), np.full_like(x, NAN)
    backward = getattr(naive, f"max_pool{n}d_backward")
    backward(dy, None if given else x, indices if given else None, *options, dx)
    loss = lambda: float(np.sum(run("max_pool", x, *options, out=out)[0] * dy))  # noqa: E731 - read where it is used
    np.testing.assert_allclose(dx, differences(loss, x, 0.25), atol=1e-9)
    assert np.count_nonzero(dx)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_window_of_padding_alone_sends_nothing(n):
    x, dy, dx = np.ones((1, 1, *(2,) * n)), np.ones((1, 1, *(2,) * n)), np.full((1, 1, *(2,) * n), NAN)
    options = (2,) * n, (3,) * n, ((2, 1),) * n, (1,) * n  # the first window along each axis lies in the padding
    for given in (True, False):
        _, indices = run("max_pool", x, *options, out=(2,) * n)
        assert (indices >= 0).sum() == 1
        backward = getattr(naive, f"max_pool{n}d_backward")
        backward(dy, None if given else x, indices if given else None, *options, dx)
        assert dx.sum() == dx.max() == 1


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("size, window, stride, padding, dilation, out", GEOMETRIES)
def test_mean_gradient_is_finite_differences(size, window, stride, padding, dilation, out, counted):
    x = RNG.standard_normal((2, 1, *size))
    out = tuple((n + sum(pad) - w) // s + 1 for n, w, s, pad in zip(size, window, stride, padding))  # without dilation
    dy, dx = RNG.standard_normal((2, 1, *out)), np.full_like(x, NAN)
    getattr(naive, f"avg_pool{len(size)}d_backward")(dy, window, stride, padding, counted, dx)
    loss = lambda: float(np.sum(run("avg_pool", x, window, stride, padding, counted, out=out)[0] * dy))  # noqa: E731
    np.testing.assert_allclose(dx, differences(loss, x), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("size, window, stride, out", [
    ((6,), (3,), (4,), (2,)),
    ((5, 6), (3, 2), (2, 3), (3, 2)),
    ((3, 3, 4), (2, 2, 2), (2, 2, 2), (2, 2, 2)),
])  # fmt: skip
def test_mean_gradient_in_ceil_mode(size, window, stride, out, counted):
    x, padding = RNG.standard_normal((1, 2, *size)), ((1, 0),) + ((0, 0),) * (len(size) - 1)
    dy, dx = RNG.standard_normal((1, 2, *out)), np.full_like(x, NAN)
    getattr(naive, f"avg_pool{len(size)}d_backward")(dy, window, stride, padding, counted, dx)
    loss = lambda: float(np.sum(run("avg_pool", x, window, stride, padding, counted, out=out)[0] * dy))  # noqa: E731
    np.testing.assert_allclose(dx, differences(loss, x), rtol=1e-7, atol=1e-9)


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
