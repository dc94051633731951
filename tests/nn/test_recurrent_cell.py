"""What the recurrent cells refuse, with a batch and without one."""

import numpy as np
import pytest

from cuarzo import Tensor, nn

CELLS = {"RNNCell": nn.RNNCell(4, 5), "LSTMCell": nn.LSTMCell(4, 5), "GRUCell": nn.GRUCell(4, 5)}
BATCH = pytest.mark.parametrize("batch", [(), (3,)], ids=["one", "batch"])


def zeros(*shape):
    return Tensor(np.zeros(shape, np.float32))


@BATCH
@pytest.mark.parametrize("name", CELLS)
def test_states_of_another_shape(name, batch):
    expected = str((*batch, 5)).replace("(", r"\(").replace(")", r"\)")
    right = zeros(*batch, 5)
    for shape in ((5, 1), (1, 5), (4,), (), (3, 5, 1), (15,)):
        wrong, part = zeros(*shape), "state"
        if name == "LSTMCell":
            wrong, part = (right, wrong), "c of state"
        with pytest.raises(ValueError, match=rf"{name}: {part} has shape .*, expected {expected}$"):
            CELLS[name](zeros(*batch, 4), wrong)


@BATCH
@pytest.mark.parametrize("name", ["RNNCell", "GRUCell"])
def test_states_that_are_no_tensors(name, batch):
    for state, kind in (("abc", "str"), ((zeros(*batch, 5),) * 2, "tuple"), (np.zeros((*batch, 5)), "ndarray")):
        with pytest.raises(TypeError, match=f"{name}: state is a {kind}, expected a Tensor"):
            CELLS[name](zeros(*batch, 4), state)


@BATCH
def test_states_that_are_no_pairs(batch):
    x, h = zeros(*batch, 4), zeros(*batch, 5)
    for state, error, message in (
        ((h, h, h), ValueError, "state is a tuple of 3, expected a pair of tensors"),
        ((h,), ValueError, "state is a tuple of 1, expected a pair of tensors"),
        ((h, None), TypeError, "c of state is a NoneType, expected a Tensor"),
        ((None, h), TypeError, "h of state is a NoneType, expected a Tensor"),
        ("abc", TypeError, "state is a str, expected a pair of tensors"),
        (h, TypeError, "state is a Tensor, expected a pair of tensors"),
    ):
        with pytest.raises(error, match=f"LSTMCell: {message}"):
            CELLS["LSTMCell"](x, state)


@pytest.mark.parametrize("name", CELLS)
def test_inputs_of_another_shape(name):
    for shape in ((), (2, 3, 4)):
        with pytest.raises(ValueError, match=rf"{name}: x has shape .*, expected \(N, I\) or \(I,\)"):
            CELLS[name](zeros(*shape))
