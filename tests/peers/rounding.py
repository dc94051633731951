"""The error that float32 arithmetic may make, derived operation by operation: running error analysis, forwards and
backwards.

A network is written once more in `Traced` numbers. Each carries its value, in float64, and a bound of the error that
the same steps in float32 can have made: what the operands' errors do to the result, plus eps |result| for its own
rounding (Higham 2002, "Accuracy and stability of numerical algorithms", section 3.3). eps = 2^-23 is twice the unit
roundoff, which leaves room for a step that another order of operations has more. exp, tanh and their like may be off by
4 eps. `gradients` walks back by the chain rule in numbers of the same kind, so gradients come with their bounds too.

The values are a third opinion: the tests hold them against PyTorch's.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
EPS = 2.0**-23
TINY = float(np.finfo(np.float32).tiny)  # what underflows is lost
ULPS = 4  # of exp, log, tanh and their like in libraries of vectors

_erf = np.vectorize(math.erf, otypes=[np.float64])


class Number:
    """A value and a bound of its error."""

    def __init__(self, value: Any, error: Any = 0.0):
        self.value = np.asarray(value, np.float64)
        self.error = np.broadcast_to(np.asarray(error, np.float64), self.value.shape)

    @property
    def largest(self) -> Array:
        return np.abs(self.value) + self.error

    def __add__(self, other: Any) -> "Number":
        other = number(other)
        return rounded(self.value + other.value, self.error + other.error)

    def __neg__(self) -> "Number":
        return Number(-self.value, self.error)

    def __sub__(self, other: Any) -> "Number":
        return self + -number(other)

    def __mul__(self, other: Any) -> "Number":
        other = number(other)
        error = self.largest * other.error + self.error * np.abs(other.value)
        return rounded(self.value * other.value, error)

    def __truediv__(self, other: Any) -> "Number":
        other = number(other)
        value = self.value / other.value
        least = np.maximum(np.abs(other.value) - other.error, np.abs(other.value) / 2)
        return rounded(value, (self.error + np.abs(value) * other.error) / least)

    def __matmul__(self, other: "Number") -> "Number":
        value, n = self.value @ other.value, self.value.shape[-1]
        error = self.largest @ other.error + self.error @ np.abs(other.value)
        return Number(value, error + n * (EPS * (self.largest @ other.largest) + TINY))

    def sum(self, axis: Any = None, keepdims: bool = False) -> "Number":
        value, error = self.value.sum(axis, keepdims=keepdims), self.error.sum(axis, keepdims=keepdims)
        n = self.value.size // max(value.size, 1)
        return Number(value, error + max(n - 1, 0) * EPS * self.largest.sum(axis, keepdims=keepdims))

    def map(self, function: Callable[[Array], Array]) -> "Number":
        """A rearrangement: nothing is rounded."""
        return Number(function(self.value), function(self.error))


def number(x: Any) -> Number:
    return x if isinstance(x, Number) else Number(x)


def rounded(value: Array, error: Array, ulps: float = 1) -> Number:
    return Number(value, error + ulps * EPS * np.abs(value) + TINY)


class Traced:
    """A number that remembers how it was made: `parents` with, for each, the pull from its gradient back to theirs."""

    def __init__(self, value: Any, parents: Sequence[tuple["Traced", Callable[[Number], Number]]] = ()):
        self.number, self.parents = number(value), parents

    @property
    def value(self) -> Array:
        return self.number.value

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def detach(self) -> "Traced":
        return Traced(self.number)

    def __add__(self, other: Any) -> "Traced":
        other = traced(other)
        return Traced(self.number + other.number, [(self, lambda dy: dy), (other, lambda dy: dy)])

    def __neg__(self) -> "Traced":
        return Traced(-self.number, [(self, lambda dy: -dy)])

    def __sub__(self, other: Any) -> "Traced":
        return self + -traced(other)

    def __rsub__(self, other: Any) -> "Traced":
        return traced(other) - self

    def __mul__(self, other: Any) -> "Traced":
        a, b = self.number, traced(other).number
        return Traced(a * b, [(self, lambda dy: dy * b), (traced(other), lambda dy: dy * a)])

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other: Any) -> "Traced":
        other = traced(other)
        b, y = other.number, self.number / other.number
        return Traced(y, [(self, lambda dy: dy / b), (other, lambda dy: -(dy * y) / b)])

    def __rtruediv__(self, other: Any) -> "Traced":
        return traced(other) / self

    def __matmul__(self, other: "Traced") -> "Traced":
        a, b = self.number, other.number
        back = [(self, lambda dy: dy @ b.map(np.transpose)), (other, lambda dy: a.map(np.transpose) @ dy)]
        return Traced(a @ b, back)

    def sum(self, axis: Any = None, keepdims: bool = False) -> "Traced":
        shape, kept = self.shape, self.value.sum(axis, keepdims=True).shape

        def pull(dy: Number) -> Number:
            return dy.map(lambda d: np.broadcast_to(d.reshape(kept), shape))

        return Traced(self.number.sum(axis, keepdims), [(self, pull)])

    def __getitem__(self, key: Any) -> "Traced":
        shape = self.shape

        def pull(dy: Number) -> Number:
            value, error, size, count = (np.zeros(shape) for _ in range(4))
            for into, what in ((value, dy.value), (error, dy.error), (size, dy.largest), (count, 1.0)):
                np.add.at(into, key, what)
            return Number(value, error + np.maximum(count - 1, 0) * EPS * size)

        return Traced(self.number.map(lambda a: a[key]), [(self, pull)])

    def reshape(self, *shape: int) -> "Traced":
        before = self.shape
        return Traced(
            self.number.map(lambda a: a.reshape(shape)), [(self, lambda dy: dy.map(lambda d: d.reshape(before)))]
        )

    def transpose(self, *axes: int) -> "Traced":
        back = tuple(np.argsort(axes))
        moved = self.number.map(lambda a: a.transpose(axes))
        return Traced(moved, [(self, lambda dy: dy.map(lambda d: d.transpose(back)))])


def traced(x: Any) -> Traced:
    return x if isinstance(x, Traced) else Traced(x)


def where(mask: Any, a: Any, b: Any) -> Traced:
    """`a` where the mask, which is certain, is set, else `b`."""
    a, b, mask = traced(a), traced(b), np.asarray(mask)
    x, y = a.number, b.number
    both = Number(np.where(mask, x.value, y.value), np.where(mask, x.error, y.error))
    keep = lambda m: lambda dy: dy.map(lambda d: np.where(m, d, 0.0))  # noqa: E731
    return Traced(both, [(a, keep(mask)), (b, keep(~mask))])


def stack(parts: Sequence[Traced], axis: int = 0) -> Traced:
    whole = Number(np.stack([p.value for p in parts], axis), np.stack([p.number.error for p in parts], axis))
    take = lambda i: lambda dy: dy.map(lambda d: d.take(i, axis))  # noqa: E731
    return Traced(whole, [(p, take(i)) for i, p in enumerate(parts)])


def concatenate(parts: Sequence[Traced], axis: int = -1) -> Traced:
    whole = Number(
        np.concatenate([p.value for p in parts], axis), np.concatenate([p.number.error for p in parts], axis)
    )
    ends = np.cumsum([p.shape[axis] for p in parts])
    part = lambda i: lambda dy: dy.map(lambda d: np.split(d, ends[:-1], axis)[i])  # noqa: E731
    return Traced(whole, [(p, part(i)) for i, p in enumerate(parts)])


def _function(x: Traced, value: Array, error: Array, slope: Callable[[Number, Number], Number], ulps: float) -> Traced:
    """y = f(x) with what the error of x does to it, and its slope as a number made of x and y."""
    y = rounded(value, error, ulps)
    return Traced(y, [(x, lambda dy: dy * slope(x.number, y))])


def exp(x: Traced) -> Traced:
    value = np.exp(x.value)
    return _function(x, value, value * np.expm1(x.number.error), lambda _, y: y, ULPS)


def log(x: Traced) -> Traced:
    v, e = x.value, x.number.error
    return _function(x, np.log(v), e / np.maximum(v - e, v / 2), lambda x, _: Number(1.0) / x, ULPS)


def sqrt(x: Traced) -> Traced:
    v, e = x.value, x.number.error
    value = np.sqrt(v)
    error = np.maximum(np.sqrt(v + e) - value, value - np.sqrt(np.maximum(v - e, 0)))
    return _function(x, value, error, lambda _, y: Number(0.5) / y, 1)


def power(x: Traced, p: float) -> Traced:
    """x^p for x > 0, or e^(p log x): hence |p log x| among the roundings."""
    v, e = x.value, x.number.error
    value = v**p
    error = np.abs(p) * e * np.maximum(value / v, np.maximum(v - e, v / 2) ** (p - 1))
    ulps = float(ULPS + 2 * np.max(np.abs(p * np.log(v)), initial=0))
    return _function(x, value, error, lambda x, y: Number(p) * y / x, ulps)


def tanh(x: Traced) -> Traced:
    value, e = np.tanh(x.value), x.number.error
    error = np.minimum(e, (1 - value * value) * e + 0.4 * e * e)
    return _function(x, value, error, lambda _, y: Number(1.0) - y * y, ULPS)


def sigmoid(x: Traced) -> Traced:
    value, e = 0.5 * (1 + np.tanh(x.value / 2)), x.number.error
    small = np.exp(-np.abs(x.value))
    value = np.where(x.value < 0, small, 1.0) / (1 + small)
    error = np.minimum(e / 4, value * (1 - value) * e + 0.05 * e * e)
    return _function(x, value, error, lambda _, y: y * (Number(1.0) - y), ULPS)


def erf(x: Traced) -> Traced:
    density = lambda v: 2 / math.sqrt(math.pi) * np.exp(-v * v)  # noqa: E731
    slope = lambda x, _: exp(Traced(-(x * x))).number * (2 / math.sqrt(math.pi))  # noqa: E731
    e = x.number.error
    return _function(x, _erf(x.value), e * np.minimum(density(x.value) + e, 1.13), slope, ULPS)


def kinked(x: Traced, below: float = 0.0, kink: float = 0.0) -> Traced:
    """x above the kink, `below` x elsewhere. Where the error of x reaches the kink either slope may be taken."""
    above, unsure = x.value > kink, (np.abs(x.value - kink) <= x.number.error) & (x.number.error > 0)
    slope = np.where(above, 1.0, below)

    def pull(dy: Number) -> Number:
        scaled = dy * Number(slope)
        return Number(scaled.value, scaled.error + np.where(unsure, abs(1 - below) * dy.largest, 0.0))

    return Traced(rounded(x.value * slope, x.number.error * max(1.0, abs(below))), [(x, pull)])


def gradients(outputs: Sequence[tuple[Traced, Array]], inputs: Sequence[Traced]) -> list[Number]:
    """The gradients of sum of y dy over the outputs by the inputs, with their bounds."""
    order: list[Traced] = []
    seen: set[int] = set()
    stack_ = [(y, False) for y, _ in outputs]
    while stack_:
        node, done = stack_.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack_ += [(node, True), *((parent, False) for parent, _ in node.parents)]
    flowing: dict[int, Number] = {}

    def add(node: Traced, dy: Number) -> None:
        dy = _unbroadcast(dy, node.shape)
        flowing[id(node)] = flowing[id(node)] + dy if id(node) in flowing else dy

    for y, dy in outputs:
        add(y, Number(dy))
    for node in reversed(order):
        if id(node) in flowing:
            for parent, pull in node.parents:
                add(parent, pull(flowing[id(node)]))
    return [flowing.get(id(x), Number(np.zeros(x.shape))) for x in inputs]


def _unbroadcast(dy: Number, shape: tuple[int, ...]) -> Number:
    if dy.value.shape == shape:
        return dy
    added = dy.value.ndim - len(shape)
    dy = dy.sum(tuple(range(added))) if added else dy
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and dy.value.shape[i] != 1)
    return dy.sum(axes, keepdims=True) if axes else dy
