"""At least one step, input and unit; lengths within the sequence."""

from .values import Named, check_flag, check_range


def check_rnn(kernel: str, given: Named) -> None:
    _sizes(kernel, given)
    check_flag(kernel, given, "relu")


def check_lstm(kernel: str, given: Named) -> None:
    _sizes(kernel, given)


def check_gru(kernel: str, given: Named) -> None:
    _sizes(kernel, given)


def _sizes(kernel: str, given: Named) -> None:
    x, units = given["x"], given["w_hh"].shape[1]
    if 0 in (units, x.shape[-1]):
        raise ValueError(f"{kernel}: {x.shape[-1]} inputs and {units} units, expected at least 1 of each")
    if x.ndim == 3:
        if x.shape[0] == 0:
            raise ValueError(f"{kernel}: x has no steps, expected at least 1")
        check_range(kernel, given, "lengths", 1, x.shape[0] + 1)
