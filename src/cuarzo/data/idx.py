"""The IDX format of MNIST: two zero bytes, a type (8 = unsigned byte), the number of axes, their lengths, the bytes.

All numbers big-endian. Source: http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

UNSIGNED_BYTE = 8


def read_idx(path: Path | str, ndim: int) -> np.ndarray:
    """The uint8 array in the IDX file `path`, gzipped or not.

    Raises ValueError naming the file, what it holds and what was expected.
    """
    path = Path(path)
    content = _read(path)
    start = 4 + 4 * ndim
    expected_magic = bytes([0, 0, UNSIGNED_BYTE, ndim])
    if content[:4] != expected_magic:
        raise ValueError(
            f"{path}: begins with {content[:4].hex() or 'nothing'}, expected the IDX mark {expected_magic.hex()}"
        )
    if len(content) < start:
        raise ValueError(f"{path}: the header has {len(content)} bytes, expected {start}")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", ndim, offset=4))
    given, expected = len(content) - start, math.prod(shape)  # Python's integers: no overflow from a mad header
    if given != expected:
        fault = "the file is cut short" if given < expected else "there are bytes left over"
        raise ValueError(f"{path}: has {given} bytes of data, expected {expected} for shape {shape}: {fault}")
    try:
        return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    except ValueError as error:  # no bytes, and yet an axis too long for NumPy
        raise ValueError(f"{path}: has shape {shape} in its header, which no array can have: {error}") from error


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole gzip file, got a broken one: {error}") from error


def read_pair(images: Path | str, labels: Path | str, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Images as float32 (N, 1, H, W) in [0, 1], and labels int64 (N,), from two files that belong together."""
    x, y = read_idx(images, 3), read_idx(labels, 1)
    if len(x) != len(y):
        raise ValueError(f"{images} has {len(x)} images, {labels} has {len(y)} labels: expected as many")
    if x.size == 0:
        raise ValueError(f"{images}: has shape {x.shape}: expected at least one image of at least one pixel")
    if y.max() >= classes:
        raise ValueError(f"{labels}: label {y.max()} at position {int(y.argmax())}: expected 0 to {classes - 1}")
    return x[:, None].astype(np.float32) / np.float32(255), y.astype(np.int64)
