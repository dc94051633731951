"""Pooling."""

import math
from typing import Any

from cuarzo import ops
from cuarzo.nn.module import Module
from cuarzo.ops.pool import geometry
from cuarzo.tensor import Tensor


class MaxPool2d(Module):
    """The largest element of each window, see ops.max_pool2d."""

    shown = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        checked = geometry("MaxPool2d", kernel_size, stride, padding, dilation)
        self.kernel_size, self.stride, self.padding, self.dilation = checked
        self.return_indices, self.ceil_mode = bool(return_indices), bool(ceil_mode)

    def __call__(self, x: Tensor) -> Any:
        options = (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices)
        return ops.max_pool2d(x, *options)

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A comparison for each element of each window."""
        return math.prod(output_shape) * math.prod(self.kernel_size)


class AvgPool2d(Module):
    """The mean of each window, see ops.avg_pool2d."""

    shown = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        self.kernel_size, self.stride, self.padding, _ = geometry("AvgPool2d", kernel_size, stride, padding, 1)
        self.ceil_mode, self.count_include_pad = bool(ceil_mode), bool(count_include_pad)

    def __call__(self, x: Tensor) -> Tensor:
        options = (self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        return ops.avg_pool2d(x, *options)

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A sum for each element of each window, the division among them."""
        return math.prod(output_shape) * math.prod(self.kernel_size)
