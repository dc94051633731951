"""cuarzo beside PyTorch: one random configuration, run by both in float64 and float32, forwards and backwards.

float64: |ours - theirs| <= 1e-9 times the largest magnitude of their array, plus the tolerance below with the eps of
float64, which is felt only where all of an array is what cancellation has left, as 1 - y^2 in a tanh at 10.
float32: ours against their float64 on the same (rounded) inputs. The tolerance of each element is derived:

    linear      sums of products: (n + 2) eps sum |a| |b|, n the length of the sum, the sum from the same network in
                PyTorch on the absolute values of all that goes in
    selected    elements are chosen and not computed (maxima, rows of a table): forwards 0, backwards as for linear
    analysed    everything else: running error analysis of the formula, written out once more (see rounding.py)

Integers (indices) agree exactly. A configuration that fails is named by its family, seed and options.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import cuarzo as cz
from peers import rounding
from peers.record import PROPERTY, Record

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make peers` installs its CPU build")
torch.set_num_threads(1)

Array = NDArray[Any]
Arrays = dict[str, Array]
Bound = Callable[["Configuration", Arrays, Arrays], tuple[Arrays, Arrays]]  # tolerances of outputs and gradients

PER_TEST, TESTS = 25, 8  # configurations of one family in one test, and tests


@dataclass
class Configuration:
    """The same network twice. `ours` and `theirs` take tensors by the names of `arrays` and return outputs by name:
    tensors that a gradient flows into, plain arrays (and detached tensors) that none does.

    `module` makes our layer for a dtype, and `peer` is theirs: then the arrays that have the names of its parameters
    come to `ours` as `layer`, and states cross over both ways on the road.
    """

    about: str
    arrays: Arrays
    ours: Callable[..., Mapping[str, Any]]
    theirs: Callable[[dict[str, Any]], Mapping[str, Any]]
    bound: Bound
    module: Callable[[Any], cz.nn.Module] | None = None
    peer: Any = None
    constants: tuple[str, ...] = ()  # names of arrays by which no gradient is asked for
    buffers: Arrays = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.arrays = {name: np.asarray(array) for name, array in self.arrays.items()}  # NumPy makes 0-d ones scalars


def run_family(
    family: str, block: int, configuration: Callable[[np.random.Generator], Configuration], record_property: Any
) -> None:
    """PER_TEST configurations; all are run, and those that fail are told together."""
    record, failures = Record(family), []
    try:
        for seed in range(block * PER_TEST, (block + 1) * PER_TEST):
            rng = np.random.default_rng([zlib.crc32(family.encode()), seed])
            made = configuration(rng)
            record.count += 1
            for dtype in (np.float64, np.float32):
                failures += _compare(record, f"seed {seed}", made, np.dtype(dtype), rng)
    finally:
        record_property(PROPERTY, record.as_property())
    assert not failures, f"{family}: {len(failures)} arrays differ\n" + "\n".join(failures[:12])


def families(*names: str) -> Any:
    """Parameters (family, block) of a test."""
    return pytest.mark.parametrize("family, block", [(name, block) for name in names for block in range(TESTS)])


def _compare(record: Record, seed: str, made: Configuration, dtype: np.dtype, rng: np.random.Generator) -> list[str]:
    arrays = {name: array.astype(dtype) for name, array in made.arrays.items()}
    layer, leaves = _ours(made, arrays, dtype)
    outputs = made.ours(leaves) if layer is None else made.ours(leaves, layer)
    dys = {k: rng.normal(size=y.shape).astype(dtype) for k, y in outputs.items() if isinstance(y, cz.Tensor)}
    _backward([(outputs[name], dy) for name, dy in dys.items()])
    wide = {name: array.astype(np.float64) for name, array in arrays.items()}
    expected, by = reference(made, wide, {name: dy.astype(np.float64) for name, dy in dys.items()})
    assert list(expected) == list(outputs), f"{seed}: outputs {list(outputs)}, expected {list(expected)}"

    pairs = {name: (_plain(outputs[name]), expected[name]) for name in expected}
    pairs |= {f"d {k}": (_gradient(leaves[k]), d) for k, d in by.items()}
    of_outputs, of_gradients = made.bound(made, wide, {k: dy.astype(np.float64) for k, dy in dys.items()})
    tolerances = {**of_outputs, **{f"d {name}": t for name, t in of_gradients.items()}}
    if dtype == np.float64:
        tolerances = {k: _double(want, tolerances.get(k, 0.0)) for k, (_, want) in pairs.items()}
    failures = []
    for name, (got, want) in pairs.items():
        error, text = excess(got, want, tolerances.get(name, 0.0), dtype)
        where = f"{seed}, {name}, {made.about}"
        record.keep(dtype.name, error, where)
        if not error <= 1:
            failures.append(f"{where}, {dtype}: {text}")
    return failures


def _double(want: Array, single: Any) -> Any:
    """The tolerance in float64, from theirs and the tolerance in float32."""
    return 1e-9 * np.abs(want).max(initial=0, where=np.isfinite(want)) + single * (2.0**-52 / rounding.EPS)


def excess(got: Array, want: Array, tolerance: Any, dtype: Any) -> tuple[float, str]:
    """The largest error in units of the tolerance, and a line about it; infinite where nothing can be compared."""
    if got.shape != want.shape:
        return np.inf, f"shape {got.shape}, expected {want.shape}"
    if want.dtype.kind == "f" and got.dtype != dtype:
        return np.inf, f"dtype {got.dtype}, expected {dtype}"
    if not got.size:
        return 0.0, ""
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(got == want, 0.0, np.abs(got - want.astype(np.float64)))  # infinities may agree
        ratio = np.where(error == 0, 0.0, error / tolerance)
    ratio[np.isnan(got) & np.isnan(want)] = 0.0
    ratio[np.isnan(ratio)] = np.inf
    worst = np.unravel_index(np.argmax(ratio), ratio.shape)
    at = f"[{', '.join(map(str, worst))}]"
    return float(ratio[worst]), f"at {at} {got[worst]}, expected {want[worst]}: {ratio[worst]:.3g} tolerances"


def _ours(made: Configuration, arrays: Arrays, dtype: np.dtype) -> tuple[Any, dict[str, cz.Tensor]]:
    leaves = {name: cz.Tensor(array, requires_grad=name not in made.constants) for name, array in arrays.items()}
    if made.module is None:
        return None, leaves
    layer = made.module(dtype)
    cross_over(layer, made.peer, {**{k: v for k, v in arrays.items()}, **made.buffers}, dtype)
    leaves.update(layer.named_parameters())
    return layer, leaves


def cross_over(layer: cz.nn.Module, peer: Any, arrays: Arrays, dtype: np.dtype) -> None:
    """Our initial state into theirs, then another one, with these arrays, from theirs into ours: both strict."""
    peer.to(torch.float64 if dtype == np.float64 else torch.float32)
    ours = layer.state_dict()
    peer.load_state_dict({name: torch.from_numpy(array) for name, array in ours.items()}, strict=True)
    assert list(peer.state_dict()) == list(ours), f"order of {list(ours)}, expected {list(peer.state_dict())}"
    for name, theirs in peer.state_dict().items():
        assert np.array_equal(theirs.numpy(), ours[name]), f"{name} did not cross over to PyTorch"
        if name in arrays:
            theirs.copy_(torch.from_numpy(np.asarray(arrays[name])))
    state = {name: theirs.numpy().copy() for name, theirs in peer.state_dict().items()}
    layer.load_state_dict(state)
    for name, array in layer.state_dict().items():
        assert array.dtype == state[name].dtype and np.array_equal(array, state[name]), f"{name} did not cross over"
    peer.double()


def _backward(outputs: list[tuple[cz.Tensor, Array]]) -> None:
    if len(outputs) == 1:
        y, dy = outputs[0]
        y.backward(dy)
    elif outputs:
        sum(((y * dy).sum() for y, dy in outputs[1:]), (outputs[0][0] * outputs[0][1]).sum()).backward()


def _gradient(leaf: cz.Tensor) -> Array:
    return np.zeros(leaf.shape, leaf.dtype) if leaf.grad is None else leaf.grad


def _plain(output: Any) -> Array:
    return output.data if isinstance(output, cz.Tensor) else np.asarray(output)


def reference(made: Configuration, arrays: Arrays, dys: Arrays) -> tuple[Arrays, Arrays]:
    """PyTorch's outputs, and its gradients by all arrays but the constants, in float64."""
    leaves = {
        name: torch.from_numpy(array.copy()).requires_grad_(name not in made.constants)
        for name, array in arrays.items()
    }
    outputs = made.theirs(leaves)
    total = sum((outputs[name] * torch.from_numpy(dy)).sum() for name, dy in dys.items())
    if isinstance(total, torch.Tensor) and total.requires_grad:
        total.backward()
    by = {
        name: np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy()
        for name, leaf in leaves.items()
        if leaf.requires_grad
    }
    return {name: y.detach().numpy() for name, y in outputs.items()}, by


