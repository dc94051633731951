"""Tensor: what it accepts, what it computes, what it refuses. Gradients are in test_gradients.py of tests/ops."""

import copy

import numpy as np
import pytest

from cuarzo import Tensor

RNG = np.random.default_rng(1)
A = RNG.normal(size=(3, 4))
B = RNG.normal(size=(3, 4)) + 3


def test_construction_keeps_the_array():
    for dtype in (np.float32, np.float64):
        array = A.astype(dtype)
        t = Tensor(array)
        assert t.data is array and t.numpy() is array and t.dtype == dtype
        assert (t.shape, t.ndim, t.size, len(t), t.grad, t.requires_grad) == ((3, 4), 2, 12, 3, None, False)


def test_python_numbers_become_float32():
    for value in (1, 2.5, True, [1, 2], [[1.0], [2.0]], (1, 2.0), []):
        t = Tensor(value)
        assert t.dtype == np.float32
        np.testing.assert_array_equal(t.data, np.asarray(value, np.float32))


@pytest.mark.parametrize(
    "bad", [np.arange(3), np.array([True]), np.zeros(2, np.float16), np.zeros(2, complex), np.int64(1)]
)
def test_other_dtypes_are_refused(bad):
    with pytest.raises(TypeError, match=rf"dtype {bad.dtype}, expected float32 or float64"):
        Tensor(bad)


def test_masked_arrays_are_refused():
    masked = np.ma.array([1.0, 2.0], mask=[True, False])
    for call in (lambda: Tensor(masked), lambda: Tensor(np.ones(2)) * masked):
        with pytest.raises(TypeError, match="Tensor: array is a masked array, expected a plain one"):
            call()


@pytest.mark.parametrize("bad", ["text", None, {1: 2}, 1j, ["a"], Tensor([1.0])])
def test_what_is_no_array_is_refused(bad):
    with pytest.raises(TypeError, match="Tensor: "):
        Tensor(bad)


@pytest.mark.parametrize(
    "operator",
    [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a**b],
    ids=["+", "-", "*", "/", "**"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arithmetic(operator, dtype):
    a, b = np.abs(A).astype(dtype), B.astype(dtype)
    expected = operator(a, b)
    for x, y in ((Tensor(a), Tensor(b)), (a, Tensor(b)), (Tensor(a), b)):
        result = operator(x, y)
        assert isinstance(result, Tensor) and result.dtype == dtype
        np.testing.assert_array_equal(result.data, expected)
    for scalar in (2, 2.0, np.float64(2), np.float32(2), np.int64(2)):
        for x, y, z in ((Tensor(a), scalar, operator(a, dtype(2))), (scalar, Tensor(a), operator(dtype(2), a))):
            result = operator(x, y)
            assert isinstance(result, Tensor) and result.dtype == dtype, type(scalar)
            np.testing.assert_allclose(result.data, z, rtol=1e-6)


def test_a_scalar_tensor_keeps_its_dtype():
    t = Tensor(2.0)
    for result in (t * 2.0, 2.0 * t, t / 3, t**2.0, -t, t.exp(), t.sigmoid(), t.relu(), t.sum(), t.mean(), t.max()):
        assert result.dtype == np.float32 and result.shape == () and isinstance(result.data, np.ndarray)


def test_dtypes_do_not_mix():
    with pytest.raises(TypeError, match="multiply: float32 and float64 do not mix"):
        Tensor(A.astype(np.float32)) * Tensor(A)
    with pytest.raises(TypeError, match="dtype int64"):
        Tensor(A) + np.arange(4)
    with pytest.raises(TypeError):
        Tensor(A) + "text"


def test_shapes_that_do_not_broadcast():
    with pytest.raises(ValueError, match=r"\(3,4\) \(3,\)"):
        Tensor(A) + Tensor(A[:, 0])


@pytest.mark.parametrize("name", ["exp", "log", "sqrt"])
def test_functions(name):
    np.testing.assert_array_equal(getattr(Tensor(B), name)().data, getattr(np, name)(B))


def test_tanh():
    np.testing.assert_allclose(Tensor(B).tanh().data, np.tanh(B), rtol=1e-15)  # the kernel is right to a few ulp


def test_sigmoid_and_relu_far_out():
    x = Tensor([-1e4, -100.0, 0.0, 100.0, 1e4])
    np.testing.assert_allclose(x.sigmoid().data, [0, 3.7835059e-44, 0.5, 1, 1], rtol=1e-2)
    np.testing.assert_array_equal(x.relu().data, [0, 0, 0, 100, 1e4])
    assert np.isnan(Tensor([np.nan]).relu().data[0])


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1), (0, 2), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(axis, keepdims):
    x = RNG.normal(size=(2, 3, 4))
    for name in ("sum", "mean", "max", "min"):
        expected = getattr(np, name)(x, axis, keepdims=keepdims)
        np.testing.assert_array_equal(getattr(Tensor(x), name)(axis, keepdims).data, expected)
    if axis != ():
        expected = np.var(x, axis, ddof=1, keepdims=keepdims)
        np.testing.assert_allclose(Tensor(x).var(axis, keepdims=keepdims).data, expected, rtol=1e-13)
        np.testing.assert_allclose(Tensor(x).var(axis, correction=0).data, np.var(x, axis), rtol=1e-13)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "softmax", "log_softmax"])
