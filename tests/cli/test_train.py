"""`cuarzo train`: what it leaves behind, what it refuses, how it is interrupted and goes on."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from commands import BEGIN, FILES, cuarzo, model_of, record
from cuarzo import evaluation, kernels, models
from cuarzo.storage import load_arrays


def test_a_run_leaves_its_files_and_its_record(tmp_path, pictures):
    output = cuarzo("train", "softmax", "--epochs", 3, "--seed", 5, "--threads", 1, "--backend", "numpy").output
    folder = tmp_path / "runs" / "softmax-digits"
    assert {path.name for path in folder.iterdir()} == FILES | BEGIN
    found = record(folder)
    assert 0.5 < found["test_accuracy"] <= 1 and f"{found['test_accuracy']:.4f}" in output
    assert found["seed"] == 5 and found["threads"] == 1 and found["backend"] == "numpy"
    assert found["settings"]["epochs"] == 3 and found["wall_time_seconds"] > 0 and found["cpu"]
    assert {"build", "versions", "command"} <= set(found)
    assert "backend numpy, C++ build" in output and "1 thread\n" in output
    assert len((folder / "history.csv").read_text().splitlines()) == 4
    model = models.softmax()
    model.load_state_dict(load_arrays(folder / "model.safetensors")[0])


def test_the_seed_repeats_a_run_and_a_new_one_replaces_it():
    cuarzo("train", "softmax", "--epochs", 2, "--seed", 1, "--out", "a")
    cuarzo("train", "softmax", "--epochs", 2, "--seed", 1, "--out", "b")
    assert model_of("a") == model_of("b")
    cuarzo("train", "softmax", "--epochs", 1, "--seed", 2, "--out", "a")
    assert model_of("a") != model_of("b") and record("a")["seed"] == 2


def test_without_a_seed_one_is_drawn_and_recorded():
    cuarzo("train", "softmax", "--epochs", 1, "--out", "a")
    seed = record("a")["seed"]
    cuarzo("train", "softmax", "--epochs", 1, "--out", "b", "--seed", seed)
    assert model_of("a") == model_of("b")


@pytest.mark.parametrize("schedule", ["plateau", "step"])
def test_resume_goes_on_with_the_settings_of_the_run(schedule):
    options = ["--seed", 3, "--schedule", schedule, "--optimizer", "momentum", "--batch-size", 50]
    cuarzo("train", "softmax", "--epochs", 6, "--out", "straight", *options)
    if schedule == "plateau":  # a schedule that does not depend on the number of epochs can be told to go further
        cuarzo("train", "softmax", "--epochs", 2, "--out", "cut", *options)
        cuarzo("train", "softmax", "--out", "cut", "--resume", "--epochs", 6)
        assert model_of("cut") == model_of("straight")
    else:
        cuarzo("train", "softmax", "--out", "straight", "--resume")  # nothing left to do: the same result again
        again = cuarzo("train", "softmax", "--out", "straight", "--resume", "--epochs", 9, code=2)
        assert "--epochs is 9, expected 6" in again.stderr and "schedule 'step'" in again.stderr


def test_what_resume_changed_is_kept_for_the_next_resume():
    cuarzo("train", "softmax", "--epochs", 1, "--schedule", "none", "--out", "a", "--seed", 0, "--refit")
    cuarzo("train", "softmax", "--out", "a", "--resume", "--epochs", 3)  # the refit of one epoch begins anew
    before = Path("a", "settings.json").read_text()
    assert record("a")["epochs"] == 3 and '"epochs": 3' in before
    cuarzo("train", "softmax", "--out", "a", "--resume", "--epochs", 2, code=1)  # fewer than are done
    assert Path("a", "settings.json").read_text() == before
    cuarzo("train", "softmax", "--out", "a", "--resume")
    cuarzo("train", "softmax", "--epochs", 3, "--schedule", "none", "--out", "b", "--seed", 0, "--refit")
    assert record("a")["epochs"] == 3 and model_of("a") == model_of("b")


def test_files_that_are_nobodys_run_are_left_alone():
    Path("p/refit").mkdir(parents=True)
    Path("p/run.json").write_text("mine")
    result = cuarzo("train", "softmax", "--epochs", 1, "--out", "p", code=1)
    assert "p holds run.json, but no settings.json of an earlier run" in result.stderr
    assert Path("p/run.json").read_text() == "mine" and Path("p/refit").is_dir()
    Path("p/run.json").unlink()
    Path("p/refit/notes").write_text("mine")
    cuarzo("train", "softmax", "--epochs", 1, "--out", "p", "--refit")
    cuarzo("train", "softmax", "--epochs", 1, "--out", "p")
    assert os.listdir("p/refit") == ["notes"]
    Path("p/refit/notes").unlink()
    cuarzo("train", "softmax", "--epochs", 1, "--out", "p")
    assert not os.path.exists("p/refit")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("optimizer", "adma", "unknown optimizer 'adma' (did you mean 'adam'?)"),
        ("model", 3, "model is 3"),
        ("batch_size", "x", "--batch-size is 'x' of type str, expected an integer"),
        ("lr", "x", "--lr is 'x', expected a finite number"),
        ("refit", 2, "--refit is 2"),
    ],
)
def test_settings_changed_by_hand_are_checked_like_given_ones(name, value, message):
    cuarzo("train", "softmax", "--epochs", 1, "--out", "a", "--seed", 0)
    path = Path("a/settings.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    assert message in cuarzo("train", "softmax", "--out", "a", "--resume", code=1).stderr


def test_a_shift_out_of_the_image():
    result = cuarzo("train", "softmax", "--epochs", 1, "--shift", 1_000_000, "--out", "a", code=1)
    assert "--shift is 1000000, expected at most the image's size, (28, 28)" in result.stderr


def test_refit_learns_from_all_training_data_and_is_what_is_tested():
    plain = cuarzo("train", "softmax", "--epochs", 4, "--seed", 0, "--out", "plain")
    cuarzo("train", "softmax", "--epochs", 4, "--seed", 0, "--out", "refit", "--refit", "--patience", 2)
    assert model_of("plain") != model_of("refit")
    assert record("refit")["settings"]["refit"] and load_arrays("refit/refit/checkpoint.safetensors")
    notes = json.loads(load_arrays("refit/refit/checkpoint.safetensors")[1]["settings"])
    assert notes["training data"]["x"].startswith("float32 (1347,") and notes["validation data"] is None
    assert "refit" not in plain.output


def test_the_test_data_are_looked_at_once(monkeypatch):
    looked = []
    real = evaluation.predict
    monkeypatch.setattr(evaluation, "predict", lambda model, x: looked.append(len(x)) or real(model, x))
    cuarzo("train", "softmax", "--epochs", 2, "--seed", 0, "--refit", "--out", "a")
    assert looked == [450]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lenet"], "unknown model 'lenet' (did you mean 'lenet5'?)"),
        (["softmax", "--data", "minst"], "unknown data set 'minst' (did you mean 'mnist'?)"),
        (["softmax", "--optimizer", "adma"], "unknown optimizer 'adma' (did you mean 'adam'?)"),
        (["softmax", "--backend", "nunba"], "unknown backend 'nunba' (did you mean 'numba'?)"),
        (["softmax", "--schedule", "cosin"], "unknown schedule 'cosin' (did you mean 'cosine'?)"),
        (["softmax", "--dtype", "float16"], "unknown dtype 'float16'"),
        (["softmax", "--epochs", "0"], "--epochs is 0, expected 1 or more"),
        (["softmax", "--epochs", str(10**30)], f"--epochs is {10**30}, expected at most 2147483647"),
        (["softmax", "--batch-size", "0"], "--batch-size is 0, expected 1 or more"),
        (["softmax", "--lr", "nan"], "--lr is nan, expected a finite number above 0"),
        (["softmax", "--lr", "inf"], "--lr is inf, expected a finite number above 0"),
        (["softmax", "--out", ""], "--out is empty, expected a folder"),
        (["softmax", "--threads", "0"], "n must be between 1 and"),
        (["softmax", "--seed", "-1"], "seed is -1, expected"),
    ],
)
def test_what_is_not_understood(arguments, message):
    result = cuarzo("train", *arguments, code=2)
    assert message in result.stderr and len(result.stderr.strip().splitlines()) == 1 and not os.listdir(".")


def test_an_option_that_does_not_exist():
    assert "No such option" in cuarzo("train", "softmax", "--epoch-count", 3, code=2).stderr


def test_nothing_to_resume():
    assert "nothing to resume in a" in cuarzo("train", "softmax", "--out", "a", "--resume", code=1).stderr


def test_resume_with_other_settings_names_them():
    cuarzo("train", "softmax", "--epochs", 1, "--out", "a", "--seed", 0)
    result = cuarzo("train", "softmax", "--out", "a", "--resume", "--seed", 1, "--lr", 0.5, code=2)
    assert "seed: 0 in the checkpoint, 1 now" in result.stderr and "lr: 0.001 in" in result.stderr
    assert "model: softmax" in cuarzo("train", "mlp", "--out", "a", "--resume", code=2).stderr


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "settings.json"])
def test_resume_from_a_damaged_file_names_it(name):
    cuarzo("train", "softmax", "--epochs", 1, "--out", "a", "--seed", 0)
    content = Path("a", name).read_bytes()
    Path("a", name).write_bytes(content[:-20])
    result = cuarzo("train", "softmax", "--out", "a", "--resume", code=1)
    assert name in result.stderr and "expected" in result.stderr
    assert Path("a", name).read_bytes() == content[:-20]


def test_a_folder_that_cannot_be_made():
    Path("file").touch()
    result = cuarzo("train", "softmax", "--epochs", 1, "--out", "file/run", code=1)
    assert "cannot make the output folder file/run" in result.stderr and "epoch" not in result.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written():
    os.mkdir("locked", 0o500)
    assert "cannot write" in cuarzo("train", "softmax", "--epochs", 1, "--out", "locked", code=1).stderr


def test_a_full_disk_stops_before_training_and_loses_nothing(monkeypatch):
    import errno

    from cuarzo import storage

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    cuarzo("train", "softmax", "--epochs", 1, "--out", "a", "--seed", 0)
    before = {name: Path("a", name).read_bytes() for name in os.listdir("a")}
    monkeypatch.setattr(storage.os, "fsync", full)
    result = cuarzo("train", "softmax", "--epochs", 1, "--out", "a", code=1)
    assert "No space left on device" in result.stderr and "epoch" not in result.stderr
    cuarzo("train", "softmax", "--epochs", 1, "--out", "b", code=1)
    assert not os.path.exists("b")
    assert {name: Path("a", name).read_bytes() for name in os.listdir("a")} == before


def test_training_that_diverges_says_so():
    result = cuarzo("train", "softmax", "--epochs", 5, "--lr", 1e300, "--optimizer", "sgd", "--out", "a", code=1)
    assert "the loss is" in result.stderr or "not finite" in result.stderr
    assert "Traceback" not in result.output and "run.json" not in os.listdir("a")
    load_arrays("a/checkpoint.safetensors")


def start(*arguments):
    command = [sys.executable, "-W", "ignore", "-m", "cuarzo", "train", *map(str, arguments)]
    # a relative PYTHONPATH means nothing in the test's own folder
    environment = {**os.environ, "PYTHONPATH": str(Path(kernels.__file__).parents[2])}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=hear_ctrl_c
    )


def hear_ctrl_c():
    """A shell lets what it starts in the background ignore Ctrl-C, and all that is started from there inherits it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
