"""Bad input gets an error that says the argument, what was given, and what was expected; nothing reaches a kernel."""

import numpy as np
import pytest

from cuarzo import Tensor, kernels, ops, random


def zeros(*shape, dtype=np.float64):
    return Tensor(np.zeros(shape, dtype))


X, W, B = zeros(2, 4, 5, 6), zeros(6, 4, 3, 3), zeros(6)
F32 = np.float32

CONV = [
    (lambda: ops.conv2d(X.data, W), TypeError, "conv2d: x is a ndarray, expected a Tensor"),
    (lambda: ops.conv2d(X, W, [0.0]), TypeError, "conv2d: b is a list, expected a Tensor"),
    (lambda: ops.conv2d(zeros(4, 5, 6), W), ValueError, r"x has shape \(4, 5, 6\), expected 4 axes: \(N, C, H, W\)"),
    (lambda: ops.conv2d(X, zeros(6, 4, 3)), ValueError, r"w has shape \(6, 4, 3\), expected 4 axes"),
    (lambda: ops.conv2d(X, W, zeros(6, 1)), ValueError, r"b has shape \(6, 1\), expected 1 axes: \(F\)"),
    (lambda: ops.conv2d(X, W, zeros(5)), ValueError, r"b has shape \(5,\), expected \(6,\)"),
    (
        lambda: ops.conv2d(X, zeros(6, 4, 3, 3, dtype=F32)),
        TypeError,
        "w has dtype float32, expected float64, the dtype of x",
    ),
    (lambda: ops.conv2d(X, W, zeros(6, dtype=F32)), TypeError, "b has dtype float32, expected float64"),
    (
        lambda: ops.conv2d(X, zeros(8, 3, 3, 3), groups=2),
        ValueError,
        r"conv2d: w has 3 input channels per group, x has 4 channels in 2 groups: expected w of shape \(8, 2, 3, 3\), "
        r"got \(8, 3, 3, 3\)",
    ),
    (
        lambda: ops.conv2d(X, zeros(6, 3, 3, 3)),
        ValueError,
        r"4 channels in 1 group: expected w of shape \(6, 4, 3, 3\)",
    ),
    (lambda: ops.conv2d(X, W, groups=3), ValueError, "x has 4 channels, expected a multiple of groups = 3"),
    (
        lambda: ops.conv2d(X, zeros(5, 2, 3, 3), groups=2),
        ValueError,
        "w has 5 filters, expected a multiple of groups = 2",
    ),
    (lambda: ops.conv2d(X, W, groups=0), ValueError, "groups is 0, expected an integer from 1"),
    (lambda: ops.conv2d(X, W, groups=1.0), TypeError, "groups is 1.0 of type float, expected an integer"),
    (lambda: ops.conv2d(X, zeros(6, 4, 0, 3)), ValueError, "expected a window of at least 1 x 1"),
    (lambda: ops.conv2d(zeros(2, 0, 5, 5), zeros(6, 0, 3, 3)), ValueError, "x has 0 channels"),
    (lambda: ops.conv2d(X, zeros(0, 4, 3, 3)), ValueError, "w has 0 filters"),
    (
        lambda: ops.conv2d(X, zeros(6, 4, 6, 3)),
        ValueError,
        "window has height 6 .*larger than the padded image: x has height 5",
    ),
    (lambda: ops.conv2d(X, W, dilation=(1, 3)), ValueError, r"window has width 7 \(kernel 3, dilation 3\)"),
    (lambda: ops.conv2d(zeros(1, 4, 0, 6), W, padding=3), ValueError, "x has height 0"),
    (lambda: ops.conv2d(X, W, stride=0), ValueError, "stride is 0, expected an integer from 1"),
    (lambda: ops.conv2d(X, W, stride=(1, -2)), ValueError, "stride is -2, expected an integer from 1"),
    (
        lambda: ops.conv2d(X, W, stride=(1, 1, 1)),
        ValueError,
        r"stride is \(1, 1, 1\), expected an integer or \(height, width\)",
    ),
    (lambda: ops.conv2d(X, W, stride=1.5), TypeError, "stride is 1.5 of type float, expected an integer"),
    (lambda: ops.conv2d(X, W, stride=None), TypeError, "stride is None"),
    (lambda: ops.conv2d(X, W, dilation=0), ValueError, "dilation is 0"),
    (lambda: ops.conv2d(X, W, padding=-1), ValueError, "padding is -1, expected an integer from 0"),
    (lambda: ops.conv2d(X, W, padding=((0, 1), (0, -1))), ValueError, "padding is -1"),
    (lambda: ops.conv2d(X, W, padding=((0, 1), (0,))), ValueError, r"expected \(\(top, bottom\), \(left, right\)\)"),
    (lambda: ops.conv2d(X, W, padding="full"), ValueError, "padding is 'full', expected one of 'same', 'valid'"),
    (lambda: ops.conv2d(X, W, stride=2, padding="same"), ValueError, "padding 'same' needs a stride of 1"),
    (
        lambda: ops.conv2d(X, W, padding=2**30 + 1),
        ValueError,
        f"padding is {2**30 + 1}, expected an integer from 0 to {2**30}",
    ),
    (lambda: ops.conv2d(X, W, padding=2**29), ValueError, f"the padded image has height {2**30 + 5}, expected at most"),
    (lambda: ops.conv2d(X, W, stride=2**30 + 1), ValueError, "stride is"),
    (lambda: ops.conv2d(X, W, dilation=2**30 + 1), ValueError, "dilation is"),
    (lambda: ops.conv2d(X, W, stride=2**70), ValueError, f"stride is {2**70}"),
    (lambda: ops.conv2d(X, W, padding=2**29 - 3), ValueError, "too many for any memory"),
]
POOL = [
    (lambda: ops.max_pool2d(X.data, 2), TypeError, "max_pool2d: x is a ndarray"),
    (lambda: ops.max_pool2d(zeros(4, 5, 6), 2), ValueError, r"max_pool2d: x has shape \(4, 5, 6\), expected 4 axes"),
    (lambda: ops.max_pool2d(X, 0), ValueError, "kernel_size is 0"),
    (lambda: ops.max_pool2d(X, 2, 0), ValueError, "stride is 0"),
    (lambda: ops.max_pool2d(X, 2, dilation=0), ValueError, "dilation is 0"),
    (lambda: ops.max_pool2d(X, 6), ValueError, "window has height 6"),
    (lambda: ops.max_pool2d(X, 3, padding=2), ValueError, "padding is .*, expected at most half the window"),
    (lambda: ops.max_pool2d(X, 3, padding=((0, 2), (0, 0))), ValueError, "expected at most half the window"),
    (lambda: ops.avg_pool2d(X, 1, padding=1), ValueError, "expected at most half the window"),
    (lambda: ops.avg_pool2d(X, (2, 7)), ValueError, "avg_pool2d: the window has width 7"),
    (lambda: ops.avg_pool2d(X, "2"), TypeError, "kernel_size is '2' of type str"),
]
LINEAR = [
    (lambda: ops.linear(zeros(2, 3), zeros(4, 5)), ValueError, r"linear: x has shape \(2, 3\), expected \(..., 5\)"),
    (lambda: ops.linear(zeros(), zeros(4, 5)), ValueError, r"x has shape \(\), expected \(..., 5\)"),
    (lambda: ops.linear(zeros(2, 5), zeros(5)), ValueError, r"w has shape \(5,\), expected 2 axes: \(O, I\)"),
    (lambda: ops.linear(zeros(2, 5), zeros(4, 5), zeros(5)), ValueError, r"b has shape \(5,\), expected \(4,\)"),
    (lambda: ops.linear(zeros(2, 5), zeros(4, 5, dtype=F32)), TypeError, "w has dtype float32"),
]
LOSS = [
    (
        lambda: ops.cross_entropy(zeros(2, 3), [0, 3]),
        ValueError,
        r"labels\[1\] is 3, expected 0 ... 2: logits have 3 columns",
    ),
    (lambda: ops.cross_entropy(zeros(2, 3), [-1, 0]), ValueError, r"labels\[0\] is -1, expected 0 ... 2"),
    (
        lambda: ops.cross_entropy(zeros(2, 3), [0.0, 1.0]),
        TypeError,
        "labels are of dtype float64, expected an array of integers",
    ),
    (lambda: ops.cross_entropy(zeros(2, 3), [True, False]), TypeError, "labels are of dtype bool"),
    (lambda: ops.cross_entropy(zeros(2, 3), zeros(2)), TypeError, "labels are of dtype float64"),
    (lambda: ops.cross_entropy(zeros(2, 3), np.ma.array([0, 1])), TypeError, "labels are a masked array"),
    (lambda: ops.cross_entropy(zeros(2, 3), [0]), ValueError, r"labels have shape \(1,\), expected \(2,\)"),
    (lambda: ops.cross_entropy(zeros(2, 3), np.zeros((2, 3), int)), ValueError, r"labels have shape \(2, 3\)"),
    (lambda: ops.cross_entropy(zeros(3), [0]), ValueError, r"expected 2 axes or more: \(N, K, ...\)"),
    (
        lambda: ops.cross_entropy(zeros(2, 3), [0, 1], "average"),
        ValueError,
        "reduction is 'average', expected one of 'mean'",
    ),
    (lambda: ops.mse_loss(zeros(2, 3), np.zeros((3, 2))), ValueError, r"target has shape \(3, 2\), expected \(2, 3\)"),
    (
        lambda: ops.mse_loss(zeros(2), np.zeros(2, F32)),
        TypeError,
        "target has dtype float32, expected float64, the dtype of x",
    ),
    (lambda: ops.mse_loss(np.zeros(2), np.zeros(2)), TypeError, "mse_loss: x is a ndarray"),
    (lambda: ops.binary_cross_entropy(Tensor([1.5]), np.ones(1, F32)), ValueError, "p has an element 1.5"),
    (lambda: ops.binary_cross_entropy(Tensor([0.5]), np.full(1, 2, F32)), ValueError, "target has an element 2.0"),
    (
        lambda: ops.binary_cross_entropy_with_logits(Tensor([5.0]), np.full(1, -1, F32)),
        ValueError,
        "target has an element -1.0",
    ),
    (
        lambda: ops.binary_cross_entropy(Tensor([0.5]), Tensor([0.5], requires_grad=True)),
        ValueError,
        "target requires a gradient, expected a constant",
    ),
    (lambda: ops.cross_entropy(zeros(2, 3), [[0], [1, 2]]), ValueError, "labels are lists of unequal lengths"),
    (lambda: ops.mse_loss(zeros(2), [[0.0], [1.0, 2.0]]), ValueError, "mse_loss: target are lists of unequal lengths"),
    (lambda: ops.mse_loss(zeros(2), ["0", "1"]), TypeError, "target has dtype <U1, expected float64, the dtype of x"),
    (lambda: ops.mse_loss(zeros(2), None), TypeError, "mse_loss: target is a NoneType, expected a tensor, an array or"),
]
OTHERS = [
    (lambda: ops.relu(np.zeros(2)), TypeError, "relu: x is a ndarray, expected a Tensor"),
    (
        lambda: ops.softmax(zeros(2, 3), 2),
        ValueError,
        r"softmax: dim is 2, expected an axis of x, which has shape \(2, 3\)",
    ),
    (lambda: ops.gelu(zeros(2), "erf"), ValueError, "approximate is 'erf', expected one of 'none', 'tanh'"),
    (lambda: ops.softmax(zeros(2), 1.5), TypeError, "softmax: dim is 1.5 of type float, expected an integer"),
    (lambda: ops.softplus(zeros(2), 0), ValueError, "beta is 0"),
    (lambda: ops.elu(zeros(2), "1"), TypeError, "elu: alpha is '1' of type str, expected a number"),
    (lambda: ops.leaky_relu(zeros(2), np.inf), ValueError, "negative_slope is inf, expected a finite number"),
    (lambda: ops.dropout(zeros(2), "x"), TypeError, "dropout: p is 'x' of type str"),
    (lambda: ops.flatten(zeros(2, 3), 1.5), TypeError, "flatten: start_dim is 1.5 of type float"),
    (lambda: ops.dropout(zeros(2), 1.5), ValueError, "p is 1.5, expected a probability between 0 and 1"),
    (lambda: ops.dropout(zeros(2), float("nan")), ValueError, "p is nan"),
    (lambda: ops.flatten(zeros(2, 3), 2), ValueError, "start_dim is 2, expected an axis of x"),
    (lambda: ops.flatten(zeros(2, 3), 1, 0), ValueError, "start_dim 1 comes after end_dim 0"),
    (lambda: ops.concatenate([]), ValueError, "expected a list of one tensor or more"),
    (
        lambda: ops.concatenate(zeros(2, 3)),
        TypeError,
        "concatenate: tensors is a Tensor, expected a list of one tensor",
    ),
    (lambda: ops.stack(None), TypeError, "stack: tensors is a NoneType, expected a list of one tensor or more"),
    (lambda: ops.stack([zeros(2)], "x"), TypeError, "stack: axis is 'x' of type str, expected an integer"),
    (lambda: ops.stack([zeros(2)], 2), ValueError, "stack: axis is 2, expected one of the 2 axes of the result"),
    (lambda: ops.stack([zeros(2)], -3), ValueError, "stack: axis is -3"),
    (lambda: ops.stack([zeros(2)], 10**30), ValueError, "stack: axis is 1000"),
    (
        lambda: ops.stack([zeros(2), zeros(3)]),
        ValueError,
        r"stack: tensors\[1\] has shape \(3,\), expected \(2,\), the shape of tensors\[0\]",
    ),
    (lambda: ops.concatenate([zeros(2)], None), TypeError, "concatenate: axis is None of type NoneType"),
    (
        lambda: ops.concatenate([zeros(2)], 1.5),
        TypeError,
        "concatenate: axis is 1.5 of type float, expected an integer",
    ),
    (
        lambda: ops.concatenate([zeros(2)], 9),
        ValueError,
        r"concatenate: axis is 9, expected an axis of tensors\[0\], which has shape \(2,\)",
    ),
    (lambda: ops.concatenate([zeros()]), ValueError, r"axis is 0, expected an axis of tensors\[0\], .* shape \(\)"),
    (
        lambda: ops.concatenate([zeros(2, 3), zeros(3, 3)], -1),
        ValueError,
        r"tensors\[1\] has shape \(3, 3\), expected \(2, 3\) as tensors\[0\] but along axis 1",
    ),
    (lambda: ops.concatenate([zeros(2, 3), zeros(2)]), ValueError, r"tensors\[1\] has shape \(2,\), expected \(2, 3\)"),
    (lambda: ops.stack([zeros(2), np.zeros(2)]), TypeError, r"stack: tensors\[1\] is a ndarray"),
    (
        lambda: ops.stack([zeros(2), zeros(2, dtype=F32)]),
        TypeError,
        r"tensors\[1\] has dtype float32, expected float64",
    ),
    (lambda: ops.pad(zeros(2, 3), [(1, 1)]), ValueError, r"expected \(before, after\) for each of the 2 axes of x"),
    (lambda: ops.pad(zeros(2), [1]), ValueError, r"widths are \[1\], expected \(before, after\)"),
    (lambda: ops.pad(zeros(), [(1, 1)]), ValueError, "for each of the 0 axes of x"),
    (lambda: ops.pad(zeros(2), [(1, -1)]), ValueError, "widths is -1"),
    (lambda: ops.pad(zeros(2), 1), TypeError, r"pad: widths are 1 of type int, expected \(before, after\) for each"),
    (
        lambda: ops.pad(zeros(2), [(1, (2, 3))]),
        TypeError,
        r"pad: widths is \(2, 3\) of type tuple, expected an integer",
    ),
    (lambda: ops.pad(zeros(2), [(1, 1)], "x"), TypeError, "pad: value is 'x' of type str, expected a number"),
    (lambda: ops.pad(zeros(2), [(1, 1)], [1.0, 2.0]), TypeError, "pad: value is .* of type list, expected a number"),
    (lambda: ops.pad(zeros(2), [(1, 1)], (None, None)), TypeError, r"pad: value is \(None, None\) of type tuple"),
    (lambda: ops.elu(zeros(2), 10**400), ValueError, "elu: alpha is an integer too large for a float"),
    (lambda: ops.dropout(zeros(2), stream=3), TypeError, "dropout: stream is a int, expected a Stream or None"),
    (lambda: ops.dropout(zeros(2), stream=()), TypeError, "dropout: stream is a tuple, expected a Stream or None"),
    (lambda: ops.dropout(zeros(2), 0.0, stream={}), TypeError, "dropout: stream is a dict"),
    (
        lambda: ops.dropout(zeros(2), training="False"),
        TypeError,
        "dropout: training is 'False' of type str, expected Tr",
    ),
    (
        lambda: ops.dropout(zeros(2), 0.5, -1, random.Stream(0)),
        TypeError,
        "training is -1 of type int, expected True or",
    ),
    (lambda: ops.batch_norm(zeros(2, 3), None, None, training=1), TypeError, "batch_norm: training is 1 of type int"),
]
CASES = [*CONV, *POOL, *LINEAR, *LOSS, *OTHERS]


@pytest.mark.parametrize(("call", "error", "message"), CASES, ids=[case[2][:60] for case in CASES])
def test_refused(call, error, message):
    def unreachable(*arguments):
        raise AssertionError("the kernel was called")

    kernels.register("unreachable", **{name: unreachable for name in kernels.names()})
    with kernels.use("unreachable"), pytest.raises(error, match=message):
        call()
