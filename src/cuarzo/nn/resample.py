"""Upsampling."""

import math
from typing import Any

from cuarzo import ops
from cuarzo.nn.module import Module
from cuarzo.ops.resample import check_sampling, factor
from cuarzo.tensor import Tensor


class Upsample(Module):
    """Images of `size`, or `scale_factor` times as large, see ops.interpolate."""

    shown = ("size", "scale_factor", "mode", "align_corners")

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ):
        check_sampling("Upsample", size, scale_factor, mode, align_corners)
        self.size = _each(size, lambda v: ops.checks.integer("Upsample", "size", v, 1))
        self.scale_factor = _each(scale_factor, lambda v: factor("Upsample", v))
        self.mode = mode
        self.align_corners = None if align_corners is None else bool(align_corners)

    def __call__(self, x: Tensor) -> Tensor:
        return ops.upsample(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """Two products and a sum for each element between others, axis by axis as ops.interpolate goes; copies are
        free.
        """
        if self.mode == "nearest":
            return 0
        shape, total = list(input_shape), 0
        for axis in range(len(shape) - 1, 1, -1):
            if shape[axis] != output_shape[axis]:
                shape[axis] = output_shape[axis]
                total += 3 * math.prod(shape)
        return total


def _each(value: Any, checked: Any) -> Any:
    """A number, or a tuple of them, checked; None stays."""
    if isinstance(value, tuple | list):
        return tuple(checked(v) for v in value)
    return None if value is None else checked(value)
