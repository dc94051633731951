"""A child forked after parallel kernels have run computes too, and gets the same bits.

The threads of the parent do not exist in the child, what the parent knew of them does: a runtime that trusts it waits
for ever. Data loaders and scikit-learn's joblib fork, so this happens to ordinary programs.
"""

import multiprocessing
from multiprocessing.connection import Connection

import numpy as np
import pytest

from cuarzo import kernels
from cuarzo.kernels import threads

SECONDS = 120  # a child that compiles (Numba, without a cache) needs some; one that hangs needs for ever
pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this platform has no fork"
)


@pytest.fixture(autouse=True)
def two_threads():
    before = threads.get_num_threads()
    threads.set_num_threads(2)
    yield
    threads.set_num_threads(before)


@pytest.fixture(params=["numpy", "numba", "cython", "cpp"])
def backend(request):
    state = kernels.backends()[request.param]
    if state != "available":
        pytest.skip(f"backend {request.param} is not available: {state}")
    return kernels.Backend(request.param)


def test_a_forked_child_computes(backend):
    expected = compute(backend)
    for _ in range(5):
        assert in_a_child(backend) == expected
        assert compute(backend) == expected, "the parent, after the fork"


def test_a_child_of_a_child_computes(backend):
    expected = compute(backend)
    assert in_a_child(backend, generations=2) == expected


def compute(backend: kernels.Backend) -> bytes:
    """A convolution and a product with work for two threads."""
    x = np.linspace(-1, 1, 8 * 4 * 20 * 21, dtype=np.float32).reshape(8, 4, 20, 21)
    w = np.linspace(-2, 1, 6 * 4 * 3 * 3, dtype=np.float32).reshape(6, 4, 3, 3)
    y = np.empty((8, 6, 20, 21), np.float32)
    backend.conv2d_forward(x, w, None, (1, 1), ((1, 1), (1, 1)), (1, 1), 1, y)
    a, c = y.reshape(160, -1), np.empty((160, 160), np.float32)
    backend.matmul(a, a, False, True, c)
    return y.tobytes() + c.tobytes()


def in_a_child(backend: kernels.Backend, generations: int = 1) -> bytes:
    """What `compute` gives in a forked child, or in a child of that; fails if it dies or takes too long."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=_child, args=(backend, generations, sender))
    child.start()
    sender.close()
    try:
        assert receiver.poll(SECONDS), f"{backend.name}: the child has given no answer in {SECONDS} s"
        return receiver.recv_bytes()
    except EOFError:
        child.join(SECONDS)
        pytest.fail(f"{backend.name}: the child died, exit code {child.exitcode}")
    finally:
        child.kill()
        child.join()


def _child(backend: kernels.Backend, generations: int, sender: Connection) -> None:
    result = compute(backend)
    sender.send_bytes(result if generations == 1 else in_a_child(backend, generations - 1))
