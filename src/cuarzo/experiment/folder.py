"""The folder of an experiment: nothing of somebody else's is replaced, and what cannot be written shows at once."""

from contextlib import suppress
from pathlib import Path

from cuarzo.checkpoint import NAME
from cuarzo.experiment import classification, energy
from cuarzo.settings import FILE as SETTINGS
from cuarzo.settings import is_run
from cuarzo.storage import write_atomic

PICTURES = ("curves.png", *classification.PICTURES, *energy.PICTURES)
FILES = tuple(dict.fromkeys(("history.csv", *PICTURES, "model.safetensors", "run.json", NAME, f"refit/{NAME}")))


def prepare(folder: Path) -> None:
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


def check_ours(folder: Path) -> None:
    """Refuse a folder with files under our names that are no cuarzo run's: they would be replaced."""
    taken = [name for name in (*FILES, SETTINGS) if (folder / name).exists()]
    if taken and not is_run(folder):
        raise ValueError(
            f"{folder} holds {', '.join(taken)}, but no {SETTINGS} of an earlier run: nothing there is replaced; "
            "choose another folder with --out, or move these files away"
        )


def clear(folder: Path) -> None:
    """A new run replaces an older one in its folder: no file of that one may pass for a result of this one."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # not there, or with files of somebody else
        (folder / "refit").rmdir()
