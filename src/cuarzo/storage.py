"""Files that are either whole or not there: atomic writing, and named arrays in safetensors with a checksum.

Nothing here unpickles: a file from a stranger can be wrong, but it cannot run code.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

Arrays = dict[str, np.ndarray]
KEY = "cuarzo"


def write_atomic(path: Path | str, content: bytes) -> None:
    """Write `content` to `path` so that a reader, or a crash at any moment, finds the old file or the new one.

    The bytes go to `<path>.part` in the same folder (os.replace is atomic within one file system only) and reach the
    disk before the name moves; the folder is synced afterwards, or else a power cut could undo the move.
    Raises OSError naming the file; the old file is then unchanged and no part is left.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _sync_folder(path.parent)
    except OSError as error:
        _discard(part)
        raise OSError(
            error.errno, f"cannot write {path}: {error.strerror or error}; nothing half written is left"
        ) from error
    except BaseException:
        _discard(part)
        raise


def write_text(path: Path | str, text: str) -> None:
    """`write_atomic` for UTF-8 text."""
    write_atomic(path, text.encode())


def _discard(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:  # the folder itself is the trouble: the first error is the one to report
        return


def _sync_folder(folder: Path) -> None:
    """Best effort: the new file is in its place by now, and a folder that cannot be opened must not deny that."""
    if os.name != "posix":  # Windows cannot open a folder, and needs no sync of it
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def save_arrays(path: Path | str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> None:
    """Write named arrays and string metadata as one safetensors file, atomically, with a checksum over all of it."""
    from safetensors.numpy import save

    # safetensors writes the buffer as it lies: an array that is not contiguous would be stored scrambled
    whole = {
        name: np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape)
        for name, array in arrays.items()
    }
    notes = dict(metadata or {})
    # all notes under one key: safetensors writes several in an order drawn anew, and equal files should be equal bytes
    header = json.dumps({**notes, "sha256": _checksum(whole, notes)}, sort_keys=True)
    write_atomic(path, save(whole, {KEY: header}))


def load_arrays(path: Path | str, signed: bool = False) -> tuple[Arrays, dict[str, str]]:
    """Read what `save_arrays` wrote: (arrays, metadata).

    Raises FileNotFoundError, and ValueError naming the file if it is no safetensors file, cut short, altered, or
    of a dtype that NumPy lacks. A file of another program has no checksum of ours, and is taken as it is, unless
    `signed` asks for one.
    """
    from safetensors import safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except OSError:
        raise
    except Exception as error:  # what a broken header or a dtype unknown to NumPy raises is of many types
        raise ValueError(f"{path}: expected a whole safetensors file, got one that cannot be read: {error}") from error
    if KEY not in metadata:
        if signed:
            raise ValueError(f"{path}: expected a checksum of cuarzo, got none: another file, or a corrupted header")
        return arrays, dict(metadata)
    try:
        notes = json.loads(metadata[KEY])
        stored = notes.pop("sha256")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: expected notes and a checksum, got a corrupted header: {error}") from error
    if stored != _checksum(arrays, notes):
        raise ValueError(f"{path}: expected content with checksum {stored}, got other bytes: the file is corrupted")
    return arrays, notes


def _checksum(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(repr(sorted(metadata.items())).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
