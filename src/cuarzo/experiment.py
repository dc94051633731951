"""One experiment: from a handful of settings to a folder with a trained model, its figures and its record.

The folder holds settings.json and checkpoint.safetensors from the start; history.csv, curves.png, filters.png,
confusion.png, model.safetensors and, last of all, run.json at the end. Each is written whole or not at all.
"""

import json
import math
import shlex
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from cuarzo import data, evaluation, kernels, metrics, models, nn, optim, plots, random, train
from cuarzo.checkpoint import NAME
from cuarzo.history import History
from cuarzo.settings import FILE as SETTINGS
from cuarzo.settings import OPTIMIZERS, SCHEDULES, Settings, is_run
from cuarzo.storage import save_arrays, write_atomic, write_text
from cuarzo.study import machine

RESULTS = ("history.csv", "curves.png", "filters.png", "confusion.png", "model.safetensors", "run.json")
FILES = (*RESULTS, NAME, f"refit/{NAME}")


def run(
    settings: Settings, folder: Path, resume: bool = False, command: str = "", say: Callable[[str], None] = print
) -> dict:
    """Train, evaluate once on the test data, write everything into `folder`; return what run.json holds."""
    started = time.perf_counter()
    kernels.use(settings.backend)
    if not resume:
        _check_ours(folder)
    _prepare(folder)
    dataset = _in_dtype(data.load(settings.data, settings.seed), settings.dtype)
    if settings.shift > min(dataset.x_train.shape[2:]):
        raise ValueError(f"--shift is {settings.shift}, expected at most the image's size, {dataset.x_train.shape[2:]}")
    before = (folder / SETTINGS).read_text(encoding="utf-8") if resume else None
    if not resume:
        _clear(folder)
    write_text(folder / SETTINGS, json.dumps(asdict(settings), indent=2) + "\n")
    say(machine.line())

    random.seed(settings.seed)
    model, optimizer = _build(settings)
    schedule = SCHEDULES[settings.schedule](optimizer, settings.epochs)
    try:
        history = train.fit(
            model,
            dataset.train,
            dataset.valid,
            epochs=settings.epochs,
            optimizer=optimizer,
            schedule=schedule,
            patience=settings.patience,
            batch_size=settings.batch_size,
            augment=_augmentation(settings),
            folder=folder,
            resume=resume,
        )
    except ValueError:  # refused: the run in the folder is still what it was
        if before is not None:
            write_text(folder / SETTINGS, before)
        raise
    kept = history.best_epoch if settings.patience else len(history)
    if settings.refit:
        say(f"refit: a fresh model on training and validation data together, {kept} epochs")
        model = _refit(settings, dataset, history.column("lr")[:kept], folder / "refit", say)

    predicted = evaluation.predict(model, dataset.x_test).argmax(axis=1)  # the only look at the test data
    record = {
        "test_accuracy": metrics.accuracy(predicted, dataset.y_test),
        "valid_accuracy": history.column("valid_accuracy")[kept - 1] if kept else None,
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
    _write(folder, settings, model, history, dataset, predicted, record)
    return record


def command_line(arguments: list[str]) -> str:
    return shlex.join(["cuarzo", *arguments])


def _prepare(folder: Path) -> None:
    """Find out now, not after an hour, that the folder cannot be made or written, or that its disk is full."""
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"cannot make the output folder {folder}: {error.strerror}") from error
    probe = folder / ".probe"
    try:
        write_atomic(probe, bytes(4 * 2**20))  # about what a run leaves
    except OSError:
        if made:
            folder.rmdir()
        raise
    probe.unlink()


def _check_ours(folder: Path) -> None:
    """Refuse a folder with files under our names that are no cuarzo run's: they would be replaced."""
    taken = [name for name in (*FILES, SETTINGS) if (folder / name).exists()]
    if taken and not is_run(folder):
        raise ValueError(
            f"{folder} holds {', '.join(taken)}, but no {SETTINGS} of an earlier run: nothing there is replaced; "
            "choose another folder with --out, or move these files away"
        )


def _clear(folder: Path) -> None:
    """A new run replaces an older one in its folder: no file of that one may pass for a result of this one."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # not there, or with files of somebody else
        (folder / "refit").rmdir()


def _in_dtype(dataset: data.Dataset, dtype: str) -> data.Dataset:
    if dtype == "float32":
        return dataset
    parts = {name: getattr(dataset, name).astype(dtype) for name in ("x_train", "x_valid", "x_test")}
    return replace(dataset, **parts)


def _build(settings: Settings) -> tuple[nn.Module, optim.Optimizer]:
    model = models.build(settings.model, dtype=np.dtype(settings.dtype))
    make, _ = OPTIMIZERS[settings.optimizer]
    return model, make(model.parameters(), settings.lr)


def _augmentation(settings: Settings) -> data.Augmentation | None:
    return data.Shift(settings.shift) if settings.shift else None


def _refit(settings: Settings, dataset: data.Dataset, rates: list[float], folder: Path, say: Callable) -> nn.Module:
    """All that the validation data decided is fixed now: the number of epochs, and each epoch's learning rate."""
    random.seed(settings.seed)
    model, optimizer = _build(settings)
    resume = (folder / NAME).is_file()
    try:
        train.fit(
            model,
            dataset.train_and_valid,
            epochs=len(rates),
            batch_size=settings.batch_size,
            augment=_augmentation(settings),
            optimizer=optimizer,
            schedule=_Replay(optimizer, rates),
            folder=folder,
            resume=resume,
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


def first_layer_images(model: nn.Module) -> np.ndarray:
    """The weights that look at the image, as images: (F, R, S) of a convolution, (U, 28, 28) of a linear layer."""
    weights = next(array for array in model.state_dict().values() if array.ndim > 1)
    if weights.ndim == 4:
        return weights.mean(axis=1)
    side = math.isqrt(weights.shape[1])
    return weights.reshape(len(weights), side, side)


def _write(folder, settings: Settings, model, history: History, dataset: data.Dataset, predicted, record: dict) -> None:
    title = f"{settings.model} on {settings.data}"
    names = dataset.classes if settings.model == "softmax" else None
    kept = record["weights_of_epoch"] if settings.patience else None
    matrix = metrics.confusion_matrix(predicted, dataset.y_test, len(dataset.classes))
    history.write_csv(folder / "history.csv")
    plots.curves(history, folder / "curves.png", title, kept)
    plots.filters(first_layer_images(model), folder / "filters.png", f"{title}: first-layer weights", names)
    accuracy = f"{record['test_accuracy']:.2%} of {len(predicted):,} test images right"
    plots.confusion(matrix, folder / "confusion.png", dataset.classes, f"{title}: {accuracy}")
    notes = {"model": settings.model, "settings": json.dumps(asdict(settings))}
    save_arrays(folder / "model.safetensors", model.state_dict(), notes)
    write_text(folder / "run.json", json.dumps(record, indent=2) + "\n")
