"""Slopes, scales and switches of the activations."""

from .values import Named, check_flag, check_number


def check_leaky_relu(kernel: str, given: Named) -> None:
    check_number(kernel, given, "slope")


def check_elu(kernel: str, given: Named) -> None:
    check_number(kernel, given, "alpha")


def check_gelu(kernel: str, given: Named) -> None:
    check_flag(kernel, given, "approximate")


def check_softplus(kernel: str, given: Named) -> None:
    check_number(kernel, given, "beta", "threshold")
    if not given["beta"] > 0:
        raise ValueError(f"{kernel}: beta must be positive, got {given['beta']!r}")
