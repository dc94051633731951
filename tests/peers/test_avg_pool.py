"""Average pooling over 1, 2 and 3 axes: the three divisors, ceil mode, padding."""

import math

import numpy as np

import cuarzo as cz
from peers.peer import Configuration, chance, families, linear, run_family, torch
from peers.windows import one_or_each, windows


def configuration(rng: np.random.Generator, n: int) -> Configuration:
    w, ceil, inside = windows(rng, n, dilated=False, half=True, equal=True), chance(rng), chance(rng)
    if n == 3:  # PyTorch's gradient wants an image that holds the window, padded or not
        w = w._replace(image=tuple(max(m, r) for m, r in zip(w.image, w.window)))
    padding = tuple(before for before, _ in w.padding)
    shape = (int(rng.integers(1, 4)), int(rng.integers(1, 4)), *w.image)
    stride = None if chance(rng, 0.3) else w.stride
    divisor = {"divisor_override": int(rng.integers(1, 8))} if n > 1 and chance(rng, 0.4) else {}
    flags = {"ceil_mode": ceil, "count_include_pad": not inside, **divisor}
    options = (one_or_each(rng, w.window), stride, one_or_each(rng, padding))
    layer, op = getattr(cz.nn, f"AvgPool{n}d")(*options, **flags), getattr(cz.ops, f"avg_pool{n}d")
    by_layer = chance(rng)

    def ours(a):
        return {"y": layer(a["x"]) if by_layer else op(a["x"], *options, **flags)}

    def theirs(a):
        return {"y": getattr(torch.nn.functional, f"avg_pool{n}d")(a["x"], w.window, stride, padding, **flags)}

    # a quotient behind the sum, and with a divisor of one's own a quotient of counts and a product: three more
    terms = math.prod(w.window) + 3
    about = f"{shape} {options} {flags}"
    return Configuration(about, {"x": rng.normal(size=shape)}, ours, theirs, linear({"y": terms, "x": terms}))


@families("avg_pool1d", "avg_pool2d", "avg_pool3d")
def test_avg_pool(family, block, record_property):
    run_family(family, block, lambda rng: configuration(rng, int(family[-2])), record_property)
