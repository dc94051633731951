"""The loader: every sample once a pass, in an order that can be had again."""

import numpy as np
import pytest

from cuarzo import random
from cuarzo.data import Loader

X, Y = np.arange(20, dtype=np.float32).reshape(10, 2), np.arange(10)


def orders(loader, passes=1):
    return [np.concatenate([y for _, y in loader]).tolist() for _ in range(passes)]


def test_every_sample_once_with_its_label():
    loader = Loader(X, Y, 4, seed=0)
    batches = list(loader)
    assert [len(y) for _, y in batches] == [4, 4, 2] and len(loader) == 3
    assert sorted(np.concatenate([y for _, y in batches])) == list(range(10))
    assert all(np.array_equal(x, X[y]) for x, y in batches)
    assert orders(Loader(X, Y, 3, shuffle=False)) == [list(range(10))]


def test_passes_differ_and_repeat_from_the_seed():
    first, second = orders(Loader(X, Y, 4, seed=5), 2)
    assert first != second
    assert orders(Loader(X, Y, 3, seed=5), 2) == [first, second]
    assert orders(Loader(X, Y, 4, seed=6)) != [first]


def test_without_a_seed_two_loaders_differ_and_the_process_seed_repeats_them():
    with random.seed(3):
        once = orders(Loader(X, Y)) + orders(Loader(X, Y))
    with random.seed(3):
        again = orders(Loader(X, Y)) + orders(Loader(X, Y))
    assert once == again and once[0] != once[1]


def test_state_brings_an_order_back():
    loader = Loader(X, Y, 4, seed=0)
    orders(loader)
    state = loader.state()
    later = orders(loader, 2)
    other = Loader(X, Y, 4, seed=99)
    other.load_state(state)
    assert orders(other, 2) == later
    with pytest.raises(ValueError, match="shuffle=False"):
        Loader(X, Y, shuffle=False).load_state(state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X[:0], Y[:0]), r"Loader: x is empty \(0 samples\)"),
        ((X, Y[:3]), "x has 10 samples, y has 3"),
        ((X, Y, 0), "batch_size is 0, expected 1 or more"),
    ],
)
def test_what_cannot_be_loaded_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Loader(*arguments)


def test_a_batch_size_that_is_no_integer():
    with pytest.raises(TypeError, match=r"batch_size is 2.5 of type float, expected an integer"):
        Loader(X, Y, 2.5)
