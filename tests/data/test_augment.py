"""Augmentation: what it may change, and that it can be had again."""

import numpy as np
import pytest

from cuarzo.data import Binarize, Loader, Shift
from cuarzo.random import Stream

X = np.random.default_rng(0).random((200, 2, 4, 5)).astype(np.float32) + 1


def shifted_by_hand(image, row, column):
    out = np.zeros_like(image)
    for i in range(4):
        for j in range(5):
            if 0 <= i + row < 4 and 0 <= j + column < 5:
                out[:, i, j] = image[:, i + row, j + column]
    return out


def test_every_image_moves_by_whole_pixels_and_every_move_comes():
    moved, seen = Shift(1)(X, Stream(3)), set()
    assert moved.shape == X.shape and moved.dtype == X.dtype and moved.flags.c_contiguous
    for before, after in zip(X, moved):
        found = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if np.array_equal(after, shifted_by_hand(before, r, c))]
        assert len(found) == 1
        seen |= set(found)
    assert len(seen) == 9


def test_no_pixels_no_images_no_sense():
    assert np.array_equal(Shift(0)(X, Stream(0)), X)
    assert Shift(2)(X[:0], Stream(0)).shape == (0, 2, 4, 5)
    with pytest.raises(ValueError, match="pixels is -1, expected 0 or more"):
        Shift(-1)
    with pytest.raises(ValueError, match=r"x has shape \(200, 40\), expected \(N, C, H, W\)"):
        Shift(1)(X.reshape(200, 40), Stream(0))
    with pytest.raises(TypeError, match=r"pixels is 1.7 of type float, expected an integer"):
        Shift(1.7)
    with pytest.raises(ValueError, match=r"pixels is 1000000, expected at most the size of the image, \(4, 5\)"):
        Shift(1_000_000)(X, Stream(0))


def test_the_loader_varies_each_pass_and_repeats_it_from_its_state():
    loader = Loader(X, np.arange(200), 50, seed=1, augment=Shift(1))
    state = loader.state()
    first, second = (np.concatenate([x for x, _ in loader]) for _ in range(2))
    loader.load_state(state)
    assert not np.array_equal(first, second)
    assert np.array_equal(np.concatenate([x for x, _ in loader]), first)
    with pytest.raises(ValueError, match="augment draws from the stream of the order"):
        Loader(X, np.arange(200), shuffle=False, augment=Shift(1))


def test_a_grey_value_is_the_probability_of_a_one():
    x = np.repeat(np.array([0, 0.2, 0.75, 1], np.float32), 10_000).reshape(4, 10_000)
    drawn = Binarize()(x, Stream(3))
    assert drawn.dtype == x.dtype and set(np.unique(drawn)) == {0, 1}
    # five standard errors of 10,000 coins: sqrt(p (1 - p) / 10,000) <= 0.005
    assert drawn[0].sum() == 0 and drawn[3].all() and np.abs(drawn.mean(1) - x[:, 0]).max() < 0.025
    stream = Stream(3)
    assert np.array_equal(Binarize()(x, stream), drawn) and not np.array_equal(Binarize()(x, stream), drawn)
