"""Single steps of recurrent networks, for loops of one's own. The formulas stand in kernels/naive/recurrent.py."""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import ops
from cuarzo.nn.module import Module
from cuarzo.nn.recurrent import Weights, checked_state, each, initial_values, weights_of
from cuarzo.ops.checks import check_choice, check_tensor, flag, integer
from cuarzo.ops.recurrence import LSTMState
from cuarzo.random import Stream
from cuarzo.tensor import Tensor


class _Cell(Module):
    """Parameters as in torch: weight_ih (G U, I), weight_hh (G U, U), bias_ih and bias_hh (G U,), all from
    U(-1/sqrt U, 1/sqrt U). `seed`: of the initial values; by default the next key of the process.
    """

    gates = 1
    paired = False  # whether the state is (h, c)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
    ):
        name = type(self).__name__
        self.input_size = integer(name, "input_size", input_size, 1)
        self.hidden_size = integer(name, "hidden_size", hidden_size, 1)
        self.bias = flag(name, "bias", bias)
        sizes = (self.gates, self.input_size, self.hidden_size)
        vars(self).update(initial_values(*sizes, self.bias, Stream(seed), dtype))

    def __call__(self, x: Tensor, state: Any = None) -> Any:
        """x (N, I) and the state (N, U), None for zeros, to the next state; or without a batch, (I,) and (U,).

        The LSTM's state is a pair (h, c). `state.detach()` cuts its history. Raises TypeError, ValueError for arguments
        that do not fit.
        """
        name = type(self).__name__
        check_tensor(name, "x", x)
        if x.ndim not in (1, 2):
            raise ValueError(f"{name}: x has shape {x.shape}, expected (N, I) or (I,)")
        shape = (*x.shape[:-1], self.hidden_size)
        if state is None:
            zeros = Tensor(np.zeros(shape, x.dtype))
            state = (zeros, zeros) if self.paired else zeros
        state = checked_state(name, state, self.paired, shape)
        if x.ndim == 2:
            return self._step(x, state, weights_of(self))
        row = each(state, lambda part: part.reshape(1, -1))
        return each(self._step(x.reshape(1, -1), row, weights_of(self)), lambda part: part[0])

    def _step(self, x: Tensor, state: Any, weights: Weights) -> Any:
        raise NotImplementedError

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A product and a sum for each weight and a sum for each bias; the gates' functions left out."""
        return math.prod(output_shape[:-1]) * sum(2 * p.size if p.ndim == 2 else p.size for p in self.parameters())

    def __repr__(self) -> str:
        nonlinearity = vars(self).get("nonlinearity", "tanh")
        options = [", bias=False"] * (not self.bias) + [f", nonlinearity={nonlinearity!r}"] * (nonlinearity != "tanh")
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size}{''.join(options)})"


class RNNCell(_Cell):
    """h' = f(W_ih x + b_ih + W_hh h + b_hh), f = tanh or relu."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
    ):
        check_choice("RNNCell", "nonlinearity", nonlinearity, ("tanh", "relu"))
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, seed=seed, dtype=dtype)

    def _step(self, x: Tensor, state: Any, weights: Weights) -> Tensor:
        return ops.rnn_cell(x, state, *weights, self.nonlinearity)


class LSTMCell(_Cell):
    """c' = f c + i g, h' = o tanh(c'), with the gates (i, f, g, o) from x and h."""

    gates, paired = 4, True

    def _step(self, x: Tensor, state: Any, weights: Weights) -> LSTMState:
        return ops.lstm_cell(x, state, *weights)


class GRUCell(_Cell):
    """h' = (1 - z) n + z h, with the gates (r, z, n) from x and h."""

    gates = 3

    def _step(self, x: Tensor, state: Any, weights: Weights) -> Tensor:
        return ops.gru_cell(x, state, *weights)
