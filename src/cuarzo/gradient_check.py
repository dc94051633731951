"""Gradients compared with finite differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuarzo.random import Stream
from cuarzo.tensor import Tensor, no_grad

Array = NDArray[Any]


def gradcheck(
    function: Callable[..., Tensor], *inputs: Any, step: float = 1e-6, rtol: float = 1e-5, atol: float = 1e-7
) -> bool:
    """Check the gradient of `function(*tensors)` for every element of every input; True, or an AssertionError.

    The inputs, arrays or tensors, are copied to float64. The result y, of any shape, is weighed by fixed random v, and
    d (v y) / dx must equal the central difference v (y(x + step) - y(x - step)) / (2 step) within atol + rtol times
    that. Raises AssertionError that names input, index, expected and got; also where the gradient of an input is zero
    throughout, for such a check would pass without a backward pass: choose other inputs. Raises ValueError for an input
    without elements, and for a function that gives two results for the same inputs.
    """
    arrays = [np.array(x.data if isinstance(x, Tensor) else x, np.float64, order="C") for x in inputs]
    for i, array in enumerate(arrays):
        if not array.size:
            raise ValueError(f"gradcheck: input {i} has shape {array.shape}: there is nothing to check")
    tensors = [Tensor(array.copy(), requires_grad=True) for array in arrays]
    y = function(*tensors)
    weights = Stream(0).uniform(y.shape, np.float64) + 0.5
    if not np.array_equal(y.data, _values(function, arrays), equal_nan=True):
        raise ValueError("gradcheck: the function gave two results for the same inputs: fix its random numbers")
    y.backward(weights)
    for i, tensor in enumerate(tensors):
        if tensor.grad is None:
            raise AssertionError(f"gradcheck: input {i} got no gradient")
        _check_elements(function, arrays, i, tensor.grad, weights, step, rtol, atol)
        if not tensor.grad.any():
            raise AssertionError(f"gradcheck: the gradient of input {i} is zero throughout: that checks nothing")
    return True


def _check_elements(
    function: Callable[..., Tensor],
    arrays: list[Array],
    i: int,
    gradient: Array,
    weights: Array,
    step: float,
    rtol: float,
    atol: float,
) -> None:
    x = arrays[i]
    for index in np.ndindex(x.shape):
        middle = x[index]
        x[index] = middle + step
        above = _values(function, arrays)
        x[index] = middle - step
        below = _values(function, arrays)
        x[index] = middle
        expected = float((weights * (above - below)).sum() / (2 * step))
        got = float(gradient[index])
        if not abs(got - expected) <= atol + rtol * abs(expected):  # so written, NaN fails
            raise AssertionError(f"gradcheck: input {i}, index {index}: expected {expected:.10g}, got {got:.10g}")


def _values(function: Callable[..., Tensor], arrays: list[Array]) -> Array:
    with no_grad():
        return function(*(Tensor(array.copy()) for array in arrays)).data
