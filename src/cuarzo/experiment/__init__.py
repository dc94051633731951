"""One experiment: from a handful of settings to a folder with a trained model, its figures and its record.

    folder.py           the folder: may it be written, is it ours, is it empty
    classification.py   what belongs to a classifier: accuracy, confusion matrix, first-layer weights
    energy.py           what belongs to an energy model: learning by sampling, likelihood, reconstructions, samples

The folder holds settings.json and checkpoint.safetensors from the start; history.csv, the pictures, model.safetensors
and, last of all, run.json at the end. Each is written whole or not at all.
"""

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from cuarzo import data, kernels, models, nn, optim, plots, random, train
from cuarzo.checkpoint import NAME
from cuarzo.experiment import classification, energy
from cuarzo.experiment.folder import check_ours, clear, prepare
from cuarzo.history import History
from cuarzo.settings import FILE as SETTINGS
from cuarzo.settings import OPTIMIZERS, SCHEDULES, Settings, model_options
from cuarzo.storage import save_arrays, write_text
from cuarzo.study import machine


def run(
    settings: Settings, folder: Path, resume: bool = False, command: str = "", say: Callable[[str], None] = print
) -> dict:
    """Train, evaluate once on the test data, write everything into `folder`; return what run.json holds."""
    started = time.perf_counter()
    kernels.use(settings.backend)
    if not resume:
        check_ours(folder)
    prepare(folder)
    task = _task(settings)
    dataset = task.prepared(_in_dtype(data.load(settings.data, settings.seed), settings.dtype), settings)
    before = (folder / SETTINGS).read_text(encoding="utf-8") if resume else None
    if not resume:
        clear(folder)
    write_text(folder / SETTINGS, json.dumps(asdict(settings), indent=2) + "\n")
    say(machine.line())

    random.seed(settings.seed)
    model, optimizer = _build(settings)
    task.begin(model, dataset.x_train)
    try:
        history = train.fit(
            model,
            dataset.train,
            dataset.valid,
            epochs=settings.epochs,
            optimizer=optimizer,
            schedule=SCHEDULES[settings.schedule](optimizer, settings.epochs),
            patience=settings.patience,
            batch_size=settings.batch_size,
            folder=folder,
            resume=resume,
            **task.fit_options(settings),
        )
    except ValueError:  # refused: the run in the folder is still what it was
        if before is not None:
            write_text(folder / SETTINGS, before)
        raise
    kept = history.best_epoch if settings.patience else len(history)
    if settings.refit:
        say(f"refit: a fresh model on training and validation data together, {kept} epochs")
        model = _refit(settings, dataset, history.column("lr")[:kept], folder / "refit", say)

    tested, seen = task.test(model, dataset)  # the only look at the test data
    record = {
        **tested,
        **task.validated(history, kept),
        "epochs": len(history),
        "weights_of_epoch": kept,
        "seed": settings.seed,
        "settings": asdict(settings),
        **machine.describe(),
        "wall_time_seconds": round(time.perf_counter() - started, 3),
        "training_seconds": round(sum(history.column("seconds")), 3),
        "resumed": resume,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
    }
    _write(folder, settings, task, model, history, dataset, record, seen)
    return record


def command_line(arguments: list[str]) -> str:
    return shlex.join(["cuarzo", *arguments])


def _task(settings: Settings) -> ModuleType:
    return energy if settings.model in models.ENERGY else classification


def _in_dtype(dataset: data.Dataset, dtype: str) -> data.Dataset:
    if dtype == "float32":
        return dataset
    parts = {name: getattr(dataset, name).astype(dtype) for name in ("x_train", "x_valid", "x_test")}
    return replace(dataset, **parts)


def _build(settings: Settings) -> tuple[Any, optim.Optimizer]:
    model = models.build(settings.model, dtype=np.dtype(settings.dtype), **model_options(settings))
    make, _ = OPTIMIZERS[settings.optimizer]
    return model, make(model.parameters(), settings.lr)


def _refit(settings: Settings, dataset: data.Dataset, rates: list[float], folder: Path, say: Callable) -> nn.Module:
    """All that the validation data decided is fixed now: the number of epochs, and each epoch's learning rate."""
    random.seed(settings.seed)
    model, optimizer = _build(settings)
    _task(settings).begin(model, dataset.train_and_valid[0])
    resume = (folder / NAME).is_file()
    try:
        train.fit(
            model,
            dataset.train_and_valid,
            epochs=len(rates),
            batch_size=settings.batch_size,
            optimizer=optimizer,
            schedule=_Replay(optimizer, rates),
            folder=folder,
            resume=resume,
            **_task(settings).fit_options(settings),
        )
    except ValueError as error:
        if not resume:
            raise
        say(f"refit: begins anew, for its checkpoint does not fit: {error}")  # such as one of fewer epochs
        (folder / NAME).unlink()
        return _refit(settings, dataset, rates, folder, say)
    return model


class _Replay(optim.Schedule):
    """Repeats the learning rates of an earlier run."""

    saved = ("epoch",)

    def __init__(self, optimizer: optim.Optimizer, rates: list[float]):
        super().__init__(optimizer)
        self.rates = rates
        optimizer.lr = rates[0] if rates else optimizer.lr

    def _rate(self) -> float:
        return self.rates[min(self.epoch, len(self.rates) - 1)]


def _write(
    folder: Path,
    settings: Settings,
    task: ModuleType,
    model: Any,
    history: History,
    dataset: data.Dataset,
    record: dict,
    seen: Any,
) -> None:
    title = f"{settings.model} on {settings.data}"
    history.write_csv(folder / "history.csv")
    marked = record["weights_of_epoch"] if settings.patience else None
    plots.curves(history, folder / "curves.png", title, marked, task.LOSS)
    task.draw(folder, title, model, dataset, record, seen)
    notes = {"model": settings.model, "settings": json.dumps(asdict(settings))}
    save_arrays(folder / "model.safetensors", model.state_dict(), notes)
    write_text(folder / "run.json", json.dumps(record, indent=2) + "\n")
