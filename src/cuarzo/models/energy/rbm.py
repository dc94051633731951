"""The restricted Boltzmann machine: Smolensky 1986, "Information processing in dynamical systems: foundations of
harmony theory". kernels/naive/rbm.py has its energy and conditionals.

Learning follows the gradient of the log-likelihood, of which the second half is estimated by sampling:

    d log p(v) / dw = <h v> under the data - <h v> under the model

Contrastive divergence starts the chains at the data: Hinton 2002, "Training products of experts by minimizing
contrastive divergence"; practice as in Hinton 2010, "A practical guide to training restricted Boltzmann machines".
Persistent contrastive divergence never restarts them: Tieleman 2008, "Training restricted Boltzmann machines using
approximations to the likelihood gradient".
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cuarzo import init, kernels, ops
from cuarzo.models.energy import exact
from cuarzo.nn import Buffer, Module, Parameter
from cuarzo.random import Stream
from cuarzo.tensor import Tensor

Array = NDArray[Any]


class Layer(NamedTuple):
    """A layer given the other: (N, units) each."""

    mean: Array
    sample: Array


class Chain(NamedTuple):
    """Where chains have come to: means and samples of the visible, then of the hidden units of their last step."""

    v_mean: Array
    v_sample: Array
    h_mean: Array
    h_sample: Array


class RBM(Module):
    """`visible` and `hidden` units, the hidden ones binary; `gaussian`: visible units are real, of variance 1.

    The weight (U, V) starts from N(0, 0.01^2), the biases from 0 (Hinton 2010, section 8). `chains`: how many `pcd`
    keeps; they are state, as is the stream of random numbers (of `seed`, or else of the process's next key). Methods
    take and give arrays of the model's dtype; v (N, ...) holds V values in each row.
    """

    def __init__(
        self,
        visible: int,
        hidden: int,
        *,
        gaussian: bool = False,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
        chains: int = 100,
    ):
        self.visible_units = ops.checks.integer("RBM", "visible", visible, 1)
        self.hidden_units = ops.checks.integer("RBM", "hidden", hidden, 1)
        count = ops.checks.integer("RBM", "chains", chains, 1)
        if not isinstance(gaussian, bool):
            raise TypeError(f"RBM: gaussian is {gaussian!r}, expected True or False")
        self.gaussian = gaussian
        self.stream = Stream(seed)
        weight = Parameter(np.empty((self.hidden_units, self.visible_units), dtype))
        self.weight = init.normal_(weight, 0.0, 0.01, stream=self.stream)
        self.visible_bias = Parameter(np.zeros(self.visible_units, dtype))
        self.hidden_bias = Parameter(np.zeros(self.hidden_units, dtype))
        coins = self.stream.uniform((count, self.hidden_units), dtype) < 0.5
        self.chains = Buffer(coins.astype(dtype))

    def __call__(self, x: Tensor) -> Tensor:
        """p(h = 1 | v) for v = x (N, V), differentiable: the features that the machine has learned."""
        return ops.sigmoid(ops.linear(x, self.weight, self.hidden_bias))

    def flops(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """A product and a sum for each weight, and a sum for each bias."""
        return math.prod(output_shape) * (2 * self.visible_units + 1)

    def hidden(self, v: Array) -> Layer:
        """p(h = 1 | v) and samples from it, (N, U)."""
        given = self._given_v("hidden", v)
        layer = self._empty(len(v), self.hidden_units)
        draw = self.stream.take(layer.mean.size, layer.mean.dtype)
        kernels.current().rbm_hidden(*given, *draw, *layer)
        return layer

    def visible(self, h: Array) -> Layer:
        """The means of v given h, p(v = 1 | h) where they are binary, and samples, (N, V)."""
        given = self._given_h("visible", h)
        layer = self._empty(len(h), self.visible_units)
        draw = self.stream.take(self._numbers(layer.mean), layer.mean.dtype)
        kernels.current().rbm_visible(*given, *draw, *layer)
        return layer

    def gibbs(self, h: Array, steps: int = 1) -> Chain:
        """Chains that start from hidden samples h (N, U): `steps` times v from h, then h from v."""
        steps = ops.checks.integer("RBM.gibbs", "steps", steps, 1)
        h, w, a, _ = self._given_h("gibbs", h)
        chain = Chain(*self._empty(len(h), self.visible_units), *self._empty(len(h), self.hidden_units))
        key, counter = self.stream.key, self.stream.counter
        for _ in range(steps):  # each layer's draw begins with a block of its own
            self.stream.take(self._numbers(chain.v_mean), h.dtype)
            self.stream.take(chain.h_mean.size, h.dtype)
        b = self.hidden_bias.data
        kernels.current().rbm_gibbs(h, w, a, b, self.gaussian, steps, key, counter, *chain)
        return chain

    def free_energy(self, v: Array) -> Array:
        """F(v) = -log sum_h exp(-E(v, h)), (N,): -log p(v) up to log Z."""
        v, w, b = self._given_v("free_energy", v)
        f = np.empty(len(v), v.dtype)
        kernels.current().rbm_free_energy(v, w, self.visible_bias.data, b, self.gaussian, f)
        return f

    def reconstruct(self, v: Array) -> Array:
        """The means of v given the hidden units' means given v, (N, V). Nothing is drawn."""
        given = self._given_h("reconstruct", self._hidden_mean("reconstruct", v))
        mean = np.empty((len(v), self.visible_units), self.weight.dtype)
        kernels.current().rbm_visible(*given, 0, 0, mean, None)
        return mean

    def reconstruction_error(self, v: Array) -> float:
        """The squared error of `reconstruct`, summed over the units, its mean over the rows."""
        v = self._rows("reconstruction_error", "v", v, self.visible_units)
        error = self.reconstruct(v) - v
        return float(np.square(error, dtype=np.float64).sum() / max(1, len(v)))

    def set_visible_bias(self, v: Array) -> None:
        """Let the visible biases say how often each unit is on in the data v: before learning, else the weights must.

        log(p / (1 - p)) with p = (count + 1) / (N + 2), finite also for units that never change; the mean where v is
        real. Hinton 2010, section 8.
        """
        v = self._batch("set_visible_bias", v)
        mean = v.mean(axis=0, dtype=np.float64)
        p = (mean * len(v) + 1) / (len(v) + 2)
        self.visible_bias.data[...] = mean if self.gaussian else np.log(p / (1 - p))

    def cd(self, v: Array, steps: int = 1) -> None:
        """Set the parameters' grad by contrastive divergence: CD-k for k = `steps`.

        It estimates the gradient of -log p, its mean over the batch: statistics of data and of chains are divided by
        their numbers. Hidden units enter with their means, visible ones with their samples.
        """
        steps = ops.checks.integer("RBM.cd", "steps", steps, 1)
        v = self._batch("cd", v)
        data = self.hidden(v)
        self._learn(v, data.mean, self.gibbs(data.sample, steps))

    def pcd(self, v: Array, steps: int = 1) -> None:
        """Set the parameters' grad as `cd` does, by chains that go on from where the last call left them: `chains`."""
        steps = ops.checks.integer("RBM.pcd", "steps", steps, 1)
        v = self._batch("pcd", v)
        chain = self.gibbs(self.chains.data, steps)
        self.chains.data[...] = chain.h_sample
        self._learn(v, self._hidden_mean("pcd", v), chain)

    def log_partition(self) -> float:
        """log Z, exact, in float64: a sum over all states of the smaller layer, of the hidden one where v is real.

        ValueError where that has more than `exact.MOST` units.
        """
        w, a, b = (parameter.data for parameter in self._parameters())
        return exact.log_partition(w, a, b, self.gaussian)

    def log_likelihood(self, v: Array, log_z: float | None = None) -> NDArray[np.float64]:
        """log p(v) in nats, (N,): -F(v) - log Z, in float64. `log_z`: if known or estimated; else log_partition()."""
        v = self._rows("log_likelihood", "v", v, self.visible_units)
        v, w, a, b = (np.asarray(array, np.float64) for array in (v, *(p.data for p in self._parameters())))
        f = np.empty(len(v))
        kernels.current().rbm_free_energy(v, w, a, b, self.gaussian, f)
        known = None if log_z is None else ops.checks.number("RBM.log_likelihood", "log_z", log_z)
        return -f - (self.log_partition() if known is None else known)

    def __repr__(self) -> str:
        gaussian = ", gaussian=True" if self.gaussian else ""
        return f"RBM({self.visible_units}, {self.hidden_units}{gaussian}, chains={len(self.chains.data)})"

    def _parameters(self) -> tuple[Parameter, Parameter, Parameter]:
        return self.weight, self.visible_bias, self.hidden_bias

    def _learn(self, v: Array, p: Array, chain: Chain) -> None:
        """grad of -log p: what the model dreams less what the data show."""
        grads = [np.empty_like(parameter.data) for parameter in self._parameters()]
        kernels.current().rbm_gradient(v, p, chain.v_sample, chain.h_mean, *grads)
        for parameter, grad in zip(self._parameters(), grads):
            parameter.grad = grad

    def _hidden_mean(self, method: str, v: Array) -> Array:
        given = self._given_v(method, v)
        mean = np.empty((len(v), self.hidden_units), self.weight.dtype)
        kernels.current().rbm_hidden(*given, 0, 0, mean, None)
        return mean

    def _given_v(self, method: str, v: Array) -> tuple[Array, Array, Array]:
        """The arrays of the kernels that start from v."""
        return self._rows(method, "v", v, self.visible_units), self.weight.data, self.hidden_bias.data

    def _given_h(self, method: str, h: Array) -> tuple[Array, Array, Array, bool]:
        """What the kernels take that start from h."""
        rows = self._rows(method, "h", h, self.hidden_units)
        return rows, self.weight.data, self.visible_bias.data, self.gaussian

    def _numbers(self, v: Array) -> int:
        """How many random numbers a draw of v takes."""
        return v.size * (2 if self.gaussian else 1)

    def _empty(self, rows: int, units: int) -> Layer:
        return Layer(*(np.empty((rows, units), self.weight.dtype) for _ in range(2)))

    def _batch(self, method: str, v: Array) -> Array:
        rows = self._rows(method, "v", v, self.visible_units)
        if not len(rows):
            raise ValueError(f"RBM.{method}: v has no rows, expected at least 1: a mean over none is nothing")
        low, high = float(rows.min()), float(rows.max())
        if not self.gaussian and not (low >= 0 and high <= 1):  # NaN is refused too
            raise ValueError(
                f"RBM.{method}: v has values from {low:g} to {high:g}, expected 0 to 1 for binary units; "
                "RBM(..., gaussian=True) takes any"
            )
        return rows

    def _rows(self, method: str, name: str, array: Array, units: int) -> Array:
        """`array` as C-contiguous (N, units)."""
        if not isinstance(array, np.ndarray):
            raise TypeError(f"RBM.{method}: {name} is a {type(array).__name__}, expected a NumPy array")
        if array.dtype != self.weight.dtype:
            raise TypeError(f"RBM.{method}: {name} has dtype {array.dtype}, expected {self.weight.dtype}, the model's")
        if array.ndim < 2 or math.prod(array.shape[1:]) != units:
            raise ValueError(f"RBM.{method}: {name} has shape {array.shape}, expected (N, {units})")
        return np.ascontiguousarray(array.reshape(len(array), units))


def rbm(visible: int = 28 * 28, hidden: int = 500, *, dtype: DTypeLike = np.float32) -> RBM:
    """An RBM of binary units for binarised images."""
    return RBM(visible, hidden, dtype=dtype)
