"""Memory for results, recycled."""

from typing import Any

import numpy as np

def is_block(base: object) -> bool: ...
def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray: ...
