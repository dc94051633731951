"""What the tests walk: every contract x backend x rung that the registry shows, with its cases."""

from cuarzo import kernels
from cuarzo.kernels.cases import cases


def implementations(*backends):
    """(kernel, backend, rung) of all that is there; all backends but the definition where none is named."""
    available = [name for name in backends or kernels.BACKENDS[1:] if kernels.backends()[name] == "available"]
    return [
        (kernel, backend, rung)
        for kernel in kernels.names()
        for backend in available
        for rung in kernels.algorithms(kernel, backend)
    ]


def with_cases(*backends):
    """(kernel, backend, rung, case), and an id for each."""
    rows = [(*row, case) for row in implementations(*backends) for case in cases(row[0], rung=row[2])]
    return {"argvalues": rows, "ids": [f"{k}-{b}-{r}-{c.id}" for k, b, r, c in rows]}
