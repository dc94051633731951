"""Wrong random numbers."""

import numpy as np

from cuarzo.kernels import naive
from cuarzo.kernels import numpy as right

from .plant import fresh, planted

_LOW = 2**32 - 1


def _split(number):
    return number & _LOW, number >> 32 & _LOW


def _block(key, counter):
    """The blocks of the definition: block(0), block(1), ..."""
    return lambda j: naive.philox4x32((*_split((counter + j) % 2**64), 0, 0), _split(key))


def _single(word):
    return (word >> np.uint64(8)) * 2.0**-24


def _double(first, second):
    return ((first >> np.uint64(5)) << np.uint64(26) | (second >> np.uint64(6))) * 2.0**-53


def _fill(u, block, single=_single, double=_double):
    """`u` from the words of block(0), block(1), ..."""
    per_block = 4 if u.dtype == np.float32 else 2
    words = np.array([block(j) for j in range(-(-u.size // per_block))], np.uint64).reshape(-1, 4)
    drawn = single(words) if per_block == 4 else double(words[:, 0::2], words[:, 1::2])
    u.reshape(-1)[...] = drawn.reshape(-1)[: u.size]


def _rounds(words, key, count=10, bump=None):
    """Philox4x32 with `count` rounds; bump(key) replaces the step from one round's key to the next."""
    x0, x1, x2, x3 = words
    k0, k1 = key
    for _ in range(count):
        low, high = 0xD2511F53 * x0, 0xCD9E8D57 * x2
        x0, x1, x2, x3 = (high >> 32) ^ x1 ^ k0, high & _LOW, (low >> 32) ^ x3 ^ k1, low & _LOW
        k0, k1 = bump(k0, k1) if bump else ((k0 + 0x9E3779B9) & _LOW, (k1 + 0xBB67AE85) & _LOW)
    return x0, x1, x2, x3


@planted("philox_uniform", "counter raised before its first use")
def _(key, counter, u):
    right.philox_uniform(key, (counter + 1) % 2**64, u)


@planted("philox_uniform", "counter not wrapped at 2**64: the carry goes into the third word")
def _(key, counter, u):
    _fill(u, lambda j: naive.philox4x32((*_split(counter + j), (counter + j) >> 64, 0), _split(key)))


@planted("philox_uniform", "carry from the first word of the counter into the second lost")
def _(key, counter, u):
    low, high = _split(counter)
    _fill(u, lambda j: naive.philox4x32(((low + j) & _LOW, high, 0, 0), _split(key)))


@planted("philox_uniform", "halves of the key swapped")
def _(key, counter, u):
    right.philox_uniform((key & _LOW) << 32 | key >> 32, counter, u)


@planted("philox_uniform", "upper half of the key dropped")
def _(key, counter, u):
    right.philox_uniform(key & _LOW, counter, u)


@planted("philox_uniform", "nine rounds")
def _(key, counter, u):
    _fill(u, lambda j: _rounds((*_split((counter + j) % 2**64), 0, 0), _split(key), count=9))


@planted("philox_uniform", "key raised as one number of 64 bits: the lower half carries into the upper one")
def _(key, counter, u):
    def bump(k0, k1):
        return _split((k1 << 32 | k0) + (0xBB67AE85 << 32 | 0x9E3779B9))

    _fill(u, lambda j: _rounds((*_split((counter + j) % 2**64), 0, 0), _split(key), bump=bump))


@planted("philox_uniform", "float64 takes the second word of each pair for the high one")
def _(key, counter, u):
    _fill(u, _block(key, counter), double=lambda first, second: _double(second, first))


@planted("philox_uniform", "float64 of the upper 53 of 64 bits, not of 27 and 26: agrees to eight digits")
def _(key, counter, u):
    def double(first, second):
        return ((first << np.uint64(32) | second) >> np.uint64(11)) * 2.0**-53

    _fill(u, _block(key, counter), double=double)


@planted("philox_uniform", "float32 of all 32 bits, rounded: off the grid, and 1 is possible")
def _(key, counter, u):
    _fill(u, _block(key, counter), single=lambda word: word.astype(np.float32) * np.float32(2.0**-32))


@planted("philox_uniform", "last block not written where u needs only a part of it")
def _(key, counter, u):
    per_block = 4 if u.dtype == np.float32 else 2
    whole = u.size - u.size % per_block
    u.reshape(-1)[:whole] = fresh(right.philox_uniform, key, counter, u).reshape(-1)[:whole]


@planted("philox_uniform", "eight blocks at a time come out word by word: their transposition is forgotten")
def _(key, counter, u):
    right.philox_uniform(key, counter, u)
    flat, per_block = u.reshape(-1), 4 if u.dtype == np.float32 else 2
    for start in range(0, flat.size - 8 * per_block + 1, 8 * per_block):
        eight = flat[start : start + 8 * per_block]
        eight[...] = eight.reshape(8, per_block).T.reshape(-1)


@planted("philox_uniform", "filled column by column: right for one axis")
def _(key, counter, u):
    flat = np.empty(u.size, u.dtype)
    right.philox_uniform(key, counter, flat)
    u[...] = flat.reshape(u.shape, order="F")


@planted("philox_uniform", "each row of u begins a new block")
def _(key, counter, u):
    right.philox_uniform(key, counter, u)
    if u.ndim > 1 and u.size:
        rows = u.reshape(-1, u.shape[-1])
        blocks = -(-rows.shape[1] // (4 if u.dtype == np.float32 else 2))
        for i, row in enumerate(rows):
            right.philox_uniform(key, (counter + i * blocks) % 2**64, row)
