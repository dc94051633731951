"""What a resumed run must agree on: each changed setting is named, equal ones are equal in another process."""

import functools
import json
import os

import numpy as np
import pytest

from cuarzo import get_num_threads, kernels, ops, optim, set_num_threads, train
from cuarzo.checkpoint import NAME, backend, describe, plain
from cuarzo.storage import load_arrays, save_arrays

from . import small


class Brighter:
    """An augmentation without a repr of its own."""

    def __init__(self, by):
        self.by = by

    def __call__(self, x, stream):
        return x + x.dtype.type(self.by * stream.uniform(1)[0])


def fit(folder, resume, make=lambda p: optim.Adam(p), **options):
    model, _, _ = small.build()
    settings = {"epochs": 1 + resume, "optimizer": make(list(model.parameters())), "folder": folder, **options}
    return train.fit(model, small.data(), resume=resume, progress=False, **settings)


@pytest.mark.parametrize(
    ("before", "now", "message"),
    [
        (
            {"make": lambda p: optim.Adam(p)},
            {"make": lambda p: optim.Adam(p, betas=(0.8, 0.999))},
            r"optimizer.betas: \[0.9, 0.999\] in the checkpoint, \[0.8, 0.999\] now",
        ),
        ({}, {"make": lambda p: optim.Adam(p[:2])}, r"optimizer.parameters: .*'4.weight \(4, 108\)'"),
        (
            {"loss": lambda y, t: ops.cross_entropy(y, t) * 2.0},
            {"loss": lambda y, t: ops.cross_entropy(y, t) * 3.0},
            r"loss.code: \d+ in",
        ),
        (
            {"loss": functools.partial(ops.cross_entropy, reduction="mean")},
            {"loss": functools.partial(ops.cross_entropy, reduction="sum")},
            "loss.reduction: mean in the checkpoint, sum now",
        ),
        ({"augment": Brighter(1)}, {"augment": Brighter(2)}, "augment.by: 1 in the checkpoint, 2 now"),
    ],
)
def test_a_changed_setting_is_named(tmp_path, before, now, message):
    fit(tmp_path, False, **before)
    with pytest.raises(ValueError, match=message):
        fit(tmp_path, True, **now)
    assert len(fit(tmp_path, True, **before)) == 2


def test_functions_that_differ_in_what_they_call_or_close_over():
    def scaled(by):
        return lambda y, t: ops.cross_entropy(y, t) * by

    assert describe(scaled(2)) == describe(scaled(2)) != describe(scaled(3))
    assert describe(lambda y, t: ops.mse_loss(y, t)) != describe(lambda y, t: ops.cross_entropy(y, t))


def test_an_equal_augmentation_is_recognised_though_it_lies_elsewhere(tmp_path):
    fit(tmp_path, False, augment=Brighter(1))
    keep = [Brighter(1) for _ in range(3)]
    assert len(fit(tmp_path, True, augment=keep[-1])) == 2
    assert "0x" not in load_arrays(tmp_path / NAME)[1]["settings"]


def test_numpy_scalars_are_settings_like_any_other(tmp_path):
    given = {"make": lambda p: optim.SGD(p, lr=np.float32(0.05)), "clip": np.float32(1), "seed": np.int64(3)}
    given["batch_size"] = np.int32(30)
    fit(tmp_path, False, **given)
    assert len(fit(tmp_path, True, **given)) == 2
    assert json.dumps(plain((np.float32(0.5), [np.int64(2)]))) == "[0.5, [2]]"


@pytest.mark.parametrize("missing", ["loader", "optimizer/lr", "schedule/best", "stream/3.stream"])
def test_a_refused_resume_changes_nothing(tmp_path, missing):
    small.run(tmp_path, 2)
    arrays, notes = load_arrays(tmp_path / NAME)
    missing = next(name for name in arrays if name.startswith(missing.split(".")[0]))
    save_arrays(tmp_path / NAME, {name: array for name, array in arrays.items() if name != missing}, notes)
    model, optimizer, schedule = small.build()
    before = model.state_dict(), optimizer.state_dict(), schedule.state_dict()
    options = {"optimizer": optimizer, "schedule": schedule, "batch_size": 20, "patience": 50, "clip": 1.0}
    options |= {"augment": small.Shift(1), "folder": tmp_path, "resume": True, "progress": False}
    for epochs in (1, 3):  # fewer than are done; a checkpoint that lacks something
        with pytest.raises(ValueError, match=NAME):
            train.fit(model, small.data(), small.data(40, 1), epochs=epochs, **options)
        after = model.state_dict(), optimizer.state_dict(), schedule.state_dict()
        assert all(old.keys() == new.keys() for old, new in zip(before, after))
        assert all(np.array_equal(old[name], new[name]) for old, new in zip(before, after) for name in old)


def test_a_checkpoint_without_its_checksum_is_refused(tmp_path):
    small.run(tmp_path, 1)
    content = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(content.replace(b'"cuarzo"', b'"cuarzp"', 1))
    with pytest.raises(ValueError, match="expected a checksum of cuarzo, got none"):
        small.run(tmp_path, 2, resume=True)


def test_the_thread_count_is_a_setting_where_numpy_multiplies_and_only_there(tmp_path):
    threads = get_num_threads()
    try:
        with kernels.use("naive"):
            assert "threads" not in backend()
        with kernels.use("numpy"):
            set_num_threads(1)
            small.run(tmp_path, 1)
            set_num_threads(2)
            with pytest.raises(ValueError, match=r"backend.threads: 1 in the checkpoint, 2 now"):
                small.run(tmp_path, 2, resume=True)
    finally:
        set_num_threads(threads)


@pytest.mark.skipif(os.name != "posix", reason="modes of folders are POSIX's")
def test_a_folder_that_cannot_be_synced_does_not_undo_the_writing(tmp_path, monkeypatch):
    from cuarzo import storage

    real = os.open

    def closed(path, *flags):
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied")
        return real(path, *flags)

    monkeypatch.setattr(storage.os, "open", closed)
    storage.write_atomic(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"new" and os.listdir(tmp_path) == ["f"]
