"""Normalisation; the formulas stand in ops/norm.py."""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import ops
from cuarzo.nn.module import Buffer, Module, Parameter
from cuarzo.ops.checks import check_tensor, flag, integer, number
from cuarzo.ops.norm import shape_of
from cuarzo.tensor import Tensor


class _BatchNorm(Module):
    """Each channel of x normalised: in training by mean and variance of the batch, afterwards by running ones, which
    training moves by `momentum` (None: the plain average of all batches so far). Without `track_running_stats` the
    batch's own serve always. See ops.batch_norm.

    Parameters weight (C,), from 1, and bias (C,), from 0, unless `affine` is False; buffers running_mean, running_var
    and num_batches_tracked (int64), as in torch.
    """

    axes: tuple[str, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ):
        name = type(self).__name__
        self.num_features = integer(name, "num_features", num_features, 1)
        self.eps = number(name, "eps", eps, 0)
        self.momentum = None if momentum is None else number(name, "momentum", momentum)
        self.affine = flag(name, "affine", affine)
        self.track_running_stats = flag(name, "track_running_stats", track_running_stats)
        self.weight = Parameter(np.ones(self.num_features, dtype)) if affine else None
        self.bias = Parameter(np.zeros(self.num_features, dtype)) if affine else None
        if track_running_stats:
            self.running_mean = Buffer(np.zeros(self.num_features, dtype))
            self.running_var = Buffer(np.ones(self.num_features, dtype))
            self.num_batches_tracked = Buffer(np.zeros((), np.int64))

    def __call__(self, x: Tensor) -> Tensor:
        name = type(self).__name__
        check_tensor(name, "x", x)
        if x.ndim not in [axes.count(",") + 1 for axes in self.axes] or x.shape[1] != self.num_features:
            shapes = " or ".join(f"({axes})" for axes in self.axes)
            raise ValueError(f"{name}: x has shape {x.shape}, expected {shapes} with C = {self.num_features}")
        mean, var = (self.running_mean.data, self.running_var.data) if self.track_running_stats else (None, None)
        training = self.training or not self.track_running_stats
        factor = self.momentum
        if factor is None:
            factor = 1 / (int(self.num_batches_tracked.data) + 1) if self.track_running_stats else 0.0
        y = ops.batch_norm(x, mean, var, self.weight, self.bias, training, factor, self.eps)
        if training and self.track_running_stats:
            self.num_batches_tracked.data += 1
        return y

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A product and a sum for each element, as after training."""
        return 2 * math.prod(output_shape)

    def __repr__(self) -> str:
        defaults = {"eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True}
        options = [f", {key}={vars(self)[key]}" for key, value in defaults.items() if vars(self)[key] != value]
        return f"{type(self).__name__}({self.num_features}{''.join(options)})"


class BatchNorm1d(_BatchNorm):
    __doc__ = f"x (N, C) or (N, C, L). {_BatchNorm.__doc__}"
    axes = ("N, C", "N, C, L")


class BatchNorm2d(_BatchNorm):
    __doc__ = f"x (N, C, H, W). {_BatchNorm.__doc__}"
    axes = ("N, C, H, W",)


class BatchNorm3d(_BatchNorm):
    __doc__ = f"x (N, C, D, H, W). {_BatchNorm.__doc__}"
    axes = ("N, C, D, H, W",)


class LayerNorm(Module):
    """Each sample normalised over its last axes, which have `normalized_shape`; see ops.layer_norm.

    Parameters weight, from 1, and bias, from 0, of that shape; none without `elementwise_affine`.
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ):
        self.normalized_shape = shape_of("LayerNorm", normalized_shape)
        self.eps = number("LayerNorm", "eps", eps, 0)
        self.elementwise_affine = flag("LayerNorm", "elementwise_affine", elementwise_affine)
        bias = flag("LayerNorm", "bias", bias)
        self.weight = Parameter(np.ones(self.normalized_shape, dtype)) if elementwise_affine else None
        self.bias = Parameter(np.zeros(self.normalized_shape, dtype)) if elementwise_affine and bias else None

    def __call__(self, x: Tensor) -> Tensor:
        return ops.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """For each element: the sum, the deviation, its square and their sum, the scale; a product and a sum for
        weight and bias.
        """
        return math.prod(output_shape) * (5 + (self.weight is not None) + (self.bias is not None))

    def __repr__(self) -> str:
        options = [f", eps={self.eps}"] * (self.eps != 1e-5)
        options += [", elementwise_affine=False"] * (not self.elementwise_affine)
        options += [", bias=False"] * (self.elementwise_affine and self.bias is None)
        return f"LayerNorm({self.normalized_shape}{''.join(options)})"


class LocalResponseNorm(Module):
    """Each element divided by a power of its neighbours' squares in `size` channels; see ops.local_response_norm."""

    shown = ("size", "alpha", "beta", "k")

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        self.size = integer("LocalResponseNorm", "size", size, 1)
        numbers = (("alpha", alpha), ("beta", beta), ("k", k))
        self.alpha, self.beta, self.k = (number("LocalResponseNorm", name, value) for name, value in numbers)

    def __call__(self, x: Tensor) -> Tensor:
        return ops.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """For each element: the squares and sums of its window, and a scale, a sum, a power and a division."""
        return math.prod(output_shape) * (2 * self.size + 4)
