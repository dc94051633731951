"""Convolution."""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import ops
from cuarzo.nn.linear import initial_weight_and_bias
from cuarzo.nn.module import Module
from cuarzo.tensor import Tensor


class Conv2d(Module):
    """Images (N, C, H, W) to images (N, F, P, Q), see ops.conv2d. The weight (F, C / groups, R, S) and the bias (F,)
    start from U(-1/sqrt fan_in, 1/sqrt fan_in) with fan_in = C / groups R S, as in torch.

    `seed`: of the initial values; by default the next key of the process.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
    ):
        self.in_channels = ops.checks.integer("Conv2d", "in_channels", in_channels, 1)
        self.out_channels = ops.checks.integer("Conv2d", "out_channels", out_channels, 1)
        self.groups = ops.checks.integer("Conv2d", "groups", groups, 1)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"Conv2d: {name} is {channels}, expected a multiple of groups = {groups}")
        self.kernel_size = ops.checks.pair("Conv2d", "kernel_size", kernel_size)
        self.stride = ops.checks.pair("Conv2d", "stride", stride)
        self.dilation = ops.checks.pair("Conv2d", "dilation", dilation)
        self.padding = ops.checks.padding_of("Conv2d", padding, self.kernel_size, self.stride, self.dilation)
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self.weight, self.bias = initial_weight_and_bias(shape, bias, seed, dtype)

    def __call__(self, x: Tensor) -> Tensor:
        return ops.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A product and a sum for each weight at each place, padding included, and a sum for each bias."""
        return math.prod(output_shape) * (2 * math.prod(self.weight.shape[1:]) + (self.bias is not None))

    def __repr__(self) -> str:
        defaults = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
        options = [f", {key}={vars(self)[key]}" for key, value in defaults.items() if vars(self)[key] != value]
        options += [", bias=False"] if self.bias is None else []
        return f"Conv2d({self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}{''.join(options)})"
