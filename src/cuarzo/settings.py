"""The settings of an experiment: what the user gave, filled up from a recipe or from the run to go on with."""

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cuarzo import data, models, optim
from cuarzo.checkpoint import NAME, compare
from cuarzo.names import check_count, check_name

# name -> (how it is made from parameters and learning rate, a learning rate that suits it)
OPTIMIZERS: dict[str, tuple[Callable[..., optim.Optimizer], float]] = {
    "sgd": (lambda p, lr: optim.SGD(p, lr), 0.1),
    "momentum": (lambda p, lr: optim.SGD(p, lr, momentum=0.9), 0.02),
    "nesterov": (lambda p, lr: optim.SGD(p, lr, momentum=0.9, nesterov=True), 0.02),
    "rmsprop": (lambda p, lr: optim.RMSprop(p, lr), 1e-3),
    "adam": (lambda p, lr: optim.Adam(p, lr), 1e-3),
    "adamw": (lambda p, lr: optim.AdamW(p, lr), 1e-3),
}
SCHEDULES: dict[str, Callable[[optim.Optimizer, int], Any]] = {
    "none": lambda optimizer, epochs: None,
    "linear": lambda optimizer, epochs: optim.LinearLR(optimizer, 1.0, 0.0, epochs),
    "step": lambda optimizer, epochs: optim.StepLR(optimizer, math.ceil(epochs / 3)),
    "cosine": lambda optimizer, epochs: optim.CosineAnnealingLR(optimizer, epochs),
    "plateau": lambda optimizer, epochs: optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=2),
}
FILE = "settings.json"  # in the folder of a run
DTYPES = ("float32", "float64")
METHODS = ("pcd", "cd")
# Whose width --hidden sets, and what the model calls it.
WIDTHS: dict[str, Callable[[int], dict[str, Any]]] = {
    "mlp": lambda units: {"hidden": (units,)},
    **{name: lambda units: {"hidden": units} for name in ("rnn", "lstm", "gru", "rbm")},
}


@dataclass(frozen=True)
class Settings:
    """What decides the result. The thread count does not, but where NumPy's BLAS multiplies: the checkpoint has it."""

    model: str
    data: str
    epochs: int = 10
    batch_size: int = 64
    lr: float = 1e-3
    optimizer: str = "adam"
    schedule: str = "cosine"
    shift: int = 0  # augmentation: training images move by up to so many pixels
    patience: int | None = None
    backend: str = "auto"
    dtype: str = "float32"
    seed: int = 0
    refit: bool = False
    hidden: int | None = None  # units; None: the model's own number
    method: str = "pcd"  # of an energy model: persistent contrastive divergence, or plain ("cd")
    gibbs_steps: int = 1  # of either


# LeNet-5: chosen by validation accuracy. On digits by its mean over the splits of seeds 0 to 7; they share images: what
# is test data under one seed has been validation data of the choice under another. On MNIST, within the 15 seconds that
# ten epochs take on two cores, seeds 0 to 2: momentum at 0.05 99.25 %, at 0.03 99.21 % (two seeds), AdamW at 0.002
# 99.25 %; without shifts 99.00 % (one seed).
RECIPES: dict[tuple[str, str], dict[str, Any]] = {
    ("softmax", "digits"): {"epochs": 60, "batch_size": 32},
    ("mlp", "digits"): {"epochs": 40, "batch_size": 32},
    ("lenet5", "digits"): {"epochs": 30, "batch_size": 16, "lr": 3e-3, "optimizer": "adamw", "shift": 2},
    ("lenet5", "mnist"): {"epochs": 10, "batch_size": 64, "lr": 0.05, "optimizer": "momentum", "shift": 1},
    ("lenet5", "fashion_mnist"): {"epochs": 10, "batch_size": 32},
    ("cnn", "digits"): {"epochs": 30, "batch_size": 16, "shift": 2},
    ("cnn", "mnist"): {"epochs": 5, "batch_size": 64},
    ("rnn", "mnist"): {"epochs": 10},
    ("lstm", "mnist"): {"epochs": 10, "lr": 3e-3},
    ("gru", "mnist"): {"epochs": 10, "lr": 3e-3},
    ("rbm", "digits"): {"epochs": 100, "batch_size": 20, "lr": 0.05, "optimizer": "sgd", "schedule": "linear"},
    ("rbm", "mnist"): {"epochs": 25, "batch_size": 100, "lr": 0.05, "optimizer": "sgd", "schedule": "linear"},
}
# What narrow networks, of at most NARROW hidden units, take instead. Exact validation log-likelihood of an RBM of 20
# units after 20 epochs, seeds 0 to 2: -144.1 with rate 0.05, -142.6 with 0.1, -141.7 with 0.2. One of 500 units at 0.1
# keeps modes that no chain has visited.
NARROW = 50
NARROW_RECIPES: dict[tuple[str, str], dict[str, Any]] = {("rbm", "mnist"): {"lr": 0.2}}


