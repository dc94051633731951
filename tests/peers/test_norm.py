"""Batch normalisation in training and after it, with its running statistics; layer and local response normalisation."""

from typing import Any

import numpy as np

import cuarzo as cz
from peers.peer import Configuration, analysed, called, chance, families, ints, run_family, torch
from peers.rounding import Traced, power, sqrt, stack, where


def normalised(x: Traced, axes: tuple[int, ...], eps: float) -> tuple[Traced, Traced, Traced]:
    """(x - mean) / sqrt(var + eps), mean, var, the variance divided by the count."""
    n = int(np.prod([x.shape[axis] for axis in axes]))
    mean = x.sum(axes, keepdims=True) / n
    deviation = x - mean
    var = (deviation * deviation).sum(axes, keepdims=True) / n
    return deviation / sqrt(var + eps), mean, var


def batch_norm(rng: np.random.Generator, n: int) -> Configuration:
    """Some batches in training, one after it."""
    C, rest = int(rng.integers(1, 5)), ints(rng, n, 1, 4)
    rest = () if n == 1 and chance(rng) else rest
    batches = int(rng.integers(1, 4))
    sizes = [int(rng.integers(1, 6)) for _ in range(batches + 1)]
    few = int(np.prod(rest)) == 1
    sizes = [max(size, 3) if few else size for size in sizes]
    eps, momentum = float(rng.choice([1e-5, 1e-3, 0.1])), [None, 0.1, 0.3, 1.0][rng.integers(4)]
    affine, tracked = chance(rng, 0.7), chance(rng, 0.8)
    options = {"eps": eps, "momentum": momentum, "affine": affine, "track_running_stats": tracked}
    peer = getattr(torch.nn, f"BatchNorm{n}d")(C, **options)
    weights = {name: rng.normal(size=C) for name, _ in peer.named_parameters()}
    # floats that float32 holds too, for those buffers that are set in both dtypes
    mean, var = (rng.normal(size=C).astype(np.float32), rng.uniform(0.5, 2, C).astype(np.float32))
    buffers = {"running_mean": mean, "running_var": var, "num_batches_tracked": np.int64(0)} if tracked else {}
    kept = {name: np.asarray(value, np.float64) for name, value in buffers.items() if name != "num_batches_tracked"}
    xs = {f"x{i}": rng.normal(size=(N, C, *rest)) * 2 + rng.normal() for i, N in enumerate(sizes)}
    axes, spread = (0, *range(2, 2 + len(rest))), (1, C, *[1] * len(rest))

    def ours(a, layer):
        out: dict[str, Any] = {}
        for i in range(batches):
            out[f"y{i}"] = layer.train()(a[f"x{i}"])
            out |= {f"{name}{i}": dict(layer.named_buffers())[name].data.copy() for name in kept}
        out["y"] = layer.eval()(a[f"x{batches}"])
        return out | ({"batches": dict(layer.named_buffers())["num_batches_tracked"].data.copy()} if tracked else {})

    def theirs(a):
        state = {**a, **{name: torch.tensor(value) for name, value in kept.items()}}
        names = [*weights, *buffers]
        state |= {"num_batches_tracked": torch.tensor(0)} if tracked else {}
        out = {}
        for i in range(batches):
            out[f"y{i}"] = called(peer.train(), names, state, a[f"x{i}"])
            out |= {f"{name}{i}": state[name].clone() for name in kept}
        out["y"] = called(peer.eval(), names, state, a[f"x{batches}"])
        return out | ({"batches": state["num_batches_tracked"]} if tracked else {})

    def formula(a):
        w, b = (a[name].reshape(*spread) if affine else None for name in ("weight", "bias"))
        running, out = {name: Traced(value) for name, value in kept.items()}, {}
        for i in range(batches):
            y, m, v = normalised(a[f"x{i}"], axes, eps)
            out[f"y{i}"] = y * w + b if affine else y
            count, rate = xs[f"x{i}"].size // C, 1 / (i + 1) if momentum is None else momentum
            for name, new in (("running_mean", m), ("running_var", v * (count / (count - 1)))):
                if tracked:
                    new = new.detach().reshape(C)
                    running[name] = running[name] * (1 - rate) + new * rate
                    out[f"{name}{i}"] = running[name]
        x = a[f"x{batches}"]
        if not tracked:
            y, _, _ = normalised(x, axes, eps)
            out["y"] = y * w + b if affine else y
            return out
        # One scale and one shift for each channel, as cuarzo has it: x scale - mean scale may cancel.
        m, v = (running[name].reshape(*spread) for name in ("running_mean", "running_var"))
        scale = w / sqrt(v + eps) if affine else 1.0 / sqrt(v + eps)
        out["y"] = x * scale + (b - m * scale if affine else -(m * scale))
        return out

    about = f"{sizes} of {(C, *rest)} {options}"
    return Configuration(
        about,
        {**xs, **weights},
        ours,
        theirs,
        analysed(formula),
        lambda dtype: getattr(cz.nn, f"BatchNorm{n}d")(C, **options, dtype=dtype),
        peer,
        buffers=buffers,
    )


