"""Random numbers: streams of Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").

A stream is a 64-bit key and a 64-bit counter; its numbers are a pure function of both, hence the same on every backend
and at any number of threads. Whatever draws numbers owns a `Stream`: `Stream(seed)` derives its key from the seed,
`Stream()` takes the next key of the process, which `seed(n)` restarts. No two streams share a key by accident.
"""

import os
import threading

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cuarzo import kernels

_MASK = 2**64 - 1
_LOCK = threading.Lock()


def _mix(x: int) -> int:
    """A bijection of 64-bit integers that scatters neighbours (splitmix64's finaliser, Steele et al. 2014)."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


class _Keys:
    """The process's sequence of keys: splitmix64, which visits all 2**64 keys before one comes again."""

    def __init__(self, start: int):
        self.seed = start
        self.position = _mix(start)

    def next(self) -> int:
        self.position = (self.position + 0x9E3779B97F4A7C15) & _MASK
        return _mix(self.position)


_keys = _Keys(int.from_bytes(os.urandom(8), "little"))


def _checked(n: int, what: str) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise TypeError(f"{what}: the seed must be an integer, got {n!r} of type {type(n).__name__}")
    if not 0 <= n <= _MASK:
        raise ValueError(f"{what}: the seed must be between 0 and 2**64 - 1, got {n}")
    return int(n)


class seed:  # noqa: N801 - a function to its callers: it acts at the call, and undoes that as a context manager
    """Restart the process's keys from `n`: what is drawn afterwards without a seed of its own repeats bit for bit.

    As a context manager it puts the keys that were there before back. Raises TypeError, ValueError for a bad `n`.
    """

    def __init__(self, n: int):
        global _keys
        with _LOCK:
            self._before, _keys = _keys, _Keys(_checked(n, "seed"))

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None:
        global _keys
        with _LOCK:
            _keys = self._before


def next_key() -> int:
    """The next key of the process, different from all that came before it since the last `seed`."""
    with _LOCK:
        return _keys.next()


def current_seed() -> int:
    """The seed that the process's keys started from: given by `seed(n)`, else drawn from the system's entropy."""
    return _keys.seed


class Stream:
    """A stream of random numbers: `key` says which, `counter` how far it has come, in blocks of 128 bits.

    `seed`: an integer, or None for the next key of the process.
    """

    def __init__(self, seed: int | None = None):
        # The constant keeps Stream(n) apart from the streams that follow seed(n).
        self.key = next_key() if seed is None else _mix(_checked(seed, "Stream") ^ 0x5851F42D4C957F2D)
        self.counter = 0

    def uniform(self, shape: int | tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[np.floating]:
        """Numbers uniform in [0, 1): float32 on a grid of 2**-24, float64 of 2**-53. Advances the counter once."""
        u = np.empty(shape, dtype)
        if u.dtype not in (np.float32, np.float64):
            raise TypeError(f"uniform: dtype must be float32 or float64, got {u.dtype}")
        kernels.current().philox_uniform(*self.take(u.size, u.dtype), u)
        return u

    def take(self, count: int, dtype: DTypeLike = np.float32) -> tuple[int, int]:
        """(key, counter) of the next `count` uniform numbers, for a kernel that draws them itself; the counter passes
        them by.
        """
        counter, per_block = self.counter, 16 // np.dtype(dtype).itemsize
        self.counter = (counter + -(-count // per_block)) & _MASK
        return self.key, counter

    def normal(self, shape: int | tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[np.floating]:
        """Standard normal numbers by Box and Muller (1958), from two float64 uniforms each, rounded once to `dtype`."""
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise TypeError(f"normal: dtype must be float32 or float64, got {np.dtype(dtype)}")
        size = int(np.prod(shape, dtype=np.int64))
        u = self.uniform((2, size), np.float64)
        radius = np.sqrt(-2.0 * np.log1p(-u[0]))  # 1 - u lies in (0, 1]: the logarithm stays finite
        return (radius * np.cos(2.0 * np.pi * u[1])).reshape(shape).astype(dtype, copy=False)

    def permutation(self, n: int) -> NDArray[np.int64]:
        """A random order of 0 ... n - 1: the order of n uniform float64 numbers."""
        return np.argsort(self.uniform(n, np.float64), kind="stable").astype(np.int64, copy=False)

    def state(self) -> NDArray[np.uint64]:
        """(key, counter), for a checkpoint."""
        return np.array([self.key, self.counter], np.uint64)

    def load_state(self, state: NDArray[np.uint64]) -> None:
        """Go on from a `state()`. Raises ValueError unless it is a pair of uint64."""
        if np.shape(state) != (2,) or np.asarray(state).dtype != np.uint64:
            raise ValueError(f"Stream.load_state: state must be 2 numbers of uint64, got {state!r}")
        self.key, self.counter = int(state[0]), int(state[1])

    def __repr__(self) -> str:
        return f"Stream(key={self.key:#018x}, counter={self.counter})"
