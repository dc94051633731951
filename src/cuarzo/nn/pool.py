"""Pooling over 1, 2 or 3 axes: by windows, to a given size, and back."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import ops
from cuarzo.nn.module import Module, Parameter
from cuarzo.ops.adaptive import wanted_size
from cuarzo.ops.checks import flag
from cuarzo.ops.windows import pool_options
from cuarzo.tensor import Tensor


class _Pool(Module):
    """`axes`: how many the op pools over."""

    axes: int
    op: Callable[..., Any]
    kernel_size: tuple[int, ...]

    def _set_options(self, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> tuple[int, ...]:
        """Keeps window, stride and padding, and gives back the dilation."""
        checked = pool_options(type(self).__name__, self.axes, kernel_size, stride, padding, dilation)
        self.kernel_size, self.stride, self.padding, dilation = checked
        return dilation

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A comparison, or a sum, for each element of each window; the division is among them."""
        return math.prod(output_shape) * math.prod(self.kernel_size)


class _MaxPool(_Pool):
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
        self.dilation = self._set_options(kernel_size, stride, padding, dilation)
        self.return_indices = flag(type(self).__name__, "return_indices", return_indices)
        self.ceil_mode = flag(type(self).__name__, "ceil_mode", ceil_mode)

    def __call__(self, x: Tensor) -> Any:
        options = (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices)
        return type(self).op(x, *options)


