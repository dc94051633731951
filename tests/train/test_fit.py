"""fit(): it learns, stops, refuses, and says why."""

import errno
import math

import numpy as np
import pytest

from cuarzo import nn, ops, optim, random, storage, train
from cuarzo.checkpoint import NAME
from cuarzo.evaluation import evaluate, predict
from cuarzo.history import Epoch, History
from cuarzo.storage import load_arrays

from . import small


def weights(model):
    return {name: array.tobytes() for name, array in model.state_dict().items()}


def test_it_learns_and_tells_what_happened():
    model, history = small.run(None, 12)
    assert history.column("epoch") == list(range(1, 13)) and history.key is not None
    assert history.epochs[-1].train_accuracy > 0.9 and history.epochs[-1].valid_accuracy > 0.9
    assert history.column("lr")[0] == 0.05 and min(history.column("lr")) < 0.05  # the plateau was seen
    loss, accuracy = evaluate(model, small.data(40, 1))
    best = history.epochs[history.best_epoch - 1]
    assert (loss, accuracy) == (best.valid_loss, best.valid_accuracy)  # the weights of the best epoch are back
    predicted = predict(model, small.data(40, 1)[0]).argmax(axis=1)
    assert np.mean(predicted == small.data(40, 1)[1]) == accuracy


def test_the_seed_decides_everything():
    assert weights(small.run(None, 2)[0]) == weights(small.run(None, 2)[0])
    assert weights(small.run(None, 2, seed=1)[0]) != weights(small.run(None, 2, seed=2)[0])


def test_training_mode_is_left_as_it_was():
    model, _ = small.run(None, 1)
    assert model.training
    model.eval()
    predict(model, small.data()[0])
    assert not any(module.training for module in model.modules())


def test_each_layer_keeps_its_own_mode_while_it_is_evaluated():
    model = small.build()[0]
    frozen = list(model)[3].eval()
    evaluate(model, small.data())
    predict(model, small.data()[0])
    assert [module.training for module in model] == [module is not frozen for module in model]


def test_early_stopping_waits_for_patience_and_keeps_the_best():
    random.seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 4))
    x, y = small.data()
    wrong = (x, (y + 1) % 4)  # the more is learned, the worse this gets
    optimizer = optim.SGD(model.parameters(), 0.1)
    before = weights(model)
    history = train.fit(model, (x, y), wrong, epochs=50, optimizer=optimizer, patience=3, progress=False)
    assert history.best_epoch + 3 == len(history) < 50
    assert evaluate(model, wrong)[0] == min(history.column("valid_loss"))
    assert weights(model) != before


def test_a_model_without_classes():
    random.seed(0)
    x = small.data()[0].reshape(96, 36)
    model = nn.Sequential(nn.Linear(36, 8), nn.Linear(8, 36))
    history = train.fit(model, (x, x), (x, x), epochs=2, loss=ops.mse_loss, progress=False)
    assert history.epochs[1].train_loss < history.epochs[0].train_loss
    assert history.column("valid_accuracy") == [None, None]


def test_clip_bounds_the_step():
    model, optimizer, _ = small.build()
    before = model.state_dict()
    optimizer = optim.SGD(model.parameters(), 1.0)
    train.fit(model, small.data(), epochs=1, batch_size=96, optimizer=optimizer, clip=1e-3, progress=False)
    moved = math.sqrt(sum(np.sum((array - before[name]) ** 2) for name, array in model.state_dict().items()))
    assert 0.9e-3 < moved < 1.01e-3


def test_nan_loss_stops_says_the_step_and_keeps_the_last_good_state(tmp_path):
    calls = 0

    def loss(output, y):
        nonlocal calls
        calls += 1
        return ops.cross_entropy(output, y) * (math.nan if calls == 13 else 1.0)

    model, optimizer, _ = small.build()
    options = {"epochs": 9, "optimizer": optimizer, "batch_size": 20, "folder": tmp_path, "progress": False}
    with pytest.raises(train.DivergedError) as stop:  # 5 steps an epoch
        train.fit(model, small.data(), loss=loss, **options)
    message = str(stop.value)
    assert "the loss is nan at step 13 (epoch 3, batch 3)" in message and str(tmp_path / NAME) in message
    kept = load_arrays(tmp_path / NAME)[0]
    model, optimizer, _ = small.build()
    train.fit(model, small.data(), epochs=2, optimizer=optimizer, batch_size=20, progress=False)
    assert all(np.array_equal(kept[f"model/{name}"], array) for name, array in model.state_dict().items())


def test_weights_that_diverge_at_the_last_step_do_not_reach_the_checkpoint(tmp_path):
    model, _, _ = small.build()
    optimizer = optim.SGD(model.parameters(), 1e300)
    with pytest.raises(train.DivergedError, match="after the last step of epoch 1"), np.errstate(all="ignore"):
        train.fit(model, small.data(), epochs=1, batch_size=96, optimizer=optimizer, folder=tmp_path, progress=False)
    assert all(np.isfinite(array).all() for name, array in load_arrays(tmp_path / NAME)[0].items() if "model" in name)


