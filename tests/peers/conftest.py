"""The backend that is compared with PyTorch."""

import os
from collections.abc import Iterator

import pytest

from cuarzo import kernels, set_num_threads


@pytest.fixture(autouse=True)
def _backend() -> Iterator[None]:
    """`auto`, or what CUARZO_PEERS_BACKEND names; one thread, since the arrays are tiny."""
    set_num_threads(1)
    with kernels.use(os.environ.get("CUARZO_PEERS_BACKEND", "auto")):
        yield
