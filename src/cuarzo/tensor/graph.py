"""The graph of recorded operations, and the walk back through it.

A node keeps the closure that turns the gradient of its result into the gradients of its parents. A parent is another
node, or a leaf: a tensor that no operation made. The walk runs from the latest node to the earliest, without recursion;
each node drops its closure and its parents as soon as it is done, so that the arrays they held are freed on the way.
"""

import itertools
import operator
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ContextDecorator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cuarzo.memory import owns

Array = NDArray[Any]
Backward = Callable[[Array], Sequence[Array | None]]

_order_of = operator.attrgetter("order")
_order = itertools.count()  # an operation comes after all that it was computed from: this is a topological order


class Source(Protocol):
    """What a gradient flows to: a node or a leaf."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...


class Node:
    """One recorded operation with a result of `shape` and `dtype`. `backward` is None once the walk has been here."""

    __slots__ = ("backward", "dtype", "order", "parents", "shape")

    def __init__(self, value: Array, parents: Sequence[Source | None], backward: Backward):
        self.shape, self.dtype = value.shape, value.dtype
        self.parents: Sequence[Source | None] = parents
        self.backward: Backward | None = backward
        self.order = next(_order)

    def release(self) -> tuple[Backward, Sequence[Source | None]]:
        """Hand out the closure and the parents, and forget both."""
        assert self.backward is not None
        held = self.backward, self.parents
        self.backward, self.parents = None, ()
        return held


def differentiate(root: Source, dy: Array) -> dict[Source, Array]:
    """Gradient of each leaf that `root` depends on, given that of `root`. Frees the graph.

    The arrays may be shared with `dy` and with each other: whoever keeps one makes a copy.
    """
    gradients, summed = {root: dy}, set[Source]()
    for node in _latest_first(root):
        backward, parents = node.release()
        if (dy_node := gradients.pop(node, None)) is None:  # nothing flowed here
            continue
        returned = backward(dy_node)
        if not isinstance(returned, tuple | list) or len(returned) != len(parents):
            raise TypeError(_not_one_each(backward, returned, parents))
        for i, (parent, gradient) in enumerate(zip(parents, returned)):
            if parent is None or gradient is None:
                continue
            if not fits(gradient, parent):
                check_gradient(f"{_name(backward)}: gradient {i}", gradient, parent)
            if parent in gradients:
                _add(gradients, summed, parent, gradient)
            else:
                gradients[parent] = np.asarray(gradient)
    return gradients


def _latest_first(root: Source) -> list[Node]:
    """All nodes below `root`. Raises RuntimeError, before anything is changed, if one was walked already."""
    seen: set[Source] = {root}
    stack: list[Source] = [root]
    nodes = []
    while stack:
        source = stack.pop()
        if not isinstance(source, Node):
            continue
        if source.backward is None:
            raise RuntimeError(
                "backward: this graph, or a part that it shares with another one, was differentiated before and freed; "
                "run the forward pass again, or add the results and call backward() once on their sum"
            )
        nodes.append(source)
        for parent in source.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    nodes.sort(key=_order_of, reverse=True)
    return nodes


def _name(backward: Backward) -> str:
    return getattr(backward, "__qualname__", repr(backward))


def _not_one_each(backward: Backward, returned: Any, parents: Sequence[Source | None]) -> str:
    given = f"{len(returned)}" if isinstance(returned, tuple | list) else f"a {type(returned).__name__}"
    return f"{_name(backward)}: expected a tuple of {len(parents)} gradients, one per parent, got {given}"


def fits(gradient: Any, source: Source) -> bool:
    """Whether `gradient` is what nearly always comes: an array with the dtype and the shape of `source`."""
    return type(gradient) is np.ndarray and gradient.shape == source.shape and gradient.dtype == source.dtype


def check_gradient(what: str, gradient: Any, source: Source) -> None:
    """Raise TypeError or ValueError unless `gradient` is an array with the dtype and the shape of `source`."""
    if fits(gradient, source):
        return
    if not isinstance(gradient, np.ndarray | np.generic):
        raise TypeError(f"{what} is a {type(gradient).__name__}, expected a NumPy array")
    if gradient.dtype != source.dtype:
        raise TypeError(f"{what} has dtype {gradient.dtype}, expected {source.dtype}")
    if gradient.shape != source.shape:
        raise ValueError(f"{what} has shape {gradient.shape}, expected {source.shape}")


def _add(gradients: dict[Source, Array], summed: set[Source], source: Source, gradient: Array) -> None:
    """Add to what `source` has. That is borrowed the first time; the sum is our own, and is added to in place."""
    held = gradients[source]
    if source in summed:
        np.add(held, gradient, out=held)
    else:
        gradients[source] = np.asarray(held + gradient)
        summed.add(source)


def unshared(held: list[Array]) -> Array:
    """The array in a list of one, or a copy of it if anything but the list refers to it or to its memory.

    Most gradients were made for their leaf alone; copying those of a large layer takes as long as its update.
    """
    array = held[0]
    alone = owns(array) and sys.getrefcount(array) <= _ALONE
    return array if alone and array.flags.writeable else array.copy()


def _references_of_one() -> int:
    """What getrefcount says there of an array that nothing but the list refers to: interpreters differ."""
    held = [np.empty(0)]
    array = held[0]
    return sys.getrefcount(array)


_ALONE = _references_of_one()


class _Paused(threading.local):
    depth = 0


_paused = _Paused()


class no_grad(ContextDecorator):  # noqa: N801 - used as `with no_grad():` and `@no_grad()`, as in torch
    """Record nothing in this thread: as a context manager, or as a decorator."""

    def __enter__(self) -> None:
        _paused.depth += 1

    def __exit__(self, *_: object) -> None:
        _paused.depth -= 1


def recording() -> bool:
    """Whether operations are recorded in this thread: false inside `no_grad`."""
    return _paused.depth == 0
