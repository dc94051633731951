"""Cases of convolution: shapes around the vector width, strides, dilations, groups, padding of all kinds."""

from typing import NamedTuple

from .family import Arguments, Draw, Pads, Pair, outputs

_KERNELS = ("conv2d_forward", "conv2d_backward_input", "conv2d_backward_weight")


class Conv(NamedTuple):
    N: int
    C: int
    H: int
    W: int
    F: int
    R: int
    S: int
    stride: Pair = (1, 1)
    pad: Pads = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    groups: int = 1
    bias: bool = True
    ceil: bool = False  # windows may hang over the padding behind
    wild: bool = False  # elements of very different size: the bound holds for each by itself

    @property
    def out(self) -> Pair:
        return outputs((self.H, self.W), (self.R, self.S), self.stride, self.pad, self.dilation, self.ceil)

    def make(self, kernel: str, draw: Draw) -> Arguments:
        x, w = (self.N, self.C, self.H, self.W), (self.F, self.C // self.groups, self.R, self.S)
        y, b = (self.N, self.F, *self.out), (self.F,)
        options = {"stride": self.stride, "padding": self.pad, "dilation": self.dilation, "groups": self.groups}
        if kernel == "conv2d_forward":
            return {"x": draw(*x), "w": draw(*w), "b": draw(*b) if self.bias else None, **options, "y": y}
        if kernel == "conv2d_backward_input":
            return {"dy": draw(*y), "w": draw(*w), **options, "dx": x}
        return {"x": draw(*x), "dy": draw(*y), **options, "dw": w, "db": b if self.bias else None}

    def terms(self, kernel: str) -> int:
        P, Q = self.out
        window = self.R * self.S // self.groups
        return {
            "conv2d_forward": self.C * window,
            "conv2d_backward_input": self.F * window,
            "conv2d_backward_weight": self.N * P * Q,
        }[kernel]

    def flops(self, kernel: str) -> int:
        P, Q = self.out
        return 2 * self.N * self.F * P * Q * (self.C // self.groups) * self.R * self.S


_CONVS = [
    Conv(1, 1, 1, 1, 1, 1, 1),
    Conv(0, 2, 5, 6, 3, 3, 2),  # an empty batch
    Conv(2, 1, 9, 11, 3, 5, 5, pad=((2, 2), (2, 2))),  # LeNet's first
    Conv(2, 6, 7, 8, 16, 5, 5),  # LeNet's second
    Conv(1, 2, 4, 15, 3, 3, 3, pad=((1, 1), (1, 1))),  # rows of 15, 16, 17, 35: around the vector
    Conv(1, 2, 4, 16, 3, 3, 3, pad=((1, 1), (1, 1)), bias=False),
    Conv(1, 2, 4, 17, 3, 3, 3, pad=((1, 1), (1, 1))),
    Conv(1, 1, 3, 35, 2, 2, 3, pad=((0, 1), (1, 1))),
    Conv(2, 3, 7, 5, 9, 3, 2, stride=(2, 3), pad=((1, 0), (0, 2))),  # padding that differs on all sides
    Conv(1, 2, 11, 9, 3, 2, 2, stride=(3, 4)),  # stride larger than the window: inputs that nobody reads
    Conv(1, 3, 5, 7, 4, 5, 7),  # window = image
    Conv(1, 2, 10, 13, 3, 3, 3, dilation=(2, 3), pad=((2, 1), (3, 3))),
    Conv(2, 4, 6, 5, 6, 3, 3, groups=2, pad=((1, 1), (1, 1))),
    Conv(1, 5, 6, 19, 5, 3, 3, groups=5, pad=((1, 1), (1, 1))),  # depthwise
    Conv(1, 3, 6, 7, 6, 3, 3, groups=3, stride=(2, 2), dilation=(2, 1), pad=((2, 2), (1, 0)), bias=False),
    Conv(3, 17, 3, 3, 49, 1, 1),  # a product in disguise, past a register tile
    Conv(1, 9, 5, 5, 8, 3, 3, stride=(2, 1), pad=((4, 3), (0, 5))),  # padding wider than the window
    Conv(1, 33, 3, 4, 2, 3, 3, pad=((1, 1), (1, 1))),
    Conv(1, 1, 2, 70, 1, 1, 3, stride=(1, 2)),
    Conv(1, 3, 5, 6, 3, 2, 2),  # as many filters as channels: a transposed w has the same shape
    Conv(2, 2, 6, 8, 3, 3, 3, stride=(2, 3), pad=((1, 0), (0, 1)), ceil=True),
    Conv(1, 2, 6, 7, 4, 3, 3, stride=(2, 2), groups=2, ceil=True),
    Conv(2, 3, 8, 18, 5, 3, 3, pad=((1, 1), (1, 1)), wild=True),
    Conv(3, 1, 12, 9, 6, 5, 5, wild=True),
]

# LeNet-5 (one image that naive loops can bear, then a batch), a small CNN, one layer of an image network.
_COURSE = [
    Conv(1, 1, 28, 28, 6, 5, 5, pad=((2, 2), (2, 2))),
    Conv(64, 1, 28, 28, 6, 5, 5, pad=((2, 2), (2, 2))),
    Conv(64, 6, 14, 14, 16, 5, 5),
    Conv(64, 1, 28, 28, 32, 3, 3, pad=((1, 1), (1, 1))),
    Conv(64, 32, 14, 14, 64, 3, 3, pad=((1, 1), (1, 1))),
    Conv(4, 128, 56, 56, 128, 3, 3, pad=((1, 1), (1, 1))),
]

SMALL = {kernel: _CONVS for kernel in _KERNELS}
COURSE = {kernel: _COURSE for kernel in _KERNELS}
