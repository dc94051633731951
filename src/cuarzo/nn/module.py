"""Module: what a network owns, found, saved and loaded by name."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cuarzo.nn.summary import Summary, summarize
from cuarzo.ops.checks import check_mapping, flag
from cuarzo.random import Stream
from cuarzo.tensor import Tensor


class Parameter(Tensor):
    """A tensor that a layer learns: it requires a gradient, and `Module.parameters` finds it."""

    __slots__ = ()

    def __init__(self, array: Any):
        super().__init__(array, requires_grad=True)


class Buffer:
    """An array that belongs to a layer's state but is not learned, such as a running mean: `state_dict` keeps it,
    optimisers do not see it. Layers change `data` in place.
    """

    def __init__(self, array: Any):
        self.data: NDArray[Any] = np.asarray(array)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.data, dtype) if copy else np.asarray(self.data, dtype)

    def __repr__(self) -> str:
        return f"Buffer({np.array2string(self.data, separator=', ', prefix='Buffer(')}, {self.dtype})"


class Module:
    """A layer or a network. A subclass sets parameters and layers as attributes, or lists and dicts of them, and is its
    equation:

        class Residual(Module):
            def __init__(self, inner):
                self.inner = inner

            def __call__(self, x):
                return x + self.inner(x)

    `training` says whether layers such as Dropout act: set it through `train()` and `eval()`. `shown` names the
    attributes of a layer that its repr shows: all that change what it computes, for a resumed run must agree on them.
    `takes_integers`: the input is integers, as that of Embedding is; `summary` then looks with such.
    """

    training: bool = True
    takes_integers: bool = False
    shown: tuple[str, ...] = ()

    def __call__(self, *inputs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes: define its __call__")

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """Floating-point operations of one forward pass, from the shapes (batch included). Layers say them."""
        return 0

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules that this one holds as attributes, or in lists, tuples and dicts (`blocks.0`, `heads.a`)."""
        return ((name, value) for name, value in self._held() if isinstance(value, Module))

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """This module, by the name "", and all below it. One that is held twice comes twice."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator["Module"]:
        """This module and all below it, each once."""
        return iter({id(module): module for _, module in self.named_modules()}.values())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(name, parameter), each parameter once, by its first name."""
        seen = set()
        for name, parameter in self._owned(Parameter):
            if parameter not in seen:
                seen.add(parameter)
                yield name, parameter

    def parameters(self) -> Iterator[Parameter]:
        """The parameters of this module and of all below it, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """(name, buffer): arrays that are state but not learned, such as running means."""
        return self._owned(Buffer)

    def named_streams(self) -> Iterator[tuple[str, Stream]]:
        """(name, stream of random numbers) of the layers that draw: state that a checkpoint keeps."""
        return self._owned(Stream)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Name -> a copy of the array of each parameter and buffer, under torch's names: `0.weight`."""
        return {name: held.data.copy() for name, held in self._owned((Parameter, Buffer))}

    def load_state_dict(self, state: Mapping[str, NDArray[Any]], strict: bool = True) -> None:
        """Copy arrays into the parameters and buffers. `strict=False` lets entries be missing or unexpected.

        Raises ValueError naming every missing, unexpected and mis-shaped entry, and every one of another dtype: then
        nothing has been changed.
        """
        check_mapping("load_state_dict", "state", state)
        own = dict(self._owned((Parameter, Buffer)))
        problems = [_misfit(name, own[name], array) for name, array in state.items() if name in own]
        if flag("load_state_dict", "strict", strict):
            problems += [f"missing: {name}, {own[name].shape}" for name in own if name not in state]
            problems += [f"unexpected: {name}, {np.shape(array)}" for name, array in state.items() if name not in own]
        if problems := [problem for problem in problems if problem]:
            raise ValueError(
                "\n  ".join([f"load_state_dict: the state does not fit {type(self).__name__}:", *problems])
            )
        for name, array in state.items():
            if name in own:
                own[name].data[...] = array

    def train(self, mode: bool = True) -> Self:
        """Let Dropout and its like act (or not, `mode=False`), here and below."""
        mode = flag(f"{type(self).__name__}.train", "mode", mode)
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """The same as train(False)."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Set every parameter's grad to None."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self, dtype: DTypeLike) -> Self:
        """Convert parameters, their gradients and buffers of floats to float32 or float64, in place. Integers stay.

        An optimiser is made afterwards.
        """
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise TypeError(f"{type(self).__name__}.to: dtype is {np.dtype(dtype)}, expected float32 or float64")
        for parameter in self.parameters():
            parameter.data = parameter.data.astype(dtype)
            parameter.grad = None if parameter.grad is None else parameter.grad.astype(dtype)
        for _, buffer in self.named_buffers():
            buffer.data = buffer.data.astype(dtype) if buffer.dtype.kind == "f" else buffer.data
        return self

    def summary(self, input_shape: tuple[int, ...]) -> Summary:
        """The table of the layers for one input of `input_shape`, which leaves out the batch. `print` it."""
        return summarize(self, input_shape)

    def _held(self) -> Iterator[tuple[str, Any]]:
        """All that this module holds itself, lists, tuples and dicts opened, by name."""
        for name, value in vars(self).items():
            yield from _opened(name, value)

    def _owned(self, kind: type[Any] | tuple[type[Any], ...]) -> Iterator[tuple[str, Any]]:
        """Everything of a `kind`, or of several, that is held, here and below, with its full name."""
        for prefix, module in self.named_modules():
            for name, value in module._held():
                if isinstance(value, kind):
                    yield f"{prefix}.{name}" if prefix else name, value

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.shown)
        inner = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        return f"{type(self).__name__}({settings}" + ("\n" + "\n".join(inner) + "\n" if inner else "") + ")"


def _opened(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """`value`, or what is in it, however deep, named `name.0` in a list or tuple, `name.key` in a dict."""
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _opened(f"{name}.{key}", item)
    else:
        yield name, value


def _misfit(name: str, parameter: Parameter | Buffer, array: Any) -> str:
    """What is wrong with an entry; nothing if it fits."""
    if not isinstance(array, np.ndarray):
        return f"not an array: {name} is a {type(array).__name__}"
    if array.shape != parameter.shape:
        return f"mis-shaped: {name} has shape {array.shape}, expected {parameter.shape}"
    if array.dtype != parameter.dtype:
        return f"other dtype: {name} is {array.dtype}, expected {parameter.dtype}: see Module.to"
    return ""
