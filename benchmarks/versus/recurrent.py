"""LSTM, GRU and RNN layers over whole sequences: forward, and forward + all gradients."""

from collections.abc import Iterator

import torch

import cuarzo as cz
from versus.row import Row, Side, normal
from versus.side import op_side

SIZES = ((28, 64, 28, 128), (50, 32, 64, 256), (784, 32, 1, 100), (35, 20, 650, 650), (100, 1, 32, 64))
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def rows(sizes: tuple = SIZES) -> Iterator[Row]:
    for kind in GATES:
        for size in sizes:
            yield _row(kind, *size, backward=False)
            yield _row(kind, *size, backward=True)


def _row(kind: str, T: int, N: int, I: int, U: int, backward: bool) -> Row:
    gates = GATES[kind]
    flops = 2 * T * N * gates * U * (I + U) * (3 if backward else 1)
    nbytes = 4 * (T * N * (I + U) + gates * U * (I + U)) * (3 if backward else 1)
    # Errors of a step are carried on by the next ones.
    terms = (I + U) * T if not backward else (I + U) * T + T * N

    def make() -> dict[str, Side]:
        ours = getattr(cz.nn, kind)(I, U, dtype="float32")
        theirs = getattr(torch.nn, kind)(I, U)
        theirs.load_state_dict({name: torch.from_numpy(value) for name, value in ours.state_dict().items()})
        x, dy = normal(T, N, I), normal(T, N, U, seed=1)
        given, tensor = cz.Tensor(x, requires_grad=backward), torch.from_numpy(x.copy()).requires_grad_(backward)
        leaves = (given, *ours.parameters()), (tensor, *theirs.parameters())
        for parameter in (*leaves[0], *leaves[1]):
            parameter.requires_grad = backward
        back = torch.from_numpy(dy)
        return {
            "cuarzo": op_side(lambda: ours(given)[0], leaves[0], dy, backward),
            "torch": op_side(lambda: theirs(tensor)[0], leaves[1], back, backward),
        }

    name = f"{kind} {T}·{N}·{I}·{U}{', with gradients' if backward else ''}"
    return Row("recurrent", name, flops, nbytes, terms, make)
