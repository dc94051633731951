"""The table of a network: each layer's output shape, parameters and floating-point operations.

It comes from a forward pass on zeros with a batch of 1, through a shallow copy of the network in which every layer
reports what it gets and gives. The zeros are floats, and integers to a layer that takes such. The network itself, its
mode and its streams of random numbers stay as they are.
"""

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cuarzo.ops.checks import integer
from cuarzo.tensor import Tensor, no_grad

if TYPE_CHECKING:
    from cuarzo.nn.module import Module


class Row(NamedTuple):
    """One call of a layer. `output_shape` leaves out the batch; `flops` are those of one input. A layer that is called
    again has its first name, and no parameters more. One parameter that no layer's call used has a row of its own.
    """

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
    if not isinstance(input_shape, tuple | list):
        raise TypeError(f"summary: input_shape is {input_shape!r}, expected a tuple of sizes, as in (1, 28, 28)")
    sizes = tuple(integer("summary", "input_shape", n, 1) for n in input_shape)
    parameters = dict(module.named_parameters())
    dtype = next((p.dtype for p in parameters.values()), np.float32)
    tracer = _Tracer(module)
    states = [(stream, stream.state()) for _, stream in module.named_streams()]
    try:
        with no_grad():
            zeros = Tensor(np.zeros((1, *sizes), dtype))
            tracer.watched(module)(_integers(zeros) if module.takes_integers else zeros)
    finally:
        for stream, state in states:
            stream.load_state(state)
    left = [Row(name, "Parameter", (), tracer.count([p]), 0) for name, p in parameters.items()]
    rows = tracer.rows + [row for row in left if row.parameters]
    return Summary(rows, sum(p.size for p in parameters.values()), sum(row.flops for row in rows))


class _Tracer:
    """Makes the copy, in which a module that is held twice has one twin, and collects the rows."""

    def __init__(self, module: "Module"):
        self.names = {id(m): name for name, m in reversed(list(module.named_modules()))}  # the first name of each
        self.twins: dict[int, Any] = {}
        self.counted: set[int] = set()
        self.rows: list[Row] = []

    def watched(self, value: Any) -> Any:
        """A shallow copy of a module, not training, whose layers write their rows; of a list, tuple or dict, with such
        copies in it; anything else as it is. Layers are modules that hold no others, and those that hold others and
        say the `flops` of what they do beside them, as nn.Sum does.
        """
        if id(value) in self.names:
            return self.twins[id(value)] if id(value) in self.twins else self._twin(value)
        if isinstance(value, tuple):
            items = (self.watched(item) for item in value)
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        if not isinstance(value, list | dict):
            return value
        twin: Any = copy.copy(value)
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            twin[key] = self.watched(item)
        return twin

    def _twin(self, module: "Module") -> Any:
        twin = copy.copy(module)
        twin.training = False
        inner = any(module.named_children())
        watched = not inner or _has_flops(module)
        self.twins[id(module)] = _Watch(twin, self.names[id(module)], self) if watched else twin
        if inner:
            vars(twin).update({key: self.watched(value) for key, value in vars(module).items() if key != "training"})
        return self.twins[id(module)]

    def count(self, parameters: Iterable[Tensor]) -> int:
        """The elements of those parameters that no row has counted before."""
        new = [p for p in parameters if id(p) not in self.counted]
        self.counted |= {id(p) for p in new}
        return sum(p.size for p in new)


def _has_flops(module: "Module") -> bool:
    from cuarzo.nn.module import Module  # not above: module.py stands on this file

    return type(module).flops is not Module.flops


class _Watch:
    """Stands for a layer, and adds a row at each call."""

    def __init__(self, layer: "Module", name: str, tracer: _Tracer):
        self.layer, self.name, self.tracer = layer, name, tracer

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        if self.layer.takes_integers:
            inputs, options = tuple(map(_integers, inputs)), {key: _integers(x) for key, x in options.items()}
        result = self.layer(*inputs, **options)
        y = result[0] if isinstance(result, tuple) else result
        flops = self.layer.flops(np.shape((*inputs, *options.values())[0]), y.shape)
        count = self.tracer.count(self.layer.parameters())
        self.tracer.rows.append(Row(self.name, type(self.layer).__name__, y.shape[1:], count, flops))
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)


def _integers(x: Any) -> Any:
    """The zeros that the network was given, as integers; anything else as it is: the layer will judge it."""
    return np.zeros(x.shape, np.int64) if isinstance(x, Tensor | np.ndarray) and not np.asarray(x).any() else x


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Words to the left, numbers to the right."""
    words = [cell.ljust(width) for cell, width in zip(cells[:3], widths)]
    return "  ".join(words + [cell.rjust(width) for cell, width in zip(cells[3:], widths[3:])]).rstrip()
