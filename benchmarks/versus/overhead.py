"""What a call costs when there is next to nothing to compute: forward + backward of ten numbers."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional

import cuarzo as cz
from versus.row import Row, Side, normal
from versus.side import op_side


def rows() -> Iterator[Row]:
    yield Row("overhead", "relu of 10 numbers", 0, 160, 1, _relu)
    yield Row("overhead", "sum of two times 10 numbers", 0, 240, 1, _add)
    yield Row("overhead", "Linear(10, 10), batch 1", 600, 4 * 400, 10, _linear)


def _pair(count: int) -> tuple[list, list]:
    arrays = [normal(1, 10, seed=i) for i in range(count)]
    return (
        [cz.Tensor(array, requires_grad=True) for array in arrays],
        [torch.from_numpy(array.copy()).requires_grad_() for array in arrays],
    )


def _sides(ours, theirs, leaves, tensors) -> dict[str, Side]:
    one = np.ones((1, 10), np.float32)
    return {
        "cuarzo": op_side(ours, leaves, one, True),
        "torch": op_side(theirs, tensors, torch.from_numpy(one.copy()), True),
    }


def _relu() -> dict[str, Side]:
    (x,), (t,) = _pair(1)
    return _sides(lambda: cz.ops.relu(x), lambda: functional.relu(t), (x,), (t,))


def _add() -> dict[str, Side]:
    (x, y), (s, t) = _pair(2)
    return _sides(lambda: x + y, lambda: s + t, (x, y), (s, t))


def _linear() -> dict[str, Side]:
    (x,), (t,) = _pair(1)
    ours, theirs = cz.nn.Linear(10, 10, dtype="float32"), torch.nn.Linear(10, 10)
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in ours.state_dict().items()})
    leaves, tensors = (x, *ours.parameters()), (t, *theirs.parameters())
    return _sides(lambda: ours(x), lambda: theirs(t), leaves, tensors)
