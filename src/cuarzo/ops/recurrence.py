"""What recurrent sequences and single steps share: the state, the checks, the way onto the graph."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cuarzo import kernels
from cuarzo.memory import empty
from cuarzo.ops.arrays import contiguous, needs
from cuarzo.ops.checks import check_dtype, check_tensor
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import Array

Inputs = dict[str, Tensor | None]
Gradients = dict[str, Array | None]


class LSTMState(NamedTuple):
    """(h, c), a plain pair with a `detach()` for both."""

    h: Tensor
    c: Tensor

    def detach(self) -> "LSTMState":
        """The same values without their history."""
        return LSTMState(self.h.detach(), self.c.detach())


def arrays(inputs: Inputs) -> dict[str, Array | None]:
    return {name: contiguous(tensor) for name, tensor in inputs.items()}


def recorded(kernel: str, data: Array, inputs: Inputs, gradients: Callable[[Array, Gradients], None]) -> Tensor:
    """`data` on the graph. `gradients(dy, d)` fills d, in the order of the inputs, with the kernel named; what nobody
    needs is None there if the contract allows that.
    """
    needed = {name: needs(tensor) for name, tensor in inputs.items()}
    optional, given = kernels.CONTRACTS[kernel].optional, {k: t.shape for k, t in inputs.items() if t is not None}
    room = {k: given[k] if k in given and (needed[k] or "d" + k not in optional) else None for k in inputs}

    def backward(dy: Array) -> list[Array | None]:
        d = {name: None if shape is None else empty(shape, dy.dtype) for name, shape in room.items()}
        gradients(np.ascontiguousarray(dy), d)
        return [d[name] if needed[name] else None for name in given]

    return Tensor.from_op(data, [tensor for tensor in inputs.values() if tensor is not None], backward)


def pair(op: str, state: Any) -> tuple[Tensor | None, Tensor | None]:
    if state is None:
        return None, None
    if not isinstance(state, tuple | list):
        raise TypeError(f"{op}: state is a {type(state).__name__}, expected a pair of tensors (h, c)")
    if len(state) != 2:
        raise ValueError(f"{op}: state is a {type(state).__name__} of {len(state)}, expected a pair of tensors (h, c)")
    return state[0], state[1]


def check(op: str, gates: int, inputs: Inputs, axes: str) -> tuple[int, int]:
    """N and U, after every tensor has been held against the shapes that x and w_hh ask for."""
    for name, letters in (("x", axes), ("w_ih", "G U, I"), ("w_hh", "G U, U")):
        check_tensor(op, name, inputs[name], letters)
    x, w_hh = inputs["x"], inputs["w_hh"]
    assert x is not None and w_hh is not None
    (N, inputs_), U = x.shape[-2:], w_hh.shape[1]
    expected = {"w_ih": (gates * U, inputs_), "w_hh": (gates * U, U), "b_ih": (gates * U,), "b_hh": (gates * U,)}
    for name, shape in {**expected, "h0": (N, U), "c0": (N, U)}.items():
        tensor = inputs.get(name)
        if tensor is None and (name[0] == "b" or axes[0] == "T" or name not in inputs):
            continue
        check_tensor(op, name, tensor)
        assert tensor is not None
        if tensor.shape != shape:
            raise ValueError(
                f"{op}: {name} has shape {tensor.shape}, expected {shape}, since x has shape {x.shape} "
                f"and w_hh {w_hh.shape}"
            )
    if not U or not inputs_:
        raise ValueError(f"{op}: expected at least one input and one hidden unit, got {inputs_} and {U}")
    check_dtype(op, **inputs)
    return N, U
