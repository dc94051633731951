"""The contracts: what each kernel is called with, once, for every backend, test and benchmark.

A line reads `name: inputs | options | outputs`, in the order of the call. Shapes, formulas and tie rules stand in the
definition, `naive/`. A name with a `?` may be None.
"""

from typing import NamedTuple

CORE = """
matmul:                 a b | transpose_a transpose_b | c
conv2d_forward:         x w b? | stride padding dilation groups | y
conv2d_backward_input:  dy w | stride padding dilation groups | dx
conv2d_backward_weight: x dy | stride padding dilation groups | dw db?
max_pool2d_forward:     x | window stride padding dilation | y indices?
max_pool2d_backward:    dy x? indices? | window stride padding dilation | dx
avg_pool2d_forward:     x | window stride padding count_include_pad | y
avg_pool2d_backward:    dy | window stride padding count_include_pad | dx
philox_uniform:         | key counter | u
"""

SUPPORT = ""


class Contract(NamedTuple):
    """A kernel's name and its arguments in the order of the call: inputs, options, outputs."""

    name: str
    core: bool
    inputs: tuple[str, ...]
    options: tuple[str, ...]
    outputs: tuple[str, ...]
    optional: frozenset[str]

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.inputs + self.options + self.outputs

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


def _parse(line: str, core: bool) -> Contract:
    name, _, signature = line.partition(":")
    groups = [part.split() for part in signature.split("|")]
    optional = frozenset(word[:-1] for group in groups for word in group if word.endswith("?"))
    inputs, options, outputs = (tuple(word.rstrip("?") for word in group) for group in groups)
    return Contract(name.strip(), core, inputs, options, outputs, optional)


def _parse_all(text: str, core: bool) -> dict[str, Contract]:
    contracts = [_parse(line, core) for line in text.strip().splitlines()]
    return {contract.name: contract for contract in contracts}


CONTRACTS: dict[str, Contract] = {**_parse_all(CORE, core=True), **_parse_all(SUPPORT, core=False)}
