"""Module: finding, saving, loading, converting; summary."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import cuarzo as cz
from cuarzo import Tensor, nn, random


def lenet5(**options):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2, **options), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5, **options), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120, **options), nn.Tanh(), nn.Linear(120, 84, **options), nn.Tanh(),
        nn.Linear(84, 10, **options),
    )  # fmt: skip


class Residual(nn.Module):
    def __init__(self, width):
        self.scale = nn.Parameter(np.ones(width, np.float32))
        self.blocks = [nn.Linear(width, width), nn.Dropout(0.5)]
        self.inner = nn.Sequential(nn.Linear(width, width), nn.ReLU())

    def __call__(self, x):
        for block in self.blocks:
            x = block(x)
        return x * self.scale + self.inner(x)


def small():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2, bias=False))


def test_names_as_in_torch():
    names = ["0.weight", "0.bias", "3.weight"]
    net = small()
    assert [name for name, _ in net.named_parameters()] == names == list(net.state_dict())
    assert [p.shape for p in net.parameters()] == [(4, 3), (4,), (2, 4)]
    assert [name for name, _ in net.named_streams()] == ["2.stream"]
    assert [name for name, _ in net.named_modules()] == ["", "0", "1", "2", "3"]
    assert next(net.modules()) is net and len(list(net.modules())) == 5


def test_names_in_a_network_of_ones_own():
    net = Residual(3)
    assert list(net.state_dict()) == ["scale", "blocks.0.weight", "blocks.0.bias", "inner.0.weight", "inner.0.bias"]
    assert [name for name, _ in net.named_streams()] == ["blocks.1.stream"]
    net(Tensor(np.ones((2, 3), np.float32))).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_lists_tuples_and_dicts_are_searched():
    class Deep(nn.Module):
        def __init__(self):
            self.heads = {"a": nn.Linear(2, 1), "b": [nn.Dropout(), (nn.Linear(2, 1, bias=False),)]}
            self.scales = [nn.Parameter([1.0]), {"k": nn.Parameter([2.0])}]
            self.notes = ["text", 3]

    net = nn.Sequential(Deep())
    assert list(net.state_dict()) == [
        "0.scales.0", "0.scales.1.k", "0.heads.a.weight", "0.heads.a.bias", "0.heads.b.1.0.weight",
    ]  # fmt: skip
    assert [name for name, _ in net.named_streams()] == ["0.heads.b.0.stream"]
    assert len(list(net.parameters())) == 5 and not net.eval()[0].heads["b"][0].training
    other = nn.Sequential(Deep())
    other.load_state_dict(net.state_dict())
    assert_array_equal(other[0].heads["a"].weight.data, net[0].heads["a"].weight.data)
    assert "(heads.b.1.0): Linear(2, 1, bias=False)" in repr(net)


def test_what_else_a_sequential_holds():
    net = nn.Sequential(nn.ReLU())
    net.extra = nn.Linear(1, 1)
    assert list(net.state_dict()) == ["extra.weight", "extra.bias"]


def test_a_shared_layer_counts_once():
    layer = nn.Linear(3, 3)
    net = nn.Sequential(layer, nn.Tanh(), layer)
    assert len(list(net.parameters())) == 2 and len(list(net.modules())) == 3
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    summary = net.summary((3,))
    assert summary.parameters == 12 and summary.flops == 2 * 21 + 3


def test_state_dict_is_a_copy_and_loads():
    one, two = small(), small()
    state = one.state_dict()
    assert not np.array_equal(one[0].weight.data, two[0].weight.data)
    before = two[0].weight.data
    two.load_state_dict(state)
    assert two[0].weight.data is before  # in place: an optimiser keeps hold of it
    for name, array in two.state_dict().items():
        assert_array_equal(array, state[name])
    one[0].weight.data[:] = two[0].weight.data[:] = 0
    assert state["0.weight"].any()


def test_load_state_dict_names_everything_that_is_wrong():
    net = small()
    state = net.state_dict()
    del state["0.bias"]
    state |= {"9.weight": np.zeros(3), "0.weight": np.zeros((4, 1), np.float32), "3.weight": np.zeros((2, 4))}
    before = net.state_dict()
    with pytest.raises(ValueError) as error:
        net.load_state_dict(state)
    assert str(error.value).splitlines() == [
        "load_state_dict: the state does not fit Sequential:",
        "  mis-shaped: 0.weight has shape (4, 1), expected (4, 3)",
        "  other dtype: 3.weight is float64, expected float32: see Module.to",
        "  missing: 0.bias, (4,)",
        "  unexpected: 9.weight, (3,)",
    ]
    for name, array in net.state_dict().items():
        assert_array_equal(array, before[name])
    with pytest.raises(TypeError, match="load_state_dict: state is a list, expected a dict"):
        net.load_state_dict([1])
    with pytest.raises(ValueError, match=r"not an array: 0\.bias is a list"):
        net.load_state_dict({"0.bias": [0.0] * 4}, strict=False)


def test_load_state_dict_not_strict():
    net = small()
    net.load_state_dict({"0.bias": np.full(4, 7, np.float32), "else": np.zeros(1)}, strict=False)
    assert_array_equal(net[0].bias.data, [7] * 4)
    with pytest.raises(ValueError, match=r"mis-shaped: 0\.bias"):
        net.load_state_dict({"0.bias": np.zeros(1, np.float32)}, strict=False)


def test_train_and_eval():
    net = Residual(3)
    assert all(module.training for module in net.modules())
    assert net.eval() is net and not any(module.training for module in net.modules())
    x = Tensor(np.ones((2, 3), np.float32))
    assert_array_equal(net(x).data, net(x).data)
    net.train()
    assert all(module.training for module in net.modules())
    assert not nn.Dropout().training or nn.Module.training  # the class itself stays in training mode


def test_zero_grad():
    net = small()
    net(Tensor(np.ones((2, 3), np.float32))).sum().backward()
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_to():
    with cz.seed(3):
        net = lenet5()
    with cz.seed(3):
        wide = lenet5(dtype=np.float64)
    net(Tensor(np.ones((1, 1, 28, 28), np.float32))).sum().backward()
    for p, q in zip(net.parameters(), wide.parameters()):
        assert q.dtype == np.float64
        assert_array_equal(p.data, q.data.astype(np.float32))  # drawn in float64, rounded once
    assert net.to(np.float64) is net
    assert all(p.dtype == p.grad.dtype == np.float64 for p in net.parameters())
    assert net(Tensor(np.ones((1, 1, 28, 28)))).dtype == np.float64
    with pytest.raises(TypeError, match="dtype is float16, expected float32 or float64"):
        net.to(np.float16)


def test_a_network_may_be_copied():
    net = small()
    twin = copy.deepcopy(net)
    twin[0].weight.data[:] = 0
    assert net[0].weight.data.any() and isinstance(twin[0].weight, nn.Parameter)


def test_sequential():
    net = small()
    assert len(net) == 4 and [type(layer).__name__ for layer in net] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert net[-1].out_features == 2 and isinstance(net[:2], nn.Sequential) and net[:2][0] is net[0]
    x = Tensor(np.ones((2, 3), np.float32))
    assert nn.Sequential()(x) is x
    with pytest.raises(TypeError, match="layer 1 is a function, expected a Module"):
        nn.Sequential(nn.ReLU(), np.tanh and (lambda x: x))


def test_a_module_without_call():
    with pytest.raises(NotImplementedError, match="Module does not say what it computes"):
        nn.Module()(1)


def test_repr():
    assert repr(nn.Sequential(nn.Conv2d(1, 6, 5, bias=False), nn.Sequential(nn.ReLU()), nn.Dropout(0.1))) == (
        "Sequential(\n  (0): Conv2d(1, 6, kernel_size=(5, 5), bias=False)\n"
        "  (1): Sequential(\n    (0): ReLU()\n  )\n  (2): Dropout(0.1)\n)"
    )
    assert repr(nn.Linear(2, 3)) == "Linear(2, 3)"


def test_the_summary_of_lenet5():
    summary = lenet5().summary((1, 28, 28))
    assert summary.parameters == 61_706
    assert [row.output_shape for row in summary.rows][:7] == [
        (6, 28, 28), (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 10, 10), (16, 5, 5), (400,),
    ]  # fmt: skip
    flops = [row.flops for row in summary.rows]
    assert flops[0] == 6 * 28 * 28 * (2 * 25 + 1) and flops[3] == 16 * 100 * (2 * 6 * 25 + 1)
    assert flops[1] == 6 * 28 * 28 and flops[2] == 6 * 14 * 14 * 4 and flops[6] == 0 and flops[7] == 120 * 801
    assert summary.flops == sum(flops)
    lines = str(summary).splitlines()
    assert lines[0].split() == ["layer", "output", "shape", "parameters", "FLOPs"]
    assert lines[2].split() == ["0", "Conv2d", "(6,", "28,", "28)", "156", "239,904"]
    assert lines[-1].split() == ["total", "61,706", f"{summary.flops:,}"]


def test_the_summary_disturbs_nothing():
    net = Residual(4)
    stream = net.blocks[1].stream
    stream.uniform(7)
    state, keys = stream.state(), cz.random.next_key
    with cz.seed(0):
        expected = keys()
    with cz.seed(0):
        summary = net.summary((4,))
        assert keys() == expected
    assert_array_equal(stream.state(), state)
    assert net.training and net.blocks[1].training and type(net.blocks[0]) is nn.Linear
    assert all(p.grad is None for p in net.parameters())
    assert [row.name for row in summary.rows] == ["blocks.0", "blocks.1", "inner.0", "inner.1", "scale"]
    assert summary.parameters == 4 + 2 * 20
    with pytest.raises(ValueError, match="linear: x has shape"):
        net.summary((5,))
    assert net.training and type(net.blocks[0]) is nn.Linear


def test_the_summary_gives_back_what_a_sampler_draws():
    class Sampler(nn.Module):
        def __init__(self):
            self.stream = random.Stream(0)

        def __call__(self, x):
            return x + self.stream.uniform(x.shape)

    net = nn.Sequential(Sampler(), nn.Linear(3, 2))
    net.summary((3,))
    assert net[0].stream.counter == 0
    with pytest.raises(ValueError, match="linear: x has shape"):
        net.summary((4,))
    assert net[0].stream.counter == 0


def test_the_summary_of_a_layer_and_of_groups():
    row = nn.Conv2d(4, 8, 3, groups=2, bias=False, dtype=np.float64).summary((4, 5, 5)).rows[0]
    assert row == ("", "Conv2d", (8, 3, 3), 8 * 2 * 9, 8 * 9 * 2 * 2 * 9)


def test_no_two_layers_share_a_key():
    with cz.seed(0):
        first = [nn.Linear(5, 5), nn.Linear(5, 5), nn.Conv2d(1, 1, 5), nn.Dropout(), nn.Dropout()]
    with cz.seed(0):
        again = [nn.Linear(5, 5), nn.Linear(5, 5), nn.Conv2d(1, 1, 5), nn.Dropout(), nn.Dropout()]
    a, b, c = (layer.weight.data.ravel() for layer in first[:3])
    assert not (a == b).any() and not (a == c).any() and not np.array_equal(a[:5], first[0].bias.data)
    for one, two in zip(first[:3], again[:3]):
        assert_array_equal(one.weight.data, two.weight.data)
        assert_array_equal(one.bias.data, two.bias.data)
    x = Tensor(np.ones((8, 8), np.float32))
    masks = [layer(x).data for layer in first[3:]]
    assert not np.array_equal(*masks)
    assert not np.array_equal(masks[0], first[3](x).data)
    for mask, layer in zip(masks, again[3:]):
        assert_array_equal(mask, layer(x).data)


def test_a_seed_of_ones_own():
    one, two = nn.Linear(3, 3, seed=5), nn.Linear(3, 3, seed=5)
    assert_array_equal(one.weight.data, two.weight.data)
    assert not np.array_equal(one.weight.data.ravel()[:3], one.bias.data)  # one stream, which goes on
    x = Tensor(np.ones((8, 8), np.float32))
    assert_array_equal(nn.Dropout(seed=1)(x).data, nn.Dropout(seed=1)(x).data)
    with cz.seed(0):
        expected = random.next_key()
    with cz.seed(0):
        nn.Linear(3, 3, seed=5)
        assert random.next_key() == expected  # takes no key of the process
