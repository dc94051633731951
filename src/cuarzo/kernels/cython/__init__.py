"""The loops of naive/ with C types beside the arguments: Cython writes C, a compiler builds it, OpenMP runs it.

`team.pyx` looks after the threads; `product.pxd` and `patches.pxd` hold inner loops that several modules share.
"""

import os

from cuarzo.kernels._unbuilt import reason

# A thread of GNU OpenMP that waits for the others keeps its core busy, at the expense of the others where a neighbour
# needs it too: an epoch of LeNet-5 took 206 s beside busy neighbours, 23 s with this. OpenMP reads it as it loads.
_unset = "OMP_WAIT_POLICY" not in os.environ
if _unset:
    os.environ["OMP_WAIT_POLICY"] = "passive"
try:
    from .conv import *
    from .conv_weight import *
    from .matmul import *
    from .pool import *
    from .random import *
    from .rbm import *
    from .recurrent import *
    from .resample import *
    from .team import dismiss as _dismiss
    from .unpool import *
except ModuleNotFoundError as error:
    raise ImportError(reason("cython")) from error
except ImportError as error:
    raise ImportError(f"its modules were built from other sources ({error}): build anew, as with make dev") from error
finally:
    if _unset:
        del os.environ["OMP_WAIT_POLICY"]

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_dismiss)
