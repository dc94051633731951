"""Convolution, pooling and resampling over 1, 2 and 3 axes against finite differences in float64, at every element."""

import numpy as np
import pytest

from cuarzo import Tensor, gradcheck, kernels, ops

RNG = np.random.default_rng(11)
IMAGES = {1: (7,), 2: (5, 6), 3: (3, 4, 5)}
WINDOWS = {1: (3,), 2: (2, 3), 3: (2, 1, 3)}


def normal(*shape):
    return RNG.normal(size=shape)


def apart(*shape):
    """Elements that differ by 0.1 at least: maxima stay where they are."""
    n = int(np.prod(shape))
    return (RNG.permutation(n) - n // 2 + 0.5).reshape(shape) / 10


def convolutions(n):
    conv, image, window = getattr(ops, f"conv{n}d"), IMAGES[n], WINDOWS[n]
    unequal = tuple((i % 2, 2 - i % 2) for i in range(n))
    strides, dilations = tuple(range(2, 2 + n)), tuple(2 - i % 2 for i in range(n))
    yield "", conv, normal(2, 2, *image), normal(2, 2, *window), normal(2)
    yield " without b", conv, normal(1, 2, *image), normal(1, 2, *window)
    yield " stride", (lambda x, w, b: conv(x, w, b, strides, 1)), normal(1, 2, *image), normal(2, 2, *window), normal(2)
    yield " dilation", (lambda x, w: conv(x, w, None, 1, 2, dilations)), normal(1, 1, *image), normal(2, 1, *window)
    yield " unequal", (lambda x, w: conv(x, w, None, 2, unequal)), normal(1, 1, *image), normal(2, 1, *window)
    yield " groups", (lambda x, w, b: conv(x, w, b, groups=2)), normal(2, 4, *image), normal(4, 2, *window), normal(4)
    depthwise = lambda x, w: conv(x, w, groups=3, padding="same")  # noqa: E731
    yield " depthwise", depthwise, normal(1, 3, *image), normal(6, 1, *window)


def transposed(n):
    conv, image, window = getattr(ops, f"conv_transpose{n}d"), (2, 2, 3)[-n:], (2, 2, 3)[-n:]
    unequal = tuple((i % 2, 1 - i % 2) for i in range(n))
    yield "", conv, normal(2, 2, *image), normal(2, 3, *window), normal(3)
    yield " without b", conv, normal(1, 2, *image), normal(2, 1, *window)
    options = lambda *o: lambda x, w, b: conv(x, w, b, *o)  # noqa: E731
    yield " stride", options(2, unequal), normal(1, 2, *image), normal(2, 1, *window), normal(1)
    yield " output_padding", options(3, 0, tuple(range(n))), normal(1, 1, *image), normal(1, 2, *window), normal(2)
    yield " groups", options(2, 0, 1, 2), normal(2, 4, *image), normal(4, 2, *window), normal(4)
    yield " dilation", options(1, 1, 0, 1, 3), normal(1, 1, *image), normal(1, 2, *window), normal(2)
    yield " wide end", options(1, 1, 2, 1, 3), normal(1, 2, *image), normal(2, 2, *window), normal(2)


def maxima(n):
    pool, image, window = getattr(ops, f"max_pool{n}d"), IMAGES[n], WINDOWS[n]
    yield "", (lambda x: pool(x, window)), apart(2, 2, *image)
    yield " overlap", (lambda x: pool(x, 3, 1, 1)), apart(1, 2, *image)
    yield " ceil", (lambda x: pool(x, 2, 2, ceil_mode=True)), apart(1, 2, *image)
    yield " dilation", (lambda x: pool(x, 2, 1, 1, 2)), apart(1, 2, *image)


def means(n):
    pool, image, window = getattr(ops, f"avg_pool{n}d"), IMAGES[n], WINDOWS[n]
    yield "", (lambda x: pool(x, window)), normal(2, 2, *image)
    yield " ceil", (lambda x: pool(x, 3, 2, 1, True)), normal(1, 2, *image)
    yield " inside", (lambda x: pool(x, 3, 1, 1, True, False)), normal(1, 2, *image)
    if n > 1:
        yield " divisor", (lambda x: pool(x, 3, 2, 1, True, False, 5)), normal(1, 2, *image)


def adaptive(n):
    mean, largest = (getattr(ops, f"adaptive_{name}_pool{n}d") for name in ("avg", "max"))
    image, size = IMAGES[n], (2, None, 3)[:n]
    for name, pool, x in (("avg", mean, normal(2, 2, *image)), ("max", largest, apart(2, 2, *image))):
        stem = f"adaptive_{name}_pool{n}d"
        yield stem, (lambda x, pool=pool: pool(x, size)), x
        yield f"{stem} global", (lambda x, pool=pool: pool(x, 1)), x
        yield f"{stem} larger", (lambda x, pool=pool: pool(x, 8)), x[:1, :1]


def unpooled(n):
    image, unpool = (4, 6, 4)[:n], getattr(ops, f"max_unpool{n}d")
    x = Tensor(apart(2, 2, *image))
    y, indices = getattr(ops, f"max_pool{n}d")(x, 2, return_indices=True)
    yield "", (lambda y: unpool(y, indices, 2)), y.data
    yield " size", (lambda y: unpool(y, indices, 2, output_size=[m + 1 for m in image])), y.data
    twice = indices.repeat(2, 2)  # the last of each pair wins
    yield " twice", (lambda y: unpool(y, twice, 2)), y.data.repeat(2, 2) + apart(*twice.shape)


def resampled(n):
    image = IMAGES[n]
    linear = ("linear", "bilinear", "trilinear")[n - 1]
    size = (5, 4, 9)[:n]
    for op in (ops.interpolate, ops.upsample):
        name = op.__name__
        yield f"{name} {n} nearest", (lambda x, op=op: op(x, size)), normal(2, 1, *image)
        yield f"{name} {n} scale", (lambda x, op=op: op(x, None, 1.5)), normal(1, 1, *image)
        yield f"{name} {n} linear", (lambda x, op=op: op(x, size, None, linear)), normal(1, 2, *image)
        yield f"{name} {n} corners", (lambda x, op=op: op(x, size, None, linear, True)), normal(1, 2, *image)


def signals(n):
    kernel, image = WINDOWS[n], IMAGES[n]
    for op in (ops.convolve, ops.correlate):
        for mode in ("full", "same", "valid"):
            function = lambda x, k, op=op, mode=mode: op(x, k, mode)  # noqa: E731
            yield f"{op.__name__} {n} {mode}", function, normal(*image), normal(*kernel)
            yield f"{op.__name__} {n} {mode} swapped", function, normal(*kernel), normal(*image)


CASES = {}
with kernels.use("naive"):
    for n in (1, 2, 3):
        for stem, rows in (
            (f"conv{n}d", convolutions(n)),
            (f"conv_transpose{n}d", transposed(n)),
            (f"max_pool{n}d", maxima(n)),
            (f"avg_pool{n}d", means(n)),
            (f"max_unpool{n}d", unpooled(n)),
            ("", adaptive(n)),
            ("", resampled(n)),
            ("", signals(n)),
        ):
            CASES |= {stem + name: case for name, *case in rows}


@pytest.mark.parametrize("backend", ["numpy", "naive"])
@pytest.mark.parametrize("name", CASES)
def test_gradient(name, backend):
    """Through the naive kernels the backward kernels of the definition meet an outsider."""
    function, *inputs = CASES[name]
    with kernels.use(backend):
        assert gradcheck(function, *inputs)
