"""Every option of a layer that is True or False by default takes these two alone, from Python or NumPy."""

import inspect

import numpy as np
import pytest

from cuarzo import nn


def flags():
    for name, layer in vars(nn).items():
        if isinstance(layer, type) and issubclass(layer, nn.Module):
            parameters = inspect.signature(layer).parameters.values()
            needed = {p.name: 2 for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty}
            yield from ((name, needed, p.name) for p in parameters if isinstance(p.default, bool))
    yield "Upsample", {"size": 2, "mode": "linear"}, "align_corners"


FLAGS = sorted(flags(), key=lambda case: (case[0], case[2]))


def test_they_are_found():
    assert len(FLAGS) > 40
    assert {"bias", "ceil_mode", "batch_first", "bidirectional", "affine"} <= {option for _, _, option in FLAGS}


@pytest.mark.parametrize(("name", "needed", "option"), FLAGS, ids=[f"{name}-{option}" for name, _, option in FLAGS])
def test_flag(name, needed, option):
    layer = getattr(nn, name)
    for value in ("same", "False", -1, 0, np.array([True, False])):
        with pytest.raises(TypeError, match=f"{name}: {option} is .* of type .*, expected True or False"):
            layer(**needed, **{option: value})
    for value in (True, False):
        assert repr(layer(**needed, **{option: np.bool_(value)})) == repr(layer(**needed, **{option: value}))


def test_flags_of_methods():
    net = nn.Sequential(nn.Dropout())
    with pytest.raises(TypeError, match=r"Sequential\.train: mode is 'False' of type str, expected True or False"):
        net.train("False")
    with pytest.raises(TypeError, match="load_state_dict: strict is 'no' of type str"):
        net.load_state_dict({}, strict="no")
    assert net.training and net[0].training and net.train(np.False_)[0].training is False
