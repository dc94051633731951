"""A checkpoint: everything that the rest of a training run depends on, so that a resumed run repeats it bit for bit.

Arrays: model/<name>, best/<name>, optimizer/<name>, schedule/<name>, stream/<layer>, loader. JSON in the metadata: the
history so far, and the settings, which must be the same when the run goes on.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cuarzo.data.loader import Loader
from cuarzo.history import History
from cuarzo.nn import Module
from cuarzo.optim import Optimizer, Schedule
from cuarzo.storage import Arrays, load_arrays, save_arrays

NAME = "checkpoint.safetensors"
FORMAT = "cuarzo checkpoint 1"


@dataclass
class State:
    """What a training run changes while it goes on."""

    model: Module
    optimizer: Optimizer
    schedule: Schedule | None
    loader: Loader
    history: History
    best: Arrays = field(default_factory=dict)  # the weights of the best epoch, kept where early stopping wants them

    def save(self, path: Path, settings: dict[str, Any]) -> None:
        """Write the checkpoint, atomically. Raises OSError (disk full, folder gone); the old file is then unchanged."""
        notes = {"format": FORMAT, "settings": json.dumps(settings), "history": self.history.to_json()}
        save_arrays(path, self._arrays(), notes)

    def load(self, path: Path, settings: dict[str, Any]) -> None:
        """Go on from the checkpoint at `path`.

        Raises FileNotFoundError, and ValueError for a file that is corrupted, no checkpoint, or of a run with other
        `settings`: each difference is named. Nothing is changed unless all fits.
        """
        arrays, notes = load_arrays(path)
        if notes.get("format") != FORMAT:
            raise ValueError(f"{path}: expected {FORMAT!r}, got {notes.get('format', 'another file')!r}")
        differences = compare(json.loads(notes["settings"]), settings)
        if differences:
            raise ValueError(f"{path} belongs to another run: " + "; ".join(differences))
        self.model.load_state_dict(_part(arrays, "model"))
        self.optimizer.load_state_dict(_part(arrays, "optimizer"))
        if self.schedule is not None:
            self.schedule.load_state_dict(_part(arrays, "schedule"))
        for name, stream in self.model.named_streams():
            stream.load_state(arrays[f"stream/{name}"])
        self.loader.load_state(arrays["loader"])
        self.best = _part(arrays, "best")
        self.history.load_json(notes["history"])

    def _arrays(self) -> Arrays:
        parts: dict[str, Any] = {"model": self.model.state_dict(), "best": self.best}
        parts["optimizer"] = self.optimizer.state_dict()
        parts["schedule"] = self.schedule.state_dict() if self.schedule is not None else {}
        parts["stream"] = {name: stream.state() for name, stream in self.model.named_streams()}
        flat = {f"{part}/{name}": np.asarray(value) for part, values in parts.items() for name, value in values.items()}
        return {**flat, "loader": self.loader.state()}


def _part(arrays: Arrays, part: str) -> Arrays:
    return {name.removeprefix(part + "/"): array for name, array in arrays.items() if name.startswith(part + "/")}


def compare(stored: dict[str, Any], now: dict[str, Any], path: str = "") -> list[str]:
    """Each setting that differs, as `name: … in the checkpoint, … now`."""
    found = []
    for name in sorted({*stored, *now}):
        old, new = stored.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += compare(old, new, f"{path}{name}.")
        elif old != new:
            found.append(f"{path}{name}: {_shown(old)} in the checkpoint, {_shown(new)} now")
    return found


def _shown(value: Any) -> str:
    return "absent" if value is None else str(value)
