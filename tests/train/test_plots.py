"""Pictures: drawn without a display, for short and long runs, many and few filters."""

import numpy as np
import pytest

from cuarzo import plots
from cuarzo.history import Epoch, History


def size(path):
    """Width and height of a PNG, from its header."""
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    return tuple(int.from_bytes(content[i : i + 4]) for i in (16, 20))


@pytest.mark.parametrize("epochs", [0, 1, 40])
@pytest.mark.parametrize("valid", [True, False])
def test_curves(tmp_path, epochs, valid):
    rows = [
        Epoch(i + 1, 1 / (i + 1), 0.9, 0.5 if valid else None, 0.8 if valid else None, 0.1, 1.0) for i in range(epochs)
    ]
    plots.curves(History(rows), tmp_path / "c.png", "a title", best=epochs or None)
    assert min(size(tmp_path / "c.png")) >= 500


@pytest.mark.parametrize("shape", [(1, 5, 5), (6, 5, 5), (7, 3, 4), (10, 28, 28), (4, 28, 128), (300, 28, 28)])
def test_filters(tmp_path, shape):
    weights = np.random.default_rng(0).normal(size=shape)
    plots.filters(weights / np.abs(weights).max(), tmp_path / "f.png")  # the scale of the zeros: -1 to 1
    plots.filters(np.zeros(shape), tmp_path / "zero.png")
    assert size(tmp_path / "f.png") == size(tmp_path / "zero.png")


def test_no_filters():
    with pytest.raises(ValueError, match=r"weights has shape \(0, 3, 3\), expected \(F, H, W\)"):
        plots.filters(np.zeros((0, 3, 3)), "f.png")


def test_a_table_of_pictures(tmp_path):
    plots.pictures(np.random.default_rng(0).random((2, 10, 28, 28)), tmp_path / "p.png", "a title")
    width, height = size(tmp_path / "p.png")
    assert width > 2 * height
    with pytest.raises(ValueError, match=r"images has shape \(3, 28, 28\), expected \(rows, columns, H, W\)"):
        plots.pictures(np.zeros((3, 28, 28)), "p.png")


def test_confusion_with_a_class_that_never_came(tmp_path):
    plots.confusion(np.array([[5, 1], [0, 0]]), tmp_path / "m.png", ("cat", "dog"))
    assert size(tmp_path / "m.png")[0] > 300


def test_matplotlib_is_left_as_it_was(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    plots.filters(np.ones((2, 3, 3)), tmp_path / "f.png")
    assert dict(matplotlib.rcParams) == before
