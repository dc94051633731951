"""The loops of naive/ with C types beside the arguments: Cython writes C, a compiler builds it, OpenMP runs it.

team.pyx                     the threads, and what a fork asks of them
product.pxd patches.pxd      inner loops that several modules share: each has a copy its compiler can see through
"""

import os

from cuarzo.kernels._unbuilt import reason

try:
    from .conv import *
    from .matmul import *
    from .pool import *
    from .random import *
    from .team import dismiss as _dismiss
except ModuleNotFoundError as error:
    raise ImportError(reason("cython")) from error

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_dismiss)
