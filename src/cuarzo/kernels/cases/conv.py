"""Cases of convolution: shapes around the vector width, strides, dilations, groups, padding of all kinds."""

from math import prod
from typing import NamedTuple

from .family import Arguments, Draw, RungCases, outputs, sums
from .winograd import BY_DEFAULT, WINOGRAD

Sizes = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]  # (before, after) of each axis
_WAYS = ("forward", "backward_input", "backward_weight")


class Conv(NamedTuple):
    """`size` and `window` have one entry for each axis; so have the options, or one integer that holds for all."""

    N: int
    C: int
    size: Sizes
    F: int
    window: Sizes
    stride: int | Sizes = 1
    pad: int | Pads = 0
    dilation: int | Sizes = 1
    groups: int = 1
    bias: bool = True
    ceil: bool = False  # windows may hang over the padding behind
    wild: bool = False  # elements of very different size: the bound holds for each by itself

    @property
    def options(self) -> tuple[Sizes, Pads, Sizes]:
        """stride, padding, dilation, with an entry for each axis."""
        n, pad = len(self.size), self.pad
        stride, dilation = ((v,) * n if isinstance(v, int) else v for v in (self.stride, self.dilation))
        return stride, ((pad, pad),) * n if isinstance(pad, int) else pad, dilation

    @property
    def out(self) -> Sizes:
        return outputs(self.size, self.window, *self.options, self.ceil)

    def make(self, kernel: str, draw: Draw) -> Arguments:
        x, w = (self.N, self.C, *self.size), (self.F, self.C // self.groups, *self.window)
        y, b = (self.N, self.F, *self.out), (self.F,)
        options = {**dict(zip(("stride", "padding", "dilation"), self.options)), "groups": self.groups}
        if kernel.endswith("_forward"):
            return {"x": draw(*x), "w": draw(*w), "b": draw(*b) if self.bias else None, **options, "y": y}
        if kernel.endswith("_backward_input"):
            return {"dy": draw(*y), "w": draw(*w), **options, "dx": x}
        return {"x": draw(*x), "dy": draw(*y), **options, "dw": w, "db": b if self.bias else None}

    def terms(self, kernel: str) -> int:
        if kernel.endswith("_backward_weight"):
            return self.N * prod(self.out)
        return (self.C if kernel.endswith("_forward") else self.F) * prod(self.window) // self.groups

    def flops(self, kernel: str) -> int:
        return 2 * self.N * self.F * prod(self.out) * (self.C // self.groups) * prod(self.window)


_SIGNALS = [
    Conv(1, 1, (1,), 1, (1,)),
    Conv(0, 2, (6,), 3, (2,)),  # an empty batch
    Conv(1, 1, (1,), 1, (2,), stride=3, dilation=2, pad=((1, 4),)),  # windows that see nothing but padding
    Conv(1, 1, (1,), 1, (2,), stride=2, pad=((1, 0),)),
    Conv(1, 2, (15,), 3, (3,), pad=1),  # 15, 16, 17, 35: around the vector
    Conv(1, 2, (16,), 3, (3,), pad=1, bias=False),
    Conv(2, 3, (17,), 4, (2,), pad=((0, 1),)),
    Conv(1, 1, (35,), 2, (5,), pad=((4, 0),)),  # causal: all padding in front
    Conv(1, 2, (70,), 3, (3,), stride=2, pad=((1, 2),)),
    Conv(2, 2, (13,), 3, (2,), stride=5),  # stride larger than the window: inputs that nobody reads
    Conv(2, 3, (7,), 4, (7,)),  # window = signal
    Conv(1, 2, (19,), 3, (3,), dilation=4, pad=((5, 3),)),
    Conv(2, 3, (21,), 2, (3,), stride=3, dilation=2, pad=((0, 4),)),
    Conv(2, 4, (9,), 6, (3,), groups=2, pad=1),
    Conv(1, 5, (18,), 5, (4,), groups=5, pad=((2, 1),)),  # depthwise
    Conv(2, 3, (11,), 6, (3,), groups=3, stride=2, dilation=2, pad=((3, 0),), bias=False),
    Conv(3, 17, (5,), 49, (1,)),  # a product in disguise, past a register tile
    Conv(1, 9, (6,), 8, (3,), stride=2, pad=((5, 4),)),  # padding wider than the window
    Conv(1, 2, (4,), 3, (2,), pad=((3, 2),), bias=False),  # windows in the padding alone: exactly 0
    Conv(1, 33, (7,), 2, (3,), pad=1),
    Conv(1, 3, (8,), 3, (2,)),  # as many filters as channels: a transposed w has the same shape
    Conv(1, 1, (1043,), 3, (2,)),  # longer than a block of windows, and no multiple of one
    Conv(2, 2, (9,), 3, (3,), stride=3, pad=1, ceil=True),
    Conv(1, 2, (8,), 4, (3,), stride=2, groups=2, ceil=True),
    Conv(2, 3, (40,), 5, (5,), pad=2, wild=True),
    Conv(3, 2, (23,), 6, (4,), stride=2, wild=True),
]

_IMAGES = [
    Conv(1, 1, (1, 1), 1, (1, 1)),
    Conv(0, 2, (5, 6), 3, (3, 2)),  # an empty batch
    Conv(2, 1, (9, 11), 3, (5, 5), pad=2),  # LeNet's first
    Conv(2, 6, (7, 8), 16, (5, 5)),  # LeNet's second
    Conv(1, 2, (4, 15), 3, (3, 3), pad=1),  # rows of 15, 16, 17, 35: around the vector
    Conv(1, 2, (4, 16), 3, (3, 3), pad=1, bias=False),
    Conv(1, 2, (4, 17), 3, (3, 3), pad=1),
    Conv(1, 1, (3, 35), 2, (2, 3), pad=((0, 1), (1, 1))),
    Conv(2, 3, (7, 5), 9, (3, 2), stride=(2, 3), pad=((1, 0), (0, 2))),  # padding that differs on all sides
    Conv(1, 2, (11, 9), 3, (2, 2), stride=(3, 4)),  # stride larger than the window: inputs that nobody reads
    Conv(1, 3, (5, 7), 4, (5, 7)),  # window = image
    Conv(1, 2, (10, 13), 3, (3, 3), dilation=(2, 3), pad=((2, 1), (3, 3))),
    Conv(1, 2, (6, 13), 3, (2, 3), stride=(1, 2), dilation=(3, 2), pad=((1, 2), (0, 3))),
    Conv(2, 4, (6, 5), 6, (3, 3), groups=2, pad=1),
    Conv(1, 5, (6, 19), 5, (3, 3), groups=5, pad=1),  # depthwise
    Conv(1, 3, (6, 7), 6, (3, 3), groups=3, stride=2, dilation=(2, 1), pad=((2, 2), (1, 0)), bias=False),
    Conv(3, 17, (3, 3), 49, (1, 1)),  # a product in disguise, past a register tile
    Conv(1, 9, (5, 5), 8, (3, 3), stride=(2, 1), pad=((4, 3), (0, 5))),  # padding wider than the window
    Conv(1, 2, (3, 4), 3, (2, 2), pad=((3, 0), (0, 2)), bias=False),  # windows in the padding alone: exactly 0
    Conv(1, 33, (3, 4), 2, (3, 3), pad=1),
    Conv(1, 1, (2, 70), 1, (1, 3), stride=(1, 2)),
    Conv(1, 1, (3, 530), 2, (2, 2)),  # rows longer than a block of windows
    Conv(1, 3, (5, 6), 3, (2, 2)),  # as many filters as channels: a transposed w has the same shape
    Conv(2, 2, (6, 7), 3, (3, 3), stride=(2, 3), pad=((1, 0), (0, 1)), ceil=True),
    Conv(1, 2, (6, 7), 4, (3, 3), stride=2, groups=2, ceil=True),
    Conv(2, 3, (8, 18), 5, (3, 3), pad=1, wild=True),
    Conv(3, 1, (12, 9), 6, (5, 5), wild=True),
    # First layers, few channels and many filters: images that are one item each; strides 2, 3 and 4 along rows longer
    # than some vectors; more columns (channels x taps) than a register tile has
    Conv(17, 1, (4, 6), 17, (3, 2), pad=1),
    Conv(1, 2, (5, 75), 9, (2, 3), stride=2, pad=((0, 1), (2, 0))),
    Conv(1, 1, (4, 107), 5, (2, 4), stride=(1, 3), pad=((1, 0), (1, 2))),
    Conv(2, 1, (7, 150), 17, (3, 5), stride=(2, 4), pad=((0, 1), (3, 2))),
    Conv(1, 3, (13, 12), 18, (7, 6), stride=(4, 2), pad=3),
    Conv(1, 1, (3, 52), 70, (3, 3), pad=1),
    Conv(2, 2, (8, 9), 17, (5, 3), stride=(1, 2), dilation=(1, 3), pad=2),
    # Depthwise: rows of one to three vectors, tiles and bands of rows, strips of taps; strides, with odd and even rows
    Conv(1, 1, (70, 66), 1, (3, 3), pad=1),  # more rows than the first cache holds
    Conv(2, 3, (17, 16), 3, (5, 5), groups=3, pad=2),
    Conv(1, 2, (33, 14), 2, (3, 3), groups=2, pad=((0, 2), (3, 1)), bias=False),
    Conv(2, 2, (9, 31), 2, (7, 2), groups=2, pad=((5, 4), (0, 3))),
    Conv(1, 2, (5, 13), 2, (3, 3), groups=2, pad=((8, 7), (0, 6))),  # padding larger than the image
    Conv(1, 3, (1, 20), 3, (3, 3), groups=3, pad=1),
    Conv(1, 3, (20, 1), 3, (3, 3), groups=3, pad=1),
    Conv(18, 2, (4, 15), 2, (2, 4), groups=2, pad=1),  # a batch in parts
    Conv(2, 3, (15, 37), 3, (3, 3), groups=3, stride=2, pad=1),
    Conv(1, 2, (12, 70), 2, (5, 5), groups=2, stride=2, pad=((2, 1), (1, 2))),
    Conv(1, 2, (11, 34), 2, (3, 3), groups=2, stride=(2, 1), pad=((0, 1), (1, 1))),
    Conv(1, 2, (6, 35), 2, (3, 2), groups=2, stride=(1, 2), pad=((1, 1), (1, 0))),
    Conv(1, 2, (10, 40), 2, (1, 1), groups=2, stride=2),  # inputs that nobody reads
    Conv(1, 2, (13, 50), 2, (4, 5), groups=2, stride=3, pad=((1, 3), (2, 0))),
    Conv(1, 2, (12, 21), 2, (3, 3), groups=2, dilation=2, pad=2),
    Conv(1, 2, (14, 38), 2, (3, 3), groups=2, stride=2, dilation=3, pad=3),
    # taps farther apart than there are results, in rows that fill the vectors and others
    Conv(1, 2, (14, 16), 2, (3, 3), groups=2, dilation=(5, 1), pad=((0, 0), (1, 1))),
    Conv(1, 2, (6, 46), 2, (3, 3), groups=2, dilation=(1, 17), pad=1),
    Conv(1, 2, (6, 46), 2, (3, 2), groups=2, dilation=(1, 31), pad=1),
    Conv(2, 2, (8, 18), 2, (3, 3), groups=2, pad=1, wild=True),
    # What Winograd serves, its tiles being of 2 or 4 rows: none whole, one more than whole, padding of all kinds
    Conv(0, 16, (6, 7), 16, (3, 3), pad=1),
    Conv(1, 3, (3, 3), 2, (3, 3), pad=((4, 5), (0, 3))),  # tiles in the padding alone
    Conv(2, 1, (1, 1), 1, (3, 3), pad=1),
    Conv(1, 7, (6, 10), 8, (3, 3), bias=False),
    Conv(2, 8, (7, 11), 9, (3, 3), pad=((2, 0), (1, 2))),
    Conv(1, 15, (5, 9), 17, (3, 3), pad=((0, 2), (2, 1))),  # 15, 16, 17 channels and filters: around the vector
    Conv(3, 17, (9, 6), 15, (3, 3), pad=1, bias=False),
    Conv(2, 16, (5, 5), 16, (3, 3), pad=1),
    Conv(1, 4, (4, 71), 49, (3, 3), pad=1),  # more tiles in a row than a run holds; filters past a register tile
    Conv(1, 34, (6, 5), 33, (3, 3), pad=1),
    Conv(5, 16, (6, 5), 16, (3, 3), pad=1),  # blocks of tiles that end within an image
    Conv(2, 12, (5, 6), 9, (3, 3), groups=3, pad=1),
    Conv(1, 32, (4, 6), 34, (3, 3), groups=2, pad=1, bias=False),
    Conv(1, 17, (8, 9), 16, (3, 3), pad=1, wild=True),
]

_VOLUMES = [
    Conv(1, 1, (1, 1, 1), 1, (1, 1, 1)),
    Conv(0, 2, (3, 4, 5), 3, (2, 3, 2)),  # an empty batch
    Conv(2, 1, (3, 4, 5), 3, (3, 3, 3), pad=1),
    Conv(1, 2, (2, 3, 15), 3, (2, 2, 3), pad=((0, 1), (1, 0), (1, 1))),  # rows of 15, 16, 17, 35: around the vector
    Conv(1, 2, (2, 3, 16), 3, (2, 2, 3), pad=((1, 0), (0, 1), (1, 1)), bias=False),
    Conv(1, 2, (3, 2, 17), 3, (2, 1, 3), pad=((0, 0), (0, 0), (1, 1))),
    Conv(1, 1, (2, 2, 35), 2, (1, 2, 3), pad=((0, 0), (1, 1), (1, 1))),
    Conv(2, 3, (4, 5, 6), 5, (2, 2, 3), stride=(2, 3, 1), pad=((1, 0), (0, 2), (2, 1))),  # all different
    Conv(1, 2, (7, 6, 9), 3, (2, 1, 2), stride=(3, 2, 4)),  # stride larger than the window: inputs that nobody reads
    Conv(2, 3, (2, 3, 4), 4, (2, 3, 4)),  # window = volume
    Conv(1, 2, (6, 7, 8), 3, (2, 3, 3), dilation=(3, 2, 1), pad=((1, 2), (2, 1), (0, 3))),
    Conv(1, 2, (3, 4, 19), 3, (2, 2, 3), dilation=(1, 2, 3), pad=((0, 1), (1, 0), (2, 1))),
    Conv(2, 4, (3, 4, 5), 6, (2, 3, 3), groups=2, pad=((0, 1), (1, 1), (1, 1))),
    Conv(1, 5, (3, 3, 18), 5, (2, 2, 3), groups=5, pad=((1, 0), (0, 1), (1, 1))),  # depthwise
    Conv(
        1, 3, (5, 4, 6), 6, (3, 2, 3), groups=3, stride=2, dilation=(1, 2, 1), pad=((2, 0), (1, 2), (0, 1)), bias=False
    ),
    Conv(3, 17, (2, 1, 3), 49, (1, 1, 1)),  # a product in disguise, past a register tile
    Conv(1, 2, (3, 2, 4), 3, (3, 2, 2), stride=(2, 1, 1), pad=((4, 3), (0, 3), (2, 0))),  # padding beyond the window
    Conv(1, 2, (2, 3, 3), 3, (2, 1, 2), pad=((3, 0), (0, 1), (0, 2)), bias=False),  # windows in the padding alone
    Conv(1, 33, (2, 2, 3), 2, (2, 2, 2), pad=((1, 0), (0, 1), (0, 0))),
    Conv(1, 3, (3, 4, 5), 3, (2, 2, 2)),  # as many filters as channels: a transposed w has the same shape
    Conv(1, 1, (11, 8, 9), 2, (2, 2, 2)),  # more windows than a block holds, and no multiple of one
    Conv(2, 2, (5, 6, 7), 3, (2, 3, 3), stride=(2, 2, 3), pad=((0, 0), (1, 0), (0, 1)), ceil=True),
    Conv(1, 2, (4, 6, 5), 4, (3, 3, 2), stride=2, groups=2, ceil=True),
    Conv(2, 3, (2, 3, 18), 5, (2, 3, 3), pad=((0, 1), (1, 1), (1, 1)), wild=True),
    Conv(2, 1, (5, 6, 4), 6, (3, 3, 2), wild=True),
]

_SMALL = {"conv1d": _SIGNALS, "conv2d": _IMAGES, "conv3d": _VOLUMES}

# In each a first one that naive loops can bear. Then: a layer along time; LeNet-5, a small CNN, one layer of an image
# network; films.
_COURSE = {
    "conv1d": [
        Conv(1, 8, (64,), 16, (5,), pad=2),
        Conv(32, 64, (512,), 128, (5,), pad=2),
    ],
    "conv2d": [
        Conv(1, 1, (28, 28), 6, (5, 5), pad=2),
        Conv(64, 1, (28, 28), 6, (5, 5), pad=2),
        Conv(64, 6, (14, 14), 16, (5, 5)),
        Conv(64, 1, (28, 28), 32, (3, 3), pad=1),
        Conv(64, 32, (14, 14), 64, (3, 3), pad=1),
        Conv(4, 128, (56, 56), 128, (3, 3), pad=1),
    ],
    "conv3d": [
        Conv(1, 2, (4, 8, 8), 4, (3, 3, 3), pad=1),
        Conv(4, 8, (16, 32, 32), 16, (3, 3, 3), pad=1),
    ],
}

SMALL, COURSE = ({f"{stem}_{way}": part[stem] for stem in part for way in _WAYS} for part in (_SMALL, _COURSE))

_DEPTHWISE = RungCases(
    lambda kernel, settings: settings.C == settings.F == settings.groups and set(settings.options[0]) == {1}, sums
)

RUNGS: dict[str, dict[str, RungCases]] = {
    f"{stem}_{way}": {"depthwise": _DEPTHWISE} for stem in _SMALL for way in _WAYS
}
for _way in _WAYS:
    RUNGS[f"conv2d_{_way}"] |= {"winograd": WINOGRAD, "default": BY_DEFAULT}
