"""A resumed run is, bit for bit, one that was never interrupted; a checkpoint that does not fit is refused by name."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cuarzo import kernels, nn, optim, train
from cuarzo.checkpoint import NAME
from cuarzo.data import Shift
from cuarzo.storage import load_arrays, save_arrays

from . import small

EPOCHS = 6


def result(model, history):
    rows = [(e.train_loss, e.train_accuracy, e.valid_loss, e.valid_accuracy, e.lr) for e in history.epochs]
    return {name: array.tobytes() for name, array in model.state_dict().items()}, rows, history.key


@pytest.fixture(scope="module")
def straight():
    return result(*small.run(None, EPOCHS))


@pytest.mark.parametrize("stops", [[0], [1], [3], [1, 2, 5], [6]])
def test_resumed_equals_uninterrupted(tmp_path, straight, stops):
    small.run(tmp_path, stops[0])
    for epochs in [*stops[1:], EPOCHS]:
        resumed = result(*small.run(tmp_path, epochs, resume=True))
    assert resumed == straight


def test_interrupted_in_the_middle_of_an_epoch(tmp_path, straight):
    """Ctrl-C after 17 of 30 steps; going on with the very objects that the interrupted run has left half changed."""
    model, optimizer, schedule = small.build()
    step, count = optimizer.step, 0

    def stop_at_17():
        nonlocal count
        count += 1
        if count == 17:
            raise KeyboardInterrupt
        step()

    optimizer.step = stop_at_17
    options = {
        "epochs": EPOCHS,
        "optimizer": optimizer,
        "schedule": schedule,
        "batch_size": 20,
        "patience": 50,
        "clip": 1.0,
    }
    options |= {"augment": Shift(1), "folder": tmp_path, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        train.fit(model, small.data(), small.data(40, 1), **options)
    history = train.fit(model, small.data(), small.data(40, 1), resume=True, **options)
    assert result(model, history) == straight


def script(folder, *words, **options):
    command = [sys.executable, str(Path(small.__file__)), str(folder), str(EPOCHS), *map(str, words)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("writing", [2, 4])
def test_kill_9_in_the_middle_of_a_write(tmp_path, straight, writing):
    child = script(tmp_path, "stop", writing)
    assert child.stdout.readline() == b"writing\n", child.stderr.read()
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert sorted(os.listdir(tmp_path)) == [NAME, f"{NAME}.part"]  # killed while it wrote
    assert len(load_arrays(tmp_path / NAME)[0]) > 5
    _, errors = script(tmp_path, "resume").communicate()
    assert not errors.count(b"Traceback"), errors
    arrays, _ = load_arrays(tmp_path / "model.safetensors")
    assert {name: array.tobytes() for name, array in arrays.items()} == straight[0]


def test_nothing_to_resume(tmp_path):
    with pytest.raises(FileNotFoundError, match=NAME):
        small.run(tmp_path, EPOCHS, resume=True)


def test_fewer_epochs_than_are_done_are_refused(tmp_path):
    small.run(tmp_path, 3)
    with pytest.raises(ValueError, match="has 3 epochs behind it, expected at most the 2 asked for"):
        small.run(tmp_path, 2, resume=True)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "text"])
def test_a_damaged_checkpoint_is_refused_by_name_and_left_alone(tmp_path, damage):
    small.run(tmp_path, 1)
    path = tmp_path / NAME
    whole = path.read_bytes()
    middle = len(whole) - 40
    damaged = {
        "flip": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "cut": whole[:-7],
        "empty": b"",
        "text": b"not a checkpoint at all",
    }[damage]
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors: expected"):
        small.run(tmp_path, 2, resume=True)
    assert path.read_bytes() == damaged


def test_a_model_file_is_not_a_checkpoint(tmp_path):
    save_arrays(tmp_path / NAME, small.build()[0].state_dict())
    with pytest.raises(ValueError, match="expected 'cuarzo checkpoint 1', got 'another file'"):
        small.run(tmp_path, 2, resume=True)


def test_other_settings_are_refused_and_each_is_named(tmp_path):
    small.run(tmp_path, 1)
    with pytest.raises(ValueError) as refusal:
        small.run(tmp_path, 2, resume=True, batch_size=10, clip=None)
    message = str(refusal.value)
    assert f"{tmp_path / NAME} belongs to another run" in message
    assert (
        "batch_size: 20 in the checkpoint, 10 now" in message and "clip: 1.0 in the checkpoint, absent now" in message
    )
    assert message.count("in the checkpoint") == 2


def test_another_backend_is_refused(tmp_path):
    """It rounds differently: the promise of equal bits could not be kept."""
    with kernels.use("numpy"):
        small.run(tmp_path, 1)
    with kernels.use("naive"), pytest.raises(ValueError, match=r"backend.kernels: numpy in the checkpoint, naive now"):
        small.run(tmp_path, 2, resume=True)


def test_another_model_optimizer_and_data_are_refused_and_named(tmp_path):
    small.run(tmp_path, 1)
    model = nn.Sequential(nn.Conv2d(1, 5, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 36, 4))
    optimizer = optim.Adam(model.parameters())
    before = model.state_dict()
    x, y = small.data()
    with pytest.raises(ValueError) as refusal:
        train.fit(model, (x + 1, y), epochs=2, optimizer=optimizer, folder=tmp_path, resume=True, progress=False)
    message = str(refusal.value)
    for part in (
        "parameter.0.weight: float32 (3, 1, 3, 3) in",
        "layer.1: Tanh() in the checkpoint, ReLU() now",
        "optimizer.type: SGD in the checkpoint, Adam now",
        "training data.crc32",
        "schedule.type",
    ):
        assert part in message
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())
