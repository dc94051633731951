"""The affine map, and flattening before it."""

import math

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import init, ops
from cuarzo.nn.module import Module, Parameter
from cuarzo.random import Stream
from cuarzo.tensor import Tensor


class Linear(Module):
    """y = x w^T + b. The weight (O, I) and the bias (O,) start from U(-1/sqrt I, 1/sqrt I), as in torch.

    `seed`: of the initial values; by default the next key of the process.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
    ):
        self.in_features = ops.checks.integer("Linear", "in_features", in_features, 1)
        self.out_features = ops.checks.integer("Linear", "out_features", out_features, 1)
        shape, bias = (self.out_features, self.in_features), ops.checks.flag("Linear", "bias", bias)
        self.weight, self.bias = initial_weight_and_bias(shape, bias, seed, dtype)

    def __call__(self, x: Tensor) -> Tensor:
        return ops.linear(x, self.weight, self.bias)

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A product and a sum for each weight, and a sum for each bias."""
        return math.prod(output_shape) * (2 * self.in_features + (self.bias is not None))

    def __repr__(self) -> str:
        return f"Linear({self.in_features}, {self.out_features}{', bias=False' if self.bias is None else ''})"


class Flatten(Module):
    """All axes from `start_dim` to `end_dim` made one: by default all but the batch."""

    shown = ("start_dim", "end_dim")

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        self.start_dim = ops.checks.integer("Flatten", "start_dim", start_dim, -ops.checks.LARGEST)
        self.end_dim = ops.checks.integer("Flatten", "end_dim", end_dim, -ops.checks.LARGEST)

    def __call__(self, x: Tensor) -> Tensor:
        return ops.flatten(x, self.start_dim, self.end_dim)


def initial_weight_and_bias(
    shape: tuple[int, ...], bias: bool, seed: int | None, dtype: DTypeLike, outputs: int | None = None
) -> tuple[Parameter, Parameter | None]:
    """torch's default for Linear and convolutions: U(-b, b) with b = 1/sqrt fan_in for both.

    For the weight that is kaiming_uniform_(a=sqrt 5). The bias has `outputs` elements, by default the weight's rows.
    """
    stream = Stream(seed)
    weight = init.kaiming_uniform_(Parameter(np.empty(shape, dtype)), a=math.sqrt(5), stream=stream)
    if not bias:
        return weight, None
    bound = 1 / math.sqrt(init.fans(weight)[0])
    return weight, init.uniform_(Parameter(np.empty(outputs or shape[0], dtype)), -bound, bound, stream=stream)
