"""The choice of kernels: names, strictness, rungs, overlays, and errors that name the near miss."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cuarzo import kernels


@pytest.fixture(autouse=True)
def restored():
    with kernels.use("auto"):
        yield
    kernels._registered.clear()


def test_every_backend_reports():
    assert set(kernels.backends()) == set(kernels.BACKENDS)
    assert kernels.backends()["naive"] == kernels.backends()["numpy"] == "available"


@pytest.mark.parametrize("backend", kernels.BACKENDS)
def test_a_misspelt_kernel_is_not_overlooked(backend):
    """A rung is found by its name alone: a public function with another name would never be tested."""
    if kernels.backends()[backend] != "available":
        pytest.skip(kernels.backends()[backend])
    for name, value in vars(kernels._package(backend)).items():
        # modules come along with `import *`, and what kernels of several files share, from files called _<name>
        if not callable(value) or (value.__module__.startswith(f"cuarzo.kernels.{backend}._") and backend != "cpp"):
            continue
        found = any(name == contract or name.startswith(contract + "_") for contract in kernels.names())
        near = kernels._near(name, kernels.names())
        assert found or not near, f"{backend}: {name} is neither a contract nor <contract>_<rung>{near}"


@pytest.mark.parametrize("backend", ["naive", "numpy", "numba"])
def test_a_rung_in_any_file_is_found_by_its_name_alone(backend, tmp_path):
    """As the README has it: a function in the file of the kernel, and no edit anywhere else."""
    source = Path(kernels.__file__).parents[1]
    shutil.copytree(source, tmp_path / "cuarzo", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    added = set()
    for path in (tmp_path / "cuarzo" / "kernels" / backend).glob("[a-z]*.py"):
        defined = re.findall(r"^def (\w+)\(", text := path.read_text(encoding="utf-8"), re.MULTILINE)
        if own := [name for name in defined if name in kernels.CONTRACTS]:
            path.write_text(f"{text}\n\ndef {own[0]}_mine(*arguments): ...\n", encoding="utf-8")
            added.add(own[0])
    code = f"from cuarzo import kernels as k; print(*[n for n in k.names() if 'mine' in k.algorithms(n, {backend!r})])"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert set(out.stdout.split()) == added and len(added) > 5


def test_use_is_plain_or_for_a_while():
    kernels.use("numpy")
    assert kernels.current().name == "numpy"
    with kernels.use("naive") as backend:
        assert backend is kernels.current()
        assert backend.conv2d_forward is kernels.implementation("conv2d_forward", "naive")
    assert kernels.current().name == "numpy"


def test_use_is_undone_after_an_error():
    with pytest.raises(KeyError), kernels.use("naive"):
        raise KeyError
    assert kernels.current().name == "auto"


def test_a_rung_by_name():
    assert kernels.algorithms("conv2d_forward", "numpy") == ["default", "direct", "im2col"]
    with kernels.use("numpy", conv2d_forward="direct") as backend:
        assert backend.conv2d_forward is kernels.implementation("conv2d_forward", "numpy", "direct")
        assert backend.matmul is kernels.implementation("matmul", "numpy")


@pytest.mark.parametrize("call, message", [
    (lambda: kernels.use("nunpy"), "unknown backend 'nunpy' (did you mean 'numpy'?)"),
    (lambda: kernels.use("numpy", conv2d_forward="winograd"), "unknown algorithm of conv2d_forward in backend 'numpy'"),
    (lambda: kernels.use("numpy", conv2d="direct"), "unknown kernel 'conv2d'"),
    (lambda: kernels.algorithms("matmull", "numpy"), "did you mean 'matmul'?"),
    (lambda: kernels.register("cpp", matmul=print), "name must be an identifier other than auto"),
    (lambda: kernels.register("mine", matmull=print), "did you mean 'matmul'?"),
    (lambda: kernels.register("mine"), "was given no kernel"),
    (lambda: kernels.register(3, matmul=print), "got 3"),
])  # fmt: skip
def test_errors_name_the_near_miss(call, message):
    before = kernels.current()
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
    assert kernels.current() is before


def test_only_functions_register():
    with pytest.raises(TypeError, match="matmul must be a function, got int"):
        kernels.register("mine", matmul=3)


def test_an_overlay_on_auto():
    calls = []

    def mine(a, b, transpose_a, transpose_b, c):
        calls.append(c.shape)
        kernels.implementation("matmul", "naive")(a, b, transpose_a, transpose_b, c)

    kernels.register("mine", matmul=mine)
    assert kernels.algorithms("matmul", "mine") == ["default"]
    with kernels.use("mine") as backend:
        c = np.empty((1, 1))
        backend.matmul(np.full((1, 2), 2.0), np.full((2, 1), 3.0), False, False, c)
        assert c[0, 0] == 12.0
        assert backend.conv2d_forward is kernels.Backend("auto").conv2d_forward
        assert backend.origins()["matmul"] == "mine"
    assert calls == [(1, 1)]


def test_a_registered_backend_has_one_rung():
    kernels.register("mine", matmul=print)
    with pytest.raises(ValueError, match="unknown algorithm of matmul in backend 'mine' 'fast'"):
        kernels.use("mine", matmul="fast")


def test_registered_again_while_in_use():
    first, second = (lambda *arguments: None for _ in range(2))
    kernels.register("mine", matmul=first)
    with kernels.use("mine"):
        assert kernels.current().matmul is first
        kernels.register("mine", matmul=second)
        assert kernels.current().matmul is second


def test_a_choice_made_earlier_holds_inside_its_with():
    earlier = kernels.use("numpy")
    kernels.use("naive")
    with earlier as backend:
        assert backend is kernels.current() and backend.name == "numpy"
    assert kernels.current().name == "naive"


def test_a_missing_backend_is_named_with_its_reason(monkeypatch):
    def absent(name):
        raise ImportError("no compiler was found")

    monkeypatch.setattr(kernels, "_package", absent)
    assert kernels.backends()["cpp"] == "no compiler was found"
    with pytest.raises(RuntimeError, match="backend 'cpp' is not available: no compiler was found"):
        kernels.use("cpp")


def test_auto_says_once_that_cpp_is_missing():
    code = """
import warnings, cuarzo.kernels as k
real = k._package
def package(name):
    if name in ("cpp", "cython"): raise ImportError("no compiler was found")
    return real(name)
k._package = package
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    assert k.current().origin("conv2d_forward") == k.current().origin("matmul") == "numpy"
    assert k.current().origin("max_pool2d_forward") == "numba"
print(*[w.message for w in said], sep="|")
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.count("no compiler was found") == 1 and "cuarzo info" in out
