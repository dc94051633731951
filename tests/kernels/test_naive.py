"""The definition of products and random numbers, judged by outsiders: NumPy, published test vectors."""

from itertools import product

import numpy as np
import pytest

from cuarzo.kernels import naive

RNG = np.random.default_rng(20)


def test_matmul_is_numpys():
    a, b, c = RNG.standard_normal((3, 4)), RNG.standard_normal((4, 5)), np.empty((3, 5))
    for ta, tb in product((False, True), repeat=2):
        one, two = np.ascontiguousarray(a.T if ta else a), np.ascontiguousarray(b.T if tb else b)
        naive.matmul(one, two, ta, tb, c)
        np.testing.assert_allclose(c, a @ b, rtol=1e-14)


def test_matmul_rounds_once():
    a = np.array([[1.0, 2.0**-24, 2.0**-24]], np.float32)  # in float32 each small one alone would be lost
    c = np.empty((1, 1), np.float32)
    naive.matmul(a, np.ones((3, 1), np.float32), False, False, c)
    assert c[0, 0] == np.float32(1.0 + 2.0**-23)


@pytest.mark.parametrize("counter, key, words", [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
])  # fmt: skip
def test_philox_known_answers(counter, key, words):
    """The vectors that Random123 publishes for philox4x32 with 10 rounds (its file kat_vectors)."""
    hexadecimal = lambda text: tuple(int(word, 16) for word in text.split())  # noqa: E731
    assert naive.philox4x32(hexadecimal(counter), hexadecimal(key)) == hexadecimal(words)


def test_philox_uniform_follows_from_the_words():
    words = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]  # counter 0, key 0: the first known answer
    single, double = np.empty(3, np.float32), np.empty((2, 1), np.float64)
    naive.philox_uniform(0, 0, single)
    naive.philox_uniform(0, 0, double)
    assert single.tolist() == [(word >> 8) / 2**24 for word in words[:3]]
    assert double.ravel().tolist() == [((words[i] >> 5) * 2**26 + (words[i + 1] >> 6)) / 2**53 for i in (0, 2)]


def test_philox_counts_blocks_and_wraps():
    whole, tail, wrapped = np.empty(12, np.float32), np.empty(5, np.float32), np.empty(8, np.float32)
    naive.philox_uniform(9, 2**64 - 1, whole)
    naive.philox_uniform(9, 0, tail)
    assert whole[4:9].tolist() == tail.tolist()
    naive.philox_uniform(9, 1, wrapped)
    assert whole[8:].tolist() == wrapped[:4].tolist()
