"""Recurrence from the outputs (Jordan 1986, "Serial order: a parallel distributed processing approach").

    h_t = tanh(W_ih x_t + W_oh y_(t-1) + b)        y_t = V h_t + c

What goes on from step to step is the output, so that a target can stand in its place: teacher forcing (Williams and
Zipser 1989). Jordan's state units keep a decaying trace of the outputs; here, as in most books, the last output alone.

Written in operations on tensors, not as a kernel. With a teacher no step waits for another, and the whole sequence is
three products; without one, two small products a step, and one for all inputs together.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import init, ops
from cuarzo.nn.module import Module, Parameter
from cuarzo.ops.arrays import like
from cuarzo.ops.checks import check_tensor, flag, integer
from cuarzo.random import Stream
from cuarzo.tensor import Tensor


class Jordan(Module):
    """y = layer(x, teacher=None, y0=None) for x (T, N, I), or (N, T, I) with `batch_first`: y with O in place of I.

    teacher: the true outputs, shaped like y; step t then sees teacher_(t-1) in place of y_(t-1). y0 (N, O): what the
    first step sees, None for zeros. Both may be tensors, arrays or lists. Parameters: weight_ih (U, I),
    weight_oh (U, O), weight_ho (O, U), bias_h (U,), bias_o (O,), all from U(-1/sqrt U, 1/sqrt U). `seed`: of these; by
    default the next key of the process.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        bias: bool = True,
        batch_first: bool = False,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
    ):
        self.input_size = integer("Jordan", "input_size", input_size, 1)
        self.hidden_size = integer("Jordan", "hidden_size", hidden_size, 1)
        self.output_size = integer("Jordan", "output_size", output_size, 1)
        self.batch_first = flag("Jordan", "batch_first", batch_first)
        bias = flag("Jordan", "bias", bias)
        (I, U, O), stream = (self.input_size, self.hidden_size, self.output_size), Stream(seed)
        bound = 1 / math.sqrt(U)

        def values(*shape: int) -> Parameter:
            return init.uniform_(Parameter(np.empty(shape, dtype)), -bound, bound, stream=stream)

        self.weight_ih, self.weight_oh, self.weight_ho = values(U, I), values(U, O), values(O, U)
        self.bias_h = values(U) if bias else None
        self.bias_o = values(O) if bias else None

    def __call__(self, x: Tensor, teacher: Any = None, y0: Any = None) -> Tensor:
        """Raises TypeError, ValueError for a sequence, a teacher or a y0 that does not fit."""
        check_tensor("Jordan", "x", x, "T, N, I")
        steps = x.transpose(1, 0, 2) if self.batch_first else x
        T, N = steps.shape[:2]
        if not T or x.shape[2] != self.input_size:
            raise ValueError(f"Jordan: x has shape {x.shape}, expected a step or more of {self.input_size} inputs")
        last = _fitting("y0", np.zeros((N, self.output_size), x.dtype) if y0 is None else y0, (N, self.output_size), x)
        driven = ops.linear(steps, self.weight_ih, self.bias_h)
        if teacher is None:
            y = self._free(driven, last)
        else:
            true = _fitting("teacher", teacher, (*x.shape[:2], self.output_size), x)
            true = true.transpose(1, 0, 2) if self.batch_first else true
            fed = ops.concatenate([last.reshape(1, N, self.output_size), true[:-1]])
            y = ops.linear(ops.tanh(driven + ops.linear(fed, self.weight_oh)), self.weight_ho, self.bias_o)
        return y.transpose(1, 0, 2) if self.batch_first else y

    def _free(self, driven: Tensor, y: Tensor) -> Tensor:
        """Each step fed with the output before it."""
        outputs = []
        for step in driven:
            y = ops.linear(ops.tanh(step + ops.linear(y, self.weight_oh)), self.weight_ho, self.bias_o)
            outputs.append(y)
        return ops.stack(outputs)

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A product and a sum for each weight and a sum for each bias, at each step; tanh left out."""
        return math.prod(output_shape[:2]) * sum(2 * p.size if p.ndim == 2 else p.size for p in self.parameters())

    def __repr__(self) -> str:
        options = [", bias=False"] * (self.bias_h is None) + [", batch_first=True"] * self.batch_first
        return f"Jordan({self.input_size}, {self.hidden_size}, {self.output_size}{''.join(options)})"


def _fitting(name: str, value: Any, shape: tuple[int, ...], x: Tensor) -> Tensor:
    """`value` as a tensor of the shape, and of the dtype of x."""
    tensor = like("Jordan", name, value, x)
    if tensor.shape != shape:
        raise ValueError(f"Jordan: {name} has shape {tensor.shape}, expected {shape}")
    return tensor
