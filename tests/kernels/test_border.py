"""What reaches compiled loops is checked: a wrong call is refused, and the error names kernel and argument."""

import numpy as np
import pytest

from cuarzo import kernels
from cuarzo.kernels.cases import cases
from implementations import implementations

COMPILED = implementations("numpy", "numba", "cython", "cpp")
BACKENDS = sorted({backend for _, backend, _ in COMPILED})
FREE = {"max_unpool_forward": "y", "max_unpool_backward": "dy"}  # arrays that may be as long as one likes


def valid(kernel, rung="default"):
    """The arguments of the case that gives most arrays, with the fewest axes of 0 or 1, and windows side by side."""

    def fullness(arguments):
        shapes = [value.shape for value in arguments.values() if isinstance(value, np.ndarray)]
        single = sum(n < 2 for shape in shapes for n in shape)
        integers = any(getattr(value, "dtype", None) == np.int64 for value in arguments.values())
        return len(shapes), integers, max(arguments.get("stride", (1,))) == 1, -single

    return max((case.arguments(np.float32) for case in cases(kernel, rung=rung)), key=fullness)


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
    arguments = valid(kernel, rung)
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
            wrong["empty"] = array[:0]
            if FREE.get(kernel) != name:
                wrong["larger"] = np.concatenate([array, array], axis=-1)
                wrong["smaller"] = np.ascontiguousarray(array[..., :-1])
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


WINDOWS = [row for row in COMPILED if kernels.CONTRACTS[row[0]].family in ("conv", "pool")]


@pytest.mark.parametrize("kernel, backend, rung", WINDOWS)
def test_windows(kernel, backend, rung):
    function = kernels.implementation(kernel, backend, rung)
    arguments = valid(kernel, rung)
    n, huge = len(arguments["stride"]), 2**62
    none = ((0, 0),) * (n - 1)
    wrong = {
        "stride": [(0,) * n, (1,) * (n - 1) + (-1,), (huge,) * n, (), (1,) * (n + 1), (1.5,) * n, 1, None],
        "padding": [
            (*none, (2**31, 0)),
            ((-1, 1), *none),
            (*none, (0, -1)),
            ((huge, huge),) * n,
            (1,) * n,
            None,
        ],
        "dilation": [(0,) * n, (1,) * (n - 1) + (-1,), (huge,) * n, 1],
        "window": [(0,) * n, (2,) * (n - 1) + (-1,), (huge,) * n, 2],
        "groups": [0, -1, 3, 5, huge, 1.5, None],
    }
    for option, values in wrong.items():
        for value in values if option in arguments else ():
            if option == "groups" and arguments["groups"] == value:
                continue
            try:
                refused(function, {**arguments, option: value})
            except BaseException as failure:
                raise AssertionError(f"{option} = {value}") from failure


WRONG = {
    **dict.fromkeys(("key", "counter"), (-1, 2**64, 1.5, None, "1")),
    **dict.fromkeys(("steps", "size", "step"), (0, -1, 1.5, 2**70, None)),
    **dict.fromkeys(("eps", "lr", "momentum", "beta1", "alpha", "beta", "slope", "p", "threshold"), ("a", None, [1.0])),
    "padding_index": (-2, 2**40, 1.5, None),
}


@pytest.mark.parametrize("kernel, backend, rung", COMPILED)
def test_other_options(kernel, backend, rung):
    function = kernels.implementation(kernel, backend, rung)
    for option in set(WRONG) & set(kernels.CONTRACTS[kernel].options):
        for value in WRONG[option]:
            try:
                refused(function, {**valid(kernel), option: value}, option)
            except BaseException as failure:
                raise AssertionError(f"{option} = {value!r}") from failure


RANGES = {"indices": (-(2**62), 2**62), "labels": (-1, 2**62), "lengths": (0, 2**62)}


@pytest.mark.parametrize("kernel, backend, rung", COMPILED)
def test_integers_that_point_outside(kernel, backend, rung):
    function = kernels.implementation(kernel, backend, rung)
    for name in set(RANGES) & set(kernels.CONTRACTS[kernel].inputs):
        for wrong in RANGES[name]:
            arguments = valid(kernel)
            assert arguments[name] is not None
            arguments[name].flat[-1] = wrong
            refused(function, arguments, name)


# How many elements an index chooses among, and the least that is allowed: -1 goes nowhere where windows may be empty.
CHOICES = {
    **{f"max_pool{n}d_backward": (lambda given: given["dx"][0, 0].size, -1) for n in (1, 2, 3)},
    "adaptive_max_pool_backward": (lambda given: given["dx"].shape[1], 0),
    "max_unpool_forward": (lambda given: given["y"].shape[1], -1),
    "max_unpool_backward": (lambda given: given["dy"].shape[1], -1),
    "embedding_forward": (lambda given: len(given["weight"]), 0),
    "embedding_backward": (lambda given: len(given["dweight"]), 0),
}


@pytest.mark.parametrize("kernel, backend, rung", [row for row in COMPILED if row[0] in CHOICES])
def test_the_first_index_outside(kernel, backend, rung):
    function = kernels.implementation(kernel, backend, rung)
    count, least = CHOICES[kernel]
    for wrong in (count(valid(kernel)), least - 1):
        arguments = valid(kernel)
        arguments["indices"].flat[-1] = wrong
        refused(function, arguments, "indices")


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
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_maximum_needs_x_or_indices(backend, axes):
    function = kernels.implementation(f"max_pool{axes}d_backward", backend)
    arguments = valid(f"max_pool{axes}d_backward")
    refused(function, {**arguments, "indices": None, "x": None})


@pytest.mark.skipif(kernels.backends()["cpp"] != "available", reason="the C++ kernels are not built here")
def test_cpp_refuses_overlap():
    a = np.ones((4, 4), np.float32)
    with pytest.raises(ValueError, match=r"matmul.*overlap"):
        kernels.implementation("matmul", "cpp")(a, np.ones((4, 4), np.float32), False, False, a)
