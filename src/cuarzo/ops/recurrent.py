"""Recurrent networks: one layer in one direction over whole sequences. The formulas, the order of the gates and the
rule for sequences of unequal length stand in kernels/naive/recurrent.py.

A state goes on from one step to the next: h (N, U), for the LSTM the pair (h, c). A state that an earlier call returned
carries its history along: the gradient flows back through all calls. `state.detach()` between two calls keeps the
values and cuts the history: truncated back-propagation through time.

x (T, N, I)   w_ih (G U, I)   w_hh (G U, U)   b_ih, b_hh (G U,) or None   G = 1 (rnn), 4 (lstm), 3 (gru)
"""

from typing import Any

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty
from cuarzo.ops.arrays import check_range, integer_array
from cuarzo.ops.checks import check_choice, check_tensor
from cuarzo.ops.recurrence import Gradients, Inputs, LSTMState, arrays, check, pair, recorded
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def rnn(
    x: Tensor,
    h0: Tensor | None,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
    lengths: Any = None,
    nonlinearity: str = "tanh",
) -> tuple[Tensor, Tensor]:
    """h_t = f(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), f = tanh or relu (Elman 1990): y (T, N, U) and the last h (N, U).

    h0 (N, U), None for zeros. `lengths` (N,), each in 1 ... T: y is 0 past a sequence's end, and the state is that of
    its last step. Raises TypeError for unequal dtypes, ValueError for shapes and lengths that do not fit.
    """
    check_choice("rnn", "nonlinearity", nonlinearity, ("tanh", "relu"))
    inputs: Inputs = {"x": x, "h0": h0, "w_ih": w_ih, "w_hh": w_hh, "b_ih": b_ih, "b_hh": b_hh}
    shape, ends = _check_sequence("rnn", 1, inputs, lengths)
    backend, a, relu = kernels.current(), arrays(inputs), nonlinearity == "relu"
    h = empty(shape, x.dtype)
    backend.rnn_forward(*a.values(), ends, relu, h)

    def gradients(dh: Array, d: Gradients) -> None:
        backend.rnn_backward(dh, a["x"], a["h0"], a["w_ih"], a["w_hh"], ends, h, relu, *d.values())

    steps = recorded("rnn_backward", h, inputs, gradients)
    return _within(steps, ends), steps[-1]


def lstm(
    x: Tensor,
    state: tuple[Tensor, Tensor] | None,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
    lengths: Any = None,
) -> tuple[Tensor, LSTMState]:
    """The LSTM with forget gates and no peepholes (Gers et al. 2000): y (T, N, U) and the last (h, c), each (N, U).

    `state` (h0, c0), each (N, U), None for zeros. `lengths` and errors as for rnn.
    """
    h0, c0 = pair("lstm", state)
    inputs: Inputs = {"x": x, "h0": h0, "c0": c0, "w_ih": w_ih, "w_hh": w_hh, "b_ih": b_ih, "b_hh": b_hh}
    (T, N, U), ends = _check_sequence("lstm", 4, inputs, lengths)
    backend, a = kernels.current(), arrays(inputs)
    # one result for the graph: every h, and after them the last c
    steps, c, gates = (empty(shape, x.dtype) for shape in ((T + 1, N, U), (T, N, U), (T, N, 4 * U)))
    h = steps[:T]
    backend.lstm_forward(*a.values(), ends, h, c, gates)
    steps[T] = c[T - 1]

    def gradients(dy: Array, d: Gradients) -> None:
        given = (a["x"], a["h0"], a["c0"], a["w_ih"], a["w_hh"], ends, h, c, gates)
        backend.lstm_backward(dy[:T], dy[T], *given, *d.values())

    result = recorded("lstm_backward", steps, inputs, gradients)
    return _within(result[:T], ends), LSTMState(result[T - 1], result[T])


def gru(
    x: Tensor,
    h0: Tensor | None,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
    lengths: Any = None,
) -> tuple[Tensor, Tensor]:
    """The GRU with its reset gate after the product, as in torch and cuDNN (Cho et al. 2014 have it before):
    y (T, N, U) and the last h (N, U). h0, `lengths` and errors as for rnn.
    """
    inputs: Inputs = {"x": x, "h0": h0, "w_ih": w_ih, "w_hh": w_hh, "b_ih": b_ih, "b_hh": b_hh}
    (T, N, U), ends = _check_sequence("gru", 3, inputs, lengths)
    backend, a = kernels.current(), arrays(inputs)
    h, gates = empty((T, N, U), x.dtype), empty((T, N, 4 * U), x.dtype)
    backend.gru_forward(*a.values(), ends, h, gates)

    def gradients(dh: Array, d: Gradients) -> None:
        backend.gru_backward(dh, a["x"], a["h0"], a["w_ih"], a["w_hh"], ends, h, gates, *d.values())

    steps = recorded("gru_backward", h, inputs, gradients)
    return _within(steps, ends), steps[-1]


def reverse_time(x: Tensor, lengths: Any = None) -> Tensor:
    """x (T, N, I) with each sequence backwards within its own length; what comes after its end stays where it is.

    Twice is the identity, and so the gradient goes the same way.
    """
    check_tensor("reverse_time", "x", x, "T, N, I")
    ends = sequence_lengths("reverse_time", lengths, *x.shape[:2])
    return Tensor.from_op(_reversed(x.data, ends), (x,), lambda dy: (_reversed(dy, ends),))


def sequence_lengths(op: str, lengths: Any, T: int, N: int) -> Array | None:
    """`lengths` as int64 (N,), each in 1 ... T; None where every sequence has all T steps."""
    if lengths is None:
        return None
    ends = integer_array(op, "lengths", lengths)
    if ends.shape != (N,):
        raise ValueError(f"{op}: lengths have shape {ends.shape}, expected ({N},), one for each sequence")
    check_range(op, "lengths", ends, 1, T + 1, f"x has {T} steps")
    return None if (ends == T).all() else ends


def _reversed(x: Array, ends: Array | None) -> Array:
    if ends is None:
        return np.ascontiguousarray(x[::-1])
    t = np.arange(len(x))[:, None]
    return x[np.where(t < ends, ends - 1 - t, t), np.arange(x.shape[1])]


def _within(steps: Tensor, ends: Array | None) -> Tensor:
    """Steps (T, N, U) with 0 past each sequence's end."""
    if ends is None:
        return steps
    past = np.arange(len(steps))[:, None] >= ends

    def cut(values: Array) -> Array:
        values = values.copy()
        values[past] = 0
        return values

    return Tensor.from_op(cut(steps.data), (steps,), lambda dy: (cut(dy),))


def _check_sequence(op: str, gates: int, inputs: Inputs, lengths: Any) -> tuple[tuple[int, int, int], Array | None]:
    """The shape of y, and the lengths as a kernel takes them."""
    N, U = check(op, gates, inputs, "T, N, I")
    x = inputs["x"]
    assert x is not None
    if not len(x):
        raise ValueError(f"{op}: x has shape {x.shape}, expected at least one step (T, N, I)")
    return (len(x), N, U), sequence_lengths(op, lengths, len(x), N)
