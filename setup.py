"""The extension modules: csrc/ once per instruction set, and each .pyx. All else stands in pyproject.toml.

CUARZO_REQUIRE_NATIVE=1   a build that fails is an error; otherwise the package is installed without those kernels, and
                          cuarzo/kernels/_unbuilt.txt tells why
CUARZO_SANITIZE=1         AddressSanitizer, UndefinedBehaviorSanitizer, bounds checks in Cython
"""

import copy
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path
from sysconfig import get_config_var

import pybind11
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

KERNELS = "cuarzo.kernels"
SANITIZE = os.environ.get("CUARZO_SANITIZE") == "1"
REQUIRED = os.environ.get("CUARZO_REQUIRE_NATIVE") == "1"
BUILDS = {"_baseline": "x86-64-v2", "_avx2": "x86-64-v3", "_avx512": "x86-64-v4"}

FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fvisibility=hidden", "-g0"]
LINK = []
if SANITIZE:
    LINK = ["-fsanitize=address,undefined"]
    FLAGS = [*LINK, "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-fvisibility=hidden", "-O1", "-g"]


def is_x86_64() -> bool:
    """Whether the build is for x86-64 alone: a universal macOS build holds two architectures, and gets the baseline."""
    target = os.environ.get("ARCHFLAGS") or platform.machine()
    return any(name in target.lower() for name in ("x86_64", "amd64")) and "arm64" not in target


def cpp_extension(name: str, sources: list[str], flags: list[str]) -> Extension:
    flags = [*FLAGS, "-std=c++17", "-Wall", "-Wextra", f"-DCUARZO_MODULE={name}", *flags]
    return Extension(
        f"{KERNELS}.cpp.{name}",
        sources,
        include_dirs=[pybind11.get_include()],
        depends=glob("csrc/**/*.hpp", recursive=True),
        extra_compile_args=flags,
        extra_link_args=[*LINK, *([] if sys.platform in ("darwin", "win32") else ["-pthread"])],
        language="c++",
    )


def cpp_extensions() -> list[Extension]:
    builds = BUILDS if is_x86_64() else {"_baseline": ""}
    sources = sorted(glob("csrc/bindings/*.cpp"))
    modules = [cpp_extension(name, sources, [f"-march={isa}"] * bool(isa)) for name, isa in builds.items()]
    return [cpp_extension("_cpu", ["csrc/cpu.cpp"], []), cpp_extension("_memory", ["csrc/memory.cpp"], []), *modules]


def cython_extensions() -> list[Extension]:
    openmp = (["-Xpreprocessor", "-fopenmp"], ["-lomp"]) if sys.platform == "darwin" else (["-fopenmp"], ["-fopenmp"])
    return [
        Extension(
            f"{KERNELS}.cython.{Path(source).stem}",
            [source],
            extra_compile_args=[*FLAGS, "-Wno-unused-function", *openmp[0]],
            extra_link_args=[*LINK, *openmp[1]],
        )
        for source in sorted(glob("src/cuarzo/kernels/cython/*.pyx"))
    ]


def generate_c(extensions: list[Extension], folder: str) -> None:
    """The .c files go into `folder`, not beside the .pyx. What a .pyx declares itself overrules these directives."""
    from Cython.Build import cythonize

    directives = {"language_level": 3, "wraparound": False, "cdivision": True}
    directives |= {"boundscheck": SANITIZE, "initializedcheck": SANITIZE}
    for extension, generated in zip(
        extensions, cythonize(extensions, build_dir=folder, compiler_directives=directives), strict=True
    ):
        extension.sources, extension.depends = generated.sources, generated.depends


def cause_of(error: BaseException | None) -> str:
    """In one line: which program failed on what, or what the error says."""
    said = " ".join(str(error).split())[:200]
    while error is not None:
        if isinstance(error, subprocess.CalledProcessError):
            sources = [word for word in error.cmd if Path(word).suffix in (".c", ".cpp")]
            failed = f"{Path(error.cmd[0]).name} failed with exit status {error.returncode}"
            return f"{failed} on {Path(sources[0]).name}" if sources else f"{failed} as a linker"
        error = error.__cause__ or error.__context__
    return said


class BuildKernels(build_ext):
    """Builds a backend whole or not at all: each module in a folder of its own, two modules at a time."""

    def run(self) -> None:
        self.reasons: dict[str, str] = {}
        super().run()  # calls build_extensions, then copies into the sources for an editable installation
        for folder in {self.build_lib, *(["src"] if self.inplace else [])}:
            self.record(Path(folder, *KERNELS.split(".")))

    def build_extensions(self) -> None:
        for backend in ("cpp", "cython"):
            extensions = [e for e in self.extensions if e.name.startswith(f"{KERNELS}.{backend}.")]
            try:
                self.build_backend(extensions, backend)
            except Exception as error:  # whatever went wrong: the package serves without
                self.reasons[backend] = f"the build failed: {cause_of(error)} (pip install -v shows all)"
                print(f"cuarzo: no {backend} kernels: {self.reasons[backend]}", file=sys.stderr, flush=True)
                if REQUIRED:
                    raise RuntimeError(f"CUARZO_REQUIRE_NATIVE=1, and {backend}: {self.reasons[backend]}") from error
                self.extensions = [e for e in self.extensions if e not in extensions]

    def build_backend(self, extensions: list[Extension], backend: str) -> None:
        if os.name == "nt":
            if "clang-cl" not in os.environ.get("CC", ""):
                raise RuntimeError("on Windows it takes clang-cl (CC=clang-cl)")
            self.compiler.initialize()
            self.compiler.cc = os.environ["CC"]
        if backend == "cython":
            generate_c(extensions, os.path.join(self.build_temp, "cython"))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self.build_one, extensions))

    def build_one(self, extension: Extension) -> None:
        one = copy.copy(self)
        one.compiler = copy.copy(self.compiler)
        one.build_temp = os.path.join(self.build_temp, extension.name)
        super(BuildKernels, one).build_extension(extension)

    def record(self, kernels: Path) -> None:
        """Leave the reasons, or no file, and no module of a backend that failed: half of one, or an older one."""
        note = kernels / "_unbuilt.txt"
        note.unlink(missing_ok=True)
        if self.reasons:
            kernels.mkdir(parents=True, exist_ok=True)
            note.write_text("".join(f"{name}: {why}\n" for name, why in self.reasons.items()), encoding="utf-8")
        for backend in self.reasons:
            for module in (kernels / backend).glob(f"*{get_config_var('EXT_SUFFIX')}"):
                module.unlink()


class CopyHeaders(build_py):
    """The wheel carries csrc's headers, to be read and built against."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for header in glob("csrc/**/*.hpp", recursive=True):
                target = Path(self.build_lib, "cuarzo", header)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(header, target)


setup(
    ext_modules=[*cpp_extensions(), *cython_extensions()],
    cmdclass={"build_ext": BuildKernels, "build_py": CopyHeaders},
)
