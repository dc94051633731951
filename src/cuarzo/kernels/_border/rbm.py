"""Keys and counters, the kind of visible units, and how long a chain is."""

from .values import Named, check_flag, check_word, integers


def check_rbm(kernel: str, given: Named) -> None:
    if "key" in given:
        check_word(kernel, given, "key", "counter")
    if "gaussian" in given:
        check_flag(kernel, given, "gaussian")
    if "steps" in given:
        integers(kernel, "steps", (given["steps"],), 1, 1)