def test_full_disk_before_the_first_step(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage.os, "fsync", full)
    model, optimizer, _ = small.build()
    before = weights(model)
    with pytest.raises(OSError, match=r"cannot write .*checkpoint.*No space left on device"):
        train.fit(model, small.data(), epochs=1, optimizer=optimizer, folder=tmp_path, progress=False)
    assert weights(model) == before and not list(tmp_path.iterdir())


def test_full_disk_later_keeps_the_checkpoint_before(tmp_path, monkeypatch):
    small.run(tmp_path, 2)
    kept = (tmp_path / NAME).read_bytes()

    def full(*names):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage.os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        small.run(tmp_path, 3, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == [NAME] and (tmp_path / NAME).read_bytes() == kept


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": -1}, "epochs is -1, expected 0 or more"),
        ({"epochs": 1, "batch_size": 0}, "batch_size is 0"),
        ({"epochs": 1, "patience": 2}, "patience is 2, validation absent"),
        ({"epochs": 1, "clip": 0.0}, "clip is 0.0, expected a norm above 0"),
        ({"epochs": 1, "resume": True}, "needs the folder"),
    ],
)
def test_settings_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        train.fit(small.build()[0], small.data(), progress=False, **options)


def test_more_that_is_refused():
    model, optimizer, schedule = small.build()
    x, y = small.data()
    with pytest.raises(ValueError, match=r"x is empty \(0 samples\)"):
        train.fit(model, (x[:0], y[:0]), epochs=1, progress=False)
    with pytest.raises(ValueError, match="x is empty"):
        train.fit(model, (x, y), (x[:0], y[:0]), epochs=1, progress=False)
    with pytest.raises(ValueError, match="expected validation data"):
        train.fit(model, (x, y), epochs=1, optimizer=optimizer, schedule=schedule, progress=False)
    with pytest.raises(ValueError, match="none of the model's parameters"):
        train.fit(small.build()[0], (x, y), epochs=1, optimizer=optimizer, progress=False)
    with pytest.raises(ValueError, match=r"labels\[\d+\] is 4, expected 0 ... 3"):
        train.fit(model, (x, y + 1), epochs=1, progress=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": math.nan}, "epochs is nan of type float, expected an integer"),
        ({"epochs": 1.5}, "epochs is 1.5"),
        ({"patience": 1.5}, "patience is 1.5"),
        ({"batch_size": 2.5}, "batch_size is 2.5"),
        ({"train": small.data()[0]}, r"train is a ndarray, expected a pair \(x, y\)"),
        ({"validation": small.data()[0]}, "validation is a ndarray"),
        ({"schedule": small.build()[2]}, "schedule was made for another optimizer"),
        ({"loss": lambda y, t: ops.cross_entropy(y, t, "none")}, r"loss gives shape \(64,\), expected one number"),
        ({"loss": lambda y, t: 0.0}, "loss gives a float, expected a Tensor"),
    ],
)
def test_arguments_of_another_kind_are_named(options, message):
    given = {"train": small.data(), "validation": small.data(40, 1), "epochs": 1, "progress": False, **options}
    with pytest.raises((TypeError, ValueError), match=message):
        train.fit(small.build()[0], **given)


def test_history_as_csv(tmp_path):
    rows = [Epoch(1, 0.1, 0.5, None, None, 0.01, 2.0), Epoch(2, 1 / 3, None, 0.25, 0.75, 0.01, 2.5)]
    History(rows).write_csv(tmp_path / "h.csv")
    assert (tmp_path / "h.csv").read_text().splitlines() == [
        "epoch,train_loss,train_accuracy,valid_loss,valid_accuracy,lr,seconds",
        "1,0.1,0.5,,,0.01,2.0",
        "2,0.3333333333333333,,0.25,0.75,0.01,2.5",
    ]


def test_a_step_of_ones_own_takes_the_place_of_forward_loss_backward():
    """A rule that is no gradient: each weight moves by the mean of the batch."""
    model, calls = nn.Sequential(nn.Flatten(), nn.Linear(36, 4)), []
    before = model[1].weight.data.copy()

    def step(network, x):
        calls.append(len(x))
        for p in network.parameters():
            p.grad = np.full_like(p.data, x.mean())
        return x.mean()

    def measure(network, part):
        return float(len(part[0])), None

    x, y = small.data()
    history = train.fit(
        model, (x, y), small.data(40, 1), epochs=1, batch_size=96, optimizer=optim.SGD(model.parameters(), 1.0),
        step=step, measure=measure, progress=False,
    )  # fmt: skip
    assert calls == [96] and history.epochs[0].valid_loss == 40 and history.epochs[0].train_accuracy is None
    np.testing.assert_allclose(model[1].weight.data, before - x.mean(), rtol=1e-5)
    with pytest.raises(train.DivergedError, match="the loss is nan"):
        train.fit(model, (x, y), epochs=1, step=lambda network, x: math.nan, progress=False)
