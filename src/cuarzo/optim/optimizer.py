"""What optimisers share: the parameters, their state, and saving both."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuarzo import kernels
from cuarzo.ops.checks import check_mapping, number
from cuarzo.tensor import Tensor
from cuarzo.tensor.graph import check_gradient, fits

Array = NDArray[Any]


class Optimizer:
    """Changes `params` in place at each `step()`. `lr` may be set between steps.

    A subclass names the arrays that it keeps for a parameter in `state_names`, and says in `_update` how a parameter
    moves: by a kernel, on flat arrays that it changes in place. The state of a parameter is made at its first step with
    a gradient; one whose grad is None is left alone.
    """

    state_names: tuple[str, ...] = ()

    def __init__(self, params: Iterable[Tensor], lr: float):
        name = type(self).__name__
        if isinstance(params, Tensor):
            raise TypeError(f"{name}: params is one tensor, expected a list of them or model.parameters()")
        self.params = list(params)
        for i, param in enumerate(self.params):
            if not isinstance(param, Tensor):
                raise TypeError(f"{name}: params[{i}] is a {type(param).__name__}, expected a Tensor")
        if not self.params:
            raise ValueError(f"{name}: params is empty: there is nothing to optimise")
        if len({id(param) for param in self.params}) < len(self.params):
            raise ValueError(f"{name}: params name a tensor twice, which would move twice a step")
        self.lr = lr
        self.state: list[dict[str, Array]] = [{} for _ in self.params]

    @property
    def lr(self) -> float:
        """The rate, always a Python float: a NumPy scalar would widen the arithmetic of float32 parameters."""
        return vars(self)["lr"]

    @lr.setter
    def lr(self, value: float) -> None:
        vars(self)["lr"] = number(type(self).__name__, "lr", value, 0)

    def step(self) -> None:
        """Move every parameter that has a gradient.

        Raises TypeError, ValueError for a gradient that has not the dtype and the shape of its parameter.
        """
        backend = kernels.current()
        for i, (param, state) in enumerate(zip(self.params, self.state)):
            data, gradient = param.data, param.grad
            if gradient is None:
                continue
            if not fits(gradient, param):
                check_gradient(f"{type(self).__name__}: grad of params[{i}]", gradient, param)
            flat, first = data.ravel(), not state
            arrays = {name: self._new_state(name, data) for name in self.state_names} if first else state
            self._update(backend, flat, gradient.ravel(), arrays, first)
            if first:
                state.update(arrays)
            if not data.flags.c_contiguous:  # then `flat` was a copy
                data[...] = flat.reshape(data.shape)

    def zero_grad(self) -> None:
        """Set every grad to None."""
        for param in self.params:
            param.grad = None

    def state_dict(self) -> dict[str, Array]:
        """Name -> a copy of an array: `lr`, and `0.momentum` for the first parameter."""
        arrays = {f"{i}.{name}": array.copy() for i, state in enumerate(self.state) for name, array in state.items()}
        return {"lr": np.array(self.lr, np.float64), **arrays}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Go on from a `state_dict()`. Raises ValueError naming every entry that does not fit, and changes nothing."""
        check_mapping("load_state_dict", "state", state)
        fresh: list[dict[str, Array]] = [{} for _ in self.params]
        problems, lr = [], self.lr
        try:
            lr = number(type(self).__name__, "lr", state["lr"], 0)
        except KeyError:
            problems.append("missing: lr")
        except (TypeError, ValueError) as error:
            problems.append(str(error))
        for key, array in state.items():
            array, (index, _, name) = np.asarray(array), str(key).partition(".")
            if key == "lr":
                continue
            if not index.isdecimal() or int(index) >= len(self.params) or name not in self.state_names:
                problems.append(f"unexpected: {key}")
                continue
            expected = self._new_state(name, self.params[int(index)].data)
            if array.shape != expected.shape or array.dtype != expected.dtype:
                problems.append(f"{key} is {array.dtype} {array.shape}, expected {expected.dtype} {expected.shape}")
            fresh[int(index)][name] = np.array(array, order="C")
        for i, entry in enumerate(fresh):
            problems += [f"missing: {i}.{name}" for name in self.state_names if entry and name not in entry]
        if problems:
            raise ValueError(
                "\n  ".join([f"load_state_dict: the state does not fit {type(self).__name__}:", *problems])
            )
        self.lr, self.state = lr, fresh

    def _update(self, backend: kernels.Backend, p: Array, g: Array, state: dict[str, Array], first: bool) -> None:
        """Move the flat parameter `p`, whose gradient is `g`, and its state, whose arrays have the parameter's shape.

        `first`: the state is new.
        """
        raise NotImplementedError

    def _new_state(self, name: str, p: Array) -> Array:
        """A state array before the first step: zeros like the parameter; `step` counts a parameter's steps."""
        return np.zeros((), np.int64) if name == "step" else np.zeros(p.shape, p.dtype)


def flat(array: Array | None) -> Array | None:
    """A view of an array of the state, which lies in C order, as a kernel takes it."""
    return None if array is None else array.reshape(-1)
