"""Recurrent networks over sequences, in layers and directions. The formulas stand in kernels/naive/recurrent.py."""

import math
import operator
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import init, ops
from cuarzo.nn.module import Module, Parameter
from cuarzo.ops.checks import check_choice, check_tensor, flag, integer, probability
from cuarzo.ops.recurrence import LSTMState, pair
from cuarzo.ops.recurrent import sequence_lengths
from cuarzo.random import Stream
from cuarzo.tensor import Tensor

NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
Weights = tuple[Parameter, Parameter, Parameter | None, Parameter | None]


class _Recurrent(Module):
    """What RNN, LSTM and GRU share: layers, directions, states, lengths.

    Parameters, for layer k, as in torch: weight_ih_lk (G U, I or D U), weight_hh_lk (G U, U), bias_ih_lk and bias_hh_lk
    (G U,), and the same with _reverse; all start from U(-1/sqrt U, 1/sqrt U). `dropout` acts between the layers, not
    after the last, in training. `seed`: of the initial values and the dropout; by default the next key of the process.
    """

    gates = 1
    paired = False  # whether the state is (h, c)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
    ):
        name = type(self).__name__
        self.input_size = integer(name, "input_size", input_size, 1)
        self.hidden_size = integer(name, "hidden_size", hidden_size, 1)
        self.num_layers = integer(name, "num_layers", num_layers, 1)
        self.bias, self.batch_first = flag(name, "bias", bias), flag(name, "batch_first", batch_first)
        self.bidirectional = flag(name, "bidirectional", bidirectional)
        self.dropout = probability(name, dropout, "dropout")
        if self.dropout and self.num_layers == 1:
            warnings.warn(f"{name}: dropout is {dropout}, but acts between layers, and there is one", stacklevel=3)
        self.suffixes = ("", "_reverse") if self.bidirectional else ("",)
        stream = Stream(seed)
        for k in range(self.num_layers):
            inputs = self.hidden_size * len(self.suffixes) if k else self.input_size
            for suffix in self.suffixes:
                for part, values in initial_values(self.gates, inputs, self.hidden_size, self.bias, stream, dtype):
                    setattr(self, f"{part}_l{k}{suffix}", values)
        if self.dropout:
            self.stream = stream  # goes on where the initial values ended

    def __call__(self, x: Tensor, state: Any = None, lengths: Any = None) -> tuple[Tensor, Any]:
        """x (T, N, I), with `batch_first` (N, T, I), or without a batch (T, I), to (y, state).

        y has D U in place of I, with D = 2 directions if `bidirectional`, else 1. The state is h (L D, N, U) after the
        last step, layer by layer, forwards before backwards; for the LSTM a pair (h, c) of these. The `state` given is
        where the sequences begin, None for zeros.

        `lengths` (N,), each in 1 ... T: past a sequence's end y is 0; the state is that of each sequence's own last
        step, and the backward direction begins there.

        Each call goes on with the history of the state that it is given. Truncated back-propagation through time cuts
        it, and keeps the values:

            for chunk in chunks:
                y, state = layer(chunk, state)
                loss(y).backward()
                state = state.detach()

        Raises TypeError, ValueError for arguments that do not fit.
        """
        name = type(self).__name__
        check_tensor(name, "x", x)
        if x.ndim not in (2, 3):
            raise ValueError(f"{name}: x has shape {x.shape}, expected (T, N, I) or (T, I)")
        batched = x.ndim == 3
        steps = x.reshape(len(x), 1, x.shape[1]) if not batched else x.transpose(1, 0, 2) if self.batch_first else x
        if steps.shape[2] != self.input_size:
            raise ValueError(f"{name}: x has shape {x.shape}, expected {self.input_size} inputs along the last axis")
        ends = sequence_lengths(name, lengths, *steps.shape[:2])
        y, last = self._layers(steps, self._initial(state, steps.shape[1], batched), ends)
        if not batched:
            return y[:, 0], each(last, lambda part: part[:, 0])
        return (y.transpose(1, 0, 2) if self.batch_first else y), last

    def _layers(self, x: Tensor, state: Any, ends: Any) -> tuple[Tensor, Any]:
        last: list[Any] = []
        for k in range(self.num_layers):
            if k and self.dropout:
                x = ops.dropout(x, self.dropout, self.training, self.stream)
            outputs = []
            for suffix in self.suffixes:
                weights = weights_of(self, f"_l{k}{suffix}")
                begin = None if state is None else each(state, operator.itemgetter(len(last)))
                given = ops.reverse_time(x, ends) if suffix else x
                y, end = self._sequence(given, begin, weights, ends)
                outputs.append(ops.reverse_time(y, ends) if suffix else y)
                last.append(end)
            x = outputs[0] if len(outputs) == 1 else ops.concatenate(outputs, -1)
        if isinstance(last[0], LSTMState):
            return x, LSTMState(ops.stack([s.h for s in last]), ops.stack([s.c for s in last]))
        return x, ops.stack(last)

    def _initial(self, state: Any, batch: int, batched: bool) -> Any:
        """The given state, held against (L D, N, U)."""
        if state is None:
            return None
        count = self.num_layers * len(self.suffixes)
        expected = (count, batch, self.hidden_size) if batched else (count, self.hidden_size)
        checked = checked_state(type(self).__name__, state, self.paired, expected)
        return each(checked, lambda part: part.reshape(count, batch, self.hidden_size))

    def _sequence(self, x: Tensor, state: Any, weights: Weights, ends: Any) -> tuple[Tensor, Any]:
        raise NotImplementedError

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A product and a sum for each weight and a sum for each bias, at each step; the gates' functions left out."""
        places = math.prod(output_shape[:-1])
        return places * sum(2 * p.size if p.ndim == 2 else p.size for p in self.parameters())

    def __repr__(self) -> str:
        defaults = {"num_layers": 1, "nonlinearity": "tanh", "bias": True, "batch_first": False, "dropout": 0.0}
        defaults["bidirectional"] = False
        shown = [f", {k}={vars(self)[k]!r}" for k, v in defaults.items() if vars(self).get(k, v) != v]
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size}{''.join(shown)})"


