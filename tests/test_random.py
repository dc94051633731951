"""Seeds, streams, and the distributions drawn from them."""

import numpy as np
import pytest
from scipy import stats

import cuarzo as cz
from cuarzo.random import Stream, next_key

LEVEL = 1e-6  # of each test of a distribution: with fixed seeds they pass or fail for good


def test_a_seed_gives_the_same_streams_again():
    cz.seed(0)
    first = [Stream().uniform(5).tolist() for _ in range(3)]
    cz.seed(0)
    assert [Stream().uniform(5).tolist() for _ in range(3)] == first
    assert len({tuple(row) for row in first}) == 3


def test_seed_for_a_while():
    cz.seed(1)
    expected = [next_key() for _ in range(4)]
    cz.seed(1)
    got = [next_key(), next_key()]
    with cz.seed(5):
        inside = next_key()
    assert [*got, next_key(), next_key()] == expected
    cz.seed(5)
    assert next_key() == inside


def test_no_key_twice():
    for start in range(50):
        cz.seed(start)
        keys = [next_key() for _ in range(200)]
        assert len(set(keys)) == 200
    assert len({Stream(seed).key for seed in range(10_000)}) == 10_000


def test_a_stream_of_a_seed_is_none_of_those_that_follow_the_seed():
    for n in range(20):
        with cz.seed(n):
            assert Stream(n).key not in {next_key() for _ in range(100)}


def test_successive_calls_go_on_where_the_last_one_ended():
    whole = Stream(3).uniform(12, np.float64)
    stream = Stream(3)
    parts = [stream.uniform(4, np.float64), stream.uniform((2, 3), np.float64).ravel(), stream.uniform(2, np.float64)]
    assert np.concatenate(parts).tolist() == whole.tolist()
    odd = Stream(3)
    odd.uniform(3)  # a started block is not shared: the next call begins a new one
    assert odd.uniform(4).tolist() == Stream(3).uniform(8)[4:].tolist()


def test_state_goes_on():
    stream = Stream(9)
    stream.uniform(7)
    other = Stream(1)
    other.load_state(stream.state())
    assert other.uniform(9).tolist() == stream.uniform(9).tolist()
    with pytest.raises(ValueError, match="state must be 2 numbers of uint64"):
        other.load_state(np.zeros(3))


@pytest.mark.parametrize("wrong, error", [(-1, ValueError), (2**64, ValueError), (1.5, TypeError), (True, TypeError)])
def test_bad_seeds(wrong, error):
    for call in (cz.seed, Stream):
        with pytest.raises(error, match="the seed must be"):
            call(wrong)


def test_dtypes():
    assert Stream(1).uniform(3).dtype == np.float32
    assert Stream(1).normal((2, 2), np.float64).dtype == np.float64
    with pytest.raises(TypeError, match="float32 or float64, got int64"):
        Stream(1).uniform(3, np.int64)
    assert Stream(1).uniform(0).shape == Stream(1).normal((0, 3)).shape[:1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_is_uniform(dtype):
    u = Stream(11).uniform(200_000, dtype)
    assert u.min() >= 0 and u.max() < 1
    assert stats.kstest(u.astype(np.float64), "uniform").pvalue > LEVEL


def test_normal_is_normal():
    draw = Stream(12).normal(200_000, np.float64)
    assert stats.kstest(draw, "norm").pvalue > LEVEL
    assert np.isfinite(draw).all()


def test_permutation_is_one_and_every_order_is_as_likely():
    assert sorted(Stream(2).permutation(1000)) == list(range(1000))
    orders = np.array([Stream(seed).permutation(4) for seed in range(4800)])
    counts = np.unique(orders @ [64, 16, 4, 1], return_counts=True)[1]
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > LEVEL


def test_the_same_numbers_from_every_backend():
    draws = []
    for name, state in cz.kernels.backends().items():
        if state == "available":
            with cz.kernels.use(name):
                stream = Stream(4)
                draws.append((stream.uniform(33).tobytes(), stream.uniform(9, np.float64).tobytes(), stream.counter))
    assert len(set(draws)) == 1
