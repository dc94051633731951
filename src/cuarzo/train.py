"""fit(): the training loop, once, for every model."""

import math
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cuarzo import ops, optim
from cuarzo.checkpoint import NAME, State, backend, describe, fingerprint, plain
from cuarzo.data.augment import Augmentation
from cuarzo.data.dataset import Part
from cuarzo.data.loader import Loader
from cuarzo.evaluation import Loss, RunningMean, evaluate, loss_of
from cuarzo.history import Epoch, History
from cuarzo.names import check_count
from cuarzo.nn import Module
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array

Step = Callable[[Any, Array], float]
Measure = Callable[[Any, Part], tuple[float, float | None]]
Learn = Callable[[Module, Array, Array], tuple[float, Array | None]]


class DivergedError(ArithmeticError):
    """The loss or a weight is no longer finite; the message says at which step, and where the last good state lies."""


def fit(
    model: Module,
    train: Part,
    validation: Part | None = None,
    *,
    epochs: int,
    batch_size: int = 64,
    optimizer: optim.Optimizer | None = None,
    loss: Loss = ops.cross_entropy,
    step: Step | None = None,
    measure: Measure | None = None,
    schedule: optim.Schedule | None = None,
    patience: int | None = None,
    clip: float | None = None,
    augment: Augmentation | None = None,
    seed: int | None = None,
    folder: Path | str | None = None,
    resume: bool = False,
    progress: bool = True,
) -> History:
    """Train `model` on `train` = (x, y) for `epochs` passes in mini-batches, and return what happened.

    validation  (x, y): looked at after each epoch, never learned from. Early stopping and plateau schedules need it.
    optimizer   holds the model's parameters; Adam with its defaults if None.
    loss        a mean over the batch, called with the output and y: integer labels as an array, others as a Tensor.
    step        for a rule that is no gradient of a loss, such as contrastive divergence: step(model, x), in place of
                forward pass, loss and backward pass, sets the parameters' gradients and returns the number to report.
    measure     (model, part) -> (loss, accuracy or None) of the validation data; evaluation.evaluate if None.
    schedule    its step(validation loss) is called after each epoch.
    patience    stop when the validation loss has found no new minimum for so many epochs, and put back the weights
                of the best epoch.
    clip        the largest 2-norm of all gradients together.
    augment     varies each training batch, such as data.Shift(1).
    seed        of the order of the samples and their augmentation; None: the next key of the process, recorded as
                `history.key`.
    folder      where a checkpoint is kept, after each epoch and before the first. resume=True goes on from there: the
                result is, bit for bit, that of a run which was never interrupted. `epochs` may be larger than before,
                unless the schedule was made from their number: a CosineAnnealingLR of another T_max is another run.

    Raises ValueError for settings that do not fit (and for a checkpoint of other ones, naming them), DivergedError when
    the loss is not finite, OSError when the checkpoint cannot be written. Ctrl-C leaves the checkpoint of the last
    whole epoch.
    """
    optimizer = optim.Adam(model.parameters()) if optimizer is None else optimizer
    _check(epochs, patience, clip, train, validation, folder, resume)
    _check_schedule(schedule, optimizer, validation)
    if not {id(p) for p in optimizer.params} & {id(p) for p in model.parameters()}:
        raise ValueError(
            "fit: optimizer holds none of the model's parameters: expected one made from model.parameters()"
        )
    loader = Loader(*train, batch_size, seed=seed, augment=augment)
    state = State(model, optimizer, schedule, loader, History(key=loader.key))
    learn = partial(_gradient_step, loss=loss) if step is None else partial(_own_step, step=step)
    measured = partial(evaluate, loss=loss) if measure is None else measure
    path = None if folder is None else Path(folder) / NAME
    settings = _settings(
        state,
        train,
        validation,
        loss,
        step=describe(step),
        measure=describe(measure),
        batch_size=plain(batch_size),
        patience=plain(patience),
        clip=plain(clip),
        augment=describe(augment),
        seed=plain(seed),
    )
    history = state.history
    if path is not None:
        _open(state, path, settings, epochs, resume)
        history.key = loader.key
    while len(history) < epochs and not (patience and len(history) - history.best_epoch >= patience):
        try:
            history.epochs.append(_epoch(state, validation, learn, measured, clip, epochs, progress))
        except DivergedError as error:
            kept = (
                f"the last good state (after epoch {len(history)}) is in {path}" if path else "no folder, no checkpoint"
            )
            raise DivergedError(f"{error}; {kept}") from None
        if patience and history.best_epoch == len(history):
            state.best = model.state_dict()
        if schedule is not None:
            schedule.step(history.epochs[-1].valid_loss)
        if path is not None:
            state.save(path, settings)
    if state.best:
        model.load_state_dict(state.best)
    return history


