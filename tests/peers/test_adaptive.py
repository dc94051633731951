"""Adaptive pooling over 1, 2 and 3 axes, to smaller sizes and to larger ones; means, and maxima with their indices."""

import math

import numpy as np

import cuarzo as cz
from peers.peer import Configuration, chance, families, ints, linear, run_family, selected, torch
from peers.test_max_pool import image
from peers.windows import LARGEST, one_or_each


def configuration(rng: np.random.Generator, n: int, what: str) -> Configuration:
    shape = (int(rng.integers(1, 4)), int(rng.integers(1, 4)), *ints(rng, n, 1, LARGEST[n]))
    size = (1,) * n if chance(rng, 0.15) else ints(rng, n, 1, LARGEST[n])
    asked = one_or_each(rng, size)
    if n > 1 and isinstance(asked, tuple) and chance(rng, 0.2):
        asked, size = (None, *asked[1:]), (shape[2], *size[1:])
    x, kind = image(rng, shape) if what == "max" else (rng.normal(size=shape), "")
    op = getattr(cz.ops, f"adaptive_{what}_pool{n}d")
    make = getattr(cz.nn, f"Adaptive{what.title()}Pool{n}d")
    layer = make(asked, True) if what == "max" else make(asked)
    peer, by_layer = getattr(torch.nn.functional, f"adaptive_{what}_pool{n}d"), chance(rng)

    def ours(a):
        if what == "avg":
            return {"y": layer(a["x"]) if by_layer else op(a["x"], asked)}
        y, indices = layer(a["x"]) if by_layer else op(a["x"], asked, return_indices=True)
        return {"y": y, "indices": indices}

    def theirs(a):
        if what == "avg":
            return {"y": peer(a["x"], size)}
        y, indices = peer(a["x"], size, return_indices=True)
        return {"y": y, "indices": indices}

    # axis by axis: sums of H / P + 1 elements, or P / H + 1 gradients, and a quotient for each axis
    terms = sum(max(h // p, p // h) + 3 for h, p in zip(shape[2:], size))
    terms = max(terms, math.prod(shape[2:]) + 1) if max(size) == 1 else terms
    won = math.prod(p // h + 2 for h, p in zip(shape[2:], size))
    bound = linear({"y": terms, "x": terms}) if what == "avg" else selected({"x": won})
    return Configuration(f"{shape} {kind} to {asked}", {"x": x}, ours, theirs, bound)


@families(*(f"adaptive_{what}_pool{n}d" for what in ("avg", "max") for n in (1, 2, 3)))
def test_adaptive(family, block, record_property):
    run_family(family, block, lambda rng: configuration(rng, int(family[-2]), family[9:12]), record_property)
