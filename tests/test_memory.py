"""Recycled memory: nothing that anybody holds is handed out again."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import cuarzo as cz
from cuarzo import memory
from cuarzo.tensor.graph import unshared

SIZE = 2 * memory.SMALL
recycles = pytest.mark.skipif(memory._recycled is np.empty, reason="without the C++ backend NumPy's memory serves")


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_outputs_of_a_hundred_calls_stay_what_they_were():
    held = []
    for value in range(100):
        array = memory.empty((SIZE + value,), np.float32)
        array[...] = value
        held.append(array[::2] if value % 2 else array)  # a view keeps the block as the array does
        del array
    assert all((array == value).all() for value, array in enumerate(held))
    spans = sorted((address(array), array.nbytes) for array in held)
    assert all(start + size <= following for (start, size), (following, _) in pairwise(spans))


@recycles
def test_a_block_serves_again_when_the_last_view_is_gone():
    array = memory.empty((3, SIZE), np.float64)
    place, view = address(array), array[1:]
    del array
    assert address(memory.empty((3, SIZE), np.float64)) != place
    del view
    assert address(memory.empty((3, SIZE), np.float64)) == place


@pytest.mark.parametrize("shape", [(), (0,), (5, 0, 7), (memory.SMALL - 1,), (memory.SMALL,), (3, 5, 1001)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_shape_dtype_and_layout(shape, dtype):
    array = memory.empty(shape, dtype)
    assert array.shape == shape and array.dtype == dtype and array.flags.c_contiguous and array.flags.writeable
    assert array.size < memory.SMALL or memory._recycled is np.empty or address(array) % 64 == 0
    array[...] = 7
    assert (array == 7).all()


# In a process of its own: what malloc keeps for itself depends on all that a process did before.
GROWTH = """
import os
import numpy as np
from cuarzo import memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

before = resident()
for megabytes in range(1, 60):  # 1.7 GB in all, each block of a size of its own
    memory.empty((megabytes << 20,), np.uint8).fill(1)
print(resident() - before)
"""


@recycles
@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="the system does not tell a process its memory")
def test_idle_memory_is_bounded():
    done = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 400 << 20  # 256 MB stay idle


def test_too_large_is_a_memory_error():
    with pytest.raises((MemoryError, ValueError)):
        memory.empty((2**40, 2**40), np.float32)


@pytest.mark.parametrize("size", [3, SIZE])
def test_a_gradient_is_shared_with_nothing(size):
    """Each leaf's grad may be changed in place without another one changing."""
    x, y = (cz.Tensor(np.arange(size, dtype=np.float32), requires_grad=True) for _ in range(2))
    flow = np.full(size, 3, np.float32)
    (x + y).backward(flow)
    x.grad += 1
    assert (y.grad == 3).all() and (flow == 3).all()
    x.grad = y.grad = None
    x.backward(flow)
    x.grad += 1
    assert (flow == 3).all()
    kept = np.full(size, 5, np.float32)
    z = cz.Tensor.from_op(np.zeros(size, np.float32), (x, y), lambda dy: (kept, kept))  # an op that gives out its own
    x.grad = None
    z.backward(flow)
    x.grad += 1
    assert (y.grad == 5).all() and (kept == 5).all()
    w = cz.Tensor(np.ones((size, 2), np.float32), requires_grad=True)
    w.T.backward(view := np.ones((2, size), np.float32))
    w.grad += 1
    assert (view == 1).all()


def test_what_nobody_else_holds_is_not_copied():
    held = [memory.empty((SIZE,), np.float32)]
    place = address(held[0])
    assert address(unshared(held)) == place
    other = held[0]
    assert address(unshared(held)) != place
    del other
    held = [held[0][1:]]
    assert address(unshared(held)) != address(held[0])
    for lent in (bytearray(4 * SIZE), bytes(4 * SIZE)):
        gradient = unshared([np.frombuffer(lent, np.float32)])
        gradient += 1
        assert not any(lent)
