"""A checkpoint: everything that the rest of a training run depends on, so that a resumed run repeats it bit for bit.

Arrays: model/<name>, best/<name>, optimizer/<name>, schedule/<name>, stream/<layer>, loader. JSON in the metadata: the
history so far, and the settings, which must be the same when the run goes on: plain values, never an address, so that
another process finds them equal.
"""

import json
import zlib
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

from cuarzo import kernels
from cuarzo.data.dataset import Part
from cuarzo.data.loader import Loader
from cuarzo.history import History
from cuarzo.kernels.threads import get_num_threads
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

    def load(self, path: Path, settings: dict[str, Any], epochs: int) -> None:
        """Go on from the checkpoint at `path`, to have trained `epochs` in the end.

        Raises FileNotFoundError, and ValueError for a file that is corrupted, no checkpoint, of more epochs, or of a
        run with other `settings`: each difference is named. Nothing is changed unless all fits.
        """
        arrays, notes = load_arrays(path, signed=True)
        if notes.get("format") != FORMAT:
            raise ValueError(f"{path}: expected {FORMAT!r}, got {notes.get('format', 'another file')!r}")
        differences = compare(json.loads(notes["settings"]), settings)
        if differences:
            raise ValueError(f"{path} belongs to another run: " + "; ".join(differences))
        done = len(json.loads(notes["history"]))
        if done > epochs:
            raise ValueError(f"{path} has {done} epochs behind it, expected at most the {epochs} asked for")
        before = self._arrays(), self.history.to_json()
        try:
            self._take(arrays, notes["history"])
        except (ValueError, KeyError, TypeError) as error:
            self._take(*before)
            raise ValueError(f"{path}: expected the state of this run, got one that does not fit: {error}") from error

    def _take(self, arrays: Arrays, history: str) -> None:
        self.model.load_state_dict(_part(arrays, "model"))
        self.optimizer.load_state_dict(_part(arrays, "optimizer"))
        if self.schedule is not None:
            self.schedule.load_state_dict(_part(arrays, "schedule"))
        for name, stream in self.model.named_streams():
            stream.load_state(arrays[f"stream/{name}"])
        self.loader.load_state(arrays["loader"])
        self.best = _part(arrays, "best")
        self.history.load_json(history)

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


def describe(part: Any) -> dict[str, Any]:
    """Of a function its name and a checksum of its code; of an object its type and its numbers and texts.

    What the attribute `saved` of an object names is left out: it changes as training goes on.
    """
    if part is None:
        return {"type": "none"}
    if isinstance(part, partial):
        return {**_plain({**part.keywords, "args": part.args}), "type": "partial", "function": describe(part.func)}
    if isinstance(code := getattr(part, "__code__", None), CodeType):
        cells = dict(zip(code.co_freevars, (cell.cell_contents for cell in getattr(part, "__closure__", None) or ())))
        inner = _plain({**cells, "defaults": getattr(part, "__defaults__", None) or ()})
        return {**inner, "type": part.__qualname__, "code": zlib.crc32(_code(code).encode())}
    if not hasattr(part, "__dict__"):
        return {"type": getattr(part, "__qualname__", type(part).__qualname__)}
    saved = getattr(part, "saved", ())
    return {**_plain({k: v for k, v in vars(part).items() if k not in saved}), "type": type(part).__qualname__}


def plain(value: Any) -> Any:
    """A NumPy scalar as Python's number, a tuple as a list: as JSON gives it back."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """The entries that are numbers or text, or lists of them."""
    found = {name: plain(value) for name, value in values.items()}
    return {name: value for name, value in found.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return isinstance(value, int | float | str)


def _code(code: CodeType) -> str:
    """The instructions and the names and constants that they refer to, with those of inner functions."""
    constants = [_code(c) if isinstance(c, CodeType) else c for c in code.co_consts]
    # the order of a set of strings is another one in every process
    shown = [sorted(map(repr, c)) if isinstance(c, frozenset) else repr(c) for c in constants]
    return repr((code.co_code, code.co_names, shown))


def fingerprint(part: Part) -> dict[str, Any]:
    """Shapes, dtypes and a checksum of (x, y)."""
    x, y = (np.ascontiguousarray(array) for array in part)
    return {"x": f"{x.dtype} {x.shape}", "y": f"{y.dtype} {y.shape}", "crc32": zlib.crc32(y, zlib.crc32(x))}


def backend() -> dict[str, Any]:
    """Whose kernels compute: other ones, and another build of the C++ ones, round differently.

    So does NumPy's BLAS at another number of threads, which is recorded where it serves a product, and only there.
    """
    current = kernels.current()
    origins = current.origins()
    serving = sorted(set(origins.values()))
    found: dict[str, Any] = {"name": repr(current), "kernels": ", ".join(serving)}
    if "cpp" in serving:
        found["cpp build"] = import_module("cuarzo.kernels.cpp").BUILD
    products = {kernel for kernel, contract in kernels.CONTRACTS.items() if contract.family in kernels.PRODUCTS}
    if any(origin == "numpy" and kernel in products for kernel, origin in origins.items()):
        found["threads"] = get_num_threads()
    return found
