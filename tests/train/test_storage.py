"""Files are whole or not there; what was altered is refused by name."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cuarzo import storage
from cuarzo.storage import load_arrays, save_arrays, write_atomic

ARRAYS = {
    "a": np.arange(12, dtype=np.float32).reshape(3, 4),
    "turned": np.arange(12, dtype=np.float64).reshape(3, 4).T,
    "sliced": np.arange(12)[::3],
    "scalar": np.array(2.5),
    "empty": np.zeros((0, 3), np.float32),
    "state": np.array([2**64 - 1, 7], np.uint64),
}


def test_arrays_come_back_bit_for_bit(tmp_path):
    save_arrays(tmp_path / "f", ARRAYS, {"note": "día"})
    arrays, notes = load_arrays(tmp_path / "f")
    assert notes == {"note": "día"} and set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype and np.array_equal(arrays[name], array), name


def test_equal_content_makes_equal_files(tmp_path):
    for name in "abcdef":
        save_arrays(tmp_path / name, ARRAYS, {"one": "1", "two": "2", "three": "3", "four": "4"})
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_a_file_of_another_program_is_read(tmp_path):
    from safetensors.numpy import save_file

    save_file({"w": np.ones(3)}, tmp_path / "theirs", {"format": "np"})
    arrays, notes = load_arrays(tmp_path / "theirs")
    assert arrays["w"].tolist() == [1, 1, 1] and notes == {"format": "np"}


def test_every_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "model.safetensors"
    save_arrays(path, {"w": np.arange(3, dtype=np.float32)}, {"note": "x"})
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 4]) + whole[i + 1 :])
        try:
            arrays, notes = load_arrays(path)
        except ValueError as refusal:
            assert str(path) in str(refusal)
        else:  # padding, or the one key that marks the file as ours: the arrays themselves are whole
            assert np.array_equal(arrays["w"], np.arange(3, dtype=np.float32)) and notes.get("note") in ("x", None)


@pytest.mark.parametrize("length", [0, 5, 40, -1])
def test_a_file_cut_short_is_refused_by_name(tmp_path, length):
    path = tmp_path / "model.safetensors"
    save_arrays(path, ARRAYS)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"model\.safetensors: expected a whole safetensors file"):
        load_arrays(path)


def test_a_pickle_is_refused_and_never_run(tmp_path):
    import pickle

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    (tmp_path / "m").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="expected a whole safetensors file"):
        load_arrays(tmp_path / "m")
    assert not (tmp_path / "sprung").exists()


def _headed(header):
    return len(header).to_bytes(8, "little") + header + bytes(4)


@pytest.mark.parametrize(
    "header",
    [
        b'{"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}',
        b'{"w":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}',
        b'{"__metadata__":{"cuarzo":"[1]"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        b'{"__metadata__":{"cuarzo":"' + b"[" * 100_000 + b'"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    ],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path, header):
    (tmp_path / "odd").write_bytes(_headed(header))
    with pytest.raises(ValueError, match="odd: expected"):
        load_arrays(tmp_path / "odd")


def test_any_byte_order_is_saved(tmp_path):
    save_arrays(tmp_path / "f", {"w": np.arange(3, dtype=">f4"), "n": np.array(5, ">i8")})
    arrays, _ = load_arrays(tmp_path / "f")
    assert arrays["w"].tolist() == [0, 1, 2] and arrays["n"] == 5


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_arrays(tmp_path / "nowhere")


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_full_disk_leaves_the_old_file_and_no_part(tmp_path, monkeypatch, failing):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "f"
    write_atomic(path, b"old")
    monkeypatch.setattr(storage.os, failing, full)
    with pytest.raises(OSError, match=r"cannot write .*f: No space left on device") as refusal:
        write_atomic(path, b"new")
    assert refusal.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["f"]


def test_ctrl_c_while_writing_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    write_atomic(tmp_path / "f", b"old")
    monkeypatch.setattr(storage.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "f", b"new")
    assert os.listdir(tmp_path) == ["f"] and (tmp_path / "f").read_bytes() == b"old"


WRITER = """
import os, sys
from cuarzo import storage
fsync, path = os.fsync, sys.argv[1]
def slow(handle):           # the bytes are out, the name has not moved: say so, and wait for the end
    print("writing", flush=True)
    sys.stdin.read()
storage.write_atomic(path, b"old" * 1000)
storage.os.fsync = slow
storage.write_atomic(path, b"new" * 1000)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_kill_9_while_writing_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "f"
    command = [sys.executable, "-c", WRITER, str(path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"writing\n"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old" * 1000 and Path(f"{path}.part").exists()
    write_atomic(path, b"third")  # what the dead one left is in nobody's way
    assert path.read_bytes() == b"third" and os.listdir(tmp_path) == ["f"]
