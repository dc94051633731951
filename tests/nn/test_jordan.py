"""Recurrence from the outputs: the formula in NumPy, teacher forcing, gradients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cuarzo import Tensor, gradcheck, nn

RNG = np.random.default_rng(2)
T, N, I, U, O = 4, 3, 2, 5, 2


def by_hand(net, x, y0, teacher=None):
    w, y, outputs = net.state_dict(), y0, []
    for t, step in enumerate(x):
        h = np.tanh(step @ w["weight_ih"].T + y @ w["weight_oh"].T + w["bias_h"])
        outputs.append(h @ w["weight_ho"].T + w["bias_o"])
        y = outputs[-1] if teacher is None else teacher[t]
    return np.stack(outputs)


def test_free_and_forced():
    net = nn.Jordan(I, U, O, seed=1, dtype=np.float64)
    x, y0, teacher = RNG.normal(size=(T, N, I)), RNG.normal(size=(N, O)), RNG.normal(size=(T, N, O))
    assert_allclose(net(Tensor(x)).data, by_hand(net, x, np.zeros((N, O))))
    assert_allclose(net(Tensor(x), y0=Tensor(y0)).data, by_hand(net, x, y0))
    assert_allclose(net(Tensor(x), teacher).data, by_hand(net, x, np.zeros((N, O)), teacher))
    assert_allclose(net(Tensor(x), Tensor(teacher), y0).data, by_hand(net, x, y0, teacher))
    free = net(Tensor(x))
    assert_allclose(net(Tensor(x), free.detach()).data, free.data)  # fed with its own outputs it runs the same way
    first = nn.Jordan(I, U, O, batch_first=True, seed=1, dtype=np.float64)
    turned = first(Tensor(x.transpose(1, 0, 2)), teacher.transpose(1, 0, 2), y0)
    assert_allclose(turned.data.transpose(1, 0, 2), by_hand(net, x, y0, teacher))


@pytest.mark.parametrize("forced", [False, True])
def test_gradients(forced):
    net = nn.Jordan(I, 3, O, seed=1, dtype=np.float64)
    teacher = Tensor(RNG.normal(size=(T, 2, O))) if forced else None
    assert gradcheck(lambda x, y0: net(x, teacher, y0), RNG.normal(size=(T, 2, I)), RNG.normal(size=(2, O)))
    names = list(net.state_dict())

    def of_parameters(*values):
        for name, value in zip(names, values):
            setattr(net, name, value)
        return net(Tensor(np.linspace(-1, 1, T * 2 * I).reshape(T, 2, I)), teacher)

    assert gradcheck(of_parameters, *net.state_dict().values())


@pytest.mark.parametrize(("dtype", "other"), [("float32", "float64"), ("float64", "float32")])
def test_dtypes(dtype, other):
    """Lists take the dtype of x; what has another one is named."""
    net, x = nn.Jordan(1, 2, 1, seed=1, dtype=dtype), Tensor(np.ones((2, 1, 1), dtype))
    by_list, by_array = (net(x, form([[[0.5]], [[0]]]), form([[2]])) for form in (list, lambda a: np.array(a, dtype)))
    assert by_list.dtype == dtype
    assert_array_equal(by_list.data, by_array.data)
    for name, value in (("teacher", np.zeros((2, 1, 1), other)), ("y0", Tensor(np.zeros((1, 1), other)))):
        with pytest.raises(TypeError, match=f"Jordan: {name} has dtype {other}, expected {dtype}, the dtype of x"):
            net(x, **{name: value})
    with pytest.raises(TypeError, match="Jordan: y0 is a str, expected a tensor, an array or a list of numbers"):
        net(x, y0="abc")


def test_refusals_and_repr():
    net = nn.Jordan(I, U, O, seed=1, dtype=np.float64)
    for call, message in (
        (lambda: net(Tensor(np.zeros((T, N, 3)))), r"Jordan: x has shape \(4, 3, 3\), expected a step or more of 2"),
        (lambda: net(Tensor(np.zeros((T, I)))), "expected 3 axes"),
        (lambda: net(Tensor(np.zeros((T, N, I))), np.zeros((T, N, 3))), r"teacher has shape .* expected \(4, 3, 2\)"),
        (lambda: net(Tensor(np.zeros((T, N, I))), y0=np.zeros(O)), r"y0 has shape \(2,\), expected \(3, 2\)"),
        (lambda: nn.Jordan(I, U, 0), "output_size is 0"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert repr(nn.Jordan(1, 2, 3, bias=False, batch_first=True)) == "Jordan(1, 2, 3, bias=False, batch_first=True)"
    assert list(nn.Jordan(1, 2, 3, bias=False).state_dict()) == ["weight_ih", "weight_oh", "weight_ho"]
    assert net.flops((T, N, I), (T, N, O)) == T * N * (2 * (U * I + U * O + O * U) + U + O)
