"""Random windows over images of 1, 2 or 3 axes, and padding on PyTorch's side."""

from typing import Any, NamedTuple

import numpy as np

from peers.peer import chance, ints, torch

Ints = tuple[int, ...]
LARGEST = {1: 12, 2: 9, 3: 6}  # of an axis of an image


class Windows(NamedTuple):
    """The options of a convolution or a pooling, one for each axis."""

    window: Ints
    stride: Ints
    padding: tuple[Ints, ...]  # (before, after) for each axis
    dilation: Ints
    image: Ints


def windows(rng: np.random.Generator, n: int, dilated: bool = True, half: bool = False, equal: bool = False) -> Windows:
    """`half`: padding of half a window at most, as pooling wants it. `equal`: the same before and after."""
    wide = 2 if n == 3 else 3
    window, stride = ints(rng, n, 1, wide + 1), ints(rng, n, 1, wide)
    dilation = ints(rng, n, 1, wide) if dilated and chance(rng) else (1,) * n
    padding = []
    for r in window:
        before, after = ints(rng, 2, 0, r // 2 if half else 2) if chance(rng, 0.7) else (0, 0)
        padding.append((before, before if equal else after))
    reach = [d * (r - 1) + 1 for r, d in zip(window, dilation)]
    least = [max(1, m - sum(sides)) for m, sides in zip(reach, padding)]
    image = tuple(int(rng.integers(m, max(m, LARGEST[n]) + 1)) for m in least)
    return Windows(window, stride, tuple(padding), dilation, image)


def sees_image(w: Windows) -> bool:
    """Whether each window, of ceil mode too, has an element of the image in it.

    One that has none is -inf with index -1 in cuarzo. PyTorch gives it an index outside the image, and its backward
    pass writes there, whatever may lie in that memory.
    """
    for r, s, (before, after), d, n in zip(*w):
        last = n + before  # no window starts behind the image
        for start in range(-before, last - before, s):
            taps = range(start, start + d * (r - 1) + 1, d)
            hangs_over = taps[-1] >= n + after + s
            if not hangs_over and not any(0 <= tap < n for tap in taps):
                return False
    return True


def one_or_each(rng: np.random.Generator, values: Ints) -> Any:
    """An integer where all are equal, now and then: that is another way to say the same."""
    return values[0] if len(set(values)) == 1 and chance(rng) else values


def padded(x: Any, padding: tuple[Ints, ...], value: float = 0.0) -> Any:
    """PyTorch's padding, whose list begins with the last axis."""
    widths = [side for sides in reversed(padding) for side in sides]
    return torch.nn.functional.pad(x, widths, value=value) if any(widths) else x
