"""The rung `winograd` of convolution: which cases it serves, and its bound.

It computes y = A' [sum_c (G w G') . (B' x B)] A, tile by tile. Each factor of each term passes so many roundings: C + 1
in the sum over the channels, and those of the transforms, counted below along their longest path. So (Higham 2002,
section 3.1)

    |error| <= (C + steps) eps |A'| [sum_c (|G| |w| |G'|) . (|B'| |x| |B|)] |A|

(and for the weights' gradient |G'| [sum over the tiles (|A| |dy| |A'|) . (|B'| |x| |B|)] |G|, with a term a tile),
which is no small multiple of sum |w| |x|: the tile's largest numbers count for all its results. Where all |x| are
equal, and all |w|, it is up to (8/3)^2 = 7 times as large for F(2, 3), and (22/3)^2 = 54 times for F(4, 3).

Measured on normal numbers, the largest error in eps sum |w| |x| with 1, 16, 32, 64, 256 channels: 29, 5.0, 3.2, 3.3,
2.3 for F(4, 3) in float32, and 4.1, 1.0, 0.9, 0.8, 0.6 for F(2, 3) in float64. Sources and weights of very different
size (the cases that are `wild`) come nearest to the bound: to 1/40 of it, and to 1/7.
"""

import numpy as np
from numpy.typing import NDArray

from .family import Arguments, RungCases, sums

POINTS = {2: (0, 1, -1), 4: (0, 5 / 8, -5 / 8, 8 / 5, -8 / 5)}  # of F(m, 3), and infinity

# Roundings along one axis, of a source, a weight and a result: constants, products and sums, none of them fused.
_STEPS = {2: 1 + 2 + 2, 4: 6 + 4 + 5}


def matrices(m: int) -> tuple[NDArray, NDArray, NDArray]:
    """A' (m, n), G (n, 3), B' (n, n), n = m + 2: powers of the points; polynomials that vanish at the others."""
    points, n = np.array(POINTS[m], float), m + 2
    others = [np.delete(points, i) for i in range(n - 1)]
    A, G, B = np.zeros((n, m)), np.zeros((n, 3)), np.zeros((n, n))
    for i, (point, rest) in enumerate(zip(points, others)):
        A[i] = point ** np.arange(m)
        G[i] = point ** np.arange(3) / np.prod(point - rest)
        B[i, :-1] = np.poly(rest)[::-1]
    A[-1, -1] = G[-1, -1] = 1
    B[-1] = np.poly(points)[::-1]
    return A.T, G, B


def _serves(kernel: str, settings) -> bool:
    stride, _, dilation = settings.options
    return settings.window == (3, 3) and stride == dilation == (1, 1)


def _bounds(kernel: str, settings, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    m, groups, before = 4 if eps > 1e-10 else 2, settings.groups, [pad[0] for pad in settings.options[1]]
    if kernel.endswith("_weight"):
        bounds = sums(kernel, settings, given, expected, eps)  # that of db, which is no product
        size, terms = _weight_magnitudes(given["x"], given["dy"], groups, before, m)
        return {**bounds, "dw": (terms + 2 + 2 * _STEPS[m]) * eps * size}
    ((name, wanted),) = expected.items()
    w = given["w"].reshape(groups, -1, *given["w"].shape[1:])  # (groups, F, C, 3, 3)
    source = given["x"] if name == "y" else given["dy"]
    if name == "dx":  # the same sum, of dy, by the flipped window
        before, w = [2 - pad for pad in before], w.swapaxes(1, 2)[..., ::-1, ::-1]
    size = _magnitudes(source, w, before, wanted.shape, m)
    if given.get("b") is not None:
        size += np.abs(given["b"])[:, None, None]
    return {name: (w.shape[2] + 2 + 2 * _STEPS[m]) * eps * size}


def _tiles(x: NDArray, groups: int, before: list[int], counts: list[int], m: int, size: int) -> NDArray:
    """|x|, cut into tiles of size x size every m pixels: (N, groups, C, tiles, size, tiles, size)."""
    x = np.abs(x).reshape(len(x), groups, x.shape[1] // groups, *x.shape[2:])
    for axis, first, count in zip((3, 5), before, counts):
        at = m * np.arange(count)[:, None] + np.arange(size) - first
        inside = ((at >= 0) & (at < x.shape[axis])).reshape(*at.shape, *(1,) * (x.ndim - axis - 1))
        x = np.where(inside, x.take(at, axis, mode="clip"), 0)
    return x


def _magnitudes(x: NDArray, w: NDArray, before: list[int], shape: tuple[int, ...], m: int) -> NDArray:
    """|A'| [sum_c (|G| |w| |G'|) . (|B'| |x| |B|)] |A|, of the shape of the results."""
    A, G, B = (np.abs(matrix) for matrix in matrices(m))
    groups, filters = w.shape[:2]
    tiles = _tiles(x, groups, before, [-(-length // m) for length in shape[2:]], m, m + 2)
    v = np.einsum("pi,qj,ngcaibj->pqgcnab", B, B, tiles, optimize=True)
    u = np.einsum("pr,qs,gfcrs->pqgfc", G, G, np.abs(w), optimize=True)
    s = (u @ v.reshape(*v.shape[:4], -1)).reshape(*u.shape[:4], *v.shape[4:])
    y = np.einsum("ip,jq,pqgfnab->ngfaibj", A, A, s, optimize=True)
    y = y.reshape(len(x), groups * filters, m * v.shape[5], m * v.shape[6])
    return y[:, :, : shape[2], : shape[3]]


def _weight_magnitudes(x: NDArray, dy: NDArray, groups: int, before: list[int], m: int) -> tuple[NDArray, int]:
    """|G'| [sum over the tiles (|A| |dy| |A'|) . (|B'| |x| |B|)] |G|, and how many tiles there are."""
    A, G, B = (np.abs(matrix) for matrix in matrices(m))
    counts = [-(-length // m) for length in dy.shape[2:]]
    v = np.einsum("pi,qj,ngcaibj->pqgcnab", B, B, _tiles(x, groups, before, counts, m, m + 2), optimize=True)
    e = np.einsum("ip,jq,ngfaibj->pqgfnab", A, A, _tiles(dy, groups, [0, 0], counts, m, m), optimize=True)
    e, v = (part.reshape(*part.shape[:4], -1) for part in (e, v))
    w = np.einsum("pr,qs,pqgfc->gfcrs", G, G, e @ v.swapaxes(3, 4), optimize=True)
    return w.reshape(-1, *w.shape[2:]), v.shape[4]


def _default_bounds(kernel: str, settings, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    """C++ by itself takes Winograd in float32, from 16 channels and 16 filters a group on: csrc/kernels/conv.hpp."""
    taken = _serves(kernel, settings) and min(settings.C, settings.F) >= 16 * settings.groups and eps > 1e-10
    return (_bounds if taken else sums)(kernel, settings, given, expected, eps)


WINOGRAD = RungCases(_serves, _bounds)
BY_DEFAULT = RungCases(lambda kernel, settings: True, _default_bounds)
