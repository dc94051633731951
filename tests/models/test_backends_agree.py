"""The main job on five backends: LeNet-5 learns real digits, and its first steps are the same numbers on all."""

import multiprocessing

import numpy as np
import pytest

import cuarzo as cz
from cuarzo import kernels

AVAILABLE = [name for name, state in kernels.backends().items() if state == "available"]


def losses(backend, x, y, steps, threads=None):
    """The loss before each of `steps` steps of SGD with momentum on LeNet-5 in float64."""
    if threads:
        cz.set_num_threads(threads)
    with kernels.use(backend), cz.seed(0):
        net = cz.models.build("lenet5", dtype=np.float64)
        optimizer = cz.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        values = []
        for i in range(steps):
            batch = slice(i * len(x) // steps, (i + 1) * len(x) // steps)
            loss = cz.ops.cross_entropy(net(cz.Tensor(x[batch].astype(np.float64))), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            values.append(loss.item())
    return values


@pytest.fixture(scope="module")
def digits():
    return cz.data.digits(seed=0)


def test_twenty_steps_agree(digits):
    """2 images a step: what naive loops can bear."""
    x, y = digits.x_train[:40], digits.y_train[:40]
    expected = losses("naive", x, y, 20)
    assert expected[-1] != expected[0]
    for backend in AVAILABLE[1:]:
        np.testing.assert_allclose(losses(backend, x, y, 20), expected, rtol=1e-9, err_msg=backend)


def _child(backend, x, y, queue):
    queue.put(losses(backend, x, y, 3))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")
@pytest.mark.parametrize("backend", [name for name in ("numpy", "numba", "cython", "cpp") if name in AVAILABLE])
def test_a_forked_child_trains_after_its_parent_did(backend, digits):
    x, y = digits.x_train[:96], digits.y_train[:96]
    context = multiprocessing.get_context("fork")
    before = cz.get_num_threads()
    try:
        expected = losses(backend, x, y, 3, threads=2)
        for _ in range(3):
            queue = context.Queue()
            child = context.Process(target=_child, args=(backend, x, y, queue), daemon=True)
            child.start()
            assert queue.get(timeout=60) == expected
            child.join(timeout=60)
            assert child.exitcode == 0
    finally:
        cz.set_num_threads(before)
