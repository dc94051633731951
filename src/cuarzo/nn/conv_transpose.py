"""Transposed convolution over 1, 2 or 3 axes."""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import ops
from cuarzo.nn.conv import Convolution
from cuarzo.nn.linear import initial_weight_and_bias
from cuarzo.ops.conv_transpose import transposed_options
from cuarzo.ops.windows import Ints, axis_names, entries, transposed_size
from cuarzo.tensor import Tensor


class _ConvTranspose(Convolution):
    options = ("stride", "padding", "output_padding", "dilation", "groups")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        *,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
    ):
        name = type(self).__name__
        self._set_channels(in_channels, out_channels, groups)
        self.kernel_size = entries(name, "kernel_size", kernel_size, self.axes)
        checked = transposed_options(name, self.kernel_size, stride, padding, output_padding, dilation)
        self.stride, self.padding, self.output_padding, self.dilation = checked
        shape = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        bias = ops.checks.flag(name, "bias", bias)
        self.weight, self.bias = initial_weight_and_bias(shape, bias, seed, dtype, self.out_channels)

    def __call__(self, x: Tensor, output_size: Any = None) -> Tensor:
        extra = self.output_padding if output_size is None else self._extra(x, output_size)
        arguments = (self.stride, self.padding, extra, self.groups, self.dilation)
        return type(self).op(x, self.weight, self.bias, *arguments)

    def _extra(self, x: Tensor, output_size: Any) -> Ints:
        """The output padding that gives an output of `output_size`, which has the axes of the image, or all of them."""
        name, n = type(self).__name__, self.axes
        ops.checks.check_tensor(name, "x", x, f"N, C, {ops.windows.IMAGE[n]}")
        if isinstance(output_size, tuple | list) and len(output_size) == n + 2:
            output_size = output_size[2:]
        size = entries(name, "output_size", output_size, n)
        least = transposed_size(name, x.shape[2:], self.kernel_size, self.stride, self.padding, self.dilation)
        for axis, m, low, s in zip(axis_names(n), size, least, self.stride):
            if not low <= m < low + s:
                raise ValueError(f"{name}: output_size has {axis} {m}, expected {low} to {low + s - 1} for x {x.shape}")
        return tuple(m - low for m, low in zip(size, least))

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A product and a sum for each weight at each place of the input, and a sum for each bias."""
        products = 2 * math.prod(input_shape) * math.prod(self.weight.shape[1:])
        return products + math.prod(output_shape) * (self.bias is not None)


class ConvTranspose1d(_ConvTranspose):
    """Signals (N, C, W) to signals (N, F, Q), see ops.conv_transpose1d. The weight is (C, F / groups, S); all else as
    ConvTranspose2d.
    """

    axes, op = 1, staticmethod(ops.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Images (N, C, H, W) to images (N, F, P, Q), see ops.conv_transpose2d. The weight (C, F / groups, R, S) and the
    bias (F,) start from U(-1/sqrt fan, 1/sqrt fan) with fan = F / groups R S, as in torch.

    A call may say the `output_size` instead of the output padding: of a stride of 2, say, images of 7 and 8 pixels are
    made into one of 4, and (8, 8) tells which one comes back. `seed`: of the initial values; by default the next key of
    the process.
    """

    axes, op = 2, staticmethod(ops.conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """Volumes (N, C, D, H, W) to volumes (N, F, O, P, Q), see ops.conv_transpose3d. The weight is
    (C, F / groups, E, R, S); all else as ConvTranspose2d.
    """

    axes, op = 3, staticmethod(ops.conv_transpose3d)
