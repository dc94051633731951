"""The summary of networks that share layers, keep them in containers, or do not call them: the rows add up."""

from typing import NamedTuple

import numpy as np
import pytest

from cuarzo import nn


def rows(net, shape):
    summary = net.summary(shape)
    assert sum(row.parameters for row in summary.rows) == summary.parameters == sum(p.size for p in net.parameters())
    assert sum(row.flops for row in summary.rows) == summary.flops
    assert len(str(summary).splitlines()) == len(summary.rows) + 4
    return [(row.name, row.layer, row.parameters) for row in summary.rows]


def test_a_layer_twice():
    layer = nn.Linear(3, 3)
    net = nn.Sequential(layer, nn.Tanh(), layer)
    assert rows(net, (3,)) == [("0", "Linear", 12), ("1", "Tanh", 0), ("0", "Linear", 0)]


def test_a_layer_in_two_parts():
    layer = nn.Linear(3, 3)
    net = nn.Sequential(nn.Sequential(layer), nn.Sequential(nn.ReLU(), layer))
    assert rows(net, (3,)) == [("0.0", "Linear", 12), ("1.0", "ReLU", 0), ("0.0", "Linear", 0)]


def test_tied_weights():
    one, two = nn.Linear(3, 3), nn.Linear(3, 3)
    two.weight = one.weight
    assert rows(nn.Sequential(one, two), (3,)) == [("0", "Linear", 12), ("1", "Linear", 3)]


class Pair(NamedTuple):
    first: object
    second: object


class Odd(nn.Module):
    def __init__(self):
        self.scale = nn.Parameter(np.ones(3, np.float32))
        self.size = Pair(2, 3)
        self.pair = Pair(nn.Linear(3, 3), nn.ReLU())
        self.heads = {"a": [nn.Linear(3, 2)]}
        self.unused = nn.Linear(1, 1)
        self.seen = []

    def __call__(self, x):
        self.seen.append(x.shape)
        return self.heads["a"][0](x=self.pair.second(self.pair.first(x * self.scale)))


def test_containers_and_what_is_not_called():
    net = Odd()
    assert rows(net, (3,)) == [
        ("pair.0", "Linear", 12), ("pair.1", "ReLU", 0), ("heads.a.0", "Linear", 8),
        ("scale", "Parameter", 3), ("unused.weight", "Parameter", 1), ("unused.bias", "Parameter", 1),
    ]  # fmt: skip
    assert not net.seen and type(net.pair.first) is nn.Linear and type(net.heads["a"][0]) is nn.Linear


def test_refusals():
    with pytest.raises(TypeError, match="summary: input_shape is 2, expected a tuple of sizes"):
        nn.Linear(2, 2).summary(2)
    with pytest.raises(TypeError, match=r"input_shape is 2\.0 of type float, expected an integer"):
        nn.Linear(2, 2).summary((2.0,))
