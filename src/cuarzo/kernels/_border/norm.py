"""What is added under the root, and the window of channels."""

from .values import Named, check_number, integers


def check_batch_norm(kernel: str, given: Named) -> None:
    _check_not_negative(kernel, given, "eps")


def check_layer_norm(kernel: str, given: Named) -> None:
    _check_not_negative(kernel, given, "eps")


def check_local_response_norm(kernel: str, given: Named) -> None:
    integers(kernel, "size", (given["size"],), 1, 1)
    check_number(kernel, given, "beta")
    _check_not_negative(kernel, given, "alpha", "k")


def _check_not_negative(kernel: str, given: Named, *names: str) -> None:
    check_number(kernel, given, *names)
    for name in names:
        if not given[name] >= 0:
            raise ValueError(f"{kernel}: {name} must not be negative, got {given[name]!r}")
