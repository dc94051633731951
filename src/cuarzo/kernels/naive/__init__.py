"""The definition of every kernel: plain Python loops that read like the formula.

Elements are read through memoryviews, which hand out Python floats: sums run in float64 whatever the arrays hold, and
are rounded once, at the assignment.
"""

from .conv import *
from .matmul import *
from .pool import *
from .random import *
