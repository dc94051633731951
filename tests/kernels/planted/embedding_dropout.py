"""Wrong embeddings and dropout."""

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.threads import get_num_threads

from .plant import bent, instead, plant_accumulating, plant_float32, spoilt

plant_float32("embedding_forward embedding_backward dropout")
plant_accumulating("embedding_forward embedding_backward dropout")


def _other_index(bug, other):
    @bent("embedding_forward embedding_backward", bug)
    def _(a):
        words = len(a.weight if hasattr(a, "weight") else a.dweight)
        a.indices = other(a.indices, words)


_other_index("the word before", lambda indices, V: np.maximum(indices - 1, 0))
_other_index("the word after", lambda indices, V: np.minimum(indices + 1, V - 1))
_other_index("last word out of reach", lambda indices, V: np.minimum(indices, max(V - 2, 0)))
_other_index("indices in uint8", lambda indices, V: indices.astype(np.uint8).astype(np.int64))
_other_index("indices sorted, the rows beside them are not", lambda indices, V: np.sort(indices))
_other_index("index of the first row for all", lambda indices, V: np.repeat(indices[:1], len(indices)))


@spoilt("embedding_forward", "word 0 taken for padding: zeros")
def _(a):
    a.y[a.indices == 0] = 0


@spoilt("embedding_forward", "last word, which is -1, taken for padding: zeros")
def _(a):
    a.y[a.indices == len(a.weight) - 1] = 0


@spoilt("embedding_forward", "a repeated word given at its first place only")
def _(a):
    first = np.unique(a.indices, return_index=True)[1]
    a.y[np.setdiff1d(np.arange(len(a.y)), first)] = 0


@instead("embedding_forward", "product with one-hot rows: 0 times NaN")
def _(a):
    a.y[...] = (a.indices[:, None] == np.arange(len(a.weight))).astype(a.weight.dtype) @ a.weight


@bent("embedding_forward", "weight transposed where it is square")
def _(a):
    if a.weight.shape[0] == a.weight.shape[1]:
        a.weight = a.weight.T.copy()


@instead("embedding_forward", "flat index by the number of words, not of columns")
def _(a):
    places = a.indices[:, None] * len(a.weight) + np.arange(a.weight.shape[1])
    if places.size:
        a.y[...] = a.weight.reshape(-1)[places % a.weight.size]


@instead("embedding_backward", "assigned, not added, where a word is repeated")
def _(a):
    a.dweight[...] = 0
    learns = a.indices != a.padding_index
    a.dweight[a.indices[learns]] = a.dy[learns]


@instead("embedding_backward", "repeats added up where they are neighbours only")
def _(a):
    a.dweight[...] = 0
    learns = a.indices != a.padding_index
    words, dy = a.indices[learns], a.dy[learns]
    starts = np.flatnonzero(np.diff(words, prepend=-1))
    if starts.size:
        a.dweight[words[starts]] = np.add.reduceat(dy, starts, axis=0)


@instead("embedding_backward", "product with one-hot rows: 0 times NaN")
def _(a):
    hot = (a.indices == np.arange(len(a.dweight))[:, None]) & (a.indices != a.padding_index)
    a.dweight[...] = hot.astype(a.dy.dtype) @ a.dy


@instead("embedding_backward", "words that do not occur keep what they held")
def _(a):
    held = a.dweight.copy()
    right.embedding_backward(*vars(a).values())
    absent = np.setdiff1d(np.arange(len(a.dweight)), a.indices)
    a.dweight[absent] = held[absent]


@instead("embedding_backward", "padding row keeps what it held")
def _(a):
    held = a.dweight.copy()
    right.embedding_backward(*vars(a).values())
    if a.padding_index >= 0:
        a.dweight[a.padding_index] = held[a.padding_index]


@bent("embedding_backward", "padding learns too")
def _(a):
    a.padding_index = -1


@bent("embedding_backward", "padding 0 taken for none")
def _(a):
    a.padding_index = a.padding_index or -1


@bent("embedding_backward", "none taken for padding 0")
def _(a):
    a.padding_index = 0 if len(a.dweight) else a.padding_index


@spoilt("embedding_backward", "padding -1 clears the last word")
def _(a):
    if len(a.dweight):
        a.dweight[a.padding_index] = 0


@spoilt("embedding_backward", "gradient ends at the first padding, as at the end of a sentence")
def _(a):
    stop = np.flatnonzero(a.indices == a.padding_index)
    if stop.size:
        right.embedding_backward(a.dy[: stop[0]], a.indices[: stop[0]], a.padding_index, a.dweight)


@spoilt("embedding_backward", "mean of a word's gradients, not the sum")
def _(a):
    a.dweight /= np.maximum(np.bincount(a.indices, minlength=len(a.dweight)), 1)[:, None]


@spoilt("embedding_backward", "divided by the number of rows")
def _(a):
    a.dweight /= max(len(a.dy), 1)


