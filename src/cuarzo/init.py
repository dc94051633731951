"""Initial values, under torch.nn.init's names and by its formulas. Each fills a tensor in place and returns it.

Numbers are drawn in float64 and rounded once to the tensor's dtype: from one key, float32 and float64 networks start
equal up to rounding. They come from `stream`, or else from a stream with the next key of the process.
A weight (O, I, ...) has fan_in = I times the size of its window, fan_out = O times that size.
"""

import math
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from cuarzo.names import check_name
from cuarzo.random import Stream


class _HasData(Protocol):
    data: NDArray[Any]


T = TypeVar("T", bound=_HasData)


def uniform_(tensor: T, a: float = 0.0, b: float = 1.0, *, stream: Stream | None = None) -> T:
    """U(a, b)."""
    u = (stream or Stream()).uniform(tensor.data.shape, np.float64)
    tensor.data[...] = a + (b - a) * u
    return tensor


def normal_(tensor: T, mean: float = 0.0, std: float = 1.0, *, stream: Stream | None = None) -> T:
    """N(mean, std^2)."""
    z = (stream or Stream()).normal(tensor.data.shape, np.float64)
    tensor.data[...] = mean + std * z
    return tensor


def constant_(tensor: T, value: float) -> T:
    """`value` everywhere."""
    tensor.data[...] = value
    return tensor


def zeros_(tensor: T) -> T:
    return constant_(tensor, 0.0)


def ones_(tensor: T) -> T:
    return constant_(tensor, 1.0)


def xavier_uniform_(tensor: T, gain: float = 1.0, *, stream: Stream | None = None) -> T:
    """U(-b, b) with b = gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, stream=stream)


def xavier_normal_(tensor: T, gain: float = 1.0, *, stream: Stream | None = None) -> T:
    """N(0, 2 gain^2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))), stream=stream)


def kaiming_uniform_(
    tensor: T, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, stream: Stream | None = None
) -> T:
    """U(-b, b) with b = gain sqrt(3 / fan) (He et al. 2015). `a` is the slope of leaky_relu, which sets the gain."""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, stream=stream)


def kaiming_normal_(
    tensor: T, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, stream: Stream | None = None
) -> T:
    """N(0, gain^2 / fan) (He et al. 2015). `a` is the slope of leaky_relu, which sets the gain."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), stream=stream)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through a nonlinearity, as in torch: 5/3 for tanh, sqrt 2 for relu ..."""
    slope = 0.01 if param is None else param
    gains = {
        "linear": 1.0,
        "conv2d": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": math.sqrt(2),
        "leaky_relu": math.sqrt(2 / (1 + slope**2)),
        "selu": 0.75,
    }
    return gains[check_name("nonlinearity", nonlinearity, gains)]


def fans(tensor: _HasData) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (O, I, ...). Raises ValueError for fewer than two axes, and for an empty one."""
    shape = tensor.data.shape
    if len(shape) < 2:
        raise ValueError(f"init: the weight has shape {shape}, expected (O, I, ...): a vector has no fan")
    if 0 in shape:
        raise ValueError(f"init: the weight has shape {shape}, expected one element or more: an empty one has no fan")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def _kaiming_std(tensor: _HasData, a: float, mode: str, nonlinearity: str) -> float:
    fan_in, fan_out = fans(tensor)
    fan = {"fan_in": fan_in, "fan_out": fan_out}[check_name("mode", mode, ("fan_in", "fan_out"))]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)
