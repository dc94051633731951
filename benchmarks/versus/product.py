"""Products and their transposes, batch normalisation, cross-entropy, and an update of Adam."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.nn import functional

import cuarzo as cz
from versus.row import Row, Side, normal
from versus.side import op_side

SIZES = ((128, 784, 512), (1024, 1024, 1024), (64, 3136, 128))
FORMS = {"a b": (False, False), "a bᵀ": (False, True), "aᵀ b": (True, False)}


def rows() -> Iterator[Row]:
    for size in SIZES:
        for form, transposed in FORMS.items():
            yield _product(*size, form, *transposed)
    yield _batch_norm((64, 64, 28, 28), backward=False)
    yield _batch_norm((64, 64, 28, 28), backward=True)
    yield _cross_entropy(64, 10)
    yield _cross_entropy(128, 1000)
    yield _adam(1_000_000)


def _product(M: int, K: int, N: int, form: str, transpose_a: bool, transpose_b: bool) -> Row:
    def make() -> dict[str, Side]:
        a = normal(K, M).T if transpose_a else normal(M, K)
        b = normal(N, K, seed=1).T if transpose_b else normal(K, N, seed=1)
        x, y = (a.T if transpose_a else a), (b.T if transpose_b else b)  # as they lie in memory
        # Into an array that is there: at this size making one costs as much as a tenth of the product, on each side.
        kernel, ours, theirs = cz.kernels.current().matmul, np.empty((M, N), np.float32), torch.empty(M, N)
        tensors, out = (torch.from_numpy(a), torch.from_numpy(b)), np.empty_like(ours)
        return {
            "cuarzo": _filling(lambda: kernel(x, y, transpose_a, transpose_b, ours), ours),
            "torch": _filling(lambda: torch.mm(*tensors, out=theirs), theirs.numpy()),
            "numpy": _filling(lambda: np.matmul(a, b, out=out), out),
        }

    return Row("product", f"{form} {M}·{K}·{N}", 2 * M * N * K, 4 * (M * K + K * N + M * N), K, make)


def _filling(call: Callable[[], object], result: np.ndarray) -> Side:
    """A side whose call writes into `result`."""

    def filled() -> list[np.ndarray]:
        call()
        return [result]

    return Side(call, filled)


def _batch_norm(shape: tuple, backward: bool) -> Row:
    channels, size = shape[1], int(np.prod(shape))

    def make() -> dict[str, Side]:
        image, dy = normal(*shape), normal(*shape, seed=1)
        ours = cz.nn.BatchNorm2d(channels, dtype="float32")
        x = cz.Tensor(image, requires_grad=backward)
        leaves = (x, *ours.parameters()) if backward else ()
        sides = {"cuarzo": op_side(lambda: ours(x), leaves, dy, backward)}
        for name, layout in (("torch", torch.contiguous_format), ("channels_last", torch.channels_last)):
            sides[name] = _torch_norm(channels, image, dy, backward, layout)
        return sides

    name = f"batch norm {'·'.join(map(str, shape))}, training{', with gradients' if backward else ''}"
    return Row("other", name, 0, 4 * size * (5 if backward else 2), size // channels, make)


def _torch_norm(channels: int, image, dy, backward: bool, layout) -> Side:
    layer = torch.nn.BatchNorm2d(channels)
    x, dy = (torch.from_numpy(array).contiguous(memory_format=layout) for array in (image, dy))
    x.requires_grad_(backward)
    leaves = (x, *layer.parameters()) if backward else ()
    return op_side(lambda: layer(x), leaves, dy, backward)


def _cross_entropy(N: int, classes: int) -> Row:
    def make() -> dict[str, Side]:
        logits, labels = normal(N, classes), np.arange(N) % classes
        x, tensor, targets = (
            cz.Tensor(logits, requires_grad=True),
            torch.from_numpy(logits.copy()),
            torch.from_numpy(labels),
        )
        tensor.requires_grad_()
        one, two = np.ones((), np.float32), torch.ones(())
        return {
            "cuarzo": op_side(lambda: cz.ops.cross_entropy(x, labels), (x,), one, True),
            "torch": op_side(lambda: functional.cross_entropy(tensor, targets), (tensor,), two, True),
        }

    return Row("other", f"cross-entropy {N}·{classes}, with gradient", 0, 4 * 2 * N * classes, N + classes, make)


def _adam(count: int) -> Row:
    def make() -> dict[str, Side]:
        def ours() -> Side:
            p = cz.Tensor(normal(count), requires_grad=True)
            p.grad = normal(count, seed=1)
            return _update(cz.optim.Adam([p]), p)

        def theirs(**options) -> Side:
            p = torch.from_numpy(normal(count)).requires_grad_()
            p.grad = torch.from_numpy(normal(count, seed=1))
            return _update(torch.optim.Adam([p], **options), p)

        return {"cuarzo": ours(), "torch": theirs(), "fused": theirs(fused=True)}

    # parameter and two moments are read and written, the gradient is read
    return Row("other", f"Adam, {count:,} parameters", 0, 4 * 7 * count, 8, make)


def _update(optimizer, parameter) -> Side:
    def first() -> list[np.ndarray]:
        optimizer.step()
        return [np.array(parameter.data)]

    return Side(optimizer.step, first)
