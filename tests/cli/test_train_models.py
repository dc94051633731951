"""`cuarzo train` with each kind of model: its pictures, its options, what it leaves behind."""

import os

import numpy as np
import pytest

from commands import BEGIN, FILES, cuarzo, model_of, record
from cuarzo import models
from cuarzo.experiment import energy
from cuarzo.experiment.classification import first_layer_images
from cuarzo.storage import load_arrays


def test_weights_as_images():
    digits = tuple("0123456789")
    shown = {name: first_layer_images(models.build(name), digits) for name in models.CLASSIFIERS}
    shapes = {name: images.shape for name, (images, _) in shown.items()}
    assert shapes["lenet5"] == (6, 5, 5) and shapes["cnn"] == (32, 3, 3) and shapes["mlp"] == (256, 28, 28)
    assert shapes["softmax"] == (10, 28, 28) and shapes["lstm"] == (4, 28, 128) and shapes["rnn"] == (1, 28, 128)
    assert shown["softmax"][1] == digits and shown["mlp"][1] is None and len(shown["gru"][1]) == 3
    assert all(np.any(images) for images, _ in shown.values())


def test_an_rbm_leaves_its_pictures_and_its_likelihood(pictures):
    output = cuarzo("train", "rbm", "--hidden", 6, "--epochs", 2, "--seed", 0, "--out", "a").output
    drawn = {"reconstructions.png", "samples.png", "filters.png", "curves.png"}
    assert set(os.listdir("a")) == drawn | BEGIN | {"history.csv", "model.safetensors", "run.json"}
    found = record("a")
    assert -784 * np.log(2) < found["test_log_likelihood"] < 0 and "test log likelihood -" in output
    assert found["settings"]["hidden"] == 6 and load_arrays("a/model.safetensors")[0]["weight"].shape == (6, 784)
    cuarzo("train", "softmax", "--epochs", 1, "--out", "a")  # a classifier in its place: no picture of the RBM stays
    assert set(os.listdir("a")) == FILES | BEGIN


@pytest.mark.parametrize("method", ["pcd", "cd"])
def test_an_interrupted_rbm_goes_on_with_its_chains(method, monkeypatch):
    options = ["--hidden", 5, "--seed", 1, "--method", method, "--gibbs-steps", 2, "--schedule", "none"]
    monkeypatch.setattr(energy, "GIBBS_STEPS", 5)
    cuarzo("train", "rbm", *options, "--epochs", 3, "--out", "straight")
    cuarzo("train", "rbm", *options, "--epochs", 1, "--out", "cut")
    cuarzo("train", "rbm", "--out", "cut", "--resume", "--epochs", 3)
    assert model_of("cut") == model_of("straight")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lenet5", "--hidden", "3"], "--hidden is 3, expected none for lenet5"),
        (["mlp", "--hidden", "0"], "--hidden is 0, expected 1 or more"),
        (["softmax", "--method", "cd"], "--method is 'cd', expected none for softmax: it is for rbm"),
        (["lstm", "--gibbs-steps", "2"], "--gibbs-steps is 2, expected none for lstm"),
        (["rbm", "--shift", "2"], "--shift is 2, expected none for rbm: it is for classifiers"),
        (["rbm", "--method", "cdd"], "unknown method 'cdd' (did you mean 'cd'?)"),
    ],
)
def test_options_that_the_model_has_no_use_for(arguments, message):
    assert message in cuarzo("train", *arguments, code=2).stderr


@pytest.mark.parametrize("model", ["cnn", "lstm"])
def test_the_other_classifiers_leave_the_same_files(model, pictures):
    cuarzo("train", model, "--epochs", 1, "--seed", 0, *(["--hidden", 8] if model == "lstm" else []), "--out", "a")
    assert set(os.listdir("a")) == FILES | BEGIN and record("a")["test_accuracy"] > 0.1
