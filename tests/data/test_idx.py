"""IDX files: what is whole is read, what is broken is refused by name."""

import gzip
import struct

import numpy as np
import pytest

from cuarzo.data.idx import read_idx, read_pair


def idx(array: np.ndarray) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    )


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (7, 5, 4), dtype=np.uint8)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_reads_plain_and_gzipped(tmp_path, images, pack):
    (tmp_path / "a").write_bytes(pack(idx(images)))
    assert np.array_equal(read_idx(tmp_path / "a", 3), images)


def broken_files():
    whole = idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    packed = gzip.compress(whole)
    bad_sum = bytearray(packed)
    bad_sum[-6] ^= 1
    mad = bytes([0, 0, 8, 3]) + b"\xff" * 12
    return {
        "empty": (b"", "begins with nothing"),
        "magic": (b"\x89PNG" + whole[4:], "begins with 89504e47, expected the IDX mark 00000803"),
        "type": (b"\x00\x00\x0d\x03" + whole[4:], "expected the IDX mark"),
        "axes": (idx(np.zeros(3)), "expected the IDX mark 00000803"),
        "header": (whole[:11], "the header has 11 bytes, expected 16"),
        "short": (whole[:-1], "has 23 bytes of data, expected 24 for shape (2, 3, 4): the file is cut short"),
        "trailing": (
            whole + b"\x00",
            "has 25 bytes of data, expected 24 for shape (2, 3, 4): there are bytes left over",
        ),
        "overflow": (mad, "cut short"),
        "no bytes, long axes": (mad[:4] + bytes(4) + mad[8:], "which no array can have"),
        "gzip cut": (packed[:-9], "expected a whole gzip file"),
        "gzip sum": (bytes(bad_sum), "expected a whole gzip file"),
        "gzip tail": (packed + b"tail", "expected a whole gzip file"),
        "gzip head": (packed[:5], "expected a whole gzip file"),
        "gzip body": (packed[:10] + b"\xff" * 8 + packed[18:], "expected a whole gzip file"),
    }


@pytest.mark.parametrize("fault", broken_files())
def test_broken_file_is_refused_by_name(tmp_path, fault):
    content, message = broken_files()[fault]
    path = tmp_path / "train-images"
    path.write_bytes(content)
    with pytest.raises(ValueError) as refusal:
        read_idx(path, 3)
    assert str(path) in str(refusal.value) and message in str(refusal.value)


def test_pair_is_scaled_and_typed(tmp_path, images):
    (tmp_path / "x").write_bytes(idx(images))
    (tmp_path / "y").write_bytes(idx(np.arange(7)))
    x, y = read_pair(tmp_path / "x", tmp_path / "y")
    assert x.shape == (7, 1, 5, 4) and x.dtype == np.float32 and y.dtype == np.int64
    assert np.array_equal(x[:, 0], (images / 255).astype(np.float32)) and np.array_equal(y, np.arange(7))


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 2, 2)), np.zeros(4), "has 3 images"),
        (np.zeros((3, 2, 2)), np.array([0, 10, 11]), "label 11 at position 2: expected 0 to 9"),
        (np.zeros((0, 2, 2)), np.zeros(0), "expected at least one image"),
    ],
)
def test_pair_that_does_not_fit_is_refused(tmp_path, images, labels, message):
    (tmp_path / "x").write_bytes(idx(images))
    (tmp_path / "y").write_bytes(idx(labels))
    with pytest.raises(ValueError, match=message):
        read_pair(tmp_path / "x", tmp_path / "y")
