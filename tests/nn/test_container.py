"""Sum and Concatenate: residual and inception blocks without a class of their own."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import cuarzo as cz
from cuarzo import Tensor, nn, ops

X = Tensor(np.random.default_rng(0).normal(size=(2, 4, 5, 5)).astype(np.float32))


def residual():
    return nn.Sum(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()), nn.Identity())


def inception():
    return nn.Concatenate(nn.Conv2d(4, 2, 1), nn.Conv2d(4, 3, 3, padding="same"), nn.MaxPool2d(3, 1, 1))


def test_a_residual_block():
    block = residual()
    assert_array_equal(block(X).data, (block[0](X) + X).data)
    x = Tensor(X.data.copy(), requires_grad=True)
    block(x).sum().backward()
    assert all(p.grad is not None for p in block.parameters())
    block[0][0].weight.data[:] = block[0][0].bias.data[:] = 0
    x.grad = None
    block(x).sum().backward()
    assert (x.grad == 1).all()  # past the branch


def test_an_empty_sequential_is_the_identity():
    assert_array_equal(nn.Sum(nn.Sequential(), nn.Identity(), nn.Sequential())(X).data, (X + X + X).data)


def test_an_inception_block():
    block = inception()
    y = block(X)
    assert y.shape == (2, 9, 5, 5)
    assert_array_equal(y.data, ops.concatenate([branch(X) for branch in block], 1).data)
    assert nn.Concatenate(nn.Identity(), nn.ReLU(), dim=-1)(X).shape == (2, 4, 5, 10)
    assert nn.Concatenate(nn.Identity(), nn.MaxPool2d((2, 1)), dim=2)(X).shape == (2, 4, 7, 5)


def test_names_and_state():
    net = nn.Sequential(residual(), inception())
    names = ["0.0.0.weight", "0.0.0.bias", "1.0.weight", "1.0.bias", "1.1.weight", "1.1.bias"]
    assert list(net.state_dict()) == names
    assert [name for name, _ in net.named_modules()][:5] == ["", "0", "0.0", "0.0.0", "0.0.1"]
    other = nn.Sequential(residual(), inception())
    other.load_state_dict(net.state_dict())
    assert_array_equal(other(X).data, net(X).data)
    assert len(net[0]) == 2 and [type(branch) for branch in net[0]] == [nn.Sequential, nn.Identity]


def test_training_reaches_the_branches():
    net = nn.Sum(nn.Sequential(nn.Dropout(0.5)), nn.Identity())
    assert_array_equal(net.eval()(X).data, 2 * X.data)
    assert not np.array_equal(net.train()(X).data, 2 * X.data)
    assert [name for name, _ in net.named_streams()] == ["0.0.stream"]


def test_summary():
    summary = nn.Sequential(residual(), inception()).summary((4, 5, 5))
    assert [(row.name, row.layer, row.output_shape, row.flops) for row in summary.rows if row.name in ("0", "1")] == [
        ("0", "Sum", (4, 5, 5), 100)
    ]
    assert [row.name for row in summary.rows] == ["0.0.0", "0.0.1", "0.1", "0", "1.0", "1.1", "1.2"]
    assert sum(row.parameters for row in summary.rows) == summary.parameters == 148 + 10 + 111
    assert summary.flops == 100 * 73 + 100 + 100 + 50 * 9 + 75 * 73 + 100 * 9


def test_a_block_learns():
    with cz.seed(1):
        net = nn.Sequential(nn.Linear(3, 8), nn.Sum(nn.Sequential(nn.Linear(8, 8), nn.Tanh()), nn.Identity()))
    x, target = Tensor(np.eye(3, dtype=np.float32)), np.ones((3, 8), np.float32)
    optimizer = cz.optim.SGD(net.parameters(), 0.5)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = ops.mse_loss(net(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.Sum(nn.Identity(), nn.Conv2d(4, 2, 1))(X),
            ValueError,
            r"Sum: branch 1 gives shape \(2, 2, 5, 5\), expected \(2, 4, 5, 5\) as branch 0",
        ),
        (lambda: nn.Sum(nn.Identity(), nn.AdaptiveAvgPool2d(1))(X), ValueError, "Sum: branch 1 gives shape"),
        (
            lambda: nn.Concatenate(nn.Identity(), nn.Identity(), nn.MaxPool2d(2))(X),
            ValueError,
            r"Concatenate: branch 2 gives shape \(2, 4, 2, 2\), expected \(2, 4, 5, 5\) as branch 0 but along axis 1",
        ),
        (lambda: nn.Concatenate(nn.Identity(), nn.Flatten())(X), ValueError, "Concatenate: branch 1 gives shape"),
        (lambda: nn.Concatenate(nn.Identity(), dim=4)(X), ValueError, "Concatenate: dim is 4, expected an axis"),
        (lambda: nn.Concatenate(nn.Identity(), dim=1.0), TypeError, "Concatenate: dim is 1.0 of type float"),
        (lambda: nn.Sum(), ValueError, "Sum: expected one branch or more, got none"),
        (lambda: nn.Sum(nn.ReLU(), ops.relu), TypeError, "Sum: layer 1 is a function, expected a Module"),
        (
            lambda: nn.Sum(nn.Identity(), nn.MaxPool2d(1, return_indices=True))(X),
            TypeError,
            "Sum: the result of branch 1 is a tuple, expected a Tensor",
        ),
    ],
)
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