@instead("embedding_backward", "rows dealt to threads that do not wait for each other: one's sums stand")
def _(a):
    a.dweight[...] = 0
    for part in np.array_split(np.arange(len(a.dy)), get_num_threads()):
        made = np.empty_like(a.dweight)
        right.embedding_backward(a.dy[part], a.indices[part], a.padding_index, made)
        words = np.unique(a.indices[part])
        a.dweight[words] = made[words]


def _uniform(a, dtype=np.float32, shape=None):
    u = np.empty(a.x.shape if shape is None else shape, dtype)
    right.philox_uniform(a.key, a.counter, u)
    return u


def _scale(a):
    return 1 / (1 - a.p) if a.p < 1 else 0.0


def _kept(bug, kept):
    """Another choice of what is kept."""

    @instead("dropout", bug)
    def _(a):
        a.y[...] = a.x * (kept(a) * a.x.dtype.type(_scale(a)))


_kept("p is the probability to keep", lambda a: _uniform(a) < np.float32(a.p))
_kept("kept where u < 1 - p: as many, but others", lambda a: _uniform(a) < np.float32(1 - a.p))
_kept("u = p is dropped", lambda a: _uniform(a) > np.float32(a.p))
_kept("p not rounded to float32", lambda a: _uniform(a).astype(float) >= a.p)
_kept("float64's numbers for float64", lambda a: _uniform(a, a.x.dtype) >= a.x.dtype.type(a.p))
_kept("one number for four elements", lambda a: np.repeat(_uniform(a, shape=-(-a.x.size // 4)), 4)[: a.x.size] >= a.p)
_kept("numbers from the end to the beginning", lambda a: _uniform(a)[::-1] >= np.float32(a.p))
_kept("numbers taken from the second on", lambda a: _uniform(a, shape=a.x.size + 1)[1:] >= np.float32(a.p))
_kept("one choice for all elements", lambda a: np.repeat(_uniform(a, shape=1), a.x.size) >= np.float32(a.p))
_kept("exactly p K elements dropped", lambda a: _uniform(a).argsort().argsort() >= round(a.p * a.x.size))
_kept("only the first 4 numbers of a block, in blocks of 8", lambda a: _uniform(a)[np.arange(a.x.size) & ~4] >= a.p)
_kept("u and p compared in bytes, and u = p dropped", lambda a: np.floor(256 * _uniform(a)) > 256 * a.p)
_kept("nothing dropped", lambda a: np.ones(a.x.shape, bool))


def _other_word(bug, other):
    bent("dropout", bug)(other)


_other_word("counter stale: always 0", lambda a: setattr(a, "counter", 0))
_other_word("counter one block late", lambda a: setattr(a, "counter", (a.counter + 1) % 2**64))
_other_word("counter of 32 bits", lambda a: setattr(a, "counter", a.counter % 2**32))
_other_word("key forgotten", lambda a: setattr(a, "key", 0))
_other_word("key of 32 bits", lambda a: setattr(a, "key", a.key % 2**32))
_other_word("key and counter exchanged", lambda a: vars(a).update(key=a.counter, counter=a.key))
_other_word("p of half where it is above", lambda a: setattr(a, "p", min(a.p, 0.5)))


def _other_scale(bug, scale):
    @instead("dropout", bug)
    def _(a):
        a.y[...] = a.x * ((_uniform(a) >= np.float32(a.p)) * a.x.dtype.type(scale(a.p)))


_other_scale("no scale: the mean is not kept", lambda p: 1)
_other_scale("scale 1 - p, as when testing without inversion", lambda p: 1 - p)
_other_scale("scale 1 / p", lambda p: 1 / max(p, 1e-30))
_other_scale("scale 1 / sqrt(1 - p): the variance is kept", lambda p: (1 / np.sqrt(1 - p)) if p < 1 else 0)
_other_scale("p = 1 divides by zero: 0 times inf", lambda p: np.float64(1) / np.float64(1 - p))
_other_scale("scale in float32", lambda p: np.float32(1) / np.float32(1 - p) if p < 1 else 0)


@instead("dropout", "what is dropped is 0, not multiplied by 0: NaN and infinity lost")
def _(a):
    a.y[...] = np.where(_uniform(a) >= np.float32(a.p), a.x * a.x.dtype.type(_scale(a)), 0)


@spoilt("dropout", "p = 1 keeps all")
def _(a):
    if a.p == 1:
        a.y[...] = a.x


@spoilt("dropout", "single elements are kept")
def _(a):
    if a.x.size == 1:
        a.y[...] = a.x


@spoilt("dropout", "drops in the caller's x")
def _(a):
    if a.x.flags.writeable:
        a.x[...] = a.y


@instead("dropout", "every thread begins its part with the first block")
def _(a):
    for part in np.array_split(np.arange(a.x.size), get_num_threads()):
        made = np.empty_like(a.x[part])
        right.dropout(a.x[part], a.p, a.key, a.counter, made)
        a.y[part] = made
