"""The command line: `cuarzo info`, `train`, `bench`, `warmup`. Options only; the work is done elsewhere.

Exit codes: 0; 1 what was asked for failed; 2 it could not be understood; 130 interrupted by Ctrl-C.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="cuarzo: a deep-learning engine that one can see through.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """The entry point of `cuarzo` and `python -m cuarzo`."""
    try:
        app()
    except KeyboardInterrupt:  # before a command had begun
        typer.echo("cuarzo: interrupted", err=True)
        sys.exit(130)


@app.command()
def info() -> None:
    """Show CPU, build, threads, BLAS, and which kernel exists in which backend."""
    from cuarzo.study import report

    with _plain_errors():
        typer.echo(report.info())


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="softmax, mlp, lenet5, cnn, rnn, lstm, gru or rbm")],
    data: Annotated[str, typer.Option(help="digits, mnist or fashion_mnist")] = "digits",
    epochs: Annotated[
        int | None,
        typer.Option(
            help="passes over the training data [default: suits model and data]; with --resume a larger number is for "
            "the schedules none and plateau only: the others are laid out over it"
        ),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="samples a step [default: suits model and data]")] = None,
    lr: Annotated[float | None, typer.Option(help="learning rate [default: suits model, data and optimizer]")] = None,
    optimizer: Annotated[str | None, typer.Option(help="sgd, momentum, nesterov, rmsprop, adam or adamw")] = None,
    schedule: Annotated[
        str | None, typer.Option(help="of the learning rate: none, linear, step, cosine or plateau")
    ] = None,
    shift: Annotated[
        int | None,
        typer.Option(help="move training images at random by up to so many pixels [default: suits the data]"),
    ] = None,
    hidden: Annotated[
        int | None, typer.Option(help="hidden units of mlp, rnn, lstm, gru or rbm [default: the model's own number]")
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="of rbm: pcd (persistent contrastive divergence) or cd [default: pcd]")
    ] = None,
    gibbs_steps: Annotated[int | None, typer.Option(help="of either [default: 1]")] = None,
    patience: Annotated[
        int | None, typer.Option(help="stop after so many epochs without a better validation loss [default: never]")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help="auto, naive, numpy, numba, cython or cpp [default: auto]")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="float32 or float64 [default: float32]")] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            help="CPU threads [default: all]; the result does not depend on it, except with the numpy backend, whose "
            "BLAS rounds differently at another number"
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="of everything random [default: drawn, and recorded in run.json]")
    ] = None,
    out: Annotated[str | None, typer.Option(help="folder for the results [default: runs/MODEL-DATA]")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="go on with the run in the folder, with its settings")
    ] = False,
    refit: Annotated[
        bool, typer.Option("--refit", help="then train anew on training and validation data, all settings fixed")
    ] = False,
) -> None:
    """Train MODEL and evaluate it once on the test data.

    A new run replaces the files of an older one in its folder, and only those; with --resume it goes on instead.
    """
    given: dict[str, Any] = dict(
        model=model,
        data=data,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        optimizer=optimizer,
        schedule=schedule,
        shift=shift,
        patience=patience,
        backend=backend,
        dtype=dtype,
        seed=seed,
        refit=refit or None,
        hidden=hidden,
        method=method,
        gibbs_steps=gibbs_steps,
    )
    if out == "":
        _fail(ValueError("--out is empty, expected a folder; `--out .` is this one"), 2)
    folder = Path(out or f"runs/{model}-{data}")
    with _plain_errors(), _interruptible(folder):
        from cuarzo import experiment, kernels, set_num_threads
        from cuarzo.settings import plan, stored_settings

        stored = stored_settings(folder) if resume else None
        with _usage_errors():
            settings = plan(given, stored)
            kernels.use(settings.backend)
            if threads is not None:
                set_num_threads(threads)
        record = experiment.run(settings, folder, resume, experiment.command_line(sys.argv[1:]), typer.echo)
        seconds = record["wall_time_seconds"]
        tested = [f"{name.replace('_', ' ')} {value:.4f}" for name, value in record.items() if name[:5] == "test_"]
        typer.echo(f"{', '.join(tested)} in {seconds:.1f} s; all files in {folder}/")


@app.command()
def bench(
    kernel: Annotated[str, typer.Argument(help="a kernel such as conv2d_forward; `cuarzo info` lists them")],
    backend: Annotated[list[str] | None, typer.Option(help="only these backends; may be repeated")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads")] = 1,
    dtype: Annotated[str, typer.Option(help="float32 or float64")] = "float32",
) -> None:
    """Check, then time KERNEL in each backend, on the sizes of the course."""
    with _plain_errors(), _interruptible(None):
        from cuarzo.study import bench as benchmark

        with _usage_errors():
            benchmark.check_arguments(kernel, backend, dtype, threads)
        for line in benchmark.lines(kernel, backend, dtype, threads):
            typer.echo(line)


@app.command()
def warmup() -> None:
    """Compile Numba's kernels and keep them on disk, so that later processes start without compiling."""
    with _plain_errors(), _interruptible(None):
        from cuarzo.study import warmup as warming

        for line in warming.lines():
            typer.echo(line)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """One line instead of a traceback, for what can go wrong without a fault of ours."""
    try:
        yield
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except (ValueError, OSError, RuntimeError, ArithmeticError, ImportError, MemoryError) as error:
        if isinstance(error, typer.Exit):
            raise
        _fail(error, 1)


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError) as error:
        _fail(error, 2)


def _fail(error: Exception, code: int) -> None:
    message = str(error)
    if isinstance(error, OSError) and error.strerror:  # without "[Errno 28]", which nobody needs
        message = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    typer.echo(f"cuarzo: error: {message}", err=True)
    raise typer.Exit(code) from None


@contextmanager
def _interruptible(folder: Path | None) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        kept = folder is not None and (folder / "checkpoint.safetensors").is_file()
        hint = f"; the last whole epoch is kept in {folder}/: go on with --resume" if kept else ""
        typer.echo(f"cuarzo: interrupted{hint}", err=True)
        raise typer.Exit(130) from None
