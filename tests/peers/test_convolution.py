"""Convolution over 1, 2 and 3 axes."""

import math

import numpy as np

import cuarzo as cz
from peers.peer import Configuration, called, chance, families, linear, parameters, run_family, torch
from peers.windows import one_or_each, padded, windows


def configuration(rng: np.random.Generator, n: int) -> Configuration:
    w = windows(rng, n)
    same = chance(rng, 0.15)
    if same:
        w = w._replace(stride=(1,) * n)
    groups = int(rng.choice([1, 1, 2, 3]))
    N, C = int(rng.integers(1, 4)), groups * int(rng.choice([1, 1, 2, 3]))
    F, bias = groups * int(rng.integers(1, 4)), chance(rng)
    stride, dilation = one_or_each(rng, w.stride), one_or_each(rng, w.dilation)
    even = all(before == after for before, after in w.padding)
    padding = "same" if same else tuple(a for a, _ in w.padding) if even and chance(rng) else w.padding
    theirs_pad = "same" if same else 0
    peer = getattr(torch.nn, f"Conv{n}d")(C, F, w.window, w.stride, theirs_pad, w.dilation, groups, bias)
    shape = (N, C, *w.image)
    arrays = {"x": rng.normal(size=shape), **parameters(peer, rng)}
    names = [name for name in arrays if name != "x"]

    def theirs(a):
        return {"y": called(peer, names, a, a["x"] if same else padded(a["x"], w.padding))}

    def by_op(a):
        op = getattr(cz.ops, f"conv{n}d")
        return {"y": op(a["x"], a["weight"], a.get("bias"), stride, padding, dilation, groups)}

    def module(dtype):
        layer = getattr(cz.nn, f"Conv{n}d")
        return layer(C, F, w.window, stride, padding, dilation, groups, bias, seed=1, dtype=dtype)

    # as many places as there can be: those of a stride of 1 or fewer
    places = N * math.prod(m + sum(p) for m, p in zip(w.image, w.padding)) if not same else N * math.prod(w.image)
    taps = math.prod(w.window)
    terms = {"y": C // groups * taps + 1, "x": F // groups * taps, "weight": places, "bias": places}
    about = f"{shape} {F} filters {w.window} stride {stride} padding {padding} dilation {dilation} groups {groups}"
    by_layer = chance(rng)
    ours = (lambda a, layer: {"y": layer(a["x"])}) if by_layer else by_op
    return Configuration(
        about, arrays, ours, theirs, linear(terms), module if by_layer else None, peer if by_layer else None
    )


@families("conv1d", "conv2d", "conv3d")
def test_convolution(family, block, record_property):
    run_family(family, block, lambda rng: configuration(rng, int(family[-2])), record_property)
