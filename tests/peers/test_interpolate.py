"""Upsampling and its opposite: nearest; linear, bilinear, trilinear. Positions follow from the two sizes alone, which
PyTorch calls recompute_scale_factor=True.
"""

import math

import numpy as np

import cuarzo as cz
from peers.peer import Configuration, chance, families, ints, linear, run_family, selected, torch
from peers.windows import LARGEST, one_or_each

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def configuration(rng: np.random.Generator, n: int, mode: str) -> Configuration:
    shape = (int(rng.integers(1, 4)), int(rng.integers(1, 4)), *ints(rng, n, 1, LARGEST[n]))
    options = {"mode": mode}
    if mode != "nearest":
        options["align_corners"] = [None, False, True][rng.integers(3)]
    if chance(rng):
        size = ints(rng, n, 1, LARGEST[n] + 3)
        ask = {"size": one_or_each(rng, size)}
    else:
        factors = tuple(float(rng.choice([0.5, 0.75, 1.0, 1.3, 1.5, 2.0, 2.5, 3.0])) for _ in range(n))
        factors = tuple(f if math.floor(h * f) else 1.0 for h, f in zip(shape[2:], factors))
        size = tuple(math.floor(h * f) for h, f in zip(shape[2:], factors))
        ask = {"scale_factor": one_or_each(rng, factors), "recompute_scale_factor": True}
    mine = {k: v for k, v in ask.items() if k != "recompute_scale_factor"}
    layer, by_layer = cz.nn.Upsample(**mine, **options), chance(rng)

    def ours(a):
        return {"y": layer(a["x"]) if by_layer else cz.ops.interpolate(a["x"], **mine, **options)}

    def theirs(a):
        return {"y": torch.nn.functional.interpolate(a["x"], **ask, **options)}

    if mode == "nearest":
        bound = selected({"x": math.prod(-(-p // h) for h, p in zip(shape[2:], size))})
    else:
        # For each axis a sum of two products whose factors f and 1 - f, of the order of 1, were rounded before;
        # backwards of as many as read an element: 3 ceil(P / H) + 2, or 2 ceil((P - 1) / (H - 1)) with align_corners.
        reads = [3 * -(-p // h) + 2 + 2 * -(-(p - 1) // max(h - 1, 1)) for h, p in zip(shape[2:], size)]
        bound = linear({"y": 4 * n, "x": sum(reads) + 2 * n})
    return Configuration(f"{shape} {mine} {options}", {"x": rng.normal(size=shape)}, ours, theirs, bound)


MODES = {"nearest1d": 1, "nearest2d": 2, "nearest3d": 3, "linear": 1, "bilinear": 2, "trilinear": 3}


@families(*MODES)
def test_interpolate(family, block, record_property):
    mode = "nearest" if family.startswith("nearest") else family
    run_family(family, block, lambda rng: configuration(rng, MODES[family], mode), record_property)
