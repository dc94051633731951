"""Max pooling over 1, 2 and 3 axes, with its indices, and max-unpooling."""

import math

import numpy as np

import cuarzo as cz
from peers.peer import Configuration, chance, families, ints, run_family, selected, torch
from peers.windows import one_or_each, sees_image, windows


def image(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, str]:
    """Random elements; in half of the cases integers, with many that are equal; -inf and one NaN among them at
    times: of several in a window cuarzo names the first, PyTorch the last.
    """
    x, kind = rng.normal(size=shape), str(rng.choice(["distinct", "distinct", "ties", "ties", "special"]))
    if kind != "distinct":
        x = np.round(x)
    if kind == "special":
        x[x == -1] = -np.inf
        x[np.arange(len(x))[:, None], np.arange(x.shape[1]), *rng.integers(shape[2:])] = np.nan
    return x, kind


def pooling(rng: np.random.Generator, n: int) -> Configuration:
    w, ceil = windows(rng, n, half=True, equal=True), chance(rng)
    while not sees_image(w):
        w = windows(rng, n, half=True, equal=True)
    padding = tuple(before for before, _ in w.padding)
    shape = (int(rng.integers(1, 4)), int(rng.integers(1, 4)), *w.image)
    x, kind = image(rng, shape)
    stride = None if chance(rng, 0.3) else w.stride
    options = (one_or_each(rng, w.window), stride, one_or_each(rng, padding), one_or_each(rng, w.dilation))
    layer = getattr(cz.nn, f"MaxPool{n}d")(*options, return_indices=True, ceil_mode=ceil)
    op, indices = getattr(cz.ops, f"max_pool{n}d"), chance(rng, 0.8)
    by_layer = chance(rng)

    def ours(a):
        if not indices:
            return {"y": op(a["x"], *options, ceil_mode=ceil)}
        y, places = layer(a["x"]) if by_layer else op(a["x"], *options, ceil_mode=ceil, return_indices=True)
        return {"y": y, "indices": places}

    def theirs(a):
        pool = getattr(torch.nn.functional, f"max_pool{n}d")
        y, places = pool(a["x"], w.window, stride, padding, w.dilation, ceil_mode=ceil, return_indices=True)
        return {"y": y, "indices": places} if indices else {"y": y}

    about = f"{shape} {kind} {options} ceil {ceil}"
    return Configuration(about, {"x": x}, ours, theirs, selected({"x": math.prod(w.window)}))


def unpooling(rng: np.random.Generator, n: int) -> Configuration:
    """Windows side by side, or further apart: where an index comes twice PyTorch promises nothing."""
    window = ints(rng, n, 1, 3)
    stride = tuple(r + int(rng.integers(0, 2)) for r in window)
    before = ints(rng, n, 0, 1) if chance(rng) else (0,) * n
    padding = tuple(min(b, r // 2) for b, r in zip(before, window))
    size = tuple(int(rng.integers(r, 9 - n + r)) for r in window)
    shape = (int(rng.integers(1, 4)), int(rng.integers(1, 4)), *size)
    pool, unpool = (getattr(torch.nn.functional, f"max_{name}{n}d") for name in ("pool", "unpool"))
    x, indices = pool(torch.from_numpy(rng.normal(size=shape)), window, stride, padding, return_indices=True)
    usual = tuple((q - 1) * s - 2 * p + r for q, s, p, r in zip(x.shape[2:], stride, padding, window))
    fits = int(indices.max()) < math.prod(usual) and min(usual) > 0 and chance(rng)
    wanted = None if fits and usual != size else size
    full = wanted is not None and chance(rng)
    layer, op = getattr(cz.nn, f"MaxUnpool{n}d")(window, stride, padding), getattr(cz.ops, f"max_unpool{n}d")
    by_layer, places = chance(rng), indices.numpy()

    def ours(a):
        if by_layer:
            return {"y": layer(a["x"], places, (*shape[:2], *size) if full else wanted)}
        return {"y": op(a["x"], places, window, stride, padding, wanted)}

    def theirs(a):
        return {"y": unpool(a["x"], indices, window, stride, padding, wanted)}

    about = f"{tuple(x.shape)} window {window} stride {stride} padding {padding} to {wanted}"
    return Configuration(about, {"x": x.numpy()}, ours, theirs, selected({"x": 1}))


@families("max_pool1d", "max_pool2d", "max_pool3d")
def test_max_pool(family, block, record_property):
    run_family(family, block, lambda rng: pooling(rng, int(family[-2])), record_property)


@families("max_unpool1d", "max_unpool2d", "max_unpool3d")
def test_max_unpool(family, block, record_property):
    run_family(family, block, lambda rng: unpooling(rng, int(family[-2])), record_property)
