"""Optimisers move parameters by the current backend's kernels, in place, whatever array comes."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cuarzo import Tensor, kernels, optim

P0 = np.array([1.0, -2.0])
OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, 0.1, weight_decay=0.1, l1=0.1),
    "momentum": lambda p: optim.SGD(p, 0.1, 0.9, nesterov=True),
    "RMSprop": lambda p: optim.RMSprop(p, 0.1, momentum=0.9, centered=True),
    "Adam": lambda p: optim.Adam(p, 0.1),
    "AdamW": lambda p: optim.AdamW(p, 0.1, amsgrad=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("backend", ["naive", "numpy", "auto"])
def test_a_parameter_that_is_not_contiguous(name, backend):
    """Moves, through a copy and back, as one that is; its array stays the same object."""
    start = np.linspace(-1, 1, 12).reshape(3, 4)
    results = []
    with kernels.use(backend):
        for array in (start.copy(), np.asfortranarray(start), np.repeat(start, 2, 1)[:, ::2]):
            p = Tensor(array, requires_grad=True)
            optimizer = OPTIMIZERS[name]([p])
            for _ in range(3):
                p.grad = np.asfortranarray(array * 0.5 + 0.1)
                optimizer.step()
            assert p.data is array and all(a.flags.c_contiguous for a in optimizer.state[0].values())
            assert all(a.shape in ((3, 4), ()) for a in optimizer.state[0].values())
            results.append(array)
    assert not np.array_equal(results[0], start)
    for other in results[1:]:
        assert_array_equal(other, results[0])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_state_in_another_order_of_memory(name):
    results = []
    for order in "CF":
        p = Tensor(np.linspace(-1, 1, 6).reshape(2, 3), requires_grad=True)
        p.grad = p.data + 0.1
        one, two = OPTIMIZERS[name]([p]), OPTIMIZERS[name]([p])
        one.step()
        two.load_state_dict({key: np.array(array, order=order) for key, array in one.state_dict().items()})
        two.step()
        results.append(p.data)
    assert_array_equal(*results)


def test_the_kernels_of_the_current_backend_move_the_parameters():
    called = []

    def spy(name):
        function = kernels.implementation(name, "numpy")
        return lambda *arguments: (called.append(name), function(*arguments))[1]

    kernels.register("spying", **{name: spy(name) for name in ("sgd_update", "rmsprop_update", "adam_update")})
    with kernels.use("spying"):
        for name, make in OPTIMIZERS.items():
            p = Tensor(P0.copy(), requires_grad=True)
            optimizer = make([p])
            for _ in range(3):
                p.grad = np.array([0.5, 1.0])
                optimizer.step()
            expected = {"SGD": "sgd", "momentum": "sgd", "RMSprop": "rmsprop"}.get(name, "adam")
            assert called == [f"{expected}_update"] * 3
            called.clear()


@pytest.mark.parametrize(
    ("grad", "error", "message"),
    [
        (np.zeros(2, np.float32), TypeError, r"grad of params\[0\] has dtype float32, expected float64"),
        (np.zeros((2, 1)), ValueError, r"grad of params\[0\] has shape \(2, 1\), expected \(2,\)"),
        ([0.0, 0.0], TypeError, r"grad of params\[0\] is a list, expected a NumPy array"),
    ],
)
def test_a_gradient_that_does_not_fit(grad, error, message):
    p = Tensor(P0.copy(), requires_grad=True)
    p.grad = grad
    for make in OPTIMIZERS.values():
        optimizer = make([p])
        with pytest.raises(error, match=message):
            optimizer.step()
        assert optimizer.state == [{}] and np.array_equal(p.data, P0)
