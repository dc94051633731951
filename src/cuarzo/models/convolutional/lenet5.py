"""LeNet-5: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document recognition", figure 2.

The modern form: every map of C3 sees all six maps of S2, pooling is a plain average, tanh is unscaled, the output is
linear and trained with cross-entropy. The 28 x 28 image is padded to the 32 x 32 of the paper.
"""

import numpy as np
from numpy.typing import DTypeLike

from cuarzo import nn


def lenet5(classes: int = 10, *, dtype: DTypeLike = np.float32) -> nn.Sequential:
    """x (N, 1, 28, 28) -> logits (N, classes). 61,706 parameters for ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2, dtype=dtype),  # C1 (N, 6, 28, 28)
        nn.Tanh(),
        nn.AvgPool2d(2),  # S2 (N, 6, 14, 14)
        nn.Conv2d(6, 16, 5, dtype=dtype),  # C3 (N, 16, 10, 10)
        nn.Tanh(),
        nn.AvgPool2d(2),  # S4 (N, 16, 5, 5)
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120, dtype=dtype),  # C5
        nn.Tanh(),
        nn.Linear(120, 84, dtype=dtype),  # F6
        nn.Tanh(),
        nn.Linear(84, classes, dtype=dtype),
    )
