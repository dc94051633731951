"""Rates and decays, and which state goes with them."""

from .values import Named, check_flag, check_number, integers


def check_sgd(kernel: str, given: Named) -> None:
    check_number(kernel, given, "lr", "momentum", "dampening", "weight_decay", "l1")
    check_flag(kernel, given, "nesterov", "first")
    _check_velocity(kernel, given)


def check_rmsprop(kernel: str, given: Named) -> None:
    check_number(kernel, given, "lr", "alpha", "eps", "weight_decay", "momentum")
    _check_velocity(kernel, given)


def check_adam(kernel: str, given: Named) -> None:
    check_number(kernel, given, "lr", "beta1", "beta2", "eps", "weight_decay")
    check_flag(kernel, given, "decoupled")
    for name in ("beta1", "beta2"):
        if not 0 <= given[name] < 1:
            raise ValueError(f"{kernel}: {name} must be in [0, 1), got {given[name]!r}")
    integers(kernel, "step", (given["step"],), 1, 1)


def _check_velocity(kernel: str, given: Named) -> None:
    if (given["velocity"] is None) != (given["momentum"] == 0):
        state = "None" if given["velocity"] is None else "an array"
        raise ValueError(f"{kernel}: velocity is {state} and momentum {given['momentum']}, expected both or neither")
