"""Branches: several layers on one input, their results added or joined.

A residual block and an inception block need no class of their own:

    nn.Sum(nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1)), nn.Identity())
    nn.Concatenate(nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 3, padding=1), nn.MaxPool2d(3, 1, 1))
"""

import math
from typing import Any

from cuarzo import ops
from cuarzo.nn.module import Module
from cuarzo.nn.sequential import Layers
from cuarzo.ops.shape import without
from cuarzo.tensor import Tensor


class _Branches(Layers):
    def __init__(self, *branches: Module):
        super().__init__(*branches)
        if not branches:
            raise ValueError(f"{type(self).__name__}: expected one branch or more, got none")

    def _results(self, x: Any) -> list[Tensor]:
        results = [branch(x) for branch in self.layers]
        for i, y in enumerate(results):
            ops.checks.check_tensor(type(self).__name__, f"the result of branch {i}", y)
        return results

    def _refuse(self, i: int, results: list[Tensor], but: str = "") -> None:
        raise ValueError(
            f"{type(self).__name__}: branch {i} gives shape {results[i].shape}, expected {results[0].shape} as branch 0"
            f"{but}"
        )


class Sum(_Branches):
    """The sum of what the branches make of the same input: y = branch_0(x) + branch_1(x) + ... All of one shape.

    nn.Identity(), or an empty nn.Sequential(), is the branch that passes x on. Named `0`, `1` ... in state_dict.
    """

    def __call__(self, x: Any) -> Tensor:
        results = self._results(x)
        y = results[0]
        for i, other in enumerate(results[1:], 1):
            if other.shape != y.shape:
                self._refuse(i, results)
            y = y + other
        return y

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """The sums, without the branches."""
        return math.prod(output_shape) * (len(self) - 1)


class Concatenate(_Branches):
    """What the branches make of the same input, one after the other along axis `dim`: by default the channels. Their
    other axes agree. Named `0`, `1` ... in state_dict.
    """

    shown = ("dim",)

    def __init__(self, *branches: Module, dim: int = 1):
        super().__init__(*branches)
        self.dim = ops.checks.integer("Concatenate", "dim", dim, -ops.checks.LARGEST)

    def __call__(self, x: Any) -> Tensor:
        results = self._results(x)
        first = results[0]
        axis = ops.checks.axis_of("Concatenate", "dim", self.dim, first) % first.ndim
        for i, other in enumerate(results):
            if without(axis, other.shape) != without(axis, first.shape):
                self._refuse(i, results, f" but along axis {axis}")
        return ops.concatenate(results, axis)