def _check(epochs, patience, clip, train, validation, folder, resume) -> None:
    check_count("fit: epochs", epochs, 0)
    for name, part in (("train", train), ("validation", validation)):
        if not (isinstance(part, tuple | list) and len(part) == 2) and (part is not None or name == "train"):
            raise TypeError(f"fit: {name} is a {type(part).__name__}, expected a pair (x, y)")
    if patience is not None:
        check_count("fit: patience", patience, 1)
        if validation is None:
            raise ValueError(f"fit: patience is {patience}, validation absent: expected validation data to judge by")
    if clip is not None and not clip > 0:
        raise ValueError(f"fit: clip is {clip}, expected a norm above 0")
    if resume and folder is None:
        raise ValueError("fit: resume=True needs the folder that holds the checkpoint, got folder=None")


def _check_schedule(schedule, optimizer, validation) -> None:
    if schedule is not None and schedule.optimizer is not optimizer:
        raise ValueError("fit: schedule was made for another optimizer: expected one made from the optimizer given")
    if isinstance(schedule, optim.ReduceLROnPlateau) and validation is None:
        raise ValueError(
            "fit: schedule is a ReduceLROnPlateau, which follows the validation loss: expected validation data"
        )


def _open(state: State, path: Path, settings: dict, epochs: int, resume: bool) -> None:
    """Go on from the checkpoint, or write the first one: a folder that cannot be written shows before training."""
    if not resume:
        path.parent.mkdir(parents=True, exist_ok=True)
        state.save(path, settings)
        return
    state.load(path, settings, epochs)


def _settings(state: State, train: Part, validation: Part | None, loss: Loss, **options: Any) -> dict[str, Any]:
    """All that decides how the run goes on, apart from the state: a resumed run must agree on it."""
    names = {id(parameter): name for name, parameter in state.model.named_parameters()}
    return {
        "parameter": {name: f"{a.dtype} {a.shape}" for name, a in state.model.state_dict().items()},
        "layer": {
            name: repr(module) for name, module in state.model.named_modules() if not any(module.named_children())
        },
        "optimizer": {
            **describe(state.optimizer),
            "lr": plain(getattr(state.schedule, "base_lr", state.optimizer.lr)),
            "parameters": [f"{names.get(id(p), 'not in the model')} {p.shape}" for p in state.optimizer.params],
        },
        "schedule": describe(state.schedule),
        "loss": describe(loss),
        "training data": fingerprint(train),
        "validation data": None if validation is None else fingerprint(validation),
        "backend": backend(),
        **options,
    }


def _epoch(
    state: State,
    validation: Part | None,
    learn: Learn,
    measure: Measure,
    clip: float | None,
    epochs: int,
    progress: bool,
) -> Epoch:
    from tqdm import tqdm

    number, lr, started = len(state.history) + 1, float(state.optimizer.lr), time.perf_counter()
    label = f"epoch {number}/{epochs}"
    disabled = None if progress else True  # None: no bar where the output is not a terminal
    with tqdm(total=len(state.loader.x), desc=label, unit="sample", leave=False, disable=disabled) as bar:
        mean = _train(state, learn, clip, number, bar)
    rate = mean.count / (time.perf_counter() - started)
    valid_loss, valid_accuracy = (None, None) if validation is None else measure(state.model, validation)
    seconds = time.perf_counter() - started
    row = Epoch(number, mean.loss, mean.accuracy, valid_loss, valid_accuracy, lr, seconds)
    if not (valid_loss is None or math.isfinite(valid_loss)) or not _finite(state.model):
        raise DivergedError(
            f"fit: after the last step of epoch {number} the validation loss is {valid_loss}, or a weight is not finite"
        )
    if progress:
        tqdm.write(f"{label}: {_sentence(row)}, {rate:,.0f} samples/s", file=sys.stderr)
    return row


@np.errstate(over="ignore", invalid="ignore")  # where that does harm, DivergedError says it in one sentence
def _train(state: State, learn: Learn, clip: float | None, number: int, bar: Any) -> RunningMean:
    """One pass over the training data."""
    model, optimizer, mean = state.model, state.optimizer, RunningMean()
    model.train()
    for count, (x, y) in enumerate(state.loader, 1):
        optimizer.zero_grad()
        value, output = learn(model, x, y)
        if not math.isfinite(value):
            before = (number - 1) * len(state.loader)
            raise DivergedError(f"fit: the loss is {value} at step {before + count} (epoch {number}, batch {count})")
        if clip is not None:
            optim.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        mean.add(value, output, y)
        bar.set_postfix_str(mean.shown(), refresh=False)
        bar.update(len(y))
    return mean


def _gradient_step(model: Module, x: Array, y: Array, loss: Loss) -> tuple[float, Array | None]:
    """Forward, loss, backward."""
    output = model(Tensor(x))
    value = loss_of(loss, output, y)
    if math.isfinite(value.item()):
        value.backward()
    return value.item(), output.data


def _own_step(model: Module, x: Array, y: Array, step: Step) -> tuple[float, Array | None]:
    return float(step(model, x)), None


def _finite(model: Module) -> bool:
    return all(np.isfinite(array).all() for array in model.state_dict().values() if array.dtype.kind == "f")


def _sentence(row: Epoch) -> str:
    parts = {"loss": row.train_loss, "accuracy": row.train_accuracy}
    parts |= {"validation loss": row.valid_loss, "validation accuracy": row.valid_accuracy}
    return ", ".join(f"{name} {value:.4f}" for name, value in parts.items() if value is not None)
