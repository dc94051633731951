"""How many windows fit, and whether indices stay inside the plane."""

from math import prod

from .values import Named, check_flag, check_range, check_windows, integers


def check_avg_pool(kernel: str, given: Named) -> None:
    _windows(kernel, given)
    check_flag(kernel, given, "count_include_pad")


def check_max_pool(kernel: str, given: Named) -> None:
    size = _windows(kernel, given)
    if kernel.endswith("_backward"):
        if given["indices"] is None and given["x"] is None:
            raise TypeError(f"{kernel}: x and indices are both None, expected one of them")
        check_range(kernel, given, "indices", -1, prod(size))


def _windows(kernel: str, given: Named) -> tuple[int, ...]:
    x, y = ("dx", "dy") if "dx" in given else ("x", "y")
    size = given[x].shape[2:]
    window = integers(kernel, "window", given["window"], len(size), 1)
    check_windows(kernel, given, y, size, window, given[y].shape[2:])
    return size
