"""Upsampling: one axis after the other, each by a kernel. The formulas stand in kernels/naive/resample.py."""

import math
from typing import Any

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty
from cuarzo.ops.checks import LARGEST, check_choice, check_elements, check_tensor, flag, number
from cuarzo.ops.windows import IMAGE, Ints, axis_names, check_size, entries
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array

LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}  # how many axes each of them is for


def interpolate(
    x: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """x (N, C, ...) with 1, 2 or 3 axes of `size`, or `scale_factor` times as long: floor(H scale_factor).

    `mode`: "nearest" repeats pixels; "linear" (one axis), "bilinear" (two), "trilinear" (three) draw straight lines
    between them. There `align_corners=True` lets the middles of the outer pixels coincide; False, the default, their
    edges. Positions follow from the two sizes alone, as in torch with recompute_scale_factor=True: that matters where
    H scale_factor is not whole. Raises TypeError, ValueError for arguments that do not fit.
    """
    return _interpolate("interpolate", x, size, scale_factor, mode, align_corners)


def upsample(
    x: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The same as interpolate."""
    return _interpolate("upsample", x, size, scale_factor, mode, align_corners)


def check_sampling(op: str, size: Any, scale_factor: Any, mode: str, align_corners: bool | None) -> None:
    """What can be checked without an image."""
    check_choice(op, "mode", mode, ("nearest", *LINEAR))
    if align_corners is not None:
        flag(op, "align_corners", align_corners)
    if (size is None) == (scale_factor is None):
        given = "none of them" if size is None else "both"
        raise ValueError(f"{op}: expected one of size and scale_factor, got {given}")
    if mode == "nearest" and align_corners is not None:
        raise ValueError(
            f"{op}: align_corners is {align_corners} in mode 'nearest', expected None: it has no say there"
        )


def factor(op: str, scale_factor: Any) -> float:
    """A scale factor: above 0, and small enough that its product with a size can be made an integer."""
    f = number(op, "scale_factor", scale_factor)
    if not 0 < f <= LARGEST:
        raise ValueError(f"{op}: scale_factor is {scale_factor}, expected a number above 0, at most {LARGEST}")
    return f


def along(op: str, x: Tensor, axis: int, size: int, *options: Any) -> Tensor:
    """The kernel `op` (arrays (M, H, K) to (M, P, K)) on one axis of x, which becomes `size` long."""
    before, H, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    M, K, shape = math.prod(before), math.prod(after), x.shape
    backend, y = kernels.current(), empty(check_elements(op, (*before, size, *after)), x.dtype)
    getattr(backend, f"{op}_forward")(np.ascontiguousarray(x.data).reshape(M, H, K), *options, y.reshape(M, size, K))

    def backward(dy: Array) -> tuple[Array]:
        dx = empty((M, H, K), dy.dtype)
        getattr(backend, f"{op}_backward")(np.ascontiguousarray(dy).reshape(M, size, K), *options, dx)
        return (dx.reshape(shape),)

    return Tensor.from_op(y, (x,), backward)


def spatial(op: str, x: Tensor, n: int) -> Ints:
    """The sizes of the n axes behind batch and channels, none of them 0."""
    check_tensor(op, "x", x, f"N, C, {IMAGE[n]}")
    if 0 in x.shape[2:]:
        raise ValueError(f"{op}: x has shape {x.shape}, expected at least 1 along {', '.join(axis_names(n))}")
    return x.shape[2:]


def _interpolate(op: str, x: Tensor, size: Any, scale_factor: Any, mode: str, align_corners: bool | None) -> Tensor:
    check_sampling(op, size, scale_factor, mode, align_corners)
    check_tensor(op, "x", x)
    n = LINEAR.get(mode, x.ndim - 2 if 3 <= x.ndim <= 5 else 2)
    image = spatial(op, x, n)
    sizes = entries(op, "size", size, n) if scale_factor is None else _scaled(op, image, scale_factor)
    kernel, options = ("upsample_nearest", ()) if mode == "nearest" else ("upsample_linear", (bool(align_corners),))
    for axis in reversed(range(n)):  # the last first: it has no axes behind it that a kernel could go along
        if sizes[axis] != image[axis]:
            x = along(kernel, x, axis + 2, sizes[axis], *options)
    return x


def _scaled(op: str, image: Ints, scale_factor: Any) -> Ints:
    n = len(image)
    factors = scale_factor if isinstance(scale_factor, tuple | list) else (scale_factor,) * n
    if len(factors) != n:
        raise ValueError(f"{op}: scale_factor is {scale_factor!r}, expected a number or one for each of {n} axes")
    return check_size(op, tuple(math.floor(m * factor(op, f)) for m, f in zip(image, factors)))
