"""The definition of every kernel: plain Python loops that read like the formula.

Elements are read through memoryviews, which hand out Python floats: sums run in float64 whatever the arrays hold, and
are rounded once, at the assignment.
"""

from .activation import *
from .conv import *
from .conv3d import *
from .dropout import *
from .embedding import *
from .matmul import *
from .norm import *
from .pool import *
from .pool3d import *
from .random import *
from .rbm import *
from .recurrent import *
from .resample import *
from .softmax import *
from .update import *
