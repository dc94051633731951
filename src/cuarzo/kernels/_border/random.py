"""Keys and counters."""

from .values import Named, check_word


def check_philox(kernel: str, given: Named) -> None:
    check_word(kernel, given, "key", "counter")
