"""`cuarzo info`, `cuarzo bench`, and the program as a whole."""

import os
import subprocess
import sys

import pytest

from commands import cuarzo
from cuarzo import kernels
from cuarzo.kernels import cases
from cuarzo.study import bench, sides


def test_info_shows_machine_and_table():
    output = cuarzo("info").output
    for word in ("CPU", "build", "threads", "BLAS", "versions"):
        assert f"\n{word} " in "\n" + output
    lines = {line.split()[0]: line for line in output.splitlines() if line}
    assert all(name in lines for name in kernels.names())
    assert all(name in lines["kernel"] for name in kernels.BACKENDS)
    for backend, state in kernels.backends().items():
        assert state == "available" or f"{backend}: {state}" in output


def test_as_a_module():
    result = subprocess.run([sys.executable, "-W", "ignore", "-m", "cuarzo", "info"], capture_output=True, text=True)
    assert result.returncode == 0 and "conv2d_forward" in result.stdout


def test_help_is_quick_and_imports_nothing_heavy():
    code = (
        "import sys; from cuarzo import cli; "
        "sys.exit(any(m in sys.modules for m in ('numba', 'matplotlib', 'sklearn', 'cuarzo.kernels.numba')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["max_pol2d_forward"], "unknown kernel 'max_pol2d_forward' (did you mean 'max_pool2d_forward'?)"),
        (["matmul", "--backend", "nunpy"], "unknown backend 'nunpy' (did you mean 'numpy'?)"),
        (["matmul", "--dtype", "double"], "unknown dtype 'double'"),
        (["matmul", "--threads", "0"], "threads is 0, expected 1 or more"),
    ],
)
def test_bench_refuses_what_it_does_not_know(arguments, message):
    result = cuarzo("bench", *arguments, code=2)
    assert message in result.stderr and len(result.stderr.strip().splitlines()) == 1


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(bench, "SECONDS", 0.001)
    first = cases.cases("matmul", "course")[:1]
    monkeypatch.setattr(bench.cases, "cases", lambda kernel, sizes: first)


def test_bench_lists_every_backend(quick):
    output = cuarzo("bench", "matmul").output
    for backend, state in kernels.backends().items():
        assert f"  {backend} " in output if state == "available" else f"{backend}: {state}" in output
    assert "CPU:" in output and "roof:" in output and "of the roof" in output and "x naive" in output


def test_bench_says_why_naive_is_left_out_and_what_holds_numpy_back(quick, monkeypatch):
    for name in bench.BLAS_LIMITS:
        monkeypatch.delenv(name, raising=False)
    output = cuarzo("bench", "matmul", "--backend", "numpy").output
    assert "left out: not asked for\n" in output and "OPENBLAS" not in output
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    output = cuarzo("bench", "matmul", "--threads", 2).output
    assert "left out: it runs on one thread only\n" in output
    assert "NumPy's rows are not at their best: OPENBLAS_CORETYPE" in output
    monkeypatch.setattr(sides, "NAIVE_BEARS", 1)
    assert "left out: too slow for this size\n" in cuarzo("bench", "matmul").output


def test_bench_verifies_before_it_times(quick, monkeypatch):
    def wrong(a, b, transpose_a, transpose_b, c):
        kernels.implementation("matmul", "numpy")(a, b, transpose_a, transpose_b, c)
        c[0, 0] += 1e-3

    kernels.register("mistaken", matmul=wrong)
    try:
        result = cuarzo("bench", "matmul", "--backend", "mistaken", code=1)
        assert "mistaken computes wrong numbers" in result.stderr
    finally:
        del kernels._registered["mistaken"]
    assert sides.DTYPES == ("float32", "float64")


@pytest.mark.skipif(kernels.backends()["numba"] != "available", reason="Numba is not installed here")
def test_a_second_process_finds_what_warmup_compiled(monkeypatch, tmp_path):
    """On one family: the whole takes minutes."""
    code = (
        "from cuarzo import kernels; from cuarzo.study import warmup; "
        "kernels.CONTRACTS = {n: c for n, c in kernels.CONTRACTS.items() if c.family == 'random'}; "
        "print(*warmup.lines(), sep='\\n')"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
        for _ in range(2)
    )
    assert "0 functions" not in first.stdout.splitlines()[-1]
    assert second.stdout.splitlines()[-1].endswith("0 functions compiled: all came from the cache")
