"""Recurrent networks: single steps. The formulas stand in kernels/naive/recurrent.py; shapes as in recurrent.py."""

from cuarzo import kernels
from cuarzo.memory import empty
from cuarzo.ops.checks import check_choice
from cuarzo.ops.recurrence import Gradients, Inputs, LSTMState, arrays, check, pair, recorded
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array


def rnn_cell(
    x: Tensor,
    h0: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
    nonlinearity: str = "tanh",
) -> Tensor:
    """One step of rnn: x (N, I), h0 (N, U) to h (N, U)."""
    check_choice("rnn_cell", "nonlinearity", nonlinearity, ("tanh", "relu"))
    inputs: Inputs = {"x": x, "h0": h0, "w_ih": w_ih, "w_hh": w_hh, "b_ih": b_ih, "b_hh": b_hh}
    shape = check("rnn_cell", 1, inputs, "N, I")
    backend, a, relu = kernels.current(), arrays(inputs), nonlinearity == "relu"
    h = empty(shape, x.dtype)
    backend.rnn_cell_forward(*a.values(), relu, h)

    def gradients(dh: Array, d: Gradients) -> None:
        backend.rnn_cell_backward(dh, a["x"], a["h0"], a["w_ih"], a["w_hh"], h, relu, *d.values())

    return recorded("rnn_cell_backward", h, inputs, gradients)


def lstm_cell(
    x: Tensor,
    state: tuple[Tensor, Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> LSTMState:
    """One step of lstm: x (N, I), (h0, c0) to (h, c), each (N, U)."""
    h0, c0 = pair("lstm_cell", state)
    inputs: Inputs = {"x": x, "h0": h0, "c0": c0, "w_ih": w_ih, "w_hh": w_hh, "b_ih": b_ih, "b_hh": b_hh}
    N, U = check("lstm_cell", 4, inputs, "N, I")
    backend, a = kernels.current(), arrays(inputs)
    step, gates = empty((2, N, U), x.dtype), empty((N, 4 * U), x.dtype)
    backend.lstm_cell_forward(*a.values(), step[0], step[1], gates)

    def gradients(dy: Array, d: Gradients) -> None:
        given = (a["x"], a["h0"], a["c0"], a["w_ih"], a["w_hh"], step[1], gates)
        backend.lstm_cell_backward(dy[0], dy[1], *given, *d.values())

    result = recorded("lstm_cell_backward", step, inputs, gradients)
    return LSTMState(result[0], result[1])


def gru_cell(
    x: Tensor, h0: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of gru: x (N, I), h0 (N, U) to h (N, U)."""
    inputs: Inputs = {"x": x, "h0": h0, "w_ih": w_ih, "w_hh": w_hh, "b_ih": b_ih, "b_hh": b_hh}
    N, U = check("gru_cell", 3, inputs, "N, I")
    backend, a = kernels.current(), arrays(inputs)
    h, gates = empty((N, U), x.dtype), empty((N, 4 * U), x.dtype)
    backend.gru_cell_forward(*a.values(), h, gates)

    def gradients(dh: Array, d: Gradients) -> None:
        backend.gru_cell_backward(dh, a["x"], a["h0"], a["w_ih"], a["w_hh"], gates, *d.values())

    return recorded("gru_cell_backward", h, inputs, gradients)
