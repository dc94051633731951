"""Wrong local response norm."""

import numpy as np

from cuarzo.kernels import numpy as right

from .plant import bent, instead, plant_accumulating, plant_float32, spoilt

_FORWARD, _BACKWARD = "local_response_norm_forward", "local_response_norm_backward"

plant_float32(f"{_FORWARD} {_BACKWARD}")
plant_accumulating(f"{_FORWARD} {_BACKWARD}")


@bent(f"{_FORWARD} {_BACKWARD}", "alpha not divided by size")
def _(a):
    a.alpha *= a.size


@bent(f"{_FORWARD} {_BACKWARD}", "beta of the other sign")
def _(a):
    a.beta = -a.beta


@bent(f"{_FORWARD} {_BACKWARD}", "beta always 0.75")
def _(a):
    a.beta = 0.75


@bent(_FORWARD, "k forgotten")
def _(a):
    a.k = 0.0


@bent(_FORWARD, "k always 1")
def _(a):
    a.k = 1.0


def _squares(a, channels):
    """x^2 added up over channels(c), those that make the scale of c."""
    C = a.x.shape[1]
    return np.stack([(a.x[:, channels(c, C)] ** 2).sum(1) for c in range(C)], 1) if C else a.x * a.x


def _window(bug, channels, share=lambda c, C, size: size):
    @instead(_FORWARD, bug)
    def _(a):
        total = _squares(a, lambda c, C: channels(c, C, a.size))
        shares = np.array([max(share(c, a.x.shape[1], a.size), 1) for c in range(a.x.shape[1])])
        a.scale[...] = a.k + a.alpha * total / shares[:, None]
        a.y[...] = a.x * a.scale**-a.beta


def _near(c, C, size):
    return slice(max(c - size // 2, 0), c + (size - 1) // 2 + 1)


_window(
    "window of an even size reaches one further behind than before",
    lambda c, C, size: slice(max(c - (size - 1) // 2, 0), c + size // 2 + 1),
)
_window("window ends one channel early", lambda c, C, size: slice(max(c - size // 2, 0), c + (size - 1) // 2))
_window("window of size channels on either side", lambda c, C, size: slice(max(c - size, 0), c + size + 1))
_window("window of an odd size whatever it is", lambda c, C, size: slice(max(c - size // 2, 0), c + size // 2 + 1))
_window(
    "window goes round from the last channel to the first",
    lambda c, C, size: np.arange(c - min(size, C) // 2, c + (min(size, C) - 1) // 2 + 1) % C,
)
_window(
    "window starts at a negative index: nothing there for the first channels",
    lambda c, C, size: slice(c - size // 2, c + (size - 1) // 2 + 1),
)
_window("alpha divided by the channels that exist", _near, lambda c, C, size: len(range(C)[_near(c, C, size)]))


@spoilt(_FORWARD, "window along the pixels, not the channels")
def _(a):
    x, y, scale = (array.swapaxes(1, 2).copy() for array in (a.x, a.y, a.scale))
    right.local_response_norm_forward(x, a.size, a.alpha, a.beta, a.k, y, scale)
    a.y[...], a.scale[...] = y.swapaxes(1, 2), scale.swapaxes(1, 2)


@spoilt(_FORWARD, "scale saved after the power")
def _(a):
    a.scale **= a.beta


@spoilt(_FORWARD, "scale saved without k")
def _(a):
    a.scale -= a.k


@spoilt(_FORWARD, "scale below 1e-6 is 1e-6")
def _(a):
    np.maximum(a.scale, 1e-6, out=a.scale)
    a.y[...] = a.x * a.scale**-a.beta


def _sums_back(
    bug,
    weight=lambda a: a.scale ** (-a.beta - 1),
    channels=lambda c, C, size: slice(max(c - (size - 1) // 2, 0), c + size // 2 + 1),
    factor=2,
):
    @instead(_BACKWARD, bug)
    def _(a):
        part, C = a.dy * a.x * weight(a), a.x.shape[1]
        total = np.stack([part[:, channels(c, C, a.size)].sum(1) for c in range(C)], 1) if C else part
        a.dx[...] = a.dy * a.scale**-a.beta - factor * a.alpha * a.beta / a.size * a.x * total


_sums_back("window of c, not the windows that hold c: an even size differs", channels=_near)
_sums_back("own channel only", channels=lambda c, C, size: slice(c, c + 1))
_sums_back("scale to the power beta in the sum", weight=lambda a: a.scale**-a.beta)
_sums_back("scale to the power 1 in the sum", weight=lambda a: 1 / a.scale)
_sums_back("2 of the square forgotten", factor=1)
_sums_back("second term forgotten", factor=0)
_sums_back("second term of the other sign", factor=-2)
_sums_back("all channels in the window", channels=lambda c, C, size: slice(None))