def test_axes_that_are_not_there(name):
    """Refused at the call with NumPy's exception: also axis 0 of a number, which NumPy itself lets pass."""
    for shape, axis in (((), 0), ((), -1), ((2, 3), 2), ((2, 3), -3)):
        with pytest.raises(np.exceptions.AxisError, match=f"{name}: axis {axis} is out of bounds"):
            getattr(Tensor(np.zeros(shape)), name)(axis=axis)
    with pytest.raises(TypeError):
        getattr(Tensor(np.zeros((2, 3))), name)(axis=0.5)
    with pytest.raises(ValueError):
        Tensor(2.0).transpose(0)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
def test_reductions_of_a_number(name):
    x = Tensor(np.array(3.0), requires_grad=True)
    for axis in (None, ()):
        y = getattr(x, name)(axis=axis)
        y.backward()
        assert y.item() == 3
    assert x.grad == 2


def test_the_variance_of_one_element():
    assert np.isnan(Tensor([3.0]).var().item())
    assert Tensor([3.0]).var(correction=0).item() == 0


def test_softmax_is_stable():
    x = Tensor(np.array([[1000.0, 1000.0, -1000.0], [0.0, np.log(2), np.log(3)]]))
    np.testing.assert_allclose(x.softmax().data, [[0.5, 0.5, 0], [1 / 6, 1 / 3, 1 / 2]], rtol=1e-14)
    np.testing.assert_allclose(
        x.log_softmax().data, [[-np.log(2)] * 2 + [-2000 - np.log(2)], np.log([1 / 6, 1 / 3, 1 / 2])]
    )
    np.testing.assert_allclose(x.softmax(0).data.sum(0), 1)


def test_empty_arrays():
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    y = (x * 2 + 1).softmax(1) @ Tensor(np.zeros((3, 2)))
    assert y.shape == (0, 2) and y.sum().item() == 0
    y.sum().backward()
    assert x.grad.shape == (0, 3)