class RNN(_Recurrent):
    """h_t = f(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), f = tanh or relu (Elman 1990), in layers and directions."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
    ):
        check_choice("RNN", "nonlinearity", nonlinearity, ("tanh", "relu"))
        self.nonlinearity = nonlinearity
        options = (num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__(input_size, hidden_size, *options, seed=seed, dtype=dtype)

    def _sequence(self, x: Tensor, state: Any, weights: Weights, ends: Any) -> tuple[Tensor, Any]:
        return ops.rnn(x, state, *weights, ends, self.nonlinearity)


class LSTM(_Recurrent):
    """c_t = f c_(t-1) + i g, h_t = o tanh(c_t), with gates (i, f, g, o) from x_t and h_(t-1) (Gers et al. 2000)."""

    gates, paired = 4, True

    def _sequence(self, x: Tensor, state: Any, weights: Weights, ends: Any) -> tuple[Tensor, Any]:
        return ops.lstm(x, state, *weights, ends)


class GRU(_Recurrent):
    """h_t = (1 - z) n + z h_(t-1), with gates (r, z, n) from x_t and h_(t-1); r acts after the product, as in torch."""

    gates = 3

    def _sequence(self, x: Tensor, state: Any, weights: Weights, ends: Any) -> tuple[Tensor, Any]:
        return ops.gru(x, state, *weights, ends)


def initial_values(
    gates: int, inputs: int, units: int, bias: bool, stream: Stream, dtype: DTypeLike
) -> Iterator[tuple[str, Parameter]]:
    """(name, parameter) in torch's order, all from U(-1/sqrt U, 1/sqrt U)."""
    bound = 1 / math.sqrt(units)
    shapes = ((gates * units, inputs), (gates * units, units), (gates * units,), (gates * units,))
    for name, shape in zip(NAMES[: 4 if bias else 2], shapes):
        yield name, init.uniform_(Parameter(np.empty(shape, dtype)), -bound, bound, stream=stream)


def weights_of(module: Module, suffix: str = "") -> Weights:
    """The weights of one layer and direction, None for biases that are not there."""
    w_ih, w_hh, b_ih, b_hh = (vars(module).get(name + suffix) for name in NAMES)
    assert w_ih is not None and w_hh is not None
    return w_ih, w_hh, b_ih, b_hh


def checked_state(layer: str, state: Any, paired: bool, shape: tuple[int, ...]) -> Any:
    """The state that a layer was given, a tensor or a pair (h, c), each part of it held against the shape."""
    parts = pair(layer, state) if paired else (state,)
    for name, part in zip(("h of state", "c of state") if paired else ("state",), parts):
        check_tensor(layer, name, part)
        if part.shape != shape:
            raise ValueError(f"{layer}: {name} has shape {part.shape}, expected {shape}")
    return LSTMState(*parts) if paired else state


def each(state: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """The function of h, or of both h and c."""
    return LSTMState(*map(function, state)) if isinstance(state, LSTMState) else function(state)
