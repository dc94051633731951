"""Axes that have elements to take from, and indices that stay inside them."""

from .values import Named, check_flag, check_range

_LARGEST = 2**30  # of the resampled axis: products of two such lengths stay within 64 bits


def check_adaptive(kernel: str, given: Named) -> None:
    H = _lengths(kernel, given)
    if kernel == "adaptive_max_pool_backward":
        check_range(kernel, given, "indices", 0, H)


def check_upsample(kernel: str, given: Named) -> None:
    _lengths(kernel, given)
    if "linear" in kernel:
        check_flag(kernel, given, "align_corners")


def check_max_unpool(kernel: str, given: Named) -> None:
    y = "dy" if "dy" in given else "y"
    check_range(kernel, given, "indices", -1, given[y].shape[1])


def _lengths(kernel: str, given: Named) -> int:
    """The length H of the input's axis; that, and the output's, must not be zero."""
    x, y = ("dx", "dy") if "dx" in given else ("x", "y")
    for name in (x, y):
        length = given[name].shape[1]
        if not 1 <= length <= _LARGEST:
            raise ValueError(f"{kernel}: {name} has {length} elements along axis 1, expected 1 to {_LARGEST}")
    return given[x].shape[1]
