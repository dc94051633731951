"""The definition of convolution, judged by outsiders: SciPy, values by hand, a dense matrix, finite differences."""

from itertools import product

import numpy as np
import pytest
from scipy.signal import correlate

from cuarzo.kernels import naive

RNG = np.random.default_rng(20)

# size, window, stride, padding, dilation, channels, filters, groups
GEOMETRIES = [
    ((7,), (3,), (1,), ((0, 0),), (1,), 2, 3, 1),
    ((9,), (3,), (2,), ((2, 1),), (3,), 4, 4, 2),
    ((8,), (2,), (3,), ((0, 3),), (1,), 3, 6, 3),
    ((6, 7), (2, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 2, 3, 1),
    ((6, 7), (2, 2), (2, 3), ((2, 1), (0, 3)), (1, 2), 4, 4, 1),
    ((5, 6), (3, 2), (1, 2), ((1, 1), (1, 0)), (2, 1), 4, 2, 2),
    ((6, 5), (2, 2), (3, 3), ((0, 0), (1, 1)), (1, 1), 4, 4, 4),
    ((3, 4, 5), (2, 3, 2), (1, 1, 1), ((0, 0), (0, 0), (0, 0)), (1, 1, 1), 2, 3, 1),
    ((4, 5, 3), (2, 2, 3), (1, 2, 3), ((1, 0), (0, 2), (2, 1)), (3, 2, 1), 2, 4, 2),
    ((4, 3, 4), (1, 2, 2), (3, 2, 1), ((0, 0), (1, 0), (0, 1)), (1, 1, 2), 3, 3, 3),
]


def draw(size, window, channels, filters, groups, batch=2):
    x = RNG.standard_normal((batch, channels, *size))
    return x, RNG.standard_normal((filters, channels // groups, *window)), RNG.standard_normal(filters)


def conv(x, w, b, stride, padding, dilation, groups):
    axes = zip(x.shape[2:], w.shape[2:], stride, padding, dilation, strict=True)
    outputs = [(n + sum(pad) - d * (r - 1) - 1) // step + 1 for n, r, step, pad, d in axes]
    y = np.full((len(x), len(w), *outputs), np.nan)
    kernel("forward", x)(x, w, b, stride, padding, dilation, groups, y)
    return y


def kernel(which, x):
    return getattr(naive, f"conv{x.ndim - 2}d_{which}")


def dense(size, outputs, stride, padding, dilation, tap):
    """The 0-1 matrix (outputs, inputs) of one tap, axis by axis: with it a convolution is a sum of products."""
    whole = np.ones((1, 1))
    for n, m, step, (before, _), d, r in zip(size, outputs, stride, padding, dilation, tap, strict=True):
        padded = np.eye(m * step + r * d + n + before)  # wide enough for all that is read
        reads = padded[[p * step + r * d for p in range(m)]]
        whole = np.kron(whole, reads[:, before : before + n])
    return whole


@pytest.mark.parametrize("size, window, stride, padding, dilation, channels, filters, groups", GEOMETRIES)
def test_forward_is_a_sum_of_dense_products(size, window, stride, padding, dilation, channels, filters, groups):
    x, w, b = draw(size, window, channels, filters, groups)
    y = conv(x, w, b, stride, padding, dilation, groups)
    expected = np.zeros((2, filters, np.prod(y.shape[2:])))
    for f, c in product(range(filters), range(channels // groups)):
        channel = f // (filters // groups) * (channels // groups) + c
        for tap in np.ndindex(*window):
            reads = dense(size, y.shape[2:], stride, padding, dilation, tap)
            expected[:, f] += w[(f, c, *tap)] * (x[:, channel].reshape(2, -1) @ reads.T)
    expected += b[:, None]
    np.testing.assert_allclose(y.reshape(expected.shape), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size, window, dilation, padding", [
    ((11,), (4,), (1,), ((0, 0),)),
    ((11,), (3,), (3,), ((2, 4),)),
    ((9, 11), (3, 2), (1, 1), ((0, 0), (0, 0))),
    ((9, 11), (3, 2), (2, 3), ((2, 3), (1, 1))),
    ((4, 5, 6), (2, 3, 3), (1, 1, 1), ((0, 0), (0, 0), (0, 0))),
    ((4, 5, 6), (2, 3, 2), (2, 1, 3), ((1, 0), (2, 1), (0, 3))),
])  # fmt: skip
def test_forward_is_scipys_correlation(size, window, dilation, padding):
    x, w, b = draw(size, window, 3, 4, 1)
    y = conv(x, w, b, (1,) * len(size), padding, dilation, 1)
    wide = np.zeros((4, 3, *((r - 1) * d + 1 for r, d in zip(window, dilation))))  # the gaps written out
    wide[:, :, *(slice(None, None, d) for d in dilation)] = w
    padded = np.pad(x, ((0, 0), (0, 0), *padding))
    for n, f in product(range(2), range(4)):
        expected = sum(correlate(padded[n, c], wide[f, c], "valid", "direct") for c in range(3)) + b[f]
        np.testing.assert_allclose(y[n, f], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size, window", [((7,), (3,)), ((5, 6), (3, 3)), ((3, 4, 5), (2, 1, 3))])
def test_groups_are_convolutions_side_by_side(size, window):
    n = len(size)
    plain = ((1,) * n, ((0, 0),) * n, (1,) * n)
    x, w, _ = draw(size, window, 6, 4, 2)
    both = [conv(np.ascontiguousarray(x[:, 3 * g : 3 * g + 3]), w[2 * g : 2 * g + 2], None, *plain, 1) for g in (0, 1)]
    np.testing.assert_allclose(conv(x, w, None, *plain, 2), np.concatenate(both, axis=1), rtol=1e-13)


def test_by_hand():
    # Not flipped: the first weight meets the first element.
    signal = np.array([[[1.0, 2.0, 3.0, 4.0]]])
    y = conv(signal, np.array([[[1.0, 10.0]]]), np.array([0.5]), (2,), ((1, 0),), (2,), 1)
    assert y[0, 0].tolist() == [20.5, 42.5]  # (0, 2) and (2, 4)
    image = np.arange(9.0).reshape(1, 1, 3, 3)
    y = conv(image, np.array([[[[1.0, 10.0], [100.0, 1000.0]]]]), np.array([0.5]), (1, 1), ((0, 0),) * 2, (1, 1), 1)
    assert y[0, 0].tolist() == [[4310.5, 5421.5], [7643.5, 8754.5]]
    volume = np.arange(8.0).reshape(1, 1, 2, 2, 2)
    y = conv(volume, 10.0 ** np.arange(8).reshape(1, 1, 2, 2, 2), None, (1,) * 3, ((0, 0),) * 3, (1,) * 3, 1)
    assert y.ravel().tolist() == [76543210.0]


def test_windows_that_hang_over_read_zeros():
    y = np.full((1, 1, 3), np.nan)
    naive.conv1d_forward(np.arange(1.0, 6.0).reshape(1, 1, 5), np.ones((1, 1, 2)), None, (2,), ((0, 0),), (1,), 1, y)
    assert y[0, 0].tolist() == [3.0, 7.0, 5.0]


def test_sums_are_rounded_once():
    x = np.array([[[1.0, 2.0**-24, 2.0**-24]]], np.float32)  # in float32 each small one alone would be lost
    y = np.empty((1, 1, 1), np.float32)
    naive.conv1d_forward(x, np.ones((1, 1, 3), np.float32), None, (1,), ((0, 0),), (1,), 1, y)
    assert y[0, 0, 0] == np.float32(1.0 + 2.0**-23)


@pytest.mark.parametrize("size, window, stride, padding, dilation, channels, filters, groups", GEOMETRIES)
def test_gradients_are_finite_differences(size, window, stride, padding, dilation, channels, filters, groups):
    x, w, b = draw(size, window, channels, filters, groups)
    settings = (stride, padding, dilation, groups)
    dy = RNG.standard_normal(conv(x, w, b, *settings).shape)
    dx, dw, db = (np.full_like(array, np.nan) for array in (x, w, b))
    kernel("backward_input", x)(dy, w, *settings, dx)
    kernel("backward_weight", x)(x, dy, *settings, dw, db)
    loss = lambda: float(np.sum(conv(x, w, b, *settings) * dy))  # noqa: E731 - read where it is used
    for array, gradient in ((x, dx), (w, dw), (b, db)):
        np.testing.assert_allclose(gradient, differences(loss, array), rtol=1e-7, atol=1e-7)
        assert np.count_nonzero(gradient)


def differences(loss, array, step=1e-3):
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
