"""Functions of the elements, and softmax."""

import math

import numpy as np

import cuarzo as cz
from peers.peer import Configuration, analysed, chance, families, ints, run_family, torch
from peers.rounding import Traced, erf, exp, kinked, log, sigmoid, tanh, where

F = torch.nn.functional
CUBE = 0.044715


def softplus(x: Traced, beta: float, threshold: float) -> Traced:
    z = x * beta
    positive = where(z.value > 0, z, 0.0)
    small = exp(where(z.value > 0, -z, z))
    return where(z.value > threshold, x, (positive + log(small + 1.0)) / beta)


def gelu(x: Traced, approximate: str) -> Traced:
    if approximate == "none":
        return x * (erf(x * math.sqrt(0.5)) + 1.0) * 0.5
    return x * (tanh((x + x * x * x * CUBE) * math.sqrt(2 / math.pi)) + 1.0) * 0.5


def log_softmax(x: Traced, dim: int) -> Traced:
    shifted = x - x.value.max(dim, keepdims=True)
    return shifted - log(exp(shifted).sum(dim, keepdims=True))


def softmax(x: Traced, dim: int) -> Traced:
    e = exp(x - x.value.max(dim, keepdims=True))
    return e / e.sum(dim, keepdims=True)


def elu(x: Traced, alpha: float) -> Traced:
    return where(x.value > 0, x, (exp(where(x.value > 0, 0.0, x)) - 1.0) * alpha)


LAYERS = {"leaky_relu": "LeakyReLU", "relu": "ReLU", "elu": "ELU", "gelu": "GELU", "silu": "SiLU"}
FORMULAS = {
    "relu": kinked,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "leaky_relu": kinked,
    "elu": elu,
    "gelu": gelu,
    "silu": lambda x: x * sigmoid(x),
    "softplus": softplus,
    "softmax": softmax,
    "log_softmax": log_softmax,
}


def configuration(rng: np.random.Generator, name: str) -> Configuration:
    shape = ints(rng, int(rng.integers(1, 5)), 1, 6)
    x = rng.normal(size=shape) * float(rng.choice([0.1, 1, 1, 5]))
    if chance(rng, 0.2):
        x = np.round(x)  # 0 among them, where a derivative may jump
    options = {
        "leaky_relu": lambda: {"negative_slope": float(rng.uniform(0, 0.5))},
        "elu": lambda: {"alpha": float(rng.uniform(0.1, 2))},
        "gelu": lambda: {"approximate": str(rng.choice(["none", "tanh"]))},
        "softplus": lambda: {"beta": float(rng.choice([0.5, 1, 3])), "threshold": float(rng.choice([5, 20]))},
        "softmax": lambda: {"dim": int(rng.integers(-len(shape), len(shape)))},
        "log_softmax": lambda: {"dim": int(rng.integers(-len(shape), len(shape)))},
    }.get(name, dict)()
    layer = getattr(cz.nn, LAYERS.get(name, name.title().replace("_", "").replace("softmax", "Softmax")))(**options)
    by_layer, op, peer = chance(rng), getattr(cz.ops, name), getattr(F, name, None) or getattr(torch, name)
    return Configuration(
        f"{shape} {options}",
        {"x": x},
        lambda a: {"y": layer(a["x"]) if by_layer else op(a["x"], **options)},
        lambda a: {"y": peer(a["x"], **options)},
        analysed(lambda a: {"y": FORMULAS[name](a["x"], *options.values())}),
    )


@families(*FORMULAS)
def test_activation(family, block, record_property):
    run_family(family, block, lambda rng: configuration(rng, family), record_property)
