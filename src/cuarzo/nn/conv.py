"""Convolution over 1, 2 or 3 axes: one implementation."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import ops
from cuarzo.nn.linear import initial_weight_and_bias
from cuarzo.nn.module import Module, Parameter
from cuarzo.ops.windows import entries, padding_of
from cuarzo.tensor import Tensor


class Convolution(Module):
    """What convolutions and transposed ones share: their numbers, `axes` of windows, and how they show."""

    axes: int
    op: Callable[..., Tensor]
    kernel_size: tuple[int, ...]
    weight: Parameter
    bias: Parameter | None
    options: tuple[str, ...] = ("stride", "padding", "dilation", "groups")

    def _set_channels(self, in_channels: Any, out_channels: Any, groups: Any) -> None:
        name = type(self).__name__
        self.in_channels = ops.checks.integer(name, "in_channels", in_channels, 1)
        self.out_channels = ops.checks.integer(name, "out_channels", out_channels, 1)
        self.groups = ops.checks.integer(name, "groups", groups, 1)
        for key in ("in_channels", "out_channels"):
            if vars(self)[key] % self.groups:
                raise ValueError(f"{name}: {key} is {vars(self)[key]}, expected a multiple of groups = {self.groups}")

    def __repr__(self) -> str:
        ones, zeros = (1,) * self.axes, (0,) * self.axes
        defaults = {"stride": ones, "padding": ((0, 0),) * self.axes, "output_padding": zeros, "dilation": ones}
        values = [(key, vars(self)[key]) for key in self.options]
        shown = [f", {key}={value}" for key, value in values if value != defaults.get(key, 1)]
        shown += [", bias=False"] if self.bias is None else []
        channels = f"{self.in_channels}, {self.out_channels}"
        return f"{type(self).__name__}({channels}, kernel_size={self.kernel_size}{''.join(shown)})"


class _Conv(Convolution):
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
        name = type(self).__name__
        self._set_channels(in_channels, out_channels, groups)
        self.kernel_size = entries(name, "kernel_size", kernel_size, self.axes)
        self.stride = entries(name, "stride", stride, self.axes)
        self.dilation = entries(name, "dilation", dilation, self.axes)
        self.padding = padding_of(name, padding, self.kernel_size, self.stride, self.dilation)
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self.weight, self.bias = initial_weight_and_bias(shape, ops.checks.flag(name, "bias", bias), seed, dtype)

    def __call__(self, x: Tensor) -> Tensor:
        return type(self).op(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A product and a sum for each weight at each place, padding included, and a sum for each bias."""
        return math.prod(output_shape) * (2 * math.prod(self.weight.shape[1:]) + (self.bias is not None))


class Conv1d(_Conv):
    """Signals (N, C, W) to signals (N, F, Q), see ops.conv1d. The weight is (F, C / groups, S); all else as Conv2d."""

    axes, op = 1, staticmethod(ops.conv1d)


class Conv2d(_Conv):
    """Images (N, C, H, W) to images (N, F, P, Q), see ops.conv2d. The weight (F, C / groups, R, S) and the bias (F,)
    start from U(-1/sqrt fan_in, 1/sqrt fan_in) with fan_in = C / groups R S, as in torch.

    `seed`: of the initial values; by default the next key of the process.
    """

    axes, op = 2, staticmethod(ops.conv2d)


class Conv3d(_Conv):
    """Volumes (N, C, D, H, W) to volumes (N, F, O, P, Q), see ops.conv3d. The weight is (F, C / groups, E, R, S); all
    else as Conv2d.
    """

    axes, op = 3, staticmethod(ops.conv3d)
