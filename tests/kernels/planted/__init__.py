"""Wrong kernels: what the tests of kernels must find. Each violates its contract for some legal input, as quietly as
a student or an engineer in a hurry would. Most bend the arguments or spoil the result of a right kernel.
"""

from . import avg_pool, conv_backward, conv_forward, matmul, max_pool, random
from .plant import PLANTED, Planted

__all__ = ["PLANTED", "Planted", "avg_pool", "conv_backward", "conv_forward", "matmul", "max_pool", "random"]
