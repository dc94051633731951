"""Transposed convolution over 1, 2 and 3 axes."""

import math

import numpy as np

import cuarzo as cz
from peers.peer import Configuration, called, chance, families, ints, linear, parameters, run_family, torch
from peers.windows import one_or_each


def configuration(rng: np.random.Generator, n: int) -> Configuration:
    """An image of at least one pixel, made larger; padding may be unequal: PyTorch's output is cut then."""
    wide = 2 if n == 3 else 3
    while True:
        window, stride, dilation = ints(rng, n, 1, wide + 1), ints(rng, n, 1, wide), ints(rng, n, 1, wide)
        image, before, after = ints(rng, n, 1, 7 - n), ints(rng, n, 0, 2), ints(rng, n, 0, 2)
        after = before if chance(rng) else after
        extra = tuple(int(rng.integers(0, max(s, d))) if chance(rng) else 0 for s, d in zip(stride, dilation))
        whole = [(m - 1) * s + d * (r - 1) + 1 for m, s, d, r in zip(image, stride, dilation, window)]
        if min(m + e - a - b for m, e, a, b in zip(whole, extra, before, after)) >= 1:
            break
    groups = int(rng.choice([1, 1, 2, 3]))
    N, C = int(rng.integers(1, 4)), groups * int(rng.choice([1, 1, 2, 3]))
    F, bias, equal = groups * int(rng.integers(1, 4)), chance(rng), before == after
    given = (before if chance(rng) else tuple(zip(before, after))) if equal else tuple(zip(before, after))
    peer_pad = before if equal else 0
    make = getattr(torch.nn, f"ConvTranspose{n}d")
    peer = make(C, F, window, stride, peer_pad, extra, groups, bias, dilation)
    shape = (N, C, *image)
    arrays = {"x": rng.normal(size=shape), **parameters(peer, rng)}
    names = [name for name in arrays if name != "x"]

    def theirs(a):
        y = called(peer, names, a, a["x"])
        if not equal:
            y = y[(..., *(slice(b, m + e - c) for b, m, e, c in zip(before, whole, extra, after)))]
        return {"y": y}

    options = (one_or_each(rng, stride), given, one_or_each(rng, extra), groups)

    def by_op(a):
        op = getattr(cz.ops, f"conv_transpose{n}d")
        return {"y": op(a["x"], a["weight"], a.get("bias"), *options, one_or_each(np.random.default_rng(0), dilation))}

    def module(dtype):
        layer = getattr(cz.nn, f"ConvTranspose{n}d")
        return layer(C, F, window, *options, bias, dilation, seed=1, dtype=dtype)

    taps, places = math.prod(window), N * math.prod(m + e for m, e in zip(whole, extra))
    terms = {"y": C // groups * taps + 1, "x": F // groups * taps, "weight": N * math.prod(image), "bias": places}
    about = (
        f"{shape} {F} filters {window} stride {stride} padding {given} output_padding {extra} dilation {dilation} "
        f"groups {groups}"
    )
    by_layer = chance(rng)
    ours = (lambda a, layer: {"y": layer(a["x"])}) if by_layer else by_op
    return Configuration(
        about, arrays, ours, theirs, linear(terms), module if by_layer else None, peer if by_layer else None
    )


@families("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def test_transposed(family, block, record_property):
    run_family(family, block, lambda rng: configuration(rng, int(family[-2])), record_property)
