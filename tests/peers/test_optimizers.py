"""Optimisers: random hyper-parameters and gradients, the parameters compared after every step."""

from typing import Any

import numpy as np

import cuarzo as cz
from peers.peer import Configuration, analysed, chance, families, ints, run_family, torch
from peers.rounding import Array, Traced, sqrt, where

Formula = Any  # (parameter, gradient, its state, options, rate) -> the parameter after a step; changes the state


def sgd(p: Traced, g: Traced, state: dict[str, Any], o: dict[str, Any], lr: float) -> Traced:
    g = g + p * o["weight_decay"]
    if o["momentum"]:
        state["v"] = state["v"] * o["momentum"] + g * (1 - o["dampening"]) if "v" in state else g
        g = g + state["v"] * o["momentum"] if o["nesterov"] else state["v"]
    return p - g * lr


def rmsprop(p: Traced, g: Traced, state: dict[str, Any], o: dict[str, Any], lr: float) -> Traced:
    g, zero = g + p * o["weight_decay"], Traced(np.zeros(p.shape))
    state["s"] = state.get("s", zero) * o["alpha"] + g * g * (1 - o["alpha"])
    size = state["s"]
    if o["centered"]:
        state["a"] = state.get("a", zero) * o["alpha"] + g * (1 - o["alpha"])
        size = size - state["a"] * state["a"]
    d = g / (sqrt(size) + o["eps"])
    if o["momentum"]:
        d = state["v"] = state.get("v", zero) * o["momentum"] + d
    return p - d * lr


def adam(p: Traced, g: Traced, state: dict[str, Any], o: dict[str, Any], lr: float, decoupled: bool = False) -> Traced:
    if decoupled:
        p = p * (1 - lr * o["weight_decay"])
    else:
        g = g + p * o["weight_decay"]
    zero, (b1, b2), t = Traced(np.zeros(p.shape)), o["betas"], state.get("t", 0) + 1
    state["t"], state["a"] = t, state.get("a", zero) * b1 + g * (1 - b1)
    state["s"] = s = state.get("s", zero) * b2 + g * g * (1 - b2)
    if o["amsgrad"]:
        before = state.get("l", zero)
        state["l"] = s = where(s.value > before.value, s, before)
        # where rounding turns the comparison the other one is taken, which is as near as both their errors
        s.number.error = np.maximum(s.number.error, np.maximum(state["s"].number.error, before.number.error))
    return p - state["a"] * (lr / (1 - b1**t)) / (sqrt(s) / float(np.sqrt(1 - b2**t)) + o["eps"])


def adamw(*arguments: Any) -> Traced:
    return adam(*arguments, decoupled=True)


def drawn_options(rng: np.random.Generator, name: str) -> dict[str, Any]:
    """Random hyper-parameters under PyTorch's names."""
    decay = float(rng.choice([0, 0.01, 0.3]))
    eps = float(rng.choice([1e-8, 1e-4, 0.1]))
    if name == "SGD":
        momentum = float(rng.choice([0, 0.5, 0.9]))
        nesterov = momentum > 0 and chance(rng, 0.4)
        dampening = 0.0 if nesterov else float(rng.choice([0, 0.2]))
        return {"momentum": momentum, "dampening": dampening, "weight_decay": decay, "nesterov": nesterov}
    if name == "RMSprop":
        options = {"alpha": float(rng.choice([0.5, 0.9, 0.99])), "eps": eps, "weight_decay": decay}
        return options | {"momentum": float(rng.choice([0, 0.7])), "centered": chance(rng)}
    betas = (float(rng.choice([0, 0.5, 0.9])), float(rng.choice([0.5, 0.9, 0.999])))
    return {"betas": betas, "eps": eps, "weight_decay": decay, "amsgrad": chance(rng)}


FORMULAS: dict[str, Formula] = {"SGD": sgd, "RMSprop": rmsprop, "Adam": adam, "AdamW": adamw}


def configuration(rng: np.random.Generator, name: str) -> Configuration:
    """Two or three parameters; a gradient is missing at times; the rate changes on the way."""
    options, rate, steps = drawn_options(rng, name), float(10 ** rng.uniform(-4, -0.5)), int(rng.integers(2, 7))
    params = {f"p{i}": rng.normal(size=ints(rng, int(rng.integers(0, 4)), 1, 4)) for i in range(rng.integers(2, 4))}
    rates = [rate * (0.3 if chance(rng, 0.2) else 1) for _ in range(steps)]
    grads: Array = {
        f"g{t} {k}": rng.normal(size=p.shape) * 10 ** rng.uniform(-2, 1)
        for t in range(steps)
        for k, p in params.items()
        if chance(rng, 0.9)
    }

    def run(make: Any, set_rate: Any, tensor: Any, plain: Any, a: dict[str, Any]) -> dict[str, Any]:
        ps = {name: tensor(a[name]) for name in params}
        optimizer, out = make(list(ps.values()), rates[0], **options), {}
        for t in range(steps):
            set_rate(optimizer, rates[t])
            for k, p in ps.items():
                p.grad = plain(a[f"g{t} {k}"]) if f"g{t} {k}" in a else None
            optimizer.step()
            out |= {f"{k} after {t}": plain(p) for k, p in ps.items()}
        return out

    def ours(a):
        tensor = lambda p: cz.Tensor(p.data.copy(), requires_grad=True)  # noqa: E731
        set_rate = lambda optimizer, lr: setattr(optimizer, "lr", lr)  # noqa: E731
        return run(getattr(cz.optim, name), set_rate, tensor, lambda t: t.data.copy(), a)

    def theirs(a):
        tensor = lambda p: p.detach().clone().requires_grad_()  # noqa: E731
        set_rate = lambda optimizer, lr: optimizer.param_groups[0].update(lr=lr)  # noqa: E731
        return run(getattr(torch.optim, name), set_rate, tensor, lambda t: t.detach().clone(), a)

    def formula(a):
        ps, states, out = {k: a[k] for k in params}, {k: {} for k in params}, {}
        for t in range(steps):
            for k in params:
                if f"g{t} {k}" in a:
                    ps[k] = FORMULAS[name](ps[k], a[f"g{t} {k}"], states[k], options, rates[t]).detach()
                out[f"{k} after {t}"] = ps[k]
        return out

    about = f"{options} lr {rate:.3g} steps {steps} {[p.shape for p in params.values()]}"
    arrays = {**params, **grads}
    return Configuration(about, arrays, ours, theirs, analysed(formula), constants=tuple(arrays))


@families(*FORMULAS)
def test_optimizer(family, block, record_property):
    run_family(family, block, lambda rng: configuration(rng, family), record_property)
