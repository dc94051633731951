"""The loops of naive/ in Python still, compiled for this CPU when first called (LLVM through Numba), and parallel.

Numba allows one parallel loop at a time on the layer that survives forks. Ours wait for each other; a program with
parallel Numba code of its own must not run it in another thread at the same time: Numba ends the process.
"""

try:
    import numba
except ImportError as error:
    raise ImportError(f"Numba cannot be imported ({error}); pip install numba") from error

from .conv import *
from .matmul import *
from .pool import *
from .random import *
from .rbm import *
from .recurrent import *
from .resample import *
