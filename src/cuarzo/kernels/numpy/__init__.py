"""The kernels in whole-array operations: loops move into NumPy, sums of products into its BLAS.

See `naive/` for the definitions. BLAS has threads of its own; they are held to the count of the process. It splits its
sums by that count: of the five backends this is the one whose last bits depend on it. And a process that forks while
another of its threads is inside BLAS can leave the child waiting for ever; BLAS does so without cuarzo, too.
"""

from threadpoolctl import threadpool_limits

from cuarzo.kernels.threads import on_change

from .activation import *
from .conv import *
from .dropout import *
from .embedding import *
from .matmul import *
from .norm import *
from .pool import *
from .random import *
from .rbm import *
from .recurrent import *
from .resample import *
from .softmax import *
from .update import *


def _limit_blas(n: int) -> None:
    threadpool_limits(limits=n, user_api="blas")


on_change(_limit_blas)
