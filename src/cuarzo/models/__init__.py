"""Networks ready to use, one file each, in a folder per family."""

from collections.abc import Callable
from typing import Any

from cuarzo.models.classic.mlp import mlp
from cuarzo.models.classic.softmax import softmax
from cuarzo.models.convolutional.lenet5 import lenet5
from cuarzo.names import check_name
from cuarzo.nn import Sequential

MODELS: dict[str, Callable[..., Sequential]] = {"softmax": softmax, "mlp": mlp, "lenet5": lenet5}

__all__ = ["MODELS", "build", "lenet5", "mlp", "softmax"]


def build(name: str, **options: Any) -> Sequential:
    """The model called `name`, with fresh weights.

    ValueError for an unknown name, with the near miss; TypeError for what is no name.
    """
    return MODELS[check_name("model", name, MODELS)](**options)
