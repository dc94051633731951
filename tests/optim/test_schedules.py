"""Schedules: rates by hand, saved and loaded."""

import math

import numpy as np
import pytest

from cuarzo import Tensor, optim


def optimizer(lr=1.0):
    return optim.SGD([Tensor([0.0], requires_grad=True)], lr)


def rates(schedule, metrics):
    result = []
    for metric in metrics:
        schedule.step(metric)
        result.append(schedule.optimizer.lr)
    return result


def test_step():
    assert rates(optim.StepLR(optimizer(), 2, 0.5), [None] * 5) == [1, 0.5, 0.5, 0.25, 0.25]


def test_linear():
    rate = optimizer()
    falling = optim.LinearLR(rate, 1.0, 0.0, 4)
    assert rate.lr == 1 and rates(falling, [None] * 5) == [0.75, 0.5, 0.25, 0, 0]
    rising = optim.LinearLR(optimizer(), total_iters=2)
    assert rising.optimizer.lr == pytest.approx(1 / 3) and rates(rising, [None] * 3) == pytest.approx([2 / 3, 1, 1])


def test_cosine():
    expected = [0.1 + 0.9 * (1 + math.cos(math.pi * t / 4)) / 2 for t in range(1, 10)]
    assert rates(optim.CosineAnnealingLR(optimizer(), 4, 0.1), [None] * 9) == pytest.approx(expected)
    assert expected[3] == pytest.approx(0.1) and expected[7] == pytest.approx(1)


def test_numpy_scalars_become_python_floats():
    for make in (
        lambda o, n: optim.StepLR(o, 1, n(0.3)),
        lambda o, n: optim.CosineAnnealingLR(o, 3, n(0.1)),
        lambda o, n: optim.ReduceLROnPlateau(o, factor=n(0.3), patience=0, min_lr=n(0.01)),
    ):
        wide, plain = (rates(make(optimizer(n(1)), n), [n(1)] * 3) for n in (np.float64, float))
        assert wide == plain and {type(rate) for rate in wide} == {float}


PLATEAU = [
    ({"patience": 1}, [5, 4, 4, 4, 3, 3, 3], [1, 1, 1, 0.1, 0.1, 0.1, 0.01]),
    ({"patience": 0, "cooldown": 1}, [5, 5, 5, 5, 5], [1, 0.1, 0.1, 0.01, 0.01]),
    ({"patience": 0, "factor": 0.5, "min_lr": 0.3}, [5, 5, 5, 5], [1, 0.5, 0.3, 0.3]),
    ({"patience": 0, "mode": "max"}, [5, 6, 5, 7], [1, 1, 0.1, 0.1]),
    ({"patience": 0, "threshold": 0.5}, [4, 2.1, 1.9], [1, 0.1, 0.1]),
    ({"patience": 0, "threshold": 1, "threshold_mode": "abs", "mode": "max"}, [4, 5, 5.5], [1, 0.1, 0.1]),
    ({"patience": 0}, [math.nan, 5, math.nan], [0.1, 0.1, 0.01]),
    ({"patience": 0, "eps": 1.0}, [5, 5, 5], [1, 1, 1]),
]


@pytest.mark.parametrize(("options", "metrics", "expected"), PLATEAU)
def test_plateau(options, metrics, expected):
    assert rates(optim.ReduceLROnPlateau(optimizer(), **options), metrics) == pytest.approx(expected)


def test_plateau_needs_a_metric():
    with pytest.raises(TypeError, match="metric is missing"):
        optim.ReduceLROnPlateau(optimizer()).step()


SCHEDULES = {
    "step": lambda o: optim.StepLR(o, 2),
    "linear": lambda o: optim.LinearLR(o, 0.5, 0.1, 7),
    "cosine": lambda o: optim.CosineAnnealingLR(o, 7),
    "plateau": lambda o: optim.ReduceLROnPlateau(o, patience=1, cooldown=1),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_saved_and_loaded(name):
    metrics = [5, 4, 4, 4, 4, 4, 3, 3, 3]
    whole = rates(SCHEDULES[name](optimizer()), metrics)
    first = SCHEDULES[name](optimizer())
    start = rates(first, metrics[:4])
    state = first.state_dict()
    assert all(isinstance(array, np.ndarray) for array in state.values())
    second = SCHEDULES[name](optimizer(0.123))
    second.load_state_dict(state)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    assert start + rates(second, metrics[4:]) == whole
    with pytest.raises(ValueError, match=r"missing \['epoch'\], unexpected \['age'\]"):
        second.load_state_dict({**{key: a for key, a in state.items() if key != "epoch"}, "age": np.array(1)})


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.StepLR(optimizer(), 0), ValueError, "StepLR: step_size is 0"),
        (lambda: optim.CosineAnnealingLR(optimizer(), 1.5), TypeError, "T_max is 1.5"),
        (lambda: optim.ReduceLROnPlateau(optimizer(), "low"), ValueError, "mode is 'low'"),
        (lambda: optim.ReduceLROnPlateau(optimizer(), factor=1.0), ValueError, "factor is 1.0"),
        (lambda: optim.ReduceLROnPlateau(optimizer(), factor="a"), TypeError, "factor is 'a'"),
        (lambda: optim.ReduceLROnPlateau(optimizer(), patience=-5), ValueError, "patience is -5"),
        (lambda: optim.ReduceLROnPlateau(optimizer(), cooldown=1.5), TypeError, "cooldown is 1.5"),
        (lambda: optim.ReduceLROnPlateau(optimizer(), min_lr=math.nan), ValueError, "min_lr is nan"),
        (lambda: optim.StepLR(optimizer(), 1, "a"), TypeError, "StepLR: gamma is 'a'"),
        (lambda: optim.StepLR(optimizer(), 1, math.inf), ValueError, "gamma is inf"),
        (lambda: optim.LinearLR(optimizer(), -0.1), ValueError, "LinearLR: start_factor is -0.1"),
        (lambda: optim.LinearLR(optimizer(), 0.1, "b"), TypeError, "LinearLR: end_factor is 'b'"),
        (lambda: optim.LinearLR(optimizer(), total_iters=0), ValueError, "LinearLR: total_iters is 0"),
        (lambda: optim.StepLR(0.1, 1), TypeError, "StepLR: optimizer is a float, expected an Optimizer"),
        (lambda: optim.CosineAnnealingLR(optimizer(), 5, -1), ValueError, "eta_min is -1"),
        (lambda: optim.StepLR(optimizer(), 1).load_state_dict(3), TypeError, "state is a int, expected a dict"),
        (
            lambda: optim.StepLR(optimizer(), 1).load_state_dict({"base_lr": np.array(math.nan), "epoch": 0}),
            ValueError,
            "StepLR.load_state_dict: base_lr is nan",
        ),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
