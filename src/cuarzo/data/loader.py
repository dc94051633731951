"""Mini-batches in an order drawn anew for each pass."""

from collections.abc import Iterator

import numpy as np

from cuarzo.data.augment import Augmentation
from cuarzo.names import check_count
from cuarzo.random import Stream


class Loader:
    """Iterating yields (x, y) of `batch_size` samples each; the last batch has what remains. `augment` varies each x.

    The order, and what `augment` draws, come from a stream of Philox numbers that belongs to this loader: `state()`
    before a pass, given to `load_state` later, gives the same batches again.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        batch_size: int = 64,
        shuffle: bool = True,
        seed: int | None = None,
        augment: Augmentation | None = None,
    ):
        if len(x) != len(y):
            raise ValueError(f"Loader: x has {len(x)} samples, y has {len(y)}: expected as many")
        if len(x) == 0:
            raise ValueError("Loader: x is empty (0 samples): expected at least one")
        batch_size = check_count("Loader: batch_size", batch_size, 1)
        if augment is not None and not shuffle:
            raise ValueError("Loader: augment draws from the stream of the order, which shuffle=False has not")
        self.x, self.y, self.batch_size, self.augment = x, y, batch_size, augment
        self.stream = Stream(seed) if shuffle else None

    @property
    def key(self) -> int | None:
        """The Philox key of the order; None without shuffling."""
        return None if self.stream is None else self.stream.key

    def __len__(self) -> int:
        """Batches in one pass."""
        return -(-len(self.x) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        order = np.arange(len(self.x)) if self.stream is None else self.stream.permutation(len(self.x))
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            x = self.x[chosen]
            yield (self.augment(x, self.stream) if self.augment and self.stream else x), self.y[chosen]

    def state(self) -> np.ndarray:
        """uint64 [key, counter] of the stream; empty without shuffling."""
        return np.zeros(0, np.uint64) if self.stream is None else self.stream.state()

    def load_state(self, state: np.ndarray) -> None:
        if (state.size == 0) != (self.stream is None):
            raise ValueError(f"Loader: state of size {state.size} for a loader with shuffle={self.stream is not None}")
        if self.stream is not None:
            self.stream.load_state(state)
