"""Bad input of the ops with windows: refused in words, and nothing reaches a kernel."""

import numpy as np
import pytest

from cuarzo import Tensor, kernels, ops


def zeros(*shape, dtype=np.float64):
    return Tensor(np.zeros(shape, dtype))


LINE, X, VOLUME = zeros(2, 4, 6), zeros(2, 4, 5, 6), zeros(2, 4, 3, 5, 6)
W, INDICES = zeros(4, 3, 3, 3), np.zeros(X.shape, np.int64)

CONV = [
    (lambda: ops.conv1d(X, W), ValueError, r"conv1d: x has shape \(2, 4, 5, 6\), expected 3 axes: \(N, C, W\)"),
    (lambda: ops.conv1d(LINE, zeros(6, 4, 7)), ValueError, "window has width 7 .* x has width 6"),
    (lambda: ops.conv1d(LINE, zeros(6, 4, 3), padding=(1, 2)), ValueError, r"padding is \(1, 2\), .* or \(width,\)"),
    (lambda: ops.conv1d(LINE, zeros(6, 4, 3), padding=((1,),)), ValueError, r"expected \(\(left, right\),\)"),
    (lambda: ops.conv1d(LINE, zeros(6, 4, 0)), ValueError, "expected a window of at least 1$"),
    (lambda: ops.conv3d(VOLUME, W), ValueError, r"w has shape .*, expected 5 axes: \(F, C / groups, E, R, S\)"),
    (lambda: ops.conv3d(VOLUME, zeros(6, 4, 4, 1, 1)), ValueError, "window has depth 4"),
    (lambda: ops.conv3d(VOLUME, zeros(6, 4, 1, 1, 1), stride=(1, 2)), ValueError, r"or \(depth, height, width\)"),
    (lambda: ops.conv3d(VOLUME, zeros(6, 3, 1, 1, 1)), ValueError, r"expected w of shape \(6, 4, 1, 1, 1\)"),
]
TRANSPOSED = [
    (lambda: ops.conv_transpose2d(LINE, W), ValueError, r"conv_transpose2d: x has shape .*, expected 4 axes"),
    (lambda: ops.conv_transpose2d(X, LINE), ValueError, r"w has shape .*, expected 4 axes: \(C, F / groups, R, S\)"),
    (lambda: ops.conv_transpose2d(X, zeros(3, 3, 2, 2)), ValueError, "expected 4 rows: x has 4 channels"),
    (lambda: ops.conv_transpose2d(X, W, groups=3), ValueError, "x has 4 channels, expected a multiple of groups = 3"),
    (lambda: ops.conv_transpose2d(X, W, zeros(4)), ValueError, r"b has shape \(4,\), expected \(3,\)"),
    (lambda: ops.conv_transpose2d(X, W, zeros(3), groups=2), ValueError, r"b has shape \(3,\), expected \(6,\)"),
    (lambda: ops.conv_transpose2d(X, zeros(4, 0, 2, 2)), ValueError, "expected at least 1 of each"),
    (
        lambda: ops.conv_transpose2d(zeros(1, 4, 0, 2), W),
        ValueError,
        r"\(height, width\) \(0, 2\), expected at least 1",
    ),
    (lambda: ops.conv_transpose2d(X, W, padding="same"), TypeError, "padding is 'same', expected integers"),
    (lambda: ops.conv_transpose2d(X, W, padding=4), ValueError, "the output would have height -1"),
    (lambda: ops.conv_transpose2d(X, W, None, 2, 0, 2), ValueError, r"output_padding is \(2, 2\), expected less than"),
    (lambda: ops.conv_transpose2d(X, W, None, 2, 0, -1), ValueError, "output_padding is -1"),
    (lambda: ops.conv_transpose2d(X, W, None, 2**30), ValueError, "the output would have height"),
    (lambda: ops.conv_transpose2d(X, zeros(4, 3, 3, 3, dtype=np.float32)), TypeError, "w has dtype float32"),
]
POOL = [
    (lambda: ops.max_pool1d(X, 2), ValueError, r"max_pool1d: x has shape \(2, 4, 5, 6\), expected 3 axes"),
    (lambda: ops.max_pool3d(VOLUME, (4, 1, 1)), ValueError, "window has depth 4"),
    (lambda: ops.avg_pool3d(VOLUME, 1, padding=1), ValueError, "expected at most half the window"),
    (lambda: ops.avg_pool2d(X, 2, divisor_override=0), ValueError, "divisor_override is 0, expected an integer from 1"),
    (lambda: ops.adaptive_avg_pool2d(LINE, 2), ValueError, r"adaptive_avg_pool2d: x has shape .*, expected 4 axes"),
    (lambda: ops.adaptive_avg_pool2d(X, 0), ValueError, "output_size is 0, expected an integer from 1"),
    (lambda: ops.adaptive_avg_pool2d(X, (1, 2, 3)), ValueError, "an integer or one for each of height, width"),
    (lambda: ops.adaptive_max_pool2d(X, 1.5), TypeError, "output_size is 1.5 of type float"),
    (lambda: ops.adaptive_max_pool1d(zeros(2, 3, 0), 1), ValueError, "expected at least 1 along width"),
    (lambda: ops.max_unpool2d(X, INDICES[:1], 2), ValueError, r"indices have shape \(1, 4, 5, 6\), expected"),
    (
        lambda: ops.max_unpool2d(X, INDICES * 1.0, 2),
        TypeError,
        "indices are a ndarray of dtype float64, expected integers",
    ),
    (lambda: ops.max_unpool2d(X, [[1], [1, 2]], 2), ValueError, "max_unpool2d: indices are lists of unequal lengths"),
    (
        lambda: ops.max_pool2d(X, 2, ceil_mode="same"),
        TypeError,
        "max_pool2d: ceil_mode is 'same' of type str, expected",
    ),
    (
        lambda: ops.max_pool1d(LINE, 2, return_indices=-1),
        TypeError,
        "return_indices is -1 of type int, expected True or",
    ),
    (
        lambda: ops.avg_pool2d(X, 2, ceil_mode=np.ones(2, bool)),
        TypeError,
        "avg_pool2d: ceil_mode is array.* of type nd",
    ),
    (
        lambda: ops.avg_pool3d(VOLUME, 2, count_include_pad=None),
        TypeError,
        "count_include_pad is None of type NoneType",
    ),
    (lambda: ops.adaptive_max_pool2d(X, 2, "no"), TypeError, "adaptive_max_pool2d: return_indices is 'no' of type str"),
    (lambda: ops.max_unpool2d(X, INDICES + 120, 2), ValueError, r"an element 120, expected -1 \.\.\. 119: y has 120"),
    (lambda: ops.max_unpool2d(X, INDICES - 2, 2), ValueError, "an element -2"),
    (lambda: ops.max_unpool2d(X, INDICES, 2, output_size=(8, 12)), ValueError, "has height 8, expected 9 to 11"),
    (lambda: ops.max_unpool2d(X, INDICES, 2, output_size=(1, 4, 10, 12)), ValueError, r"expected \(2, 4\) first"),
    (lambda: ops.max_unpool2d(X, INDICES, 2, output_size=(10,)), ValueError, r"output_size is \(10,\), expected"),
]
RESAMPLE = [
    (lambda: ops.interpolate(X), ValueError, "interpolate: expected one of size and scale_factor, got none"),
    (lambda: ops.upsample(X, 2, 2), ValueError, "upsample: expected one of size and scale_factor, got both"),
    (lambda: ops.interpolate(X, 2, mode="area"), ValueError, "mode is 'area', expected one of 'nearest'"),
    (lambda: ops.interpolate(X, 2, mode="linear"), ValueError, "expected 3 axes"),
    (lambda: ops.interpolate(LINE, 2, mode="bilinear"), ValueError, "expected 4 axes"),
    (lambda: ops.interpolate(zeros(2, 3), 2), ValueError, "expected 4 axes"),
    (lambda: ops.interpolate(X, 2, align_corners=False), ValueError, "align_corners is False in mode 'nearest'"),
    (lambda: ops.interpolate(X, (2, 2, 2)), ValueError, r"size is \(2, 2, 2\), expected an integer or"),
    (lambda: ops.interpolate(X, None, 0.1), ValueError, "the output would have height 0"),
    (lambda: ops.interpolate(X, None, -1), ValueError, "scale_factor is -1"),
    (lambda: ops.interpolate(X, None, float("inf")), ValueError, "scale_factor is inf"),
    (
        lambda: ops.interpolate(X, None, 1e308),
        ValueError,
        "interpolate: scale_factor is 1e.308, expected a number above",
    ),
    (lambda: ops.interpolate(X, None, (1, 0)), ValueError, f"scale_factor is 0, .* above 0, at most {2**30}"),
    (lambda: ops.upsample(X, 2, None, "bilinear", 1), TypeError, "upsample: align_corners is 1 of type int, expected"),
    (lambda: ops.interpolate(X, None, (2, 2, 2)), ValueError, "expected a number or one for each of 2 axes"),
    (lambda: ops.interpolate(X.data, 2), TypeError, "x is a ndarray"),
    (lambda: ops.interpolate(zeros(1, 1, 0, 2), 2), ValueError, "expected at least 1 along height, width"),
]
CASES = [*CONV, *TRANSPOSED, *POOL, *RESAMPLE]


@pytest.mark.parametrize(("call", "error", "message"), CASES, ids=[case[2][:60] for case in CASES])
def test_refused(call, error, message):
    def unreachable(*arguments):
        raise AssertionError("the kernel was called")

    kernels.register("unreachable", **{name: unreachable for name in kernels.names()})
    with kernels.use("unreachable"), pytest.raises(error, match=message):
        call()
