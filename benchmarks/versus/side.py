"""A side that does what a student types: a forward pass, and backward() from the gradient of its result."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import cuarzo as cz
from versus.row import Side


def op_side(forward: Callable[[], Any], leaves: tuple, dy: Any, backward: bool) -> Side:
    """`dy`, a tensor of PyTorch or an array, says whose side it is. `leaves`: whose gradients are wanted."""
    no_grad = torch.no_grad if isinstance(dy, torch.Tensor) else cz.no_grad

    def with_gradients() -> Any:
        for leaf in leaves:
            leaf.grad = None
        y = forward()
        y.backward(dy)
        return y

    def without() -> Any:
        with no_grad():
            return forward()

    call = with_gradients if backward else without

    def result() -> list[np.ndarray]:
        y = call()
        return [_array(y), *(_array(leaf.grad) for leaf in leaves if backward)]

    return Side(call, result)


def _array(value: Any) -> np.ndarray:
    return value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
