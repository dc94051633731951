"""Every kernel x backend x rung x dtype against the definition, on every case of the registry."""

import numpy as np
import pytest

from cuarzo import kernels
from cuarzo.kernels.cases import cases, unstable, violation
from implementations import implementations, with_cases

DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("kernel, backend, rung, case", **with_cases())
def test_matches_the_definition(kernel, backend, rung, case, dtype):
    if broken := violation(kernels.implementation(kernel, backend, rung), case, dtype, rung=rung):
        pytest.fail(broken, pytrace=False)


@pytest.mark.parametrize("kernel, backend, rung", implementations("numba", "cython", "cpp"))
def test_same_bits_at_any_number_of_threads(kernel, backend, rung):
    function = kernels.implementation(kernel, backend, rung)
    course = [case for case in cases(kernel, "course", rung) if case.flops() < 1e9]
    for case in [*cases(kernel, rung=rung), *course]:
        assert not unstable(function, case, np.float32)


@pytest.mark.parametrize("kernel", kernels.names())
def test_every_core_kernel_has_five_backends_and_two_kinds_of_cases(kernel):
    for backend, state in kernels.backends().items():
        if state == "available" and kernels.CONTRACTS[kernel].core:
            assert "default" in kernels.algorithms(kernel, backend), backend
    assert cases(kernel, "small")
    assert cases(kernel, "course")


def test_case_ids_are_different():
    for kernel in kernels.names():
        ids = [case.id for case in cases(kernel)]
        assert len(set(ids)) == len(ids)
