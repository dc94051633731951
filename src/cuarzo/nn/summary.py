"""The table of a network: each layer's output shape, parameters and floating-point operations.

It comes from a forward pass on zeros with a batch of 1, through a shallow copy of the network in which every layer
reports what it gets and gives. The network itself, its mode and its streams of random numbers stay as they are.
"""

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cuarzo.ops.checks import integer
from cuarzo.tensor import Tensor, no_grad

if TYPE_CHECKING:
    from cuarzo.nn.module import Module


class Row(NamedTuple):
    """One layer. `output_shape` leaves out the batch; `flops` are those of one input."""

    name: str
    layer: str
    output_shape: tuple[int, ...]
    parameters: int
    flops: int


class Summary(NamedTuple):
    """The rows, and the totals: parameters that two layers share count once. Its `str` is a table."""

    rows: list[Row]
    parameters: int
    flops: int

    def __str__(self) -> str:
        head = ("layer", "", "output shape", "parameters", "FLOPs")
        cells = [(r.name, r.layer, str(r.output_shape), f"{r.parameters:,}", f"{r.flops:,}") for r in self.rows]
        total = ("total", "", "", f"{self.parameters:,}", f"{self.flops:,}")
        widths = [max(len(line[i]) for line in (head, *cells, total)) for i in range(5)]
        rule = "-" * (sum(widths) + 8)
        body = [_line(line, widths) for line in cells]
        return "\n".join([_line(head, widths), rule, *body, rule, _line(total, widths)])


def summarize(module: "Module", input_shape: tuple[int, ...]) -> Summary:
    """The table of `module` for one input of `input_shape`, without the batch."""
    sizes = tuple(integer("summary", "input_shape", n, 1) for n in input_shape)
    parameters = list(module.parameters())
    zeros = Tensor(np.zeros((1, *sizes), parameters[0].dtype if parameters else np.float32))
    rows: list[Row] = []
    states = [(stream, stream.state()) for _, stream in module.named_streams()]
    try:
        with no_grad():
            _watched(module, "", rows)(zeros)
    finally:
        for stream, state in states:
            stream.load_state(state)
    return Summary(rows, sum(p.size for p in parameters), sum(row.flops for row in rows))


def _watched(module: "Module", name: str, rows: list[Row]) -> Any:
    """A shallow copy of `module`, not training, whose layers (modules that hold no others) write their rows."""
    twin = copy.copy(module)
    twin.training = False
    children = list(module.named_children())
    if not children:
        return _Watch(twin, name, rows)
    watched = {id(child): _watched(child, f"{name}.{key}" if name else key, rows) for key, child in children}
    for key, value in vars(module).items():
        if isinstance(value, list | tuple):
            vars(twin)[key] = type(value)([watched.get(id(item), item) for item in value])
        else:
            vars(twin)[key] = watched.get(id(value), value)
    return twin


class _Watch:
    """Stands for a layer, and adds a row at each call; parameters count at the first."""

    def __init__(self, layer: "Module", name: str, rows: list[Row]):
        self.layer, self.name, self.rows, self.called = layer, name, rows, False

    def __call__(self, *inputs: Any) -> Any:
        result = self.layer(*inputs)
        y = result[0] if isinstance(result, tuple) else result
        parameters = 0 if self.called else sum(p.size for p in self.layer.parameters())
        flops = self.layer.flops(inputs[0].shape, y.shape)
        self.rows.append(Row(self.name, type(self.layer).__name__, y.shape[1:], parameters, flops))
        self.called = True
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Words to the left, numbers to the right."""
    words = [cell.ljust(width) for cell, width in zip(cells[:3], widths)]
    return "  ".join(words + [cell.rjust(width) for cell, width in zip(cells[3:], widths[3:])]).rstrip()
