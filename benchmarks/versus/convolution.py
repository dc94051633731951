"""Convolutions: forward, and forward + the gradients by image, weights and bias."""

from collections.abc import Iterator
from math import prod
from typing import Any

import torch
from torch.nn import functional

import cuarzo as cz
from versus.row import Row, Side, normal
from versus.side import op_side

# (x, filters, window, stride, padding, groups)
SHAPES = (
    ((64, 1, 28, 28), 6, 5, 1, 2, 1),
    ((64, 6, 14, 14), 16, 5, 1, 0, 1),
    ((64, 1, 28, 28), 32, 3, 1, 1, 1),
    ((64, 32, 14, 14), 64, 3, 1, 1, 1),
    ((32, 3, 32, 32), 64, 3, 1, 1, 1),
    ((4, 128, 56, 56), 128, 3, 1, 1, 1),
    ((8, 512, 14, 14), 512, 3, 1, 1, 1),
    ((8, 256, 14, 14), 1024, 1, 1, 0, 1),
    ((4, 3, 224, 224), 64, 7, 2, 3, 1),
    ((4, 3, 224, 224), 64, 11, 4, 2, 1),
    ((1, 1, 128, 128), 64, 9, 1, 4, 1),
    ((8, 128, 28, 28), 128, 3, 1, 1, 128),
    ((4, 8, 16, 32, 32), 16, 3, 1, 1, 1),
    ((32, 64, 512), 128, 5, 1, 2, 1),
)
LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}


def rows(shapes: tuple = SHAPES) -> Iterator[Row]:
    for shape in shapes:
        yield _row(*shape, backward=False)
        yield _row(*shape, backward=True)


def _row(x: tuple, filters: int, window: int, stride: int, padding: int, groups: int, backward: bool) -> Row:
    axes = len(x) - 2
    w = (filters, x[1] // groups, *[window] * axes)
    y = (x[0], filters, *((size + 2 * padding - window) // stride + 1 for size in x[2:]))
    flops = 2 * prod(y) * prod(w[1:])
    kind = f"conv{axes}d" if groups == 1 else "depthwise conv2d"
    sizes = f"{'·'.join(map(str, x))}→{filters}, {window},{stride},{padding}"
    moved = 4 * (prod(x) + prod(w) + prod(y))
    terms = max(prod(w[1:]), prod(y) // filters) if backward else prod(w[1:])

    def make() -> dict[str, Side]:
        arrays = normal(*x), normal(*w, seed=1), normal(filters, seed=2), normal(*y, seed=3)
        options = (stride, padding, 1, groups)
        sides = {"cuarzo": _ours(axes, arrays, options, backward), "torch": _torch(axes, arrays, options, backward)}
        if axes in LAYOUTS:
            sides["channels_last"] = _torch(axes, arrays, options, backward, LAYOUTS[axes])
        return sides

    name = f"{kind} {sizes}{', with gradients' if backward else ''}"
    # backwards x, w, dy are read, dx, dw written
    return Row("convolution", name, flops * (3 if backward else 1), moved * (3 if backward else 1), terms, make)


def _ours(axes: int, arrays: tuple, options: tuple, backward: bool) -> Side:
    x, w, b = (cz.Tensor(array, requires_grad=backward) for array in arrays[:3])
    op = getattr(cz.ops, f"conv{axes}d")
    return op_side(lambda: op(x, w, b, *options), (x, w, b), arrays[3], backward)


def _torch(axes: int, arrays: tuple, options: tuple, backward: bool, layout: Any = torch.contiguous_format) -> Side:
    x, w, dy = (torch.from_numpy(array).contiguous(memory_format=layout) for array in (*arrays[:2], arrays[3]))
    x, w, b = (tensor.requires_grad_(backward) for tensor in (x, w, torch.from_numpy(arrays[2].copy())))
    op = getattr(functional, f"conv{axes}d")
    return op_side(lambda: op(x, w, b, *options), (x, w, b), dy, backward)