class MaxPool1d(_MaxPool):
    """The largest element of each window, see ops.max_pool1d."""

    axes, op = 1, staticmethod(ops.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest element of each window, see ops.max_pool2d."""

    axes, op = 2, staticmethod(ops.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest element of each window, see ops.max_pool3d."""

    axes, op = 3, staticmethod(ops.max_pool3d)


class AvgPool1d(_Pool):
    """The mean of each window, see ops.avg_pool1d."""

    axes, op = 1, staticmethod(ops.avg_pool1d)
    shown = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        self._set_options(kernel_size, stride, padding)
        self.ceil_mode = flag(type(self).__name__, "ceil_mode", ceil_mode)
        self.count_include_pad = flag(type(self).__name__, "count_include_pad", count_include_pad)

    def __call__(self, x: Tensor) -> Tensor:
        return ops.avg_pool1d(x, *(getattr(self, name) for name in self.shown))


class AvgPool2d(_Pool):
    """The mean of each window, see ops.avg_pool2d."""

    axes, op = 2, staticmethod(ops.avg_pool2d)
    shown = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        self._set_options(kernel_size, stride, padding)
        self.ceil_mode = flag(type(self).__name__, "ceil_mode", ceil_mode)
        self.count_include_pad = flag(type(self).__name__, "count_include_pad", count_include_pad)
        self.divisor_override = divisor_override
        if divisor_override is not None:
            self.divisor_override = ops.checks.integer(type(self).__name__, "divisor_override", divisor_override, 1)

    def __call__(self, x: Tensor) -> Tensor:
        return type(self).op(x, *(getattr(self, name) for name in self.shown))


class AvgPool3d(AvgPool2d):
    """The mean of each window, see ops.avg_pool3d."""

    axes, op = 3, staticmethod(ops.avg_pool3d)


class _AdaptivePool(Module):
    shown: tuple[str, ...] = ("output_size",)
    axes: int
    op: Callable[..., Any]

    def __init__(self, output_size: Any):
        self.output_size = wanted_size(type(self).__name__, self.axes, output_size)

    def __call__(self, x: Tensor) -> Any:
        return type(self).op(x, self.output_size)

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A comparison, or a sum, for each element of each window: floor(p H / P) ... ceil((p + 1) H / P) - 1."""
        lengths = (_covered(n, m) for n, m in zip(input_shape[2:], output_shape[2:]))
        return math.prod(input_shape[:2]) * math.prod(lengths)


def _covered(n: int, m: int) -> int:
    """The lengths of the m windows over n inputs, together."""
    return sum(-(-(p + 1) * n // m) - p * n // m for p in range(m))


class _AdaptiveMaxPool(_AdaptivePool):
    shown = ("output_size", "return_indices")

    def __init__(self, output_size: Any, return_indices: bool = False):
        super().__init__(output_size)
        self.return_indices = flag(type(self).__name__, "return_indices", return_indices)

    def __call__(self, x: Tensor) -> Any:
        return type(self).op(x, self.output_size, self.return_indices)


class AdaptiveAvgPool1d(_AdaptivePool):
    """The mean of each of `output_size` windows, see ops.adaptive_avg_pool1d."""

    axes, op = 1, staticmethod(ops.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptivePool):
    """The mean of each of `output_size` windows, see ops.adaptive_avg_pool2d."""

    axes, op = 2, staticmethod(ops.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptivePool):
    """The mean of each of `output_size` windows, see ops.adaptive_avg_pool3d."""

    axes, op = 3, staticmethod(ops.adaptive_avg_pool3d)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest element of each of `output_size` windows, see ops.adaptive_max_pool1d."""

    axes, op = 1, staticmethod(ops.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest element of each of `output_size` windows, see ops.adaptive_max_pool2d."""

    axes, op = 2, staticmethod(ops.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest element of each of `output_size` windows, see ops.adaptive_max_pool3d."""

    axes, op = 3, staticmethod(ops.adaptive_max_pool3d)


class _MaxUnpool(_Pool):
    shown = ("kernel_size", "stride", "padding")

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0):
        self._set_options(kernel_size, stride, padding)

    def __call__(self, x: Tensor, indices: Any, output_size: Any = None) -> Tensor:
        return type(self).op(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """Nothing is computed."""
        return 0


class MaxUnpool1d(_MaxUnpool):
    """The elements back at the places that MaxPool1d found them at, see ops.max_unpool1d."""

    axes, op = 1, staticmethod(ops.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """The elements back at the places that MaxPool2d found them at, see ops.max_unpool2d."""

    axes, op = 2, staticmethod(ops.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """The elements back at the places that MaxPool3d found them at, see ops.max_unpool3d."""

    axes, op = 3, staticmethod(ops.max_unpool3d)


class Subsample2d(Module):
    """LeCun's trainable subsampling: y[n, c] = weight[c] mean + bias[c], the mean over windows side by side.

    LeCun et al. 1998, "Gradient-based learning applied to document recognition", II.B, layers S2 and S4, *add* the
    inputs of a window and multiply the sum by the coefficient: theirs is weight / (number of inputs), and nothing else
    differs. With the mean a weight of 1 is average pooling, whatever the window, and so it starts, with a bias of 0.
    The sigmoid behind it is a layer of its own, as Tanh is behind Conv2d.
    """

    shown = ("channels", "kernel_size")

    def __init__(self, channels: int, kernel_size: Any, *, dtype: DTypeLike = np.float32):
        self.channels = ops.checks.integer("Subsample2d", "channels", channels, 1)
        self.kernel_size = ops.windows.entries("Subsample2d", "kernel_size", kernel_size, 2)
        self.weight = Parameter(np.ones(self.channels, dtype))
        self.bias = Parameter(np.zeros(self.channels, dtype))

    def __call__(self, x: Tensor) -> Tensor:
        ops.checks.check_tensor("Subsample2d", "x", x, "N, C, H, W")
        if x.shape[1] != self.channels:
            raise ValueError(f"Subsample2d: x has {x.shape[1]} channels, expected {self.channels}")
        by_channel = (self.channels, 1, 1)
        return ops.avg_pool2d(x, self.kernel_size) * self.weight.reshape(*by_channel) + self.bias.reshape(*by_channel)

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A sum for each element of each window, the division among them, a product and a sum."""
        return math.prod(output_shape) * (math.prod(self.kernel_size) + 2)