def layer_norm(rng: np.random.Generator) -> Configuration:
    shape = ints(rng, int(rng.integers(1, 4)), 1, 6)
    axes = int(rng.integers(1, len(shape) + 1))
    shape = (*shape[:-1], max(shape[-1], 2))
    over = shape[-axes:]
    options = {"eps": float(rng.choice([1e-5, 1e-3, 0.1])), "elementwise_affine": chance(rng, 0.7), "bias": chance(rng)}
    given = over[0] if len(over) == 1 and chance(rng) else over
    peer = torch.nn.LayerNorm(over, **options)
    weights = {name: rng.normal(size=tuple(p.shape)) for name, p in peer.named_parameters()}

    def formula(a):
        y, _, _ = normalised(a["x"], tuple(range(-axes, 0)), options["eps"])
        y = y * a["weight"] if "weight" in a else y
        return {"y": y + a["bias"] if "bias" in a else y}

    return Configuration(
        f"{shape} over {over} {options}",
        {"x": rng.normal(size=shape) * 2 + rng.normal(), **weights},
        lambda a, layer: {"y": layer(a["x"])},
        lambda a: {"y": called(peer, weights, a, a["x"])},
        analysed(formula),
        lambda dtype: cz.nn.LayerNorm(given, **options, dtype=dtype),
        peer,
    )


def local_response_norm(rng: np.random.Generator) -> Configuration:
    C = int(rng.integers(1, 8))
    shape = (int(rng.integers(1, 4)), C, *ints(rng, int(rng.integers(1, 4)), 1, 4))
    size, alpha, beta = int(rng.integers(1, 8)), float(rng.uniform(0.01, 2)), float(rng.choice([0.5, 0.75, 1.0, 1.3]))
    options = (size, alpha, beta, float(rng.uniform(0.5, 3)))

    def formula(a):
        x, squares = a["x"], a["x"] * a["x"]
        c, sums = np.arange(C), []
        for channel in range(C):
            inside = (c >= channel - size // 2) & (c <= channel + (size - 1) // 2)
            mask = inside.reshape(1, C, *[1] * (len(shape) - 2))
            sums.append(where(np.broadcast_to(mask, shape), squares, 0.0).sum(1))
        return {"y": x / power(stack(sums, 1) * (alpha / size) + options[3], beta)}

    layer, by_layer = cz.nn.LocalResponseNorm(*options), chance(rng)
    return Configuration(
        f"{shape} {options}",
        {"x": rng.normal(size=shape) * 2},
        lambda a: {"y": layer(a["x"]) if by_layer else cz.ops.local_response_norm(a["x"], *options)},
        lambda a: {"y": torch.nn.functional.local_response_norm(a["x"], *options)},
        analysed(formula),
    )


@families("batch_norm1d", "batch_norm2d", "batch_norm3d")
def test_batch_norm(family, block, record_property):
    run_family(family, block, lambda rng: batch_norm(rng, int(family[-2])), record_property)


@families("layer_norm")
def test_layer_norm(family, block, record_property):
    run_family(family, block, layer_norm, record_property)


@families("local_response_norm")
def test_local_response_norm(family, block, record_property):
    run_family(family, block, local_response_norm, record_property)
