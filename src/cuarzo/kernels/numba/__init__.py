"""The loops of naive/ in Python still, compiled for this CPU when first called (LLVM through Numba), and parallel."""

try:
    import numba
except ImportError as error:
    raise ImportError(f"Numba cannot be imported ({error}); pip install numba") from error

from .conv import *
from .matmul import *
from .pool import *
from .random import *
