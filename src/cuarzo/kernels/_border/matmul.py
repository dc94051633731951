"""The product's shapes depend on its flags."""

from .values import Named, check_flag, check_shape


def check_matmul(kernel: str, given: Named) -> None:
    check_flag(kernel, given, "transpose_a", "transpose_b")
    a, b, transpose_a, transpose_b = (given[name] for name in ("a", "b", "transpose_a", "transpose_b"))
    M, K = a.shape[::-1] if transpose_a else a.shape
    N = b.shape[0 if transpose_b else 1]
    check_shape(kernel, given, "b", (N, K) if transpose_b else (K, N))
    check_shape(kernel, given, "c", (M, N))
