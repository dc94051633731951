"""The 1,797 handwritten digits that come inside scikit-learn (UCI ML, Alpaydin & Kaynak 1998): nothing to download."""

import numpy as np

from cuarzo.data.dataset import Dataset


def digits(seed: int = 0, size: int = 28) -> Dataset:
    """8 x 8 images with values 0..16, divided by 16 and enlarged to `size` x `size` by bilinear interpolation.

    Split by `seed` (modulo 2**32, as scikit-learn has it), each part with the same share of every class:
    a quarter for test, then a fifth of the rest for validation.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    source = load_digits()
    x = enlarge((source.images / 16.0).astype(np.float32), size)[:, None]
    y = source.target.astype(np.int64)
    cut = {"random_state": seed % 2**32}
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.25, stratify=y, **cut)
    x_train, x_valid, y_train, y_valid = train_test_split(x, y, test_size=0.2, stratify=y, **cut)
    return Dataset("digits", tuple("0123456789"), x_train, y_train, x_valid, y_valid, x_test, y_test)


def enlarge(images: np.ndarray, size: int) -> np.ndarray:
    """(N, H, W) -> (N, size, size), bilinear, pixel centres at k + 1/2, edges repeated (torch: align_corners=False)."""
    if images.ndim != 3 or size < 1:
        raise ValueError(
            f"enlarge: images {images.shape}, size {size}: expected shape (N, H, W) and a size of 1 or more"
        )
    rows, columns = _weights(images.shape[1], size), _weights(images.shape[2], size)
    return np.ascontiguousarray(rows @ images.astype(np.float64) @ columns.T, dtype=images.dtype)


def _weights(old: int, new: int) -> np.ndarray:
    """(new, old): row i holds the two weights with which old pixels make new pixel i."""
    centre = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    left = np.minimum(centre.astype(int), max(old - 2, 0))
    right = np.minimum(left + 1, old - 1)
    weights = np.zeros((new, old))
    np.add.at(weights, (np.arange(new), left), 1 - (centre - left))
    np.add.at(weights, (np.arange(new), right), centre - left)
    return weights
