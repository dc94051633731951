"""The definition, judged by outsiders: SciPy, values worked out by hand, finite differences, published test vectors."""

from itertools import product

import numpy as np
import pytest
from scipy.signal import correlate2d

from cuarzo.kernels import naive

RNG = np.random.default_rng(20)


def _conv(x, w, b=None, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    H, W = (n + sum(pad) for n, pad in zip(x.shape[2:], padding, strict=True))
    P, Q = ((n - d * (r - 1) - 1) // s + 1 for n, d, r, s in zip((H, W), dilation, w.shape[2:], stride, strict=True))
    y = np.empty((x.shape[0], w.shape[0], P, Q), x.dtype)
    naive.conv2d_forward(x, w, b, stride, padding, dilation, groups, y)
    return y


def test_matmul_is_numpys():
    a, b, c = RNG.standard_normal((3, 4)), RNG.standard_normal((4, 5)), np.empty((3, 5))
    for ta, tb in product((False, True), repeat=2):
        one, two = np.ascontiguousarray(a.T if ta else a), np.ascontiguousarray(b.T if tb else b)
        naive.matmul(one, two, ta, tb, c)
        np.testing.assert_allclose(c, a @ b, rtol=1e-14)


def test_matmul_rounds_once():
    a = np.array([[1.0, 2.0**-24, 2.0**-24]], np.float32)  # in float32 each small one alone would be lost
    c = np.empty((1, 1), np.float32)
    naive.matmul(a, np.ones((3, 1), np.float32), False, False, c)
    assert c[0, 0] == np.float32(1.0 + 2.0**-23)


@pytest.mark.parametrize("stride, dilation, padding", [
    ((1, 1), (1, 1), ((0, 0), (0, 0))),
    ((2, 3), (1, 1), ((1, 0), (0, 2))),
    ((1, 2), (2, 3), ((2, 3), (1, 1))),
])  # fmt: skip
def test_conv2d_is_scipys_correlation(stride, dilation, padding):
    x, w, b = RNG.standard_normal((2, 3, 9, 11)), RNG.standard_normal((4, 3, 3, 2)), RNG.standard_normal(4)
    y = _conv(x, w, b, stride, padding, dilation)
    wide = np.zeros((4, 3, 2 * dilation[0] + 1, dilation[1] + 1))  # the dilated window, its gaps written out
    wide[:, :, :: dilation[0], :: dilation[1]] = w
    padded = np.pad(x, ((0, 0), (0, 0), *padding))
    for n, f in product(range(2), range(4)):
        dense = sum(correlate2d(padded[n, c], wide[f, c], mode="valid") for c in range(3)) + b[f]
        np.testing.assert_allclose(y[n, f], dense[:: stride[0], :: stride[1]], rtol=1e-12, atol=1e-12)


def test_conv2d_groups_are_convolutions_side_by_side():
    x, w = RNG.standard_normal((2, 6, 5, 6)), RNG.standard_normal((4, 3, 3, 3))
    both = [_conv(np.ascontiguousarray(x[:, 3 * g : 3 * g + 3]), w[2 * g : 2 * g + 2]) for g in range(2)]
    np.testing.assert_allclose(_conv(x, w, groups=2), np.concatenate(both, axis=1), rtol=1e-13)


def test_conv2d_by_hand():
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    w = np.array([[[[1.0, 10.0], [100.0, 1000.0]]]])
    # not flipped: the first weight meets the upper left pixel
    assert _conv(x, w, np.array([0.5]))[0, 0].tolist() == [[4310.5, 5421.5], [7643.5, 8754.5]]


@pytest.mark.parametrize("stride, dilation, padding, groups", [
    ((1, 1), (1, 1), ((0, 0), (0, 0)), 1),
    ((2, 3), (1, 2), ((2, 1), (0, 3)), 1),
    ((1, 2), (2, 1), ((1, 1), (1, 0)), 2),
    ((3, 3), (1, 1), ((0, 0), (1, 1)), 4),
])  # fmt: skip
def test_conv2d_gradients_are_finite_differences(stride, dilation, padding, groups):
    x, w, b = RNG.standard_normal((2, 4, 6, 7)), RNG.standard_normal((4, 4 // groups, 2, 2)), RNG.standard_normal(4)
    settings = (stride, padding, dilation, groups)
    dy = RNG.standard_normal(_conv(x, w, b, *settings).shape)
    dx, dw, db = np.empty_like(x), np.empty_like(w), np.empty_like(b)
    naive.conv2d_backward_input(dy, w, *settings, dx)
    naive.conv2d_backward_weight(x, dy, *settings, dw, db)
    loss = lambda: float(np.sum(_conv(x, w, b, *settings) * dy))  # noqa: E731 - read where it is used
    for array, gradient in ((x, dx), (w, dw), (b, db)):
        np.testing.assert_allclose(gradient, _differences(loss, array), rtol=1e-7, atol=1e-7)


def _differences(loss, array, step=1e-4):
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


def _max_pool(x, window, stride, padding=((0, 0), (0, 0)), dilation=(1, 1), out=None):
    x = np.array(x, np.float64)[None, None]
    y = np.empty((1, 1, *out))
    indices = np.empty(y.shape, np.int64)
    naive.max_pool2d_forward(x, window, stride, padding, dilation, y, indices)
    return y[0, 0].tolist(), indices[0, 0].tolist()


def test_max_pool_by_hand():
    x = [[1, 5, 2, 0], [5, 3, 2, 2], [-1, -2, 9, 9], [-3, -1, 9, 9]]
    assert _max_pool(x, (2, 2), (2, 2), out=(2, 2)) == ([[5, 2], [-1, 9]], [[1, 2], [8, 10]])  # the first of equals
    assert _max_pool(x, (2, 2), (1, 2), dilation=(2, 1), out=(2, 2)) == ([[5, 9], [5, 9]], [[1, 10], [4, 14]])
    assert _max_pool(x, (3, 3), (3, 3), ((1, 1), (1, 1)), out=(2, 2)) == ([[5, 2], [-1, 9]], [[1, 2], [8, 10]])


def test_max_pool_specials():
    nan, inf = np.nan, np.inf
    y, indices = _max_pool([[inf, nan, -inf, -inf], [nan, 1, -inf, -inf]], (2, 2), (2, 2), out=(1, 2))
    assert np.isnan(y[0][0]) and y[0][1] == -inf
    assert indices == [[1, 2]]  # the first NaN wins over infinity; among equals of -inf the first
    assert _max_pool([[7.0]], (1, 1), (2, 2), ((0, 1), (0, 1)), out=(1, 1)) == ([[7]], [[0]])
    y, indices = _max_pool([[7.0]], (1, 2), (1, 2), ((0, 0), (2, 1)), out=(1, 2))
    assert (y, indices) == ([[-inf, 7]], [[-1, 0]])  # the first window sees padding alone


@pytest.mark.parametrize("given", [True, False])
def test_max_pool_gradient_is_finite_differences(given):
    x = RNG.permutation(60.0 * np.arange(56)).reshape(1, 2, 4, 7)  # far apart: a step changes no winner
    settings = ((2, 3), (1, 2), ((1, 0), (1, 1)), (2, 1))
    y, indices = np.empty((1, 2, 3, 4)), np.empty((1, 2, 3, 4), np.int64)
    dy, dx = RNG.standard_normal(y.shape), np.empty_like(x)
    naive.max_pool2d_forward(x, *settings, y, indices)
    naive.max_pool2d_backward(dy, None if given else x, indices if given else None, *settings, dx)

    def loss():
        naive.max_pool2d_forward(x, *settings, y, None)
        return float(np.sum(y * dy))

    np.testing.assert_allclose(dx, _differences(loss, x, 0.25), atol=1e-9)
    assert np.count_nonzero(dx)


def test_avg_pool_by_hand():
    x = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    y = np.empty((1, 1, 2, 2))
    naive.avg_pool2d_forward(x, (2, 2), (2, 2), ((1, 0), (1, 0)), True, y)
    assert y[0, 0].tolist() == [[0.25, 1.25], [2.75, 7.0]]  # zeros of the padding counted: always a fourth
    naive.avg_pool2d_forward(x, (2, 2), (2, 2), ((1, 0), (1, 0)), False, y)
    assert y[0, 0].tolist() == [[1.0, 2.5], [5.5, 7.0]]
    # Ceil mode: the last windows hang over the image and are clipped to it, whatever is counted.
    for counted in (True, False):
        naive.avg_pool2d_forward(x, (2, 2), (2, 2), ((0, 0), (0, 0)), counted, y)
        assert y[0, 0].tolist() == [[3.0, 4.5], [7.5, 9.0]]
    # Ceil mode with padding: clipped to image and padding. Row 4 of 5 is padding that counts, row 5 is beyond it.
    wide = np.empty((1, 1, 2, 1))
    naive.avg_pool2d_forward(x, (3, 3), (3, 3), ((1, 1), (0, 0)), True, wide)
    assert wide[0, 0].tolist() == [[21 / 9], [24 / 6]]


@pytest.mark.parametrize("counted", [True, False])
def test_avg_pool_gradient_is_finite_differences(counted):
    x = RNG.standard_normal((2, 1, 5, 6))
    settings = ((3, 2), (2, 2), ((1, 1), (1, 0)), counted)
    y = np.empty((2, 1, 3, 4))  # one column more than floor mode has
    dy, dx = RNG.standard_normal(y.shape), np.empty_like(x)
    naive.avg_pool2d_backward(dy, *settings, dx)

    def loss():
        naive.avg_pool2d_forward(x, *settings, y)
        return float(np.sum(y * dy))

    np.testing.assert_allclose(dx, _differences(loss, x), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("counter, key, words", [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
])  # fmt: skip
def test_philox_known_answers(counter, key, words):
    """The vectors that Random123 publishes for philox4x32 with 10 rounds (its file kat_vectors)."""
    hexadecimal = lambda text: tuple(int(word, 16) for word in text.split())  # noqa: E731
    assert naive.philox4x32(hexadecimal(counter), hexadecimal(key)) == hexadecimal(words)


def test_philox_uniform_follows_from_the_words():
    words = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]  # counter 0, key 0: the first known answer
    single, double = np.empty(3, np.float32), np.empty((2, 1), np.float64)
    naive.philox_uniform(0, 0, single)
    naive.philox_uniform(0, 0, double)
    assert single.tolist() == [(word >> 8) / 2**24 for word in words[:3]]
    assert double.ravel().tolist() == [((words[i] >> 5) * 2**26 + (words[i + 1] >> 6)) / 2**53 for i in (0, 2)]


def test_philox_counts_blocks_and_wraps():
    whole, tail, wrapped = np.empty(12, np.float32), np.empty(5, np.float32), np.empty(8, np.float32)
    naive.philox_uniform(9, 2**64 - 1, whole)
    naive.philox_uniform(9, 0, tail)
    assert whole[4:9].tolist() == tail.tolist()
    naive.philox_uniform(9, 1, wrapped)
    assert whole[8:].tolist() == wrapped[:4].tolist()
