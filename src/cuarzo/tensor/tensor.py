"""Tensor: data, gradient, operators. See graph.py for how gradients flow, and elementwise.py ff. for the formulas."""

from collections.abc import Callable, Iterator, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cuarzo.tensor import elementwise, product, reduction, shape
from cuarzo.tensor.graph import Array, Backward, Node, Source, check_gradient, differentiate, recording, unshared
from cuarzo.tensor.reduction import Axis

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class Tensor:
    """An array of float32 or float64 that remembers how it was computed.

    `Tensor(array, requires_grad=False)` shares the memory of `array`; Python numbers and lists become float32. What is
    computed from a tensor that requires a gradient is recorded, outside `no_grad`. `backward()` adds the gradient of
    each leaf (a tensor that no operation made) to its `grad`, a NumPy array that nothing else shares; None before the
    first time, and whenever it is set to None. Operators take tensors, arrays of the same dtype, and Python numbers,
    which adopt the dtype. Reductions name `axis` and `keepdims` as NumPy does.

    The graph keeps the arrays it computed with, not copies: data changed in place between a forward pass and its
    `backward()`, by hand or by `optimizer.step()`, gives a wrong gradient, which nothing detects.

    Raises TypeError for an array of another dtype and for operands of unequal dtype: nothing is cast in silence. So it
    does for masked arrays, whose mask would be lost.
    """

    __slots__ = ("__weakref__", "_node", "data", "grad", "requires_grad")
    __array_ufunc__ = None  # `array + tensor` is ours, not a NumPy array of tensors

    def __init__(self, array: Any, requires_grad: bool = False):
        self.data: Array = _float_array(array)
        self.grad: Array | None = None
        self.requires_grad = requires_grad
        self._node: Node | None = None

    @staticmethod
    def from_op(data: Array, parents: Sequence["Tensor"], backward: Backward) -> "Tensor":
        """The result `data` of an operation on `parents`, recorded if one of them requires a gradient.

        `backward(dy)` returns a tuple with one gradient per parent, of that parent's shape and dtype, or None for a
        parent that needs none. It must not write to `dy`. It is called once at most, and dropped afterwards.
        """
        result = Tensor(data if type(data) is np.ndarray else np.asarray(data))
        if recording():
            sources = [parent._source() for parent in parents]
            if sources.count(None) < len(sources):
                result.requires_grad = True
                result._node = Node(result.data, sources, backward)
        return result

    def backward(self, gradient: Array | None = None) -> None:
        """Add d self / d leaf to the `grad` of every leaf that requires it, and free the graph.

        `gradient`, of this tensor's shape and dtype, is what flows in; a tensor of one element takes 1. Raises
        RuntimeError if nothing was recorded, if more than one element has no `gradient`, and for a graph that was
        walked before; TypeError and ValueError for a gradient that does not fit. After an error no `grad` has changed.
        """
        source = self._source()
        if source is None:
            raise RuntimeError("backward: this tensor does not require a gradient, nor does what it was computed from")
        if gradient is None:
            if self.size != 1:
                raise RuntimeError(f"backward: a tensor of shape {self.shape} has no single value: give a `gradient`")
            gradient = np.ones(self.shape, self.dtype)
        check_gradient("backward: gradient", gradient, self)
        gradients = differentiate(source, np.asarray(gradient))
        leaves = [leaf for leaf in gradients if isinstance(leaf, Tensor)]
        for leaf in leaves:
            if leaf.grad is not None:
                check_gradient("backward: the .grad that is there already", leaf.grad, leaf)
        for leaf in leaves:
            dy = [gradients.pop(leaf)]
            leaf.grad = unshared(dy) if leaf.grad is None else np.asarray(leaf.grad + dy[0])

    def _source(self) -> Source | None:
        """Where a gradient of this tensor goes to."""
        return (self._node or self) if self.requires_grad else None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    @property
    def T(self) -> "Tensor":  # noqa: N802 - NumPy's name
        return self.transpose()

    def numpy(self) -> Array:
        """The data: the array itself, not a copy."""
        return self.data

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        """NumPy's functions see the data: `np.argmax(t, 1)`."""
        return np.array(self.data, dtype) if copy else np.asarray(self.data, dtype)

    def item(self) -> float:
        """The one element as a Python number."""
        return self.data.item()

    def detach(self) -> "Tensor":
        """A tensor with the same memory and no history."""
        return Tensor(self.data)

    def __add__(self, other: Any) -> "Tensor":
        return self._binary(elementwise.add, other)

    def __radd__(self, other: Any) -> "Tensor":
        return self._binary(elementwise.add, other, swapped=True)

    def __sub__(self, other: Any) -> "Tensor":
        return self._binary(elementwise.subtract, other)

    def __rsub__(self, other: Any) -> "Tensor":
        return self._binary(elementwise.subtract, other, swapped=True)

    def __mul__(self, other: Any) -> "Tensor":
        return self._binary(elementwise.multiply, other)

    def __rmul__(self, other: Any) -> "Tensor":
        return self._binary(elementwise.multiply, other, swapped=True)

    def __truediv__(self, other: Any) -> "Tensor":
        return self._binary(elementwise.divide, other)

    def __rtruediv__(self, other: Any) -> "Tensor":
        return self._binary(elementwise.divide, other, swapped=True)

    def __pow__(self, other: Any) -> "Tensor":
        return self._binary(elementwise.power, other)

    def __rpow__(self, other: Any) -> "Tensor":
        return self._binary(elementwise.power, other, swapped=True)

    def __matmul__(self, other: Any) -> "Tensor":
        return self._binary(product.matmul, other)

    def __rmatmul__(self, other: Any) -> "Tensor":
        return self._binary(product.matmul, other, swapped=True)

    def __neg__(self) -> "Tensor":
        return _apply(elementwise.negative, self)

    def exp(self) -> "Tensor":
        return _apply(elementwise.exp, self)

    def log(self) -> "Tensor":
        return _apply(elementwise.log, self)

    def sqrt(self) -> "Tensor":
        return _apply(elementwise.sqrt, self)

    def tanh(self) -> "Tensor":
        return _activated("tanh", self)

    def sigmoid(self) -> "Tensor":
        """1 / (1 + e^-x)."""
        return _activated("sigmoid", self)

    def relu(self) -> "Tensor":
        """max(x, 0); the derivative at 0 is 0. NaN stays NaN."""
        return _activated("relu", self)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        return _apply(reduction.sum_, self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        return _apply(reduction.mean, self, axis=axis, keepdims=keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """The largest element. Elements that tie share the gradient equally, as in torch's amax."""
        return _apply(reduction.max_, self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """The smallest element. Elements that tie share the gradient equally, as in torch's amin."""
        return _apply(reduction.min_, self, axis=axis, keepdims=keepdims)

    def var(self, axis: Axis = None, correction: float = 1, keepdims: bool = False) -> "Tensor":
        """sum (x - mean)^2 / (n - correction): by default without bias, as in torch. NaN where n <= correction."""
        return _apply(reduction.var, self, axis=axis, correction=correction, keepdims=keepdims)

    def softmax(self, axis: int = -1) -> "Tensor":
        return _apply(reduction.softmax, self, axis=axis)

    def log_softmax(self, axis: int = -1) -> "Tensor":
        return _apply(reduction.log_softmax, self, axis=axis)

    def reshape(self, *sizes: Any) -> "Tensor":
        """The same elements in another shape, `reshape(2, -1)` or `reshape((2, -1))`."""
        return _apply(shape.reshape, self, shape=_unpacked(sizes))

    def transpose(self, *axes: Any) -> "Tensor":
        """The axes in the given order, or reversed; a view of the same memory."""
        return _apply(shape.transpose, self, axes=_unpacked(axes) or tuple(reversed(range(self.ndim))))

    def __getitem__(self, key: Any) -> "Tensor":
        """Slices, integers, integer and boolean arrays, as in NumPy; a slice is a view of the same memory."""
        return _apply(shape.getitem, self, key=key)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.item())

    def __repr__(self) -> str:
        text = np.array2string(self.data, separator=", ", prefix="Tensor(")
        return f"Tensor({text}, {self.dtype}{', requires_grad=True' if self.requires_grad else ''})"

    def _binary(self, function: Callable[..., elementwise.Result], other: Any, swapped: bool = False) -> "Tensor":
        if not isinstance(other, Tensor):
            if not isinstance(other, Real | np.ndarray):
                return NotImplemented
            other = Tensor(np.asarray(other, self.dtype) if isinstance(other, Real) else other)
        if other.dtype != self.dtype:
            raise TypeError(f"{function.__name__}: {self.dtype} and {other.dtype} do not mix: convert one first")
        return _apply(function, other, self) if swapped else _apply(function, self, other)


def _apply(function: Callable[..., elementwise.Result], *parents: Tensor, **options: Any) -> Tensor:
    """A function of arrays as an operation on tensors. Only the derivatives that a parent needs are kept."""
    value, pullbacks = function(*(parent.data for parent in parents), **options)
    kept = [(pull if parent.requires_grad else None, parent.shape) for pull, parent in zip(pullbacks, parents)]
    dtype = parents[0].dtype

    def backward(dy: Array) -> list[Array | None]:
        # NumPy 1 widens a float32 scalar beside a Python number: hence the dtype
        return [
            None if pull is None else elementwise.unbroadcast(np.asarray(pull(dy), dtype), shape)
            for pull, shape in kept
        ]

    backward.__qualname__ = function.__name__.rstrip("_")
    return Tensor.from_op(np.asarray(value, dtype), parents, backward)


def _activated(name: str, x: Tensor) -> Tensor:
    """The kernels of an activation whose derivative is written in y, as an operation; shorter than `_apply`."""
    y, (dx,) = elementwise.activation(name, x.data, keeps_y=True)
    return Tensor.from_op(y, (x,), lambda dy: (dx(dy),))


def _float_array(array: Any) -> Array:
    if type(array) is np.ndarray and array.dtype in _FLOATS:  # what nearly always comes
        return array
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError("Tensor: array is a masked array, expected a plain one: fill it first, as in array.filled(0)")
    if isinstance(array, np.ndarray | np.generic):
        if array.dtype not in _FLOATS:
            raise TypeError(
                f"Tensor: array has dtype {array.dtype}, expected float32 or float64: convert it first, as in "
                "array.astype(np.float32)"
            )
        return np.asarray(array)
    if not isinstance(array, Real | list | tuple):
        raise TypeError(f"Tensor: array is a {type(array).__name__}, expected an array, a number or a list of numbers")
    plain = np.asarray(array)
    if plain.dtype.kind not in "fiub":
        raise TypeError(f"Tensor: expected a list of real numbers, got elements of type {plain.dtype}")
    return plain.astype(np.float32)


def _unpacked(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes or axes given one by one, or as one tuple."""
    if len(arguments) == 1 and isinstance(arguments[0], tuple | list):
        return tuple(arguments[0])
    return arguments
