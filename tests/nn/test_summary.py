"""The summary of networks that share layers, keep them in containers, or do not call them: the rows add up."""

from typing import NamedTuple

import numpy as np
import pytest

from cuarzo import nn, ops


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


class Words(nn.Module):
    """The layer that looks at the words is not the first one that it holds, and places are no input."""

    def __init__(self):
        self.out, self.places, self.words = nn.Linear(5, 2), nn.Embedding(7, 5), nn.Embedding(4, 5)

    def __call__(self, x):
        return self.out(self.words(x=x) + self.places(range(7)))


def test_indices():
    (row,) = nn.Embedding(4, 5, dtype=np.float64).summary((7,)).rows
    assert row == ("", "Embedding", (7, 5), 20, 0)
    assert rows(nn.Sequential(nn.Embedding(4, 5), nn.Linear(5, 1)), (7,)) == [
        ("0", "Embedding", 20),
        ("1", "Linear", 6),
    ]
    branches = nn.Sum(nn.Embedding(4, 5), nn.Embedding(4, 5))
    assert [name for name, *_ in rows(branches, (7,))] == ["0", "1", ""]
    assert rows(Words(), (7,)) == [("words", "Embedding", 20), ("places", "Embedding", 35), ("out", "Linear", 12)]


def test_a_network_of_ones_own_that_takes_integers():
    class Own(nn.Module):
        takes_integers = True

        def __init__(self):
            self.table, self.out = nn.Parameter(np.ones((4, 3), np.float32)), nn.Linear(3, 2)

        def __call__(self, x):
            return self.out(ops.embedding(x, self.table))

    assert rows(Own(), (7,)) == [("out", "Linear", 8), ("table", "Parameter", 12)]


def test_indices_that_a_layer_computed_are_refused_as_in_a_call():
    with pytest.raises(TypeError, match="embedding: indices are of dtype float32"):
        nn.Sequential(nn.Linear(3, 3), nn.Embedding(4, 5)).summary((3,))


def test_refusals():
    with pytest.raises(TypeError, match="summary: input_shape is 2, expected a tuple of sizes"):
        nn.Linear(2, 2).summary(2)
    with pytest.raises(TypeError, match=r"input_shape is 2\.0 of type float, expected an integer"):
        nn.Linear(2, 2).summary((2.0,))
