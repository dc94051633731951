"""What ops compute (values by hand), and that they serve whatever array comes."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cuarzo import Tensor, kernels, no_grad, ops, random

RNG = np.random.default_rng(3)
DTYPES = [np.float32, np.float64]


def leaf(array):
    return Tensor(np.array(array), requires_grad=True)


def test_linear():
    y = ops.linear(Tensor([[1.0, 2.0]]), Tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), Tensor([0.0, 10.0, 100.0]))
    assert_array_equal(y.data, [[1, 12, 103]])


def test_conv2d_by_hand():
    x = Tensor(np.arange(9.0).reshape(1, 1, 3, 3))
    w = Tensor(np.array([[[[1.0, 2.0], [0.0, -1.0]]]]))
    assert_array_equal(
        ops.conv2d(x, w, Tensor(np.array([10.0]))).data[0, 0], [[10 + 2 - 4, 10 + 5 - 5], [10 + 11 - 7, 10 + 14 - 8]]
    )
    assert ops.conv2d(x, w, padding="same").shape == (1, 1, 3, 3)
    assert_array_equal(ops.conv2d(x, w, padding="same").data[0, 0, 2], [6 + 14, 7 + 16, 8])  # the larger half after
    assert_array_equal(ops.conv2d(x, w, padding="valid").data, ops.conv2d(x, w).data)


@pytest.mark.parametrize(
    ("padding", "shape"),
    [
        (0, (3, 4)),
        (1, (5, 6)),
        ((1, 2), (5, 8)),
        (((0, 1), (2, 3)), (4, 9)),
        ([[0, 1], [2, 3]], (4, 9)),
        ("same", (5, 6)),
    ],
)
def test_padding_of_conv2d(padding, shape):
    x, w = Tensor(RNG.normal(size=(2, 3, 5, 6))), Tensor(RNG.normal(size=(4, 3, 3, 3)))
    assert ops.conv2d(x, w, padding=padding).shape == (2, 4, *shape)


def test_pooling_by_hand():
    x = leaf(np.array([[1.0, 5.0, 2.0], [5.0, 0.0, 7.0], [3.0, 4.0, 7.0]]).reshape(1, 1, 3, 3))
    y, indices = ops.max_pool2d(x, 2, 1, return_indices=True)
    assert_array_equal(y.data[0, 0], [[5, 7], [5, 7]])
    assert_array_equal(indices[0, 0], [[1, 5], [3, 5]])  # the first maximum
    y.sum().backward()
    assert_array_equal(x.grad[0, 0], [[0, 1, 0], [1, 0, 2], [0, 0, 0]])
    assert_array_equal(ops.avg_pool2d(x, 2, 1).data[0, 0], [[11 / 4, 14 / 4], [12 / 4, 18 / 4]])
    assert_array_equal(ops.avg_pool2d(x, 2, padding=1).data[0, 0], [[1 / 4, 7 / 4], [8 / 4, 18 / 4]])
    assert_array_equal(
        ops.avg_pool2d(x, 2, padding=1, count_include_pad=False).data[0, 0], [[1, 7 / 2], [8 / 2, 18 / 4]]
    )


@pytest.mark.parametrize(
    ("n", "window", "stride", "padding", "floor", "ceil"),
    [
        (5, 2, 2, 0, 2, 3),
        (4, 2, 2, 0, 2, 2),
        (5, 3, 2, 1, 3, 3),
        (6, 3, 2, 1, 3, 4),
        (5, 2, 3, 1, 2, 2),
        (6, 2, 3, 1, 3, 3),
        (7, 1, 3, 0, 3, 3),
    ],
)
def test_output_sizes_of_pooling(n, window, stride, padding, floor, ceil):
    """By the formula of torch: a window that would start in the padding after the image is dropped."""
    x = Tensor(np.zeros((1, 1, n, n)))
    for pool in (ops.max_pool2d, ops.avg_pool2d):
        assert pool(x, window, stride, padding).shape[2:] == (floor, floor)
        assert pool(x, window, stride, padding, ceil_mode=True).shape[2:] == (ceil, ceil)


def test_max_pool2d_keeps_indices_only_where_they_are_needed():
    seen = []

    def spy(x, window, stride, padding, dilation, y, indices):
        seen.append(indices is not None)
        kernels.implementation("max_pool2d_forward", "numpy")(x, window, stride, padding, dilation, y, indices)

    kernels.register("spying", max_pool2d_forward=spy)
    with kernels.use("spying"):
        x = np.zeros((1, 1, 2, 2))
        ops.max_pool2d(Tensor(x), 2)
        ops.max_pool2d(leaf(x), 2)
        with no_grad():
            ops.max_pool2d(leaf(x), 2)
        ops.max_pool2d(leaf(x), 2, return_indices=True)
        assert seen == [False, False, False, True]


def test_activations_by_hand():
    x = Tensor(np.array([-2.0, 0.0, 3.0]))
    assert_allclose(ops.leaky_relu(x).data, [-0.02, 0, 3])
    assert_allclose(ops.elu(x).data, [math.expm1(-2), 0, 3])
    assert_allclose(ops.gelu(x).data, [-2 * 0.022750131948179207, 0, 3 * 0.9986501019683699])
    assert_allclose(ops.gelu(x, "tanh").data, [-0.0454023, 0, 2.9963627], rtol=1e-6)
    assert_allclose(ops.softplus(x).data, np.log1p(np.exp(x.data)))
    assert ops.softplus(Tensor(np.array([1e4, -1e4]))).data.tolist() == [1e4, 0]


def test_gelu_of_long_arrays_and_no_elements():
    assert ops.gelu(Tensor(np.zeros((0, 2), np.float32))).shape == (0, 2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_everything_keeps_the_dtype(dtype):
    x, image = leaf(RNG.random((4, 3)).astype(dtype)), leaf(RNG.random((2, 2, 4, 4)).astype(dtype))
    w, b = leaf(RNG.random((2, 2, 2, 2)).astype(dtype)), leaf(np.zeros(2, dtype))
    target = RNG.random((4, 3)).astype(dtype)
    results = [f(x) for f in (ops.relu, ops.sigmoid, ops.tanh, ops.softmax, ops.log_softmax, ops.elu, ops.gelu)]
    results += [ops.gelu(x, "tanh"), ops.leaky_relu(x), ops.softplus(x), ops.dropout(x), ops.flatten(x)]
    results += [
        ops.conv2d(image, w, b),
        ops.max_pool2d(image, 2),
        ops.avg_pool2d(image, 2),
        ops.linear(x, leaf(target)),
    ]
    results += [ops.cross_entropy(x, [0, 1, 2, 0]), ops.mse_loss(x, target), ops.binary_cross_entropy(x, target)]
    results += [ops.binary_cross_entropy_with_logits(x, target, "none"), ops.concatenate([x, x]), ops.stack([x, x])]
    results += [ops.pad(x, [(1, 1), (0, 0)]), x.var(), x**2, 1 / x, x.max(0)]
    for y in results:
        assert y.dtype == dtype
        y.backward(np.ones_like(y.data))
    assert x.grad.dtype == image.grad.dtype == w.grad.dtype == b.grad.dtype == dtype


@pytest.mark.parametrize(
    "op",
    [
        lambda x, w: ops.conv2d(x, w),
        lambda x, w: ops.max_pool2d(x, 2, 1) * w[0, 0, 0, 0],
        lambda x, w: ops.avg_pool2d(x, 2, 1) * w[0, 0, 0, 0],
        lambda x, w: ops.linear(x, w[0, :, :, 0].T[:, [0, 1, 1, 0]]),
    ],
    ids=["conv2d", "max_pool2d", "avg_pool2d", "linear"],
)
def test_arrays_that_are_not_contiguous(op):
    x, w = RNG.normal(size=(4, 5, 2, 3)), RNG.normal(size=(3, 2, 2, 3))
    views = leaf(x), leaf(w)
    strided = op(views[0].T, views[1].transpose(0, 3, 1, 2)[:, ::-1][:, :, ::-1][:, 1:])
    plain = op(Tensor(np.ascontiguousarray(x.T)), Tensor(w.transpose(0, 3, 1, 2)[:, ::-1][:, :, ::-1][:, 1:].copy()))
    assert_array_equal(strided.data, plain.data)
    strided.sum().backward()  # the gradient that comes in is a broadcast view
    assert all(t.grad.shape == t.shape and np.isfinite(t.grad).all() for t in views)


def test_a_broadcast_gradient_equals_a_plain_one():
    x, w, b = RNG.normal(size=(2, 2, 4, 4)), RNG.normal(size=(3, 2, 2, 2)), np.zeros(3)
    grads = []
    for incoming in (np.ones((2, 3, 3, 3)), np.broadcast_to(1.0, (2, 3, 3, 3))):
        leaves = leaf(x), leaf(w), leaf(b)
        ops.conv2d(*leaves).backward(incoming)
        grads.append([t.grad for t in leaves])
    for plain, broadcast in zip(*grads):
        assert_array_equal(plain, broadcast)


@pytest.mark.parametrize("backend", ["naive", "numpy"])
def test_an_empty_batch(backend):
    with kernels.use(backend):
        x, w, b = leaf(np.zeros((0, 2, 5, 5))), leaf(RNG.normal(size=(4, 2, 3, 3))), leaf(np.zeros(4))
        y = ops.avg_pool2d(ops.max_pool2d(ops.conv2d(x, w, b), 2), 1)
        assert y.shape == (0, 4, 1, 1)
        v, c = leaf(RNG.normal(size=(3, 4))), leaf(np.zeros(3))
        loss = ops.cross_entropy(ops.linear(ops.flatten(y, 1), v, c), [])
        assert loss.item() == 0
        loss.backward()
    assert x.grad.shape == x.shape
    for parameter in (w, b, v, c):
        assert_array_equal(parameter.grad, np.zeros(parameter.shape))
    for loss in (ops.mse_loss, ops.binary_cross_entropy, ops.binary_cross_entropy_with_logits):
        assert loss(Tensor(np.zeros((0, 2))), np.zeros((0, 2))).item() == 0


def test_gradients_that_nobody_needs_cost_no_kernel():
    called = []

    def spy(name):
        function = kernels.implementation(name, "numpy")
        return lambda *arguments: (called.append(name), function(*arguments))[1]

    names = ("conv2d_backward_input", "conv2d_backward_weight")
    kernels.register("spying", **{name: spy(name) for name in names})
    x, w, b = RNG.normal(size=(1, 1, 3, 3)), RNG.normal(size=(2, 1, 2, 2)), np.zeros(2)
    for needed, expected in (((0, 1, 0), names[1:]), ((1, 0, 0), names[:1]), ((0, 0, 1), ()), ((1, 1, 1), names)):
        called.clear()
        tensors = [Tensor(array, bool(need)) for array, need in zip((x, w, b), needed)]
        with kernels.use("spying"):
            y = ops.conv2d(*tensors)
        y.sum().backward()  # outside: the backend is that of the forward pass
        assert tuple(called) == expected
        assert [t.grad is not None for t in tensors] == [bool(need) for need in needed]
    assert_array_equal(tensors[2].grad, [4, 4])


def test_dropout():
    x = Tensor(np.ones((100, 100), np.float32), requires_grad=True)
    stream = random.Stream(5)
    y = ops.dropout(x, 0.25, True, stream)
    kept = random.Stream(5).uniform(x.shape) >= 0.25
    assert_array_equal(y.data, kept * np.float32(4 / 3))
    y.sum().backward()
    assert_array_equal(x.grad, y.data)
    assert stream.counter == 2500 and abs(kept.mean() - 0.75) < 0.02
    assert ops.dropout(x, 0.5, False, stream) is x and ops.dropout(x, 0.0, True, stream) is x
    assert stream.counter == 2500
    assert not ops.dropout(x, 1.0, True, stream).data.any()
    u = float(random.Stream(5).uniform(x.shape)[0, 0])
    assert ops.dropout(x, u, True, random.Stream(5)).data[0, 0] != 0  # kept where u >= p
    wide = ops.dropout(Tensor(np.ones((100, 100))), 0.25, True, random.Stream(5))
    assert_array_equal(wide.data != 0, kept)  # the mask does not depend on the dtype


def test_cross_entropy_by_hand():
    logits = leaf(np.log([[1.0, 2.0, 1.0], [1.0, 1.0, 8.0]]))
    losses = [math.log(2), math.log(10)]
    assert_allclose(ops.cross_entropy(logits, [1, 0], "none").data, losses)
    assert_allclose(ops.cross_entropy(logits, (1, 0), "sum").item(), sum(losses))
    loss = ops.cross_entropy(logits, np.array([1, 0], np.uint8))
    assert_allclose(loss.item(), sum(losses) / 2)
    loss.backward()
    assert_allclose(logits.grad, np.array([[0.25, -0.5, 0.25], [-0.9, 0.1, 0.8]]) / 2)


def test_losses_far_out():
    logits = leaf(np.array([[1e4, -1e4], [-1e4, 1e4]]))
    loss = ops.cross_entropy(logits, [0, 0], "sum")
    loss.backward()
    assert loss.item() == 2e4
    assert_array_equal(logits.grad, [[0, 0], [-1, 1]])
    x = leaf(np.array([1e4, -1e4]))
    loss = ops.binary_cross_entropy_with_logits(x, np.zeros(2), "sum")
    loss.backward()
    assert loss.item() == 1e4
    assert_array_equal(x.grad, [1, 0])
    x, inf = leaf(np.array([np.inf, np.inf, np.inf, -np.inf, -np.inf, -np.inf])), np.inf
    loss = ops.binary_cross_entropy_with_logits(x, np.array([0, 0.25, 1] * 2), "none")
    loss.sum().backward()
    assert_array_equal(loss.data, [inf, inf, 0, 0, inf, inf])
    assert_array_equal(x.grad, [1, 0.75, 0, 0, -0.25, -1])
    p = leaf(np.array([0.0, 1.0]))
    loss = ops.binary_cross_entropy(p, np.array([1.0, 1.0]), "sum")
    loss.backward()
    assert loss.item() == 100  # a logarithm is cut off at -100
    assert_array_equal(p.grad, [-1e12, 0])


def test_nan_passes_through_losses():
    bad = Tensor(np.array([[np.nan, 0.0]]))
    assert np.isnan(ops.cross_entropy(bad, [0]).item())
    for loss in (ops.mse_loss, ops.binary_cross_entropy, ops.binary_cross_entropy_with_logits):
        assert np.isnan(loss(bad, np.zeros((1, 2))).item())


def test_the_labels_may_change_after_the_call():
    logits, labels = leaf(np.zeros((2, 2))), np.array([0, 1])
    loss = ops.cross_entropy(logits, labels)
    labels[:] = 0
    loss.backward()
    assert_array_equal(logits.grad, [[-0.25, 0.25], [0.25, -0.25]])


def test_flatten():
    x = Tensor(np.zeros((0, 2, 3, 4)))
    assert ops.flatten(x).shape == (0,)
    assert ops.flatten(x, 1).shape == (0, 24)
    assert ops.flatten(x, 1, 2).shape == (0, 6, 4)
    assert ops.flatten(x, -2).shape == (0, 2, 12)
    assert ops.flatten(Tensor(1.0)).shape == (1,)


def test_joining():
    a, b = Tensor(np.zeros((2, 3))), Tensor(np.ones((2, 3)))
    assert_array_equal(ops.concatenate([a, b], 1).data, np.concatenate([a.data, b.data], 1))
    assert_array_equal(ops.stack((a, b), -1).data, np.stack([a.data, b.data], -1))
    point = Tensor(np.array(2.0), requires_grad=True)
    ops.pad(point, []).backward()
    assert point.grad == 1
    assert np.isnan(ops.pad(b, np.array([(0, 1), (0, 0)]), np.nan).data[2]).all()
    assert_array_equal(ops.pad(b, [(0, 1), (2, 0)], -1.0).data, np.pad(b.data, [(0, 1), (2, 0)], constant_values=-1))
