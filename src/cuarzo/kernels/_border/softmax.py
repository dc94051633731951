"""Labels."""

from .values import Named, check_range


def check_cross_entropy(kernel: str, given: Named) -> None:
    array = given["x"] if "x" in given else given["probability"]
    check_range(kernel, given, "labels", 0, array.shape[1])
