"""Windows that slide over 1, 2 or 3 axes: their options as users write them, and how many fit.

An option is an integer for all axes, or one for each; the names of the axes are those of the last ones of (depth,
height, width).
"""

from typing import Any

from cuarzo.ops.checks import LARGEST, check_choice, integer

Ints = tuple[int, ...]  # one for each axis
Padding = tuple[tuple[int, int], ...]  # (before, after) for each axis

IMAGE = {1: "W", 2: "H, W", 3: "D, H, W"}  # how messages call the axes of an image, and those of a window
WINDOW = {1: "S", 2: "R, S", 3: "E, R, S"}
_AXES = ("depth", "height", "width")
_SIDES = ("(front, back)", "(top, bottom)", "(left, right)")


def axis_names(n: int) -> tuple[str, ...]:
    return _AXES[-n:]


def entries(op: str, name: str, value: Any, n: int, least: int = 1) -> Ints:
    """An integer for all of n axes, or one for each."""
    if not isinstance(value, tuple | list):
        value = (value,) * n
    if len(value) != n:
        raise ValueError(f"{op}: {name} is {value!r}, expected an integer or {_listed(axis_names(n))}")
    return tuple(integer(op, name, v, least) for v in value)


def padding_of(op: str, padding: Any, window: Ints, stride: Ints, dilation: Ints) -> Padding:
    """(before, after) for each axis from an int, an int for each axis, (before, after) for each, "same" or "valid".

    "same" keeps the image's size, for a stride of 1; an odd total puts the larger half after, as in torch.
    """
    n = len(window)
    if isinstance(padding, str):
        check_choice(op, "padding", padding, ("same", "valid"))
        if padding == "valid":
            return ((0, 0),) * n
        if max(stride) > 1:
            raise ValueError(f"{op}: padding 'same' needs a stride of 1, got stride {stride}")
        totals = [d * (r - 1) for r, d in zip(window, dilation)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, tuple | list) and len(padding) == n and all(isinstance(p, tuple | list) for p in padding):
        if any(len(p) != 2 for p in padding):
            raise ValueError(f"{op}: padding is {padding!r}, expected {_listed(_SIDES[-n:])}")
        return tuple((integer(op, "padding", a, 0), integer(op, "padding", b, 0)) for a, b in padding)
    return tuple((p, p) for p in entries(op, "padding", padding, n, 0))


def pool_options(
    op: str, n: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[Ints, Ints, Padding, Ints]:
    """Window, stride (None: the window), padding and dilation of pooling, checked as far as they can be without an
    image.
    """
    window, dilation = entries(op, "kernel_size", kernel_size, n), entries(op, "dilation", dilation, n)
    stride = window if stride is None else entries(op, "stride", stride, n)
    padding = padding_of(op, padding, window, stride, dilation)
    for sides, r, d in zip(padding, window, dilation):
        if max(sides) > (d * (r - 1) + 1) // 2:
            raise ValueError(f"{op}: padding is {padding}, expected at most half the window {window}")
    return window, stride, padding, dilation


def output_size(
    op: str, image: Ints, window: Ints, stride: Ints, padding: Padding, dilation: Ints, ceil_mode: bool = False
) -> Ints:
    """How many windows fit along each axis of the padded image; in ceil mode also one that hangs over its end.

    As in torch, a window that would start in the padding after the image is dropped.
    """
    sizes = []
    for axis, n, r, s, sides, d in zip(axis_names(len(image)), image, window, stride, padding, dilation):
        (before, after), reach = sides, d * (r - 1) + 1
        padded = n + before + after
        if padded > LARGEST:
            raise ValueError(f"{op}: the padded image has {axis} {padded}, expected at most {LARGEST}")
        if n == 0 or reach > padded:
            raise ValueError(
                f"{op}: the window has {axis} {reach} (kernel {r}, dilation {d}), larger than the padded image: "
                f"x has {axis} {n}, padding {before} before and {after} after"
            )
        count = (padded - reach + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (count - 1) * s >= n + before:
            count -= 1
        sizes.append(count)
    return tuple(sizes)


def transposed_size(op: str, image: Ints, window: Ints, stride: Ints, padding: Padding, dilation: Ints) -> Ints:
    """The smallest image in which as many windows fit as `image` has pixels: (n - 1) s + d (r - 1) + 1 - padding.

    It is 0 or less where the padding swallows all of it.
    """
    if 0 in image:
        raise ValueError(f"{op}: x has {_listed(axis_names(len(image)))} {image}, expected at least 1 of each")
    return tuple(
        (n - 1) * s + d * (r - 1) + 1 - before - after
        for n, r, s, (before, after), d in zip(image, window, stride, padding, dilation)
    )


def check_size(op: str, size: Ints) -> Ints:
    """The axes of an output, refused unless each is in 1 ... LARGEST."""
    for axis, n in zip(axis_names(len(size)), size):
        if not 1 <= n <= LARGEST:
            raise ValueError(f"{op}: the output would have {axis} {n}, expected 1 to {LARGEST}")
    return size


def _listed(names: tuple[str, ...]) -> str:
    return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"
