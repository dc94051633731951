"""Data sets: where they come from, how they are split."""

import gzip
import hashlib
import http.server
import os
import threading
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from cuarzo import data
from cuarzo.data.digits import enlarge

from .test_idx import idx

source = import_module("cuarzo.data.mnist")  # the name data.mnist is the function
REAL = os.environ.get("CUARZO_DATA", "")
needs_mnist = pytest.mark.skipif(
    not Path(REAL, "mnist").is_dir() or not REAL, reason="CUARZO_DATA is not set to a folder with mnist/"
)
needs_fashion = pytest.mark.skipif(
    not Path(REAL, "fashion").is_dir() or not REAL, reason="CUARZO_DATA is not set to a folder with fashion/"
)


def tiny_files(count=5_004, test=3) -> dict[str, bytes]:
    """The four files of an MNIST with images of 2 x 2; image i holds the bytes of i, its label is i % 10."""
    files = {}
    for part, n in (("train", count), ("t10k", test)):
        files[f"{part}-images-idx3-ubyte"] = idx(np.arange(n, dtype=">u4").view(np.uint8).reshape(n, 2, 2))
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(n) % 10)
    return files


def write(folder: Path, files: dict[str, bytes], packed=False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / (name + ".gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_from_the_named_folder(tmp_path, monkeypatch, packed):
    write(tmp_path / "mnist", tiny_files(), packed)
    monkeypatch.setenv("CUARZO_DATA", str(tmp_path))
    found = data.load("mnist")
    assert found.x_train.shape == (4, 1, 2, 2) and found.x_valid.shape == (5_000, 1, 2, 2)
    assert found.y_train.tolist() == [0, 1, 2, 3] and found.y_valid[0] == 4  # the last 5,000 are for validation
    x, y = found.train_and_valid
    assert len(x) == len(y) == 5_004


def test_parts_of_different_size_are_refused(tmp_path, monkeypatch):
    files = tiny_files() | {"t10k-images-idx3-ubyte": idx(np.zeros((3, 4, 1)))}
    write(tmp_path / "fashion", files)
    monkeypatch.setenv("CUARZO_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte: has images"):
        data.fashion_mnist()


def test_too_few_images_for_validation_are_refused(tmp_path, monkeypatch):
    write(tmp_path / "mnist", tiny_files(count=5_000))
    monkeypatch.setenv("CUARZO_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="has 5000 images, expected more than the 5000"):
        data.mnist()


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror on this machine behind one that has nothing; the cache in a folder of its own."""
    files = {name + ".gz": gzip.compress(content, mtime=0) for name, content in tiny_files().items()}
    (tmp_path / "served").mkdir()
    for name, content in files.items():
        (tmp_path / "served" / name).write_bytes(content)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *_):
            server.asked.append(self.path)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "served")))
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    sums = tuple(hashlib.sha256(files[name + ".gz"]).hexdigest() for name in source.FILES)
    monkeypatch.setitem(source.MIRRORS, "mnist", (address + "nothing/", address))
    monkeypatch.setitem(source.SHA256, "mnist", sums)
    monkeypatch.delenv("CUARZO_DATA", raising=False)
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache" / name)
    yield server
    server.shutdown()
    server.server_close()


def test_download_from_the_second_mirror_then_from_the_cache(mirror, tmp_path):
    assert len(data.mnist().x_train) == 4
    asked = len(mirror.asked)
    assert asked == 8 and len(list((tmp_path / "cache" / "cuarzo" / "mnist").iterdir())) == 4
    assert len(data.mnist().x_train) == 4 and len(mirror.asked) == asked


def test_download_with_another_checksum_is_refused(mirror, tmp_path):
    (tmp_path / "served" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"something else")
    with pytest.raises(OSError, match=r"t10k-labels-idx1-ubyte\.gz of mnist.*no mirror gave it.*CUARZO_DATA"):
        data.mnist()
    assert not (tmp_path / "cache" / "cuarzo" / "mnist" / "t10k-labels-idx1-ubyte.gz").exists()


def test_damaged_cache_is_fetched_again(mirror, tmp_path):
    data.mnist()
    path = tmp_path / "cache" / "cuarzo" / "mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-100])
    assert len(data.mnist().x_train) == 4


def test_digits_are_split_by_seed_with_equal_shares():
    one, same, other = data.digits(seed=1), data.digits(seed=1), data.digits(seed=2)
    assert [len(one.y_train), len(one.y_valid), len(one.y_test)] == [1077, 270, 450]
    assert one.x_train.shape[1:] == (1, 28, 28) and one.x_train.dtype == np.float32
    assert one.x_train.min() == 0 and one.x_train.max() == 1
    assert np.array_equal(one.x_test, same.x_test) and not np.array_equal(one.x_test, other.x_test)
    for part in (one.y_train, one.y_valid, one.y_test):
        shares = np.bincount(part, minlength=10) / len(part)
        assert shares.min() > 0.09 and shares.max() < 0.11
    images = np.concatenate([one.x_train, one.x_valid, one.x_test]).reshape(1797, -1)
    assert len(np.unique(images, axis=0)) == len(
        np.unique(data.digits(seed=2).train_and_valid[0].reshape(1347, -1), axis=0)
    ) + len(np.unique(other.x_test.reshape(450, -1), axis=0))


def test_enlarging_is_bilinear():
    scipy_image = pytest.importorskip("scipy.ndimage")
    images = np.random.default_rng(0).random((3, 8, 6))
    for size in (28, 8, 13, 4):
        zoomed = enlarge(images, size)
        assert zoomed.shape == (3, size, size)
    zoom = (28 / 8, 28 / 6)
    expected = [scipy_image.zoom(image, zoom, order=1, mode="nearest", grid_mode=True) for image in images]
    assert np.allclose(enlarge(images, 28), expected, rtol=0, atol=8 * np.finfo(float).eps)
    with pytest.raises(ValueError, match="expected shape"):
        enlarge(images[0], 28)


def test_unknown_data_set_is_answered_with_the_near_miss():
    with pytest.raises(ValueError, match=r"unknown data set 'fashion-mnits' \(did you mean 'fashion_mnist'\?\)"):
        data.load("fashion-mnits")


@needs_mnist
def test_mnist_itself():
    found = data.mnist()
    assert found.x_train.shape == (55_000, 1, 28, 28) and found.x_valid.shape == (5_000, 1, 28, 28)
    assert found.x_test.shape == (10_000, 1, 28, 28) and found.x_train.dtype == np.float32
    assert found.y_test[:5].tolist() == [7, 2, 1, 0, 4] and found.x_train.max() == 1


@needs_fashion
def test_fashion_mnist_itself():
    found = data.fashion_mnist()
    assert found.classes[found.y_test[0]] == "boot" and len(found.x_train) == 55_000
