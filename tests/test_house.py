"""The plan of the house, kept: imports point down, backends do not know each other, files fit the eye."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cuarzo
from cuarzo import kernels

SOURCE = Path(cuarzo.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
FLOORS = {
    "kernels": 0,
    "random": 1, "metrics": 1, "names": 1, "storage": 1, "memory": 1,
    "tensor": 2, "init": 2, "data": 2,
    "ops": 3, "optim": 3, "gradient_check": 3,
    "nn": 4,
    "train": 5, "checkpoint": 5, "history": 5, "evaluation": 5,
    "models": 6,
    "study": 7, "plots": 7, "settings": 7, "experiment": 7, "cli": 7, "__main__": 7,
}  # fmt: skip


def imports(path):
    """The absolute names that a file imports, relative ones resolved."""
    package = ("cuarzo", *path.relative_to(SOURCE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            # `from cuarzo import ops` names a module, `from cuarzo.ops import conv2d` something inside one
            yield from (f"{module}.{alias.name}" for alias in node.names)


def room(name):
    """The part of the house that a name such as cuarzo.ops.conv lies in; None outside of it."""
    parts = name.split(".")
    return parts[1] if parts[0] == "cuarzo" and len(parts) > 1 else None


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path):
    part = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if part == "__init__":
        return  # the public names themselves
    assert part in FLOORS, f"{part} has no floor yet: say in test_house.py on which it stands"
    for name in imports(path):
        other = room(name)
        if other in FLOORS and other != part:
            assert FLOORS[other] <= FLOORS[part], f"{path.name} (floor {FLOORS[part]}) imports {name}"
            assert part not in _dependencies(other), f"a circle: {part} and {other} import each other"


def _dependencies(part):
    """The rooms that a room of the house imports."""
    own = [path for path in FILES if path.relative_to(SOURCE).parts[0].removesuffix(".py") == part]
    return {room(name) for path in own for name in imports(path)}


@pytest.mark.parametrize("backend", kernels.BACKENDS)
def test_backends_do_not_import_each_other(backend):
    for path in (SOURCE / "kernels" / backend).rglob("*.py*"):
        if path.suffix == ".py":
            found = list(imports(path))
        elif path.suffix == ".pyx":
            found = [line.split()[1] for line in path.read_text().splitlines() if line.startswith(("from ", "import "))]
        else:
            continue
        for other in set(kernels.BACKENDS) - {backend}:
            assert not [name for name in found if name.startswith(f"cuarzo.kernels.{other}")], path


def test_equal_files_in_every_backend():
    """`ls src/cuarzo/kernels/*/conv.*` shows the whole ladder: a file for each family, in cases and naive too."""
    for contract in kernels.CONTRACTS.values():
        for backend in ("naive", "numpy", "cases", *(("numba", "cython") if contract.core else ())):
            assert list((SOURCE / "kernels" / backend).glob(f"{contract.family}.py*")), (contract.family, backend)


def test_files_fit_the_eye():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {str(path): n for path, n in lengths.items() if n > 300}
    assert sorted(lengths.values())[len(lengths) // 2] <= 120


def test_import_is_light():
    """Nothing heavy comes with `import cuarzo`, nor with a first network."""
    heavy = ["numba", "sklearn", "matplotlib", "pooch", "tqdm", "safetensors", "typer", "scipy", "llvmlite"]
    code = f"import sys, cuarzo as cz; cz.nn.Linear(2, 3); print([m for m in {heavy} if m in sys.modules])"
    command = [sys.executable, "-W", "ignore", "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if kernels.backends()["cpp"] == "available":  # without it Numba serves, and is imported
        assert out.strip() == "[]"


def test_public_names():
    assert {"Tensor", "no_grad", "seed", "set_num_threads", "get_num_threads", "fit"} <= set(cuarzo.__all__)
    for name in cuarzo.__all__:
        assert getattr(cuarzo, name) is not None
