"""Data sets, and the loader that cuts them into mini-batches."""

from cuarzo.data.augment import Augmentation, Binarize, Shift
from cuarzo.data.dataset import Dataset
from cuarzo.data.digits import digits
from cuarzo.data.loader import Loader
from cuarzo.data.mnist import fashion_mnist, mnist
from cuarzo.names import check_name

DATASETS = {"digits": digits, "mnist": mnist, "fashion_mnist": fashion_mnist}

__all__ = [
    "DATASETS",
    "Augmentation",
    "Binarize",
    "Dataset",
    "Loader",
    "Shift",
    "digits",
    "fashion_mnist",
    "load",
    "mnist",
]


def load(name: str, seed: int = 0) -> Dataset:
    """The data set called `name`. `seed` decides the split of those that come without one (digits)."""
    check_name("data set", name, DATASETS)
    return digits(seed=seed) if name == "digits" else DATASETS[name]()
