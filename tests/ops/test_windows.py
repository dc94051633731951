"""Convolution, pooling and resampling over 1, 2 and 3 axes: values by definition and by hand."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cuarzo import Tensor, kernels, ops

RNG = np.random.default_rng(3)
DTYPES = [np.float32, np.float64]


def normal(*shape):
    return RNG.normal(size=shape)


def ramp(*shape):
    return Tensor(np.arange(np.prod(shape), dtype=np.float64).reshape(1, 1, *shape))


def each(f, n):
    """f of each axis, as a tuple."""
    return tuple(f(i) for i in range(n))


def transposed(x, w, stride, before, after, extra, dilation, groups):
    """y by the sum over every tap, in loops."""
    (N, C, *image), (_, per_group, *window), n = x.shape, w.shape, x.ndim - 2
    whole = each(lambda i: (image[i] - 1) * stride[i] + dilation[i] * (window[i] - 1) + 1 + extra[i], n)
    y = np.zeros((N, per_group * groups, *whole))
    for c, p, r in product(range(C), product(*map(range, image)), product(*map(range, window))):
        first = c // (C // groups) * per_group
        place = each(lambda i, p=p, r=r: p[i] * stride[i] + r[i] * dilation[i], n)
        y[(slice(None), slice(first, first + per_group), *place)] += np.outer(
            x[(slice(None), c, *p)], w[(c, slice(None), *r)]
        )
    return y[(..., *each(lambda i: slice(before[i], whole[i] - after[i]), n))]


@pytest.mark.parametrize("seed", range(40))
def test_conv_transpose_by_its_definition(seed):
    rng = np.random.default_rng(seed)
    n, groups = seed % 3 + 1, seed % 2 + 1
    stride, dilation = (tuple(map(int, rng.integers(1, 4, n))) for _ in "sd")
    window = tuple(map(int, rng.integers(1, 4, n)))
    reach = each(lambda i: dilation[i] * (window[i] - 1) + 1, n)
    sides = each(lambda i: tuple(map(int, rng.integers(0, reach[i] // 2 + 1, 2))), n)
    extra = each(lambda i: int(rng.integers(0, max(stride[i], dilation[i]))), n)
    image = tuple(map(int, rng.integers(1, 5, n)))
    x, w, b = (
        rng.normal(size=(2, 2 * groups, *image)),
        rng.normal(size=(2 * groups, 3, *window)),
        rng.normal(size=3 * groups),
    )
    before, after = zip(*sides)
    size = each(lambda i: (image[i] - 1) * stride[i] + reach[i] - sum(sides[i]) + extra[i], n)
    op = getattr(ops, f"conv_transpose{n}d")
    call = lambda: op(Tensor(x), Tensor(w), Tensor(b), stride, sides, extra, groups, dilation)  # noqa: E731
    if min(size) < 1:
        with pytest.raises(ValueError, match="the output would have"):
            call()
        return
    expected = transposed(x, w, stride, before, after, extra, dilation, groups) + b.reshape(-1, *(1,) * n)
    y = call()
    assert y.shape == expected.shape
    assert_allclose(y.data, expected, rtol=0, atol=1e-12)


def test_one_axis_is_a_row():
    x, w, b = normal(2, 4, 9), normal(6, 2, 3), normal(6)
    y = ops.conv1d(Tensor(x), Tensor(w), Tensor(b), 2, ((1, 3),), 2, 2)
    as_image = ops.conv2d(*(Tensor(a[:, :, None]) for a in (x, w)), Tensor(b), (1, 2), ((0, 0), (1, 3)), (1, 2), 2)
    assert_allclose(y.data, as_image.data[:, :, 0], rtol=1e-12)
    for name, arguments in (("max_pool", (3, 2, 1, 2)), ("avg_pool", (3, 2, 1, True, False))):
        row = getattr(ops, f"{name}1d")(Tensor(x), *arguments).data
        wide = [(1, 3), (1, 2), (0, 1), *([(1, 2)] if name == "max_pool" else [True, False])]
        assert_allclose(row, getattr(ops, f"{name}2d")(Tensor(x[:, :, None]), *wide).data[:, :, 0], rtol=1e-12)


def test_depth_one_is_a_plane():
    x, w = normal(2, 2, 4, 5), normal(3, 2, 2, 3)
    plane = ops.conv2d(Tensor(x), Tensor(w), padding=(1, 2)).data
    volume = ops.conv3d(Tensor(x[:, :, None]), Tensor(w[:, :, None]), padding=(0, 1, 2)).data
    assert_allclose(volume[:, :, 0], plane, rtol=1e-12)
    assert ops.conv3d(Tensor(x[:, :, None]), Tensor(w[:, :, None]), padding="same").shape == (2, 3, 1, 4, 5)


def test_max_pool3d_by_hand():
    y, indices = ops.max_pool3d(ramp(2, 3, 4), 2, 1, return_indices=True)
    assert_array_equal(indices[0, 0], y.data[0, 0])  # a ramp: each element is its own place
    assert_array_equal(y.data[0, 0], [[[17, 18, 19], [21, 22, 23]]])


def test_divisor_override():
    x = ramp(4, 4)
    assert_allclose(ops.avg_pool2d(x, 2, divisor_override=1).data[0, 0], [[10, 18], [42, 50]])
    hanging = ops.avg_pool2d(x, 3, 2, 1, True, False, 2)  # a window hangs over the padding: only its sum counts
    padded = np.pad(x.data[0, 0], 1)
    sums = [[padded[p : p + 3, q : q + 3].sum() for q in (0, 2, 4)] for p in (0, 2, 4)]
    assert_allclose(hanging.data[0, 0], np.array(sums) / 2)


@pytest.mark.parametrize("size", [(2, 3), (1, 1), (5, 4), (7, 9), (None, 2), 1, (3, None)])
def test_adaptive_pooling_by_definition(size):
    x = RNG.integers(0, 9, (2, 3, 5, 6)).astype(np.float64)  # many ties
    wanted = size if isinstance(size, tuple) else (size, size)
    P, Q = (n if m is None else m for n, m in zip(x.shape[2:], wanted))
    mean, (largest, indices) = ops.adaptive_avg_pool2d(Tensor(x), size), ops.adaptive_max_pool2d(Tensor(x), size, True)
    assert mean.shape == largest.shape == indices.shape == (2, 3, P, Q)
    for n, c, p, q in product(range(2), range(3), range(P), range(Q)):
        rows, columns = slice(p * 5 // P, -(-(p + 1) * 5 // P)), slice(q * 6 // Q, -(-(q + 1) * 6 // Q))
        window = x[n, c, rows, columns]
        assert mean.data[n, c, p, q] == pytest.approx(window.mean())
        assert largest.data[n, c, p, q] == window.max()
        i, j = np.unravel_index(window.argmax(), window.shape)  # the first
        assert indices[n, c, p, q] == (rows.start + i) * 6 + columns.start + j


def test_adaptive_max_pool3d_composes_indices():
    x = RNG.integers(0, 4, (2, 2, 3, 4, 5)).astype(np.float64)
    for size in (1, (2, 2, 2), (3, 1, 2), (1, 4, 1)):
        y, indices = ops.adaptive_max_pool3d(Tensor(x), size, return_indices=True)
        flat = x.reshape(2, 2, -1)
        assert_array_equal(np.take_along_axis(flat, indices.reshape(2, 2, -1), 2), y.data.reshape(2, 2, -1))
        if size == 1:
            assert_array_equal(indices.ravel(), flat.argmax(2).ravel())  # the first in row-major order


def test_nan_wins_in_adaptive_max_pooling():
    x = np.zeros((1, 1, 3, 4))
    x[0, 0, 1, 3] = x[0, 0, 2, 0] = np.nan
    for size, place in (((1, 1), 7), ((1, 2), None)):
        y, indices = ops.adaptive_max_pool2d(Tensor(x), size, True)
        assert np.isnan(y.data).all() and (place is None or indices.item() == place)
    assert indices.tolist() == [[[[8, 7]]]]


def test_unpooling_by_hand():
    x = ramp(4, 5)
    y, indices = ops.max_pool2d(x, 2, return_indices=True)
    back = ops.max_unpool2d(y, indices, 2, output_size=(4, 5))
    expected = np.zeros((4, 5))
    expected[1::2, 1:4:2] = x.data[0, 0, 1::2, 1:4:2]
    assert_array_equal(back.data[0, 0], expected)
    assert ops.max_unpool2d(y, indices, 2, output_size=(1, 1, 4, 5)).shape == x.shape
    assert ops.max_unpool2d(y, np.full(y.shape, -1), 2).data.tolist() == np.zeros((1, 1, 4, 4)).tolist()
    assert ops.max_unpool1d(Tensor(np.ones((1, 1, 2))), [[[4, 0]]], 3, 2, 0).data.tolist() == [[[1, 0, 0, 0, 1]]]


def test_nearest():
    x = ramp(2, 3)
    assert_array_equal(ops.interpolate(x, scale_factor=2).data[0, 0], np.kron(x.data[0, 0], np.ones((2, 2))))
    assert_array_equal(ops.interpolate(x, (3, 2)).data[0, 0], [[0, 1], [0, 1], [3, 4]])  # floor(p 2/3), floor(q 3/2)
    assert ops.upsample(x, scale_factor=(1.5, 2)).shape == (1, 1, 3, 6)
    assert_array_equal(ops.interpolate(ramp(2, 1, 2), scale_factor=(1, 3, 1)).data[0, 0, :, 2], [[0, 1], [2, 3]])


def test_linear():
    x = Tensor(np.array([[[0.0, 4.0]]]))
    assert_allclose(ops.interpolate(x, 4, None, "linear").data, [[[0, 1, 3, 4]]])
    assert_allclose(ops.interpolate(x, 5, None, "linear", True).data, [[[0, 1, 2, 3, 4]]])
    plane = ops.interpolate(ramp(2, 2), 3, None, "bilinear", True).data[0, 0]
    assert_allclose(plane, [[0, 0.5, 1], [1, 1.5, 2], [2, 2.5, 3]])
    volume = ops.interpolate(ramp(2, 2, 2), (3, 2, 2), None, "trilinear", True).data[0, 0]
    assert_allclose(volume[1], [[2, 3], [4, 5]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_everything_keeps_the_dtype(dtype):
    x = Tensor(RNG.random((2, 2, 4, 4)).astype(dtype), requires_grad=True)
    w = Tensor(RNG.random((2, 2, 2, 2)).astype(dtype), requires_grad=True)
    for y in (
        ops.conv_transpose2d(x, w, None, 2, 0, 1),
        ops.conv_transpose2d(x, w, None, 1, 0, 1, 1, 2),
        ops.avg_pool2d(x, 2, divisor_override=3),
        ops.adaptive_avg_pool2d(x, 3),
        ops.adaptive_max_pool2d(x, 3),
        ops.interpolate(x, 7, mode="bilinear"),
        ops.upsample(x, scale_factor=2),
        ops.max_unpool2d(*ops.max_pool2d(x, 2, return_indices=True), 2),
        ops.convolve(x[0, 0], w[0, 0]),
    ):
        assert y.dtype == dtype
        y.backward(np.ones_like(y.data))
    assert x.grad.dtype == w.grad.dtype == dtype


@pytest.mark.parametrize("backend", ["naive", "numpy"])
def test_an_empty_batch(backend):
    with kernels.use(backend):
        x, w = Tensor(np.zeros((0, 2, 4, 5, 6)), requires_grad=True), Tensor(normal(2, 1, 2, 2, 2), requires_grad=True)
        y = ops.adaptive_avg_pool3d(ops.conv_transpose3d(ops.conv3d(x, w.reshape(1, 2, 2, 2, 2)), w[:1]), (2, 3, 1))
        y = ops.interpolate(ops.adaptive_max_pool3d(y, 2), scale_factor=2)
        y = ops.max_unpool3d(*ops.max_pool3d(y, 2, return_indices=True), 2)
        assert y.shape == (0, 1, 4, 4, 4)
        y.sum().backward()
    assert x.grad.shape == x.shape and not w.grad.any()


def test_arrays_that_are_not_contiguous():
    x = normal(5, 4, 3, 2)
    for op in (
        lambda x: ops.adaptive_max_pool2d(x, 2),
        lambda x: ops.adaptive_avg_pool2d(x, (1, 2)),
        lambda x: ops.interpolate(x, 7, mode="bilinear"),
        lambda x: ops.conv_transpose2d(x, x[:3].transpose(1, 0, 2, 3)),
        lambda x: ops.max_unpool2d(x, np.arange(120)[::-1].reshape(x.shape) % 20, 1, output_size=None, stride=2),
    ):
        view, plain = Tensor(x.T, requires_grad=True), Tensor(np.ascontiguousarray(x.T))
        y = op(view)
        assert_array_equal(y.data, op(plain).data)
        y.sum().backward()  # the gradient that comes in is a broadcast view
        assert view.grad.shape == view.shape
