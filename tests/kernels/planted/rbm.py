"""Wrong restricted Boltzmann machines: layers and free energy."""

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.threads import get_num_threads

from .plant import fresh, low_precision, planted


def _uniform(key, counter, shape, dtype):
    u = np.empty(shape, dtype)
    right.philox_uniform(key, counter % 2**64, u)
    return u


def block_after(counter, drawn, numbers=1):
    return (counter + -(-drawn.size * numbers // (16 // drawn.itemsize))) % 2**64


def _normal(u, v, radius=lambda u: np.sqrt(-2 * np.log(1 - u)), turn=np.cos):
    return radius(u) * turn(2 * np.pi * v)


for _name in ("rbm_hidden", "rbm_visible"):

    @planted(_name, "probability for sample")
    def _(*args, kernel=getattr(right, _name)):
        kernel(*args)
        if args[-1] is not None:
            args[-1][...] = args[-2]

    @planted(_name, "sample by rounding the mean")
    def _(*args, kernel=getattr(right, _name)):
        kernel(*args)
        if args[-1] is not None and not (len(args) == 8 and args[3]):
            args[-1][...] = args[-2] > 0.5

    @planted(_name, "sample for mean")
    def _(*args, kernel=getattr(right, _name)):
        kernel(*args)
        if args[-1] is not None:
            args[-2][...] = args[-1]

    @planted(_name, "numbers of float32 for float64")
    def _(*args, kernel=getattr(right, _name)):
        *_, key, counter, mean, sample = args
        kernel(*args)
        if sample is not None and not (len(args) == 8 and args[3]):
            sample[...] = _uniform(key, counter, mean.shape, np.float32) < mean

    @planted(_name, "each row begins a new block")
    def _(*args, kernel=getattr(right, _name)):
        *_, key, counter, mean, sample = args
        kernel(*args)
        if sample is not None and not (len(args) == 8 and args[3]):
            for n, row in enumerate(mean):
                begin = counter + n * -(-row.size // (16 // row.itemsize))
                sample[n] = _uniform(key, begin, row.shape, row.dtype) < row

    @planted(_name, "drawn column by column")
    def _(*args, kernel=getattr(right, _name)):
        *_, key, counter, mean, sample = args
        kernel(*args)
        if sample is not None and not (len(args) == 8 and args[3]):
            sample[...] = mean > _uniform(key, counter, mean.shape[::-1], mean.dtype).T

    @planted(_name, "w transposed where it is square")
    def _(x, w, *rest, kernel=getattr(right, _name)):
        kernel(x, np.ascontiguousarray(w.T) if w.shape[0] == w.shape[1] else w, *rest)

    @planted(_name, "products of float64 in float32")
    def _(*args, kernel=getattr(right, _name)):
        *rest, mean, _ = args
        kernel(*args)
        mean[...] = low_precision(lambda *a: kernel(*a, None), np.float32, *rest, mean)

    @planted(_name, "off where u <= 1 - mean: as likely, another sample")
    def _(*args, kernel=getattr(right, _name)):
        *_, key, counter, mean, sample = args
        kernel(*args)
        if sample is not None and not (len(args) == 8 and args[3]):
            sample[...] = _uniform(key, counter, mean.shape, mean.dtype) > 1 - mean

    @planted(_name, "e^x overflows: NaN for what is certain")
    def _(*args, kernel=getattr(right, _name)):
        *_, mean, _ = args
        kernel(*args)
        if not (len(args) == 8 and args[3]):
            x, w, bias = args[:3]
            received = (x @ w.T if kernel is right.rbm_hidden else x @ w) + bias
            with np.errstate(over="ignore", invalid="ignore"):
                e = np.exp(received)
                mean[...] = e / (1 + e)

    @planted(_name, "one stream for each thread: samples depend on the number of threads")
    def _(*args, kernel=getattr(right, _name)):
        *_, key, counter, mean, sample = args
        kernel(*args)
        if sample is not None and not (len(args) == 8 and args[3]):
            threads = get_num_threads()
            for t in range(threads):
                part = mean[t::threads]
                if t:
                    sample[t::threads] = _uniform(key + t, counter, part.shape, part.dtype) < part

    @planted(_name, "a mean of 1 is drawn as 1 - eps, one of 0 as eps: on and off are never certain")
    def _(*args, kernel=getattr(right, _name)):
        *_, mean, _ = args
        kernel(*args)
        if not (len(args) == 8 and args[3]):
            np.clip(mean, 1e-6, 1 - 1e-6, out=mean)

    @planted(_name, "bias forgotten for a batch of one")
    def _(x, w, bias, *rest, kernel=getattr(right, _name)):
        kernel(x, w, np.zeros_like(bias) if len(x) == 1 else bias, *rest)


@planted("rbm_hidden", "on where u <= mean: a unit of probability 0 is on where u = 0")
def _(v, w, b, key, counter, mean, sample):
    right.rbm_hidden(v, w, b, key, counter, mean, sample)
    if sample is not None:
        sample[...] = _uniform(key, counter, mean.shape, mean.dtype) <= mean


@planted("rbm_hidden", "NaN turns a unit on")
def _(v, w, b, key, counter, mean, sample):
    right.rbm_hidden(v, w, b, key, counter, mean, sample)
    if sample is not None:
        sample[...] = ~(_uniform(key, counter, mean.shape, mean.dtype) >= mean)


@planted("rbm_hidden", "visible units taken as on or off: real values are rounded up")
def _(v, *rest):
    right.rbm_hidden((v != 0).astype(v.dtype), *rest)


@planted("rbm_hidden", "counter of 32 bits")
def _(v, w, b, key, counter, *rest):
    right.rbm_hidden(v, w, b, key, counter % 2**32, *rest)


def _gaussian(bug, normal):
    @planted("rbm_visible", bug)
    def _(h, w, a, gaussian, key, counter, mean, sample):
        right.rbm_visible(h, w, a, gaussian, key, counter, mean, sample)
        if gaussian and sample is not None:
            sample[...] = mean + normal(key, counter, mean).astype(mean.dtype)


def _pairs(key, counter, mean):
    u = _uniform(key, counter, (*mean.shape, 2), mean.dtype)
    return u[..., 0], u[..., 1]


_gaussian("Gaussian with sin for cos", lambda *k: _normal(*_pairs(*k), turn=np.sin))
_gaussian("Gaussian with the pair (u2, u1)", lambda *k: _normal(*_pairs(*k)[::-1]))
_gaussian("Gaussian with log u1 for log(1 - u1)", lambda *k: _normal(*_pairs(*k), lambda u: np.sqrt(-2 * np.log(u))))
_gaussian("Gaussian of variance 1/2", lambda *k: _normal(*_pairs(*k), lambda u: np.sqrt(-np.log(1 - u))))
_gaussian("Gaussian of twice uniform noise of variance 1", lambda *k: np.sqrt(12) * (_pairs(*k)[0] - 0.5))


def _both(key, counter, mean):
    """Cosine and sine of each pair for two units."""
    u = _uniform(key, counter, (-(-mean.size // 2), 2), mean.dtype)
    both = np.stack([_normal(*u.T), _normal(*u.T, turn=np.sin)], 1)
    return both.reshape(-1)[: mean.size].reshape(mean.shape)


_gaussian("Gaussian takes both numbers of each pair", _both)
_gaussian(
    "Gaussian takes u1 from one draw, u2 from the next",
    lambda key, counter, mean: _normal(
        _uniform(key, counter, mean.shape, mean.dtype),
        _uniform(key, block_after(counter, mean), mean.shape, mean.dtype),
    ),
)


@planted("rbm_visible", "Gaussian mean squashed by the sigmoid")
def _(h, w, a, gaussian, key, counter, mean, sample):
    right.rbm_visible(h, w, a, gaussian, key, counter, mean, sample)
    if gaussian:
        right.rbm_visible(h, w, a, False, key, counter, mean, None)


@planted("rbm_visible", "Gaussian sample clipped to 0 ... 1")
def _(h, w, a, gaussian, key, counter, mean, sample):
    right.rbm_visible(h, w, a, gaussian, key, counter, mean, sample)
    if gaussian and sample is not None:
        np.clip(sample, 0, 1, out=sample)


def _received(v, w, b):
    return v @ w.T + b


@planted("rbm_free_energy", "sigmoid for softplus")
def _(v, w, a, b, gaussian, f):
    right.rbm_free_energy(v, w, a, b, gaussian, f)
    x = _received(v, w, b)
    f += (np.logaddexp(0, x) - 1 / (1 + np.exp(-np.clip(x, -80, 80)))).sum(1).astype(f.dtype)


@planted("rbm_free_energy", "softplus log(1 + e^x) overflows")
def _(v, w, a, b, gaussian, f):
    right.rbm_free_energy(v, w, a, b, gaussian, f)
    x = _received(v, w, b)
    with np.errstate(over="ignore"):
        f[np.isinf(np.exp(x)).any(1) & ~np.isinf(x).any(1)] = -np.inf


@planted("rbm_free_energy", "softplus is x above 20, x + 0 without its e^-x")
def _(v, w, a, b, gaussian, f):
    x = _received(v, w, b)
    own = np.square(v - a).sum(1) / 2 if gaussian else -(v @ a)
    f[...] = own - np.where(x > 10, x, np.logaddexp(0, x)).sum(1)


@planted("rbm_free_energy", "softplus below -17 in float32's log(1 + e^x), which is 0")
def _(v, w, a, b, gaussian, f):
    x = _received(v, w, b)
    own = np.square(v - a).sum(1) / 2 if gaussian else -(v @ a)
    soft = np.maximum(x, 0) + np.log(1 + np.exp(-np.abs(x)).astype(np.float32)).astype(x.dtype)
    f[...] = own - soft.sum(1)


@planted("rbm_free_energy", "without a v")
def _(v, w, a, b, gaussian, f):
    right.rbm_free_energy(v, w, np.zeros_like(a) if not gaussian else a, b, gaussian, f)


@planted("rbm_free_energy", "Gaussian: sum v^2 / 2 - a v, without a^2 / 2")
def _(v, w, a, b, gaussian, f):
    right.rbm_free_energy(v, w, a, b, gaussian, f)
    if gaussian:
        f -= (a * a).sum() / 2


@planted("rbm_free_energy", "Gaussian: the quadratic term with the other sign")
def _(v, w, a, b, gaussian, f):
    right.rbm_free_energy(v, w, a, b, gaussian, f)
    if gaussian:
        f -= np.square(v - a).sum(1)


@planted("rbm_free_energy", "gaussian ignored where a is 0")
def _(v, w, a, b, gaussian, f):
    right.rbm_free_energy(v, w, a, b, gaussian and bool(a.any()), f)


@planted("rbm_free_energy", "energy at the mean hidden units, without their entropy")
def _(v, w, a, b, gaussian, f):
    x = _received(v, w, b)
    own = np.square(v - a).sum(1) / 2 if gaussian else -(v @ a)
    f[...] = own - (x * (1 / (1 + np.exp(-np.clip(x, -80, 80))))).sum(1)


@planted("rbm_free_energy", "b of the first row only: added after the sum over units")
def _(v, w, a, b, gaussian, f):
    right.rbm_free_energy(v, w, a, np.zeros_like(b), gaussian, f)
    f -= b.sum()


@planted("rbm_free_energy", "in float32 for float64")
def _(*args):
    args[-1][...] = low_precision(right.rbm_free_energy, np.float32, *args)


@planted("rbm_free_energy", "mean over the batch in every row")
def _(*args):
    args[-1][...] = np.mean(fresh(right.rbm_free_energy, *args)) if args[-1].size else 0


@planted("rbm_free_energy", "w transposed where it is square")
def _(v, w, *rest):
    right.rbm_free_energy(v, np.ascontiguousarray(w.T) if w.shape[0] == w.shape[1] else w, *rest)
