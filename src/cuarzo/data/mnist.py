"""MNIST (LeCun, Cortes, Burges) and Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 60,000 + 10,000 images of 28 x 28.

A file is taken from $CUARZO_DATA/mnist (or /fashion), gzipped or not; else from the user's cache; else it is downloaded
there from the first mirror that answers, and its SHA-256 compared.
"""

import os
from pathlib import Path

from cuarzo.data.dataset import Dataset
from cuarzo.data.idx import read_pair

VALIDATION = 5_000  # the last of the training images

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
SHA256 = {
    "mnist": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "fashion": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}
MIRRORS = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion": (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
}
GARMENTS = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")


def mnist() -> Dataset:
    """Handwritten digits: 55,000 training, 5,000 validation, 10,000 test images."""
    return _load("mnist", "mnist", tuple("0123456789"))


def fashion_mnist() -> Dataset:
    """Ten kinds of garments, in MNIST's format and sizes."""
    return _load("fashion_mnist", "fashion", GARMENTS)


def _load(name: str, folder: str, classes: tuple[str, ...]) -> Dataset:
    files = [_find(folder, i) for i in range(4)]
    x, y = read_pair(files[0], files[1])
    x_test, y_test = read_pair(files[2], files[3])
    if len(x) <= VALIDATION:
        raise ValueError(f"{files[0]}: has {len(x)} images, expected more than the {VALIDATION} that validation takes")
    if x.shape[2:] != x_test.shape[2:]:
        raise ValueError(f"{files[2]}: has images {x_test.shape[2:]}, expected {x.shape[2:]} as in {files[0]}")
    cut = len(x) - VALIDATION
    return Dataset(name, classes, x[:cut], y[:cut], x[cut:], y[cut:], x_test, y_test)


def _find(folder: str, index: int) -> Path:
    root = os.environ.get("CUARZO_DATA")
    if root:
        for name in (FILES[index], FILES[index] + ".gz"):
            if (path := Path(root, folder, name)).is_file():
                return path
    return _download(folder, index)


def _download(folder: str, index: int) -> Path:
    """The file from the cache, fetched first if it is missing or does not have its checksum."""
    import pooch

    name, cache = FILES[index] + ".gz", Path(pooch.os_cache("cuarzo"), folder)
    failures = []
    for mirror in MIRRORS[folder]:
        try:
            # a fresh logger level would be pooch's own business: its one line says what is fetched from where
            path = pooch.retrieve(mirror + name, f"sha256:{SHA256[folder][index]}", name, cache, progressbar=True)
            return Path(path)
        except (OSError, ValueError) as error:  # no network, no such file; another checksum
            failures.append(f"{mirror}: {error}")
    where = "not set" if not os.environ.get("CUARZO_DATA") else os.environ["CUARZO_DATA"]
    raise OSError(
        f"{name} of {folder} is neither in CUARZO_DATA ({where}) nor in {cache}, and no mirror gave it. "
        f"Put it into a folder {folder}/ and name the folder above it in CUARZO_DATA. " + " | ".join(failures)
    )