SHAPES = [
    ((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (3,)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)), ((5, 1, 2, 3), (6, 3, 4)), ((3,), (5, 3, 4)), ((0, 3), (3, 4)), ((2, 0), (0, 4)),
    ((0, 2, 3), (3, 4)),
    ((1, 1, 2, 3), (0, 3, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_matmul(a, b):
    x, y = RNG.normal(size=a), RNG.normal(size=b)
    result = Tensor(x) @ Tensor(y)
    assert result.shape == (x @ y).shape
    np.testing.assert_allclose(result.data, x @ y, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal((x @ Tensor(y)).data, result.data)
    np.testing.assert_array_equal((Tensor(x) @ y).data, result.data)


def test_matmul_of_transposed_views():
    x, y = RNG.normal(size=(3, 2)), RNG.normal(size=(4, 3))
    np.testing.assert_allclose((Tensor(x).T @ Tensor(y).T).data, x.T @ y.T, rtol=1e-13)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((2, 3), (4, 5), "has 3 elements, expected 4"),
        ((), (3,), "at least one axis"),
        ((2, 1, 3), (3, 3, 1), "batch axes"),
    ],
)
def test_matmul_refuses(a, b, message):
    with pytest.raises(ValueError, match=message):
        Tensor(np.zeros(a)) @ Tensor(np.zeros(b))


def test_shape_methods():
    x = RNG.normal(size=(2, 3, 4))
    t = Tensor(x)
    for result, expected in (
        (t.reshape(6, -1), x.reshape(6, -1)),
        (t.reshape((4, 6)), x.reshape(4, 6)),
        (t.T, x.T),
        (t.transpose(1, 0, 2), x.transpose(1, 0, 2)),
        (t.transpose((2, -3, 1)), x.transpose(2, 0, 1)),
        (Tensor(3.0).reshape(1, 1), np.full((1, 1), 3.0)),
    ):
        np.testing.assert_array_equal(result.data, expected)
    with pytest.raises(ValueError, match="reshape"):
        t.reshape(5, 5)


KEYS = [
    1, -1, slice(None, None, -1), (0, 2), (Ellipsis, 1), (None, 1), (slice(1), [0, 2]), [0, 0, 1],
    np.array([[0, 1], [1, 1]]),
    (np.array([0, 1]), slice(None), np.array([1, 1])), np.array([True, False]), [], np.int64(1),
    ((0, 1, 1),), ((),),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_indexing(key):
    x = RNG.normal(size=(2, 3, 4))
    expected = x[key]
    t = Tensor(x, requires_grad=True)
    np.testing.assert_array_equal(t[key].data, expected)
    weights = RNG.normal(size=expected.shape)
    (t[key] * Tensor(weights)).sum().backward()
    gradient = np.zeros_like(x)
    np.add.at(gradient, key, weights)
    np.testing.assert_array_equal(t.grad, gradient)


def test_the_index_may_change_after_the_call():
    t, key = Tensor(A, requires_grad=True), np.array([0, 1])
    y = t[key]
    key[:] = 2
    y.sum().backward()
    np.testing.assert_array_equal(t.grad[:, 0], [1, 1, 0])


def test_the_arrays_of_a_nested_index_may_change_after_the_call():
    t, k0, k1 = Tensor(A, requires_grad=True), np.array([0, 0]), np.array([1, 1])
    y = t[(k0, k1),]
    assert y.shape == (2, 2, 4)
    k0[:] = k1[:] = 2
    y.sum().backward()
    np.testing.assert_array_equal(t.grad[:, 0], [2, 2, 0])


def test_indexing_refuses():
    for key in (5, 1.5, Tensor([1.0])):
        with pytest.raises(IndexError):
            Tensor(A)[key]


def test_python_protocols():
    t = Tensor([[1.0, 2.0], [3.0, 4.0]])
    assert [row.data.tolist() for row in t] == [[1, 2], [3, 4]]
    assert float(t[0, 1]) == 2 and t[1, 1].item() == 4 and bool(Tensor(1.0)) and not Tensor(0.0)
    assert repr(t) == "Tensor([[1., 2.],\n        [3., 4.]], float32)"
    assert repr(Tensor(1.0, requires_grad=True)) == "Tensor(1., float32, requires_grad=True)"
    assert np.argmax(t, 1).tolist() == [1, 1] and np.asarray(t) is t.data and np.array(t) is not t.data
    assert np.asarray(t, np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="ambiguous"):
        bool(t)
    with pytest.raises(TypeError):
        iter(Tensor(1.0)).__next__()


def test_detach_shares_memory_and_has_no_history():
    t = Tensor(A.copy(), requires_grad=True)
    d = (t * 1).detach()
    assert not d.requires_grad
    assert t.detach().data is t.data


def test_deepcopy_is_apart():
    t = Tensor(A.copy(), requires_grad=True)
    (t * 2).sum().backward()
    twin = copy.deepcopy(t)
    twin.data[:] = 0
    assert twin.requires_grad and t.data.any() and not np.shares_memory(twin.grad, t.grad)
    (twin * 2).sum().backward()
    np.testing.assert_array_equal(twin.grad, np.full((3, 4), 4.0))