def linear(terms: Mapping[str, int]) -> Bound:
    """(n + 2) eps sum |a| |b|; `terms` has n for each output and for the gradient by each array, under its name."""

    def bound(made: Configuration, arrays: Arrays, dys: Arrays) -> tuple[Arrays, Arrays]:
        sizes = reference(made, _absolute(arrays), _absolute(dys))
        outputs, by = ({k: (terms[k] + 2) * rounding.EPS * v for k, v in part.items()} for part in sizes)
        return outputs, by

    return bound


def selected(terms: Mapping[str, int]) -> Bound:
    """Forwards exact; backwards (n + 2) eps times the sum of the magnitudes, which takes the same ways."""

    def bound(made: Configuration, arrays: Arrays, dys: Arrays) -> tuple[Arrays, Arrays]:
        outputs, by = reference(made, arrays, _absolute(dys))
        return {name: np.zeros(y.shape) for name, y in outputs.items()}, {
            name: (terms[name] + 2) * rounding.EPS * v for name, v in by.items()
        }

    return bound


def analysed(formula: Callable[[dict[str, rounding.Traced]], Mapping[str, rounding.Traced]]) -> Bound:
    """Running error analysis of a formula, whose values and gradients must be PyTorch's to 1e-9."""

    def bound(made: Configuration, arrays: Arrays, dys: Arrays) -> tuple[Arrays, Arrays]:
        inputs = {name: rounding.Traced(array) for name, array in arrays.items()}
        outputs = formula(inputs)
        wanted = [name for name in arrays if name not in made.constants]
        numbers = rounding.gradients([(outputs[k], dy) for k, dy in dys.items()], [inputs[k] for k in wanted])
        expected, by = reference(made, arrays, dys)
        for name, mine, theirs in [
            *((name, outputs[name].number, expected[name]) for name in outputs),
            *((f"d {name}", mine, by[name]) for name, mine in zip(wanted, numbers)),
        ]:
            error, text = excess(mine.value, theirs, _double(theirs, mine.error), np.float64)
            assert error <= 1, f"the formula behind the tolerance is another one: {name} {text}, {made.about}"
        return {k: v.number.error for k, v in outputs.items()}, {k: v.error for k, v in zip(wanted, numbers)}

    return bound


def _absolute(arrays: Arrays) -> Arrays:
    return {name: np.abs(array) for name, array in arrays.items()}


def parameters(peer: Any, rng: np.random.Generator, scale: float = 0.5) -> Arrays:
    """Random values for all parameters of a layer, by name."""
    return {name: scale * rng.normal(size=tuple(p.shape)) for name, p in peer.named_parameters()}


def called(peer: Any, names: Any, values: dict[str, Any], *inputs: Any, **options: Any) -> Any:
    """Their layer with the tensors of these names in place of its own."""
    return torch.func.functional_call(peer, {name: values[name] for name in names}, inputs, options)


def ints(rng: np.random.Generator, n: int, low: int, high: int) -> tuple[int, ...]:
    """n integers from `low` to `high`, both among them."""
    return tuple(int(v) for v in rng.integers(low, high + 1, n))


def chance(rng: np.random.Generator, p: float = 0.5) -> bool:
    return bool(rng.random() < p)
