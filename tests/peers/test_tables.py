"""Embedding and the affine map."""

import math

import numpy as np

import cuarzo as cz
from peers.peer import Configuration, called, chance, families, ints, linear, parameters, run_family, selected, torch


def embedding(rng: np.random.Generator) -> Configuration:
    V, D = ints(rng, 2, 1, 8)
    indices = rng.integers(0, V, ints(rng, int(rng.integers(0, 4)), 1, 5))
    padding = int(rng.integers(-V, V)) if chance(rng) else None
    by_layer = chance(rng)
    peer = torch.nn.Embedding(V, D, padding) if by_layer else None

    def ours(a, layer=None):
        return {"y": layer(indices) if layer else cz.ops.embedding(indices, a["weight"], padding)}

    def theirs(a):
        return {"y": torch.nn.functional.embedding(torch.from_numpy(np.asarray(indices)), a["weight"], padding)}

    def module(dtype):
        return cz.nn.Embedding(V, D, padding, seed=1, dtype=dtype)

    about = f"{indices.shape} of ({V}, {D}) padding_idx {padding}"
    arrays, bound = {"weight": rng.normal(size=(V, D))}, selected({"weight": max(indices.size, 1)})
    return Configuration(about, arrays, ours, theirs, bound, module if by_layer else None, peer)


def affine(rng: np.random.Generator) -> Configuration:
    inputs, outputs = ints(rng, 2, 1, 12)
    rows = ints(rng, int(rng.integers(0, 4)), 1, 5)
    bias = chance(rng)
    peer = torch.nn.Linear(inputs, outputs, bias)
    arrays = {"x": rng.normal(size=(*rows, inputs)), **parameters(peer, rng)}
    names, count = [name for name in arrays if name != "x"], math.prod(rows)
    return Configuration(
        f"{(*rows, inputs)} to {outputs}",
        arrays,
        lambda a, layer: {"y": layer(a["x"])},
        lambda a: {"y": called(peer, names, a, a["x"])},
        linear({"y": inputs + 1, "x": outputs, "weight": count, "bias": count}),
        lambda dtype: cz.nn.Linear(inputs, outputs, bias, seed=1, dtype=dtype),
        peer,
    )


@families("embedding")
def test_embedding(family, block, record_property):
    run_family(family, block, embedding, record_property)


@families("linear_layer")
def test_linear(family, block, record_property):
    run_family(family, block, affine, record_property)
