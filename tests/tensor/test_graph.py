"""The backward walk: accumulation, errors, memory, threads."""

import gc
import threading
import weakref

import numpy as np
import pytest

from cuarzo import Tensor, no_grad


def leaf(values=(1.0, 2.0, 3.0)):
    return Tensor(np.array(values), requires_grad=True)


def test_a_value_used_many_times():
    x = leaf([2.0])
    y = x * x + x  # dy = 2x + 1
    z = y * y * x  # dz = 2y y' x + y^2
    z.backward()
    np.testing.assert_array_equal(x.grad, [2 * 6 * 5 * 2 + 36])


def test_gradients_add_up_over_graphs():
    x = leaf()
    (x * 2).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad, [5, 5, 5])
    np.testing.assert_array_equal(first, [2, 2, 2])  # what someone held stays what it was
    x.grad = None
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad, [3, 3, 3])


def test_only_leaves_that_require_it_get_a_gradient():
    x, y = leaf(), Tensor(np.ones(3))
    z = x * y
    w = z.sum()
    w.backward()
    assert y.grad is None and z.grad is None and w.grad is None
    np.testing.assert_array_equal(x.grad, [1, 1, 1])


def test_backward_of_a_leaf():
    x = leaf([3.0])
    x.backward()
    x.backward()
    np.testing.assert_array_equal(x.grad, [2])


def test_gradient_given():
    x = leaf()
    (x * 2).backward(np.array([1.0, 10.0, 100.0]))
    np.testing.assert_array_equal(x.grad, [2, 20, 200])
    s = x.sum()
    s.backward(np.float64(3))
    np.testing.assert_array_equal(x.grad, [5, 23, 203])


@pytest.mark.parametrize(
    ("gradient", "error", "message"),
    [
        (None, RuntimeError, r"shape \(3,\) has no single value"),
        (np.ones(2), ValueError, r"shape \(2,\), expected \(3,\)"),
        (np.ones((1, 3)), ValueError, r"shape \(1, 3\), expected \(3,\)"),
        (np.ones(3, np.float32), TypeError, "dtype float32, expected float64"),
        (np.ones(3, int), TypeError, "dtype int64"),
        ([1.0, 1.0, 1.0], TypeError, "list, expected a NumPy array"),
        (Tensor(np.ones(3)), TypeError, "Tensor, expected a NumPy array"),
    ],
)
def test_gradients_that_do_not_fit(gradient, error, message):
    x = leaf()
    y = x * 2
    with pytest.raises(error, match=message):
        y.backward(gradient)
    assert x.grad is None
    y.backward(np.ones(3))  # the graph is still there


def test_nothing_to_differentiate():
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        Tensor([1.0]).backward()


def test_second_backward_is_refused():
    x = leaf()
    y = (x * x).sum()
    y.backward()
    before = x.grad.copy()
    with pytest.raises(RuntimeError, match="differentiated before and freed"):
        y.backward()
    np.testing.assert_array_equal(x.grad, before)


def test_graphs_that_share_a_part():
    x = leaf()
    shared = x * x
    a, b = shared.sum(), (shared * 2 + x).sum()
    a.backward()
    before = x.grad.copy()
    with pytest.raises(RuntimeError, match="shares with another one"):
        b.backward()
    np.testing.assert_array_equal(x.grad, before)
    x.grad = None
    shared = x * x
    (shared.sum() + (shared * 2).sum()).backward()
    np.testing.assert_array_equal(x.grad, 6 * x.data)


def test_gradients_share_no_memory():
    x, y, z = leaf(), leaf(), leaf()
    incoming = np.ones(3)
    (x + y + z.reshape(3)).backward(incoming)
    arrays = [x.grad, y.grad, z.grad, incoming, x.data, y.data]
    for i, a in enumerate(arrays):
        assert a.flags.writeable and a.flags.c_contiguous
        assert not any(np.shares_memory(a, b) for b in arrays[i + 1 :])
    w = leaf(np.ones((2, 3)))
    w.sum().backward()  # a broadcast view on its way
    w.grad[0, 0] = 7
    np.testing.assert_array_equal(w.grad, [[7, 1, 1], [1, 1, 1]])


def test_a_misfit_grad_is_refused():
    x = leaf()
    for bad, error in ((np.ones(1), ValueError), (np.ones(3, np.float32), TypeError), ([1, 2, 3], TypeError)):
        x.grad = bad
        with pytest.raises(error, match="grad that is there already"):
            (x * 2).sum().backward()
        assert x.grad is bad


