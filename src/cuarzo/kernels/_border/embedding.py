"""Indices of words."""

from .values import Named, check_range, is_integer


def check_embedding(kernel: str, given: Named) -> None:
    words = (given["weight"] if "weight" in given else given["dweight"]).shape[0]
    check_range(kernel, given, "indices", 0, words)
    padding = given.get("padding_index", -1)
    if not is_integer(padding) or not -1 <= padding < max(words, 1):
        raise ValueError(f"{kernel}: padding_index must be an integer in -1 ... {words - 1}, got {padding!r}")
