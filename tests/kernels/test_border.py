"""What reaches compiled loops is checked: a wrong call is refused, and the error names kernel and argument."""

import numpy as np
import pytest

from cuarzo import kernels
from cuarzo.kernels.cases import Case
from cuarzo.kernels.cases.conv import Conv
from cuarzo.kernels.cases.matmul import Product
from cuarzo.kernels.cases.pool import Pool
from cuarzo.kernels.cases.random import Numbers
from implementations import implementations

COMPILED = implementations("numpy", "numba", "cython", "cpp")
BACKENDS = sorted({backend for _, backend, _ in COMPILED})
SETTINGS = {
    "matmul": Product(3, 4, 5),
    "conv2d": Conv(2, 4, 6, 7, 6, 3, 2, groups=2, pad=((1, 1), (0, 1))),
    "max_pool2d": Pool(2, 3, 6, 7, (2, 3), (2, 1), pad=((1, 0), (1, 1))),
    "avg_pool2d": Pool(2, 3, 6, 7, (2, 3), (2, 1), pad=((1, 0), (1, 1))),
    "philox": Numbers(9, 1, 2),
}


def valid(kernel):
    settings = next(settings for stem, settings in SETTINGS.items() if kernel.startswith(stem))
    return Case(kernel, settings).arguments(np.float32)


def refused(function, arguments, *words):
    kept = {k: v.copy() for k, v in arguments.items() if isinstance(v, np.ndarray)}
    with pytest.raises((ValueError, TypeError)) as error:
        function(*arguments.values())
    for word in words:
        assert word in str(error.value)
    for name, before in kept.items():
        np.testing.assert_array_equal(arguments[name], before, err_msg=f"{name} was written to before the refusal")


@pytest.mark.parametrize("kernel, backend, rung", COMPILED)
def test_arrays(kernel, backend, rung):
    function = kernels.implementation(kernel, backend, rung)
    arguments = valid(kernel)
    arrays = [name for name, value in arguments.items() if isinstance(value, np.ndarray)]
    for name in arrays:
        array = arguments[name]
        alone = len(arrays) == 1  # a single array sets the dtype, and any shape will do
        wrong = {
            "list": array.tolist(),
            "int32": np.zeros(array.shape, np.int32),
            "float16": np.zeros(array.shape, np.float16),
            "big endian": array.astype(array.dtype.newbyteorder()),
            "strided": np.repeat(array, 2, axis=-1)[..., ::2],
        }
        if not alone:
            wrong["other dtype"] = array.astype(np.float64)
            wrong["one dimension less"] = array[0]
            wrong["one dimension more"] = array[None]
            wrong["larger"] = np.concatenate([array, array], axis=-1)
            wrong["smaller"] = np.ascontiguousarray(array[..., :-1])
            wrong["empty"] = array[:0]
        for what, value in wrong.items():
            with np.errstate(all="ignore"):
                try:
                    refused(function, {**arguments, name: value}, kernel.split("_")[0])
                except BaseException as failure:
                    raise AssertionError(f"{name} as {what}") from failure
        if name in kernels.CONTRACTS[kernel].outputs:
            locked = array.copy()
            locked.flags.writeable = False
            refused(function, {**arguments, name: locked})
        if name not in kernels.CONTRACTS[kernel].optional:
            refused(function, {**arguments, name: None})


@pytest.mark.parametrize("kernel, backend, rung", [row for row in COMPILED if "2d" in row[0]])
def test_options(kernel, backend, rung):
    function = kernels.implementation(kernel, backend, rung)
    arguments = valid(kernel)
    huge = 2**62
    wrong = {
        "stride": [(0, 1), (1, -1), (huge, huge), (1,), (1, 1, 1), (1.5, 1), 1, None],
        "padding": [
            ((2**31, 0), (0, 0)),
            ((-1, 1), (0, 1)),
            ((0, 0), (0, -1)),
            ((huge, huge), (huge, huge)),
            (1, 1),
            None,
        ],
        "dilation": [(0, 1), (1, -1), (huge, huge), 1],
        "window": [(0, 1), (2, -1), (huge, huge), 2],
        "groups": [0, -1, 3, 5, huge, 1.5, None],
    }
    for option, values in wrong.items():
        for value in values if option in arguments else ():
            if option == "stride" and value == (huge, huge) and "conv" not in kernel:
                continue
            try:
                refused(function, {**arguments, option: value})
            except BaseException as failure:
                raise AssertionError(f"{option} = {value}") from failure


@pytest.mark.parametrize("kernel, backend, rung", [row for row in COMPILED if "conv2d" in row[0]])
@pytest.mark.parametrize("shape", [(1, 1, 0, 3), (0, 1, 2, 3), (1, 0, 2, 3)])
def test_nothing_to_convolve(kernel, backend, rung, shape):
    F, C, R, _ = shape
    shapes = {"x": (1, C, 5, 5), "w": shape, "b": (F,), "y": (1, F, 4 if R else 6, 3)}
    shapes |= {f"d{name}": size for name, size in shapes.items()}
    arguments = {name: np.zeros(size, np.float32) for name, size in shapes.items()}
    arguments |= {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1 if F * C else 2**40}
    ordered = {name: arguments[name] for name in kernels.CONTRACTS[kernel].arguments}
    refused(kernels.implementation(kernel, backend, rung), ordered)


@pytest.mark.parametrize("backend", BACKENDS)
def test_indices_that_point_outside(backend):
    function = kernels.implementation("max_pool2d_backward", backend)
    arguments = valid("max_pool2d_backward")
    for wrong in (42, -2, 2**62):
        indices = arguments["indices"].copy()
        indices[1, 2, 0, 1] = wrong
        refused(function, {**arguments, "indices": indices}, "indices")
    refused(function, {**arguments, "indices": None, "x": None})
    refused(function, {**arguments, "indices": arguments["indices"].astype(np.int32)})


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("wrong", [-1, 2**64, 1.5, None, "1"])
def test_keys_and_counters(backend, wrong):
    function = kernels.implementation("philox_uniform", backend)
    for name in ("key", "counter"):
        with pytest.raises((ValueError, TypeError, OverflowError)):
            function(*{**valid("philox_uniform"), name: wrong}.values())


@pytest.mark.skipif(kernels.backends()["cpp"] != "available", reason="the C++ kernels are not built here")
def test_cpp_refuses_overlap():
    a = np.ones((4, 4), np.float32)
    with pytest.raises(ValueError, match=r"matmul.*overlap"):
        kernels.implementation("matmul", "cpp")(a, np.ones((4, 4), np.float32), False, False, a)
