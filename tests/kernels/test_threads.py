"""One thread count for the process: where it comes from, what it refuses, what caps it."""

import os
import subprocess
import sys

import numpy as np
import pytest
import threadpoolctl

import cuarzo as cz
from cuarzo import kernels
from cuarzo.kernels import threads


@pytest.fixture(autouse=True)
def restored():
    before = cz.get_num_threads()
    yield
    cz.set_num_threads(before)


@pytest.mark.parametrize(
    "value, expected", [("3", "3"), ("4,2", "4"), ("", None), ("none", None), ("0", None), ("5000", "1024")]
)
def test_starts_as_the_environment_says(value, expected):
    environment = {**os.environ, "OMP_NUM_THREADS": value}
    code = "import cuarzo as cz; print(cz.get_num_threads())"
    out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == (expected or str(len(os.sched_getaffinity(0))))


@pytest.mark.parametrize("wrong", [0, -1, 10**6, 1.0, True])
def test_refuses_what_is_no_count(wrong):
    with pytest.raises(ValueError if type(wrong) is int else TypeError, match=f"got {wrong!r}"):
        cz.set_num_threads(wrong)


def test_listeners_hear_every_change():
    heard = []
    threads.on_change(heard.append)
    try:
        cz.set_num_threads(3)
        threads.set_limit(2)
        threads.set_limit(None)
    finally:
        threads._listeners.remove(heard.append)
    assert heard[1:] == [3, 2, 3]


@pytest.mark.skipif(kernels.backends()["cpp"] != "available", reason="threadpoolctl finds cuarzo by its C++ module")
def test_threadpoolctl_caps_the_count():
    kernels.implementation("matmul", "cpp")
    cz.set_num_threads(3)
    with threadpoolctl.threadpool_limits(limits=1):
        assert cz.get_num_threads() == 1
    assert cz.get_num_threads() == 3
    cz.set_num_threads(4)
    assert cz.get_num_threads() == 4


def test_blas_follows():
    a = np.eye(4)
    kernels.implementation("matmul", "numpy")(a, a, False, False, np.empty((4, 4)))
    cz.set_num_threads(1)
    blas = [library for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]
    assert all(library["num_threads"] == 1 for library in blas)
