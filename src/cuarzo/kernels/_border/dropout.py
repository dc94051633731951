"""The probability, key and counter."""

from .values import Named, check_number, check_word


def check_dropout(kernel: str, given: Named) -> None:
    check_word(kernel, given, "key", "counter")
    check_number(kernel, given, "p")
    if not 0 <= given["p"] <= 1:
        raise ValueError(f"{kernel}: p must be a probability between 0 and 1, got {given['p']!r}")
