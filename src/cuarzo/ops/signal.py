"""Convolution as signal processing has it: of two signals, one of them flipped. Equal to scipy.signal's.

    (x * k)[i] = sum_j x[j] k[i - j]

over 1, 2 or 3 axes, x = k = 0 outside their arrays. The kernels of networks compute it: they slide a window without
flipping it (cross-correlation), and so it is flipped before.
"""

from typing import Any

from cuarzo.ops.checks import check_choice, check_dtype, check_tensor
from cuarzo.ops.conv import conv1d, conv2d, conv3d
from cuarzo.tensor import Tensor

_CONV = {1: conv1d, 2: conv2d, 3: conv3d}


def convolve(x: Tensor, kernel: Tensor, mode: str = "full") -> Tensor:
    """x * kernel, for tensors with the same number of axes (1, 2 or 3), differentiable in both.

    x (n, ...), kernel (k, ...); `mode` says which part is wanted, by axis:

        "full"   all of it, n + k - 1
        "same"   the middle of it, of the size n of x: from (k - 1) // 2 on
        "valid"  where both overlap whole, n - k + 1; the kernel may be the larger one in every axis: k - n + 1

    It takes n k products, however long the kernel: no Fourier transform. Raises TypeError for unequal dtypes;
    ValueError for tensors without elements, other axes, and in mode "valid" for tensors neither of which holds the
    other.
    """
    _check("convolve", x, kernel, mode)
    return _convolve(x, kernel, mode)


def correlate(x: Tensor, kernel: Tensor, mode: str = "full") -> Tensor:
    """sum_j x[i + j] kernel[j]: how like the kernel x is at each place. The same as convolve with the kernel flipped;
    sizes, modes and errors as there.
    """
    _check("correlate", x, kernel, mode)
    return _convolve(x, _flipped(kernel), mode)


def _convolve(x: Tensor, kernel: Tensor, mode: str) -> Tensor:
    if mode != "same" and kernel.size > x.size:
        x, kernel = kernel, x  # x * k = k * x: the smaller one slides
    padding: Any = {
        "full": [(k - 1, k - 1) for k in kernel.shape],
        "same": [(k // 2, (k - 1) // 2) for k in kernel.shape],
        "valid": 0,
    }[mode]
    image, window = (t.reshape(1, 1, *t.shape) for t in (x, _flipped(kernel)))
    y = _CONV[x.ndim](image, window, padding=padding)
    return y.reshape(*y.shape[2:])


def _flipped(x: Tensor) -> Tensor:
    return x[(slice(None, None, -1),) * x.ndim]


def _check(op: str, x: Tensor, kernel: Tensor, mode: str) -> None:
    check_choice(op, "mode", mode, ("full", "same", "valid"))
    check_tensor(op, "x", x)
    check_tensor(op, "kernel", kernel)
    if x.ndim not in _CONV or kernel.ndim != x.ndim:
        raise ValueError(
            f"{op}: x has shape {x.shape}, kernel has shape {kernel.shape}, expected 1, 2 or 3 axes, as many in both"
        )
    if 0 in (x.size, kernel.size):
        raise ValueError(f"{op}: x has shape {x.shape}, kernel has shape {kernel.shape}, expected at least 1 element")
    larger = {n >= k for n, k in zip(x.shape, kernel.shape) if n != k}
    if mode == "valid" and len(larger) > 1:
        raise ValueError(
            f"{op}: x has shape {x.shape}, kernel has shape {kernel.shape}, expected one as large as the other in "
            "every axis for mode 'valid'"
        )
    check_dtype(op, x=x, kernel=kernel)
