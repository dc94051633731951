"""Why a compiled backend is missing: the build leaves `_unbuilt.txt` beside this file, lines of `backend: reason`."""

from pathlib import Path


def reason(backend: str) -> str:
    """The reason, in one line, why the extension modules of `backend` ("cpp" or "cython") are not there."""
    try:
        lines = Path(__file__).with_name("_unbuilt.txt").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    for line in lines:
        name, _, why = line.partition(": ")
        if name == backend:
            return why
    return "its extension modules were never built (pip install . builds them; a C++17 compiler is needed)"
