"""Maximum and average pooling: forward, and forward + the gradient by the image."""

from collections.abc import Iterator
from math import prod

import torch
from torch.nn import functional

import cuarzo as cz
from versus.row import Row, Side, normal
from versus.side import op_side

SHAPES = (((64, 6, 28, 28), 2, 2), ((64, 64, 28, 28), 2, 2), ((8, 64, 112, 112), 2, 2), ((16, 64, 55, 55), 3, 2))


def rows(shapes: tuple = SHAPES) -> Iterator[Row]:
    for kind in ("max", "avg"):
        for shape in shapes:
            yield _row(kind, *shape, backward=False)
            yield _row(kind, *shape, backward=True)


def _row(kind: str, x: tuple, window: int, stride: int, backward: bool) -> Row:
    y = (*x[:2], *((size - window) // stride + 1 for size in x[2:]))
    name = f"{kind} pool {'·'.join(map(str, x))}, {window},{stride}{', with gradient' if backward else ''}"
    # backwards: dy is read, dx written, and for a maximum x read once more
    nbytes = 4 * (prod(x) + prod(y)) * (2 if backward else 1) + 4 * prod(x) * (backward and kind == "max")

    def make() -> dict[str, Side]:
        image, dy = normal(*x), normal(*y, seed=1)
        sides = {"cuarzo": _ours(kind, image, dy, window, stride, backward)}
        for side, layout in (("torch", torch.contiguous_format), ("channels_last", torch.channels_last)):
            sides[side] = _torch(kind, image, dy, window, stride, backward, layout)
        return sides

    return Row("pooling", name, 0, nbytes, 2 * window**2, make)


def _ours(kind: str, image, dy, window: int, stride: int, backward: bool) -> Side:
    x, op = cz.Tensor(image, requires_grad=backward), getattr(cz.ops, f"{kind}_pool2d")
    return op_side(lambda: op(x, window, stride), (x,), dy, backward)


def _torch(kind: str, image, dy, window: int, stride: int, backward: bool, layout) -> Side:
    x, dy = (torch.from_numpy(array).contiguous(memory_format=layout) for array in (image, dy))
    x, op = x.requires_grad_(backward), getattr(functional, f"{kind}_pool2d")
    return op_side(lambda: op(x, window, stride), (x,), dy, backward)