def test_ctrl_c_leaves_a_checkpoint_and_130_and_the_resumed_run_is_the_same():
    options = ["softmax", "--seed", 0, "--batch-size", 2, "--epochs", 20]
    child = start(*options, "--out", "cut")
    for line in child.stderr:
        if line.startswith("epoch 1/20"):
            break
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate()
    last = errors.strip().splitlines()[-1]
    assert child.returncode == 130 and last.startswith("cuarzo: interrupted") and "--resume" in last
    assert "Traceback" not in errors and set(os.listdir("cut")) == BEGIN
    assert load_arrays("cut/checkpoint.safetensors")
    resumed = start("softmax", "--out", "cut", "--resume")
    assert resumed.wait() == 0, resumed.stderr.read()
    cuarzo("train", *options, "--out", "straight")
    assert model_of("cut") == model_of("straight")


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
def test_kill_9_during_training_then_resume():
    options = ["softmax", "--seed", 0, "--batch-size", 2, "--epochs", 5, "--refit"]
    child = start(*options, "--out", "cut")
    seen = 0
    for line in child.stderr:
        seen += line.startswith("epoch 2/5")
        if seen == 2:  # of the refit
            break
    child.kill()
    child.communicate()
    resumed = start("softmax", "--out", "cut", "--resume")
    assert resumed.wait() == 0, resumed.stderr.read()
    cuarzo("train", *options, "--out", "straight")
    assert model_of("cut") == model_of("straight")
