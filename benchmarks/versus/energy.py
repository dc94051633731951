"""A restricted Boltzmann machine of 784 x 500 units: Gibbs steps, and epochs of CD-1 and PCD-1, on binary images."""

import warnings
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from sklearn.neural_network import BernoulliRBM
from torch.nn import functional

import cuarzo as cz
from versus.row import Row, Side

V, U, BATCH, CHAINS, STEPS, RATE = 784, 500, 100, 1000, 10, 0.05


@lru_cache(maxsize=1)
def images() -> np.ndarray:
    """60,000 binary images: MNIST's training part, a pixel on where it is brighter than half."""
    x, _ = cz.data.load("mnist").train_and_valid
    return (x.reshape(len(x), -1) > 0.5).astype(np.float32)


def rows() -> Iterator[Row]:
    layer = 2 * V * U
    yield Row("RBM", f"{STEPS} Gibbs steps of {CHAINS} chains", 2 * STEPS * CHAINS * layer, 4 * V * U, V, _gibbs)
    for method, products in (("CD", 5), ("PCD", 5)):  # hidden, visible, hidden given the chain; two statistics
        flops = products * 60_000 * layer
        nbytes = 4 * 60_000 * V + 600 * 4 * 4 * V * U  # the images; the weights three times read, once written
        yield Row("RBM", f"epoch of {method}-1", flops, nbytes, V, lambda method=method: _epoch(method), once=True)


def _machines() -> tuple:
    """The same weights in all three."""
    ours = cz.models.build("rbm", hidden=U)
    theirs = Torch(ours.weight.data.copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scikit = BernoulliRBM(U, learning_rate=RATE, batch_size=BATCH, n_iter=1, random_state=0)
        scikit.fit(np.zeros((BATCH, V), np.float32))
    scikit.components_ = ours.weight.data.copy()
    scikit.intercept_hidden_ = np.zeros(U, np.float32)
    scikit.intercept_visible_ = np.zeros(V, np.float32)
    return ours, theirs, scikit


def _results(ours, theirs, scikit) -> tuple:
    """What can be compared where each side draws numbers of its own: the hidden units' means, of weights of 0.1."""
    x = images()[:BATCH]
    w = np.random.default_rng(0).normal(0, 0.1, (U, V)).astype(np.float32)
    one, two, three = cz.models.build("rbm", hidden=U), Torch(w), _machines()[2]
    one.weight.data[...] = w
    three.components_ = w
    return (
        lambda: [one.hidden(x).mean],
        lambda: [two.hidden(torch.from_numpy(x)).numpy()],
        lambda: [three.transform(x)],
    )


def _gibbs() -> dict[str, Side]:
    ours, theirs, scikit = _machines()
    results = _results(ours, theirs, scikit)
    start = images()[:CHAINS]
    h = (np.random.default_rng(1).random((CHAINS, U)) < 0.5).astype(np.float32)
    tensor = torch.from_numpy(h)

    def sample_scikit() -> None:
        v = start
        for _ in range(STEPS):
            v = scikit.gibbs(v)

    return {
        "cuarzo": Side(lambda: ours.gibbs(h, STEPS), results[0]),
        "torch": Side(lambda: theirs.gibbs(tensor, STEPS), results[1]),
        "scikit-learn": Side(sample_scikit, results[2]),
    }


def _epoch(method: str) -> dict[str, Side]:
    ours, theirs, scikit = _machines()
    results = _results(ours, theirs, scikit)
    x = images()
    optimizer = cz.optim.SGD(ours.parameters(), RATE)
    tensors = torch.from_numpy(x)

    def epoch() -> None:
        learn = getattr(ours, method.lower())
        for start in range(0, len(x), BATCH):
            learn(x[start : start + BATCH])
            optimizer.step()

    def epoch_torch() -> None:
        for start in range(0, len(x), BATCH):
            theirs.learn(tensors[start : start + BATCH], method)

    def epoch_scikit() -> None:  # it knows persistent chains only: the same amount of work
        scikit.fit(x)

    return {
        "cuarzo": Side(epoch, results[0]),
        "torch": Side(epoch_torch, results[1]),
        "scikit-learn": Side(epoch_scikit, results[2]),
    }


class Torch:
    """The machine as one writes it in PyTorch, without autograd."""

    def __init__(self, weight: np.ndarray):
        self.weight = torch.from_numpy(weight)
        self.a, self.b = torch.zeros(V), torch.zeros(U)
        self.chains = torch.bernoulli(torch.full((BATCH, U), 0.5))

    def hidden(self, v: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(functional.linear(v, self.weight, self.b))

    def visible(self, h: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(torch.addmm(self.a, h, self.weight))

    @torch.no_grad()
    def gibbs(self, h: torch.Tensor, steps: int) -> tuple[torch.Tensor, ...]:
        for _ in range(steps):
            v = torch.bernoulli(self.visible(h))
            mean = self.hidden(v)
            h = torch.bernoulli(mean)
        return v, mean, h

    @torch.no_grad()
    def learn(self, v: torch.Tensor, method: str) -> None:
        mean = self.hidden(v)
        start = self.chains if method == "PCD" else torch.bernoulli(mean)
        dreamt, dreamt_mean, self.chains = self.gibbs(start, 1)
        rate = RATE / len(v)
        self.weight.addmm_(mean.T, v, alpha=rate).addmm_(dreamt_mean.T, dreamt, alpha=-rate)
        self.a.add_((v - dreamt).sum(0), alpha=rate)
        self.b.add_((mean - dreamt_mean).sum(0), alpha=rate)
