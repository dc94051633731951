"""Groups, and how many windows fit."""

from .values import Named, check_shape, check_windows, is_integer


def check_conv(kernel: str, given: Named) -> None:
    x, w, y = (next(name for name in (plain, "d" + plain) if name in given) for plain in "xwy")
    C, F, groups = given[x].shape[1], given[w].shape[0], given["groups"]
    window = given[w].shape[2:]
    if 0 in (C, F, *window):
        size = " x ".join(map(str, window))
        raise ValueError(f"{kernel}: {w} has {F} filters of {C} channels and {size}, expected at least 1 of each")
    if not is_integer(groups) or groups < 1 or C % groups or F % groups:
        raise ValueError(f"{kernel}: groups must divide {C} channels and {F} filters, got {groups!r}")
    check_shape(kernel, given, w, (F, C // groups, *window))
    check_windows(kernel, given, y, given[x].shape[2:], window, given[y].shape[2:])
