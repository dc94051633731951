"""The C++ builds: each that this CPU can run keeps every contract; one that it cannot run is refused, with why."""

import os
import subprocess
import sys

import pytest

from cuarzo import kernels

if kernels.backends()["cpp"] != "available":
    pytest.skip(f"the C++ kernels are not here: {kernels.backends()['cpp']}", allow_module_level=True)

from cuarzo.kernels import cpp
from cuarzo.kernels.cpp import BUILD, _cpu

REASONS = _cpu.builds()  # build -> why this CPU cannot run it; empty if it can

CONFORM = """
import sys
import numpy as np
from cuarzo import kernels
from cuarzo.kernels import cpp
from cuarzo.kernels.cases import cases, unstable, violation
assert cpp.BUILD == sys.argv[1], cpp.BUILD
count = 0
for kernel in kernels.names():
    for rung in kernels.algorithms(kernel, "cpp"):
        function = kernels.implementation(kernel, "cpp", rung)
        for case in cases(kernel, rung=rung):
            for dtype in (np.float32, np.float64):
                broken = violation(function, case, dtype, rung=rung) or unstable(function, case, dtype)
                assert not broken, broken
                count += 1
print(count)
"""


def run(code, build, *arguments):
    environment = {**os.environ, "CUARZO_CPP_BUILD": build}
    return subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("build", REASONS)
def test_every_build_keeps_every_contract_or_is_refused(build):
    if not REASONS[build]:
        done = run(CONFORM, build, build)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) > 500
    else:
        done = run("import cuarzo.kernels.cpp", build)
        assert f"C++ build {build}: {REASONS[build]}" in done.stderr


def test_the_best_build_is_taken_unless_one_is_named():
    best = next(name for name, reason in REASONS.items() if not reason)
    assert os.environ.get("CUARZO_CPP_BUILD", best) == BUILD


def test_a_build_beyond_this_cpu_is_refused(monkeypatch):
    reasons = {"avx512": "this CPU has no AVX-512", "avx2": "", "baseline": ""}
    monkeypatch.setattr(_cpu, "builds", lambda: dict(reasons))
    assert cpp._choose(None) == "avx2"
    with pytest.raises(ImportError, match="C\\+\\+ build avx512: this CPU has no AVX-512"):
        cpp._choose("avx512")


def test_an_unknown_build_is_refused():
    done = run("import cuarzo.kernels.cpp", "avx1024")
    assert "CUARZO_CPP_BUILD=avx1024: there is no such build; known: " in done.stderr
    for use in ("kernels.use('cpp')", "kernels.current().matmul"):  # `auto` neither serves something else in its place
        done = run(f"from cuarzo import kernels; {use}", "avx1024")
        assert "RuntimeError: backend 'cpp' is not available: CUARZO_CPP_BUILD=avx1024" in done.stderr
