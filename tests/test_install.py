"""Installing where no compiler works: it succeeds and says so, or fails where native kernels are required.

The wheel made here holds everything but the extension modules, so its contents are checked as well.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "MANIFEST.in", "src", "csrc")
LEFTOVERS = shutil.ignore_patterns("*.so", "*.pyd", "*.egg-info", "__pycache__", "_unbuilt.txt", "*.nbi", "*.nbc")
UNREACHABLE = ("Could not find a version", "No matching distribution", "Failed to establish a new connection")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("install")]


def build_wheel(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """`pip wheel` on a copy of the sources, with compilers that do nothing but fail."""
    for name in SOURCES:
        source, target = ROOT / name, folder / "sources" / name
        target.parent.mkdir(exist_ok=True)
        shutil.copytree(source, target, ignore=LEFTOVERS) if source.is_dir() else shutil.copy(source, target)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CUARZO_", "LD_PRELOAD"))}
    command = [sys.executable, "-m", "pip", "wheel", "-v", "--no-deps", "--wheel-dir", folder, folder / "sources"]
    done = subprocess.run(
        command,
        env={**clean, "CC": "/bin/false", "CXX": "/bin/false", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode and any(sign in done.stdout for sign in UNREACHABLE):
        pytest.skip("pip cannot fetch the build requirements: no package index within reach")
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The wheel made without a compiler, unpacked, and what the installation said."""
    folder = tmp_path_factory.mktemp("wheel")
    done = build_wheel(folder)
    assert done.returncode == 0, done.stdout
    (archive,) = folder.glob("*.whl")
    zipfile.ZipFile(archive).extractall(folder / "site")
    return folder / "site", done.stdout


def run(site: Path, code: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(site), "NUMBA_CACHE_DIR": str(site / "numba")}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=site, capture_output=True, text=True, check=True
    )


def test_install_without_compiler_says_so(wheel: tuple[Path, str]) -> None:
    site, said = wheel
    lines = (site / "cuarzo/kernels/_unbuilt.txt").read_text(encoding="utf-8").splitlines()
    assert {line.partition(": ")[0] for line in lines} == {"cpp", "cython"}
    assert all(line.partition(": ")[2] in said for line in lines)


def test_numba_serves_and_one_line_tells_why(wheel: tuple[Path, str]) -> None:
    code = """
import numpy as np, cuarzo as cz
from pathlib import Path
assert Path(cz.__file__).parent.parent == Path.cwd(), cz.__file__
backends = cz.kernels.backends()
assert backends["numba"] == "available", backends
assert "available" not in (backends["cpp"], backends["cython"]), backends
k, x, y = cz.kernels.current(), np.ones((1, 1, 4, 4), np.float32), np.empty((1, 1, 2, 2), np.float32)
k.avg_pool2d_forward(x, (2, 2), (2, 2), ((0, 0), (0, 0)), True, y)
assert (y == 1).all() and k.origin("avg_pool2d_forward") == "numba", y
assert k.origin("matmul") == k.origin("conv2d_forward") == "numpy"  # a sum of products is BLAS's
print(backends["cpp"])
"""
    done = run(wheel[0], code)
    reason = done.stdout.strip()
    assert reason
    assert done.stderr.count(reason) == 1, done.stderr


def test_wheel_carries_what_can_be_read_and_built_against(wheel: tuple[Path, str]) -> None:
    site, _ = wheel
    found = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    wanted = {"cuarzo/py.typed"}
    wanted |= {path.relative_to(ROOT / "src").as_posix() for path in ROOT.glob("src/**/*.py[xi]")}
    wanted |= {f"cuarzo/{path.relative_to(ROOT).as_posix()}" for path in ROOT.glob("csrc/**/*.hpp")}
    assert wanted <= found, sorted(wanted - found)
    assert not [name for name in found if name.endswith((".c", ".cpp"))]


def test_native_kernels_can_be_required(tmp_path: Path) -> None:
    done = build_wheel(tmp_path, CUARZO_REQUIRE_NATIVE="1")
    assert done.returncode != 0
    assert "CUARZO_REQUIRE_NATIVE" in done.stdout, done.stdout[-3000:]