def test_own_op():
    x = leaf()
    y = Tensor.from_op(x.data**3, (x,), lambda dy: (dy * 3 * x.data**2,))
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, 3 * x.data**2)


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (lambda dy: dy, TypeError, "a tuple of 2 gradients.*ndarray"),
        (lambda dy: (dy,), TypeError, "a tuple of 2 gradients.*got 1"),
        (lambda dy: (dy[:2], None), ValueError, r"gradient 0 has shape \(2,\), expected \(3,\)"),
        (lambda dy: (None, dy.astype(np.float32)), TypeError, "gradient 1 has dtype float32, expected float64"),
    ],
)
def test_own_op_with_wrong_gradients(returned, error, message):
    x, y = leaf(), leaf()
    z = Tensor.from_op(x.data + y.data, (x, y), returned)
    with pytest.raises(error, match=message):
        z.sum().backward()
    assert x.grad is None and y.grad is None


def test_own_op_may_stop_the_flow():
    x = leaf()
    y = x * 2
    stopped = Tensor.from_op(y.data, (y,), lambda dy: (None,))
    (stopped + x).sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 1])
    with pytest.raises(RuntimeError, match="freed"):
        y.sum().backward()


def test_derivatives_that_nobody_needs_are_not_computed():
    x, c = leaf(), Tensor(np.array([0.0, 0.0, 0.0]))
    with np.errstate(all="raise"):
        (x * c).sum().backward()
        (x**c).sum().backward()  # the derivative for c would take a logarithm
    np.testing.assert_array_equal(x.grad, [0, 0, 0])


def test_powers_at_zero():
    """As in torch: x^0 has derivative 0 everywhere, 0^y has derivative 0 for y >= 0."""
    x, y = leaf([0.0, 0.0, 2.0]), leaf([0.0, 2.0, 0.0])
    (x**y).sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0, 0])
    np.testing.assert_allclose(y.grad, [0, 0, np.log(2)])


def test_ties_share_the_gradient():
    x = leaf([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    x.max(1).sum().backward()
    np.testing.assert_allclose(x.grad, [[0, 0.5, 0.5], [1 / 3] * 3])
    x.grad = None
    x.min().backward()
    np.testing.assert_array_equal(x.grad, [[1, 0, 0], [0, 0, 0]])


def test_chain_of_100_000_operations():
    x = leaf([1.0])
    y = x
    for _ in range(100_000):
        y = y * 1.0
    y.backward()
    np.testing.assert_array_equal(x.grad, [1])


def test_a_long_chain_is_freed_without_recursion():
    """In a thread with a small stack, where a deep chain of destructors would end the process."""

    def work():
        x = leaf([1.0])
        y = x
        for _ in range(30_000):
            y = y + x
        del y
        finished.append(True)

    finished = []
    size = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
    finally:
        threading.stack_size(size)
    thread.join()
    assert finished


def test_memory_is_freed_by_backward():
    gc.disable()  # by reference counts alone: there are no circles
    try:
        x = leaf(np.ones(1000))
        hidden = x.exp()
        held, tensor = weakref.ref(hidden.data), weakref.ref(hidden)
        loss = (hidden * hidden).sum()
        del hidden
        assert tensor() is None and held() is not None  # the closures need the array, nothing needs the tensor
        loss.backward()
        assert held() is None
    finally:
        gc.enable()


def test_a_result_that_is_kept_holds_no_graph():
    gc.disable()
    try:
        x = leaf(np.ones(1000))
        held = weakref.ref(x)
        loss = x.exp().sum()
        loss.backward()
        del x
        assert held() is None and loss.item() > 0
    finally:
        gc.enable()


def test_memory_is_freed_without_backward():
    gc.disable()
    try:
        x = leaf(np.ones(1000))
        hidden = x.exp()
        held = weakref.ref(hidden.data)
        loss = (hidden * hidden).sum()
        del hidden, loss
        assert held() is None
    finally:
        gc.enable()


def test_no_grad():
    x = leaf()
    with no_grad():
        with no_grad():
            assert not (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (x * 2).requires_grad


def test_no_grad_as_a_decorator():
    @no_grad()
    def double(x, depth):
        return double(x, depth - 1) if depth else x * 2

    x = leaf()
    assert not double(x, 3).requires_grad
    assert (x * 2).requires_grad


def test_no_grad_holds_in_its_thread_alone():
    x, seen = leaf(), []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


def test_threads_differentiate_side_by_side():
    results = {}

    def work(i):
        x = leaf([float(i)])
        y = x
        for _ in range(200):
            y = y * 1.01
        y.backward()
        results[i] = x.grad[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose([results[i] for i in range(4)], 1.01**200)
