"""Networks ready to use, one file each, in a folder per family."""

from collections.abc import Callable
from typing import Any

from cuarzo.models.classic.mlp import mlp
from cuarzo.models.classic.softmax import softmax
from cuarzo.models.convolutional.cnn import cnn
from cuarzo.models.convolutional.lenet5 import lenet5
from cuarzo.models.energy.rbm import RBM, rbm
from cuarzo.models.recurrent.rows import RowClassifier, gru, lstm, rnn
from cuarzo.names import check_name
from cuarzo.nn import Module

CLASSIFIERS: dict[str, Callable[..., Module]] = {
    "softmax": softmax, "mlp": mlp, "lenet5": lenet5, "cnn": cnn, "rnn": rnn, "lstm": lstm, "gru": gru,
}  # fmt: skip
ENERGY: dict[str, Callable[..., RBM]] = {"rbm": rbm}
MODELS: dict[str, Callable[..., Module]] = {**CLASSIFIERS, **ENERGY}

__all__ = [
    "CLASSIFIERS",
    "ENERGY",
    "MODELS",
    "RBM",
    "RowClassifier",
    "build",
    "cnn",
    "gru",
    "lenet5",
    "lstm",
    "mlp",
    "rbm",
    "rnn",
    "softmax",
]


def build(name: str, **options: Any) -> Module:
    """The model called `name`, with fresh weights.

    ValueError for an unknown name, with the near miss; TypeError for what is no name.
    """
    return MODELS[check_name("model", name, MODELS)](**options)