def plan(given: dict[str, Any], stored: dict[str, Any] | None = None) -> Settings:
    """Settings from what the user gave; the rest from `stored` (a run to go on with), else from the recipe.

    Raises ValueError for an unknown name, with the near miss, for a number out of range, and for a setting that differs
    from the stored one; only `refit` may change in a run that goes on, and `epochs` with a schedule whose course does
    not depend on their number (none, plateau). TypeError for a value of another type.
    """
    given = {name: value for name, value in given.items() if value is not None}
    _check(given)
    _check_applies(given)
    if stored is not None:
        fixed = {name: value for name, value in given.items() if name not in ("epochs", "refit")}
        if differences := compare({name: stored.get(name) for name in fixed}, fixed):
            raise ValueError("the run to resume has other settings: " + "; ".join(differences))
        laid_out = stored["schedule"] in ("linear", "step", "cosine")
        if given.get("epochs", stored["epochs"]) != stored["epochs"] and laid_out:
            raise ValueError(
                f"--epochs is {given['epochs']}, expected {stored['epochs']} as in the run to resume: its schedule "
                f"{stored['schedule']!r} is laid out over that number, so with another one it is another run"
            )
        return Settings(**{**stored, **given})
    key = given["model"], given["data"]
    narrow = given.get("hidden", math.inf) <= NARROW
    defaults = {**RECIPES.get(key, {}), **(NARROW_RECIPES.get(key, {}) if narrow else {})}
    if given.get("optimizer", defaults.get("optimizer")) != defaults.get("optimizer"):  # the recipe's rate is not its
        defaults["lr"] = OPTIMIZERS[given["optimizer"]][1]
    return Settings(**{"seed": int.from_bytes(os.urandom(4)), **defaults, **given})


def _check(values: dict[str, Any]) -> None:
    """Names that are known, numbers in their range."""
    known = {"model": [*models.MODELS], "data": [*data.DATASETS], "dtype": [*DTYPES]}
    known |= {"optimizer": [*OPTIMIZERS], "schedule": [*SCHEDULES], "method": [*METHODS]}
    for name, choices in known.items():
        if name in values:
            check_name("data set" if name == "data" else name, values[name], choices)
    counts = {"epochs": 1, "batch_size": 1, "patience": 1, "shift": 0, "hidden": 1, "gibbs_steps": 1}
    for name, least in counts.items():
        if values.get(name) is not None:
            check_count(f"--{name.replace('_', '-')}", values[name], least)
    lr = values.get("lr", 1.0)
    if not isinstance(lr, int | float) or not 0 < lr < math.inf:
        raise ValueError(f"--lr is {lr!r}, expected a finite number above 0")
    check_count("--seed", values.get("seed", 0), 0, 2**64 - 1)
    if not isinstance(values.get("refit", False), bool):
        raise TypeError(f"--refit is {values['refit']!r}, expected true or false")


def _check_applies(given: dict[str, Any]) -> None:
    """An option that the model has no use for is a mistake, not a detail."""
    model = given["model"]
    if given.get("hidden") is not None and model not in WIDTHS:
        raise ValueError(f"--hidden is {given['hidden']}, expected none for {model}; known to: {', '.join(WIDTHS)}")
    if given.get("shift") and model in models.ENERGY:
        raise ValueError(f"--shift is {given['shift']}, expected none for {model}: it is for classifiers")
    for name in ("method", "gibbs_steps"):
        if name in given and model not in models.ENERGY:
            option = "--" + name.replace("_", "-")
            raise ValueError(
                f"{option} is {given[name]!r}, expected none for {model}: it is for {', '.join(models.ENERGY)}"
            )


def model_options(settings: Settings) -> dict[str, Any]:
    """What the model is built with, beyond its dtype."""
    return {} if settings.hidden is None else WIDTHS[settings.model](settings.hidden)


def stored_settings(folder: Path) -> dict[str, Any]:
    """The settings of the run in `folder`. FileNotFoundError if there is none, ValueError if the file is corrupted."""
    if not (folder / FILE).is_file() or not (folder / NAME).is_file():
        raise FileNotFoundError(f"nothing to resume in {folder}: expected {FILE} and {NAME} of an earlier run there")
    return _read(folder / FILE)


def is_run(folder: Path) -> bool:
    """Whether `folder` is that of a run: its settings can be read."""
    try:
        return bool(_read(folder / FILE))
    except (ValueError, OSError):
        return False


def _read(path: Path) -> dict[str, Any]:
    try:
        settings = asdict(Settings(**json.loads(path.read_text(encoding="utf-8"))))
        _check({name: value for name, value in settings.items() if value is not None or name != "patience"})
        return settings
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: expected the settings of a run, got a corrupted file: {error}") from error
