"""Layers with windows over 1, 2 and 3 axes: each is its op, with torch.nn's names, order, defaults and shapes."""

import inspect
import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cuarzo import Tensor, nn, ops

RNG = np.random.default_rng(0)
IMAGES = {n: Tensor(RNG.normal(size=(2, 4, *(5, 6, 7)[-n:])).astype(np.float32)) for n in (1, 2, 3)}

CONV = "in_channels out_channels kernel_size stride=1 padding=0"
POOL = "kernel_size stride=None padding=0"
SIGNATURES = {
    "Conv{n}d": f"{CONV} dilation=1 groups=1 bias=True",
    "ConvTranspose{n}d": f"{CONV} output_padding=0 groups=1 bias=True dilation=1",
    "MaxPool{n}d": f"{POOL} dilation=1 return_indices=False ceil_mode=False",
    "AvgPool{n}d": f"{POOL} ceil_mode=False count_include_pad=True",
    "AdaptiveAvgPool{n}d": "output_size",
    "AdaptiveMaxPool{n}d": "output_size return_indices=False",
    "MaxUnpool{n}d": POOL,
}
SIGNATURES = {name.format(n=n): signature for name, signature in SIGNATURES.items() for n in (1, 2, 3)}
SIGNATURES |= {f"AvgPool{n}d": SIGNATURES["AvgPool1d"] + " divisor_override=None" for n in (2, 3)}
SIGNATURES["Upsample"] = "size=None scale_factor=None mode='nearest' align_corners=None"


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name):
    parameters = inspect.signature(getattr(nn, name)).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    shown = " ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in positional)
    assert shown == SIGNATURES[name]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_convolutions_are_their_ops(n):
    x = IMAGES[n]
    conv = getattr(nn, f"Conv{n}d")(4, 6, 3, 2, ((1, 0),) * n, 2, 2)
    assert conv.weight.shape == (6, 2, *(3,) * n) and conv.bias.shape == (6,)
    expected = getattr(ops, f"conv{n}d")(x, conv.weight, conv.bias, 2, ((1, 0),) * n, 2, 2)
    assert_array_equal(conv(x).data, expected.data)
    back = getattr(nn, f"ConvTranspose{n}d")(4, 6, 3, 2, 1, 1, 2, True, 2)
    assert back.weight.shape == (4, 3, *(3,) * n) and back.bias.shape == (6,)
    expected = getattr(ops, f"conv_transpose{n}d")(x, back.weight, back.bias, 2, 1, 1, 2, 2)
    assert_array_equal(back(x).data, expected.data)
    assert [*conv.state_dict()] == [*back.state_dict()] == ["weight", "bias"]
    assert getattr(nn, f"Conv{n}d")(4, 1, 3, padding="same", bias=False)(x).shape == (2, 1, *x.shape[2:])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_pools_are_their_ops(n):
    x = IMAGES[n]
    linear = ("linear", "bilinear", "trilinear")[n - 1]
    for layer, op, *arguments in (
        (f"MaxPool{n}d", f"max_pool{n}d", 3, 2, 1, 2),
        (f"AvgPool{n}d", f"avg_pool{n}d", 3, 2, 1, True, False),
        (f"AdaptiveAvgPool{n}d", f"adaptive_avg_pool{n}d", 2),
        (f"AdaptiveMaxPool{n}d", f"adaptive_max_pool{n}d", (None, 2, 3)[:n]),
        ("Upsample", "interpolate", None, 2),
        ("Upsample", "upsample", 9, None, linear, True),
    ):
        module = getattr(nn, layer)(*arguments)
        y = module(x)
        assert_array_equal(y.data, getattr(ops, op)(x, *arguments).data)
        assert module.flops(x.shape, y.shape) >= 0 and not [*module.parameters()]
    y, indices = getattr(nn, f"MaxPool{n}d")(2, return_indices=True)(x)
    back = getattr(nn, f"MaxUnpool{n}d")(2)(y, indices, x.shape)
    assert back.shape == x.shape and back.data.sum() == pytest.approx(y.data.sum(), rel=1e-5)
    y, indices = getattr(nn, f"AdaptiveMaxPool{n}d")(1, return_indices=True)(x)
    assert_array_equal(indices.ravel(), x.data.reshape(2, 4, -1).argmax(2).ravel())


def test_subsample2d():
    """LeCun's: with the sums' coefficient w / 4, the same."""
    layer, x = nn.Subsample2d(4, 2), IMAGES[2]
    assert_array_equal(layer(x).data, ops.avg_pool2d(x, 2).data)
    layer.weight.data[:] = [1, 2, 3, 4]
    layer.bias.data[:] = [0, 0, 1, 0]
    y = layer(x)
    window = x.data[1, 2, 2:4, 4:6]
    assert y.shape == (2, 4, 3, 3) and y.data[1, 2, 1, 2] == pytest.approx(3 / 4 * window.sum() + 1, rel=1e-5)
    y.sum().backward()
    np.testing.assert_allclose(layer.bias.grad, 18)
    assert layer.weight.grad.shape == (4,) and repr(layer) == "Subsample2d(channels=4, kernel_size=(2, 2))"
    with pytest.raises(ValueError, match="Subsample2d: x has 4 channels, expected 3"):
        nn.Subsample2d(3, 2)(x)


def test_the_size_that_a_transposed_convolution_gives_back():
    conv, back = nn.Conv2d(4, 3, 3, 2, 1), nn.ConvTranspose2d(3, 4, 3, 2, 1)
    for size in ((7, 8), (8, 7)):
        y = conv(Tensor(np.zeros((1, 4, *size), np.float32)))
        assert y.shape == (1, 3, 4, 4)
        assert back(y, size).shape == back(y, output_size=(1, 4, *size)).shape == (1, 4, *size)
    with pytest.raises(ValueError, match="ConvTranspose2d: output_size has height 9, expected 7 to 8 for x"):
        back(y, 9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_initial_values(dtype):
    """Bound 1/sqrt(F / groups R S), for the bias too; five standard errors of the mean are allowed."""
    layer = nn.ConvTranspose2d(64, 8, 5, groups=2, dtype=dtype, seed=1)
    bound = 1 / math.sqrt(4 * 25)
    for array in (layer.weight.data, layer.bias.data):
        assert array.dtype == dtype and np.abs(array).max() <= bound * (1 + 1e-6)
    weight = layer.weight.data
    assert abs(weight.mean()) < 5 * bound / math.sqrt(3 * weight.size)
    assert abs(weight.std() / (bound / math.sqrt(3)) - 1) < 3 / math.sqrt(weight.size)


def test_every_setting_shows():
    for one, other in (
        (nn.Conv1d(2, 2, 3), nn.Conv1d(2, 2, 3, padding=((0, 1),))),
        (nn.Conv3d(2, 2, 3), nn.Conv3d(2, 2, (3, 3, 2))),
        (nn.ConvTranspose1d(2, 2, 3, 2), nn.ConvTranspose1d(2, 2, 3, 2, 0, 1)),
        (nn.ConvTranspose2d(2, 2, 3), nn.ConvTranspose2d(2, 2, 3, groups=2)),
        (nn.ConvTranspose2d(2, 2, 3), nn.ConvTranspose2d(2, 2, 3, dilation=2)),
        (nn.ConvTranspose2d(2, 2, 3), nn.ConvTranspose2d(2, 2, 3, bias=False)),
        (nn.AvgPool3d(2), nn.AvgPool3d(2, divisor_override=3)),
        (nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d((1, None))),
        (nn.AdaptiveMaxPool2d(1), nn.AdaptiveMaxPool2d(1, True)),
        (nn.MaxUnpool2d(2), nn.MaxUnpool2d(2, 1)),
        (nn.Upsample(2), nn.Upsample(None, 2)),
        (nn.Upsample(2, mode="bilinear"), nn.Upsample(2, mode="bilinear", align_corners=True)),
        (nn.Subsample2d(2, 2), nn.Subsample2d(2, 3)),
        (nn.Concatenate(nn.ReLU()), nn.Concatenate(nn.ReLU(), dim=2)),
        (nn.Sum(nn.ReLU()), nn.Sum(nn.ReLU(), nn.Identity())),
    ):
        assert type(one) is type(other) and repr(one) != repr(other)
    back = nn.ConvTranspose2d(4, 2, 3, 2, 1, 1)
    shown = "stride=(2, 2), padding=((1, 1), (1, 1)), output_padding=(1, 1)"
    assert repr(back) == f"ConvTranspose2d(4, 2, kernel_size=(3, 3), {shown})"
    assert repr(nn.Upsample(scale_factor=np.float64(2))) == (
        "Upsample(size=None, scale_factor=2.0, mode='nearest', align_corners=None)"
    )


@pytest.mark.parametrize(
    ("layer", "shape", "output", "flops"),
    [
        (nn.Conv3d(2, 3, 2), (2, 3, 4, 5), (3, 2, 3, 4), 72 * (2 * 16 + 1)),
        (nn.ConvTranspose1d(2, 4, 3, groups=2), (2, 5), (4, 7), 2 * 10 * 6 + 28),
        (nn.MaxPool1d(3), (2, 7), (2, 2), 12),
        (nn.AdaptiveAvgPool2d((2, 1)), (3, 5, 4), (3, 2, 1), 3 * 6 * 4),  # rows 0-2 and 2-4 of 5
        (nn.Upsample(scale_factor=2), (3, 2, 2), (3, 4, 4), 0),
        (nn.Upsample(4, mode="bilinear"), (1, 2, 3), (1, 4, 4), 3 * 8 + 3 * 16),
        (nn.Subsample2d(2, 2), (2, 4, 4), (2, 2, 2), 8 * 6),
    ],
)
def test_summary(layer, shape, output, flops):
    (row,) = layer.summary(shape).rows
    assert (row.output_shape, row.flops) == (output, flops)
    assert row.parameters == sum(p.size for p in layer.parameters())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv1d(3, 4, (3, 3)), r"Conv1d: kernel_size is \(3, 3\), expected an integer or \(width,\)"),
        (lambda: nn.Conv3d(3, 4, 3, groups=2), "Conv3d: in_channels is 3, expected a multiple of groups = 2"),
        (lambda: nn.ConvTranspose2d(4, 3, 3, groups=2), "ConvTranspose2d: out_channels is 3"),
        (lambda: nn.ConvTranspose2d(4, 3, 3, 2, 0, 2), r"output_padding is \(2, 2\), expected less than the stride"),
        (lambda: nn.AvgPool2d(2, divisor_override=0), "AvgPool2d: divisor_override is 0"),
        (lambda: nn.AdaptiveAvgPool1d((1, 2)), "AdaptiveAvgPool1d: output_size is"),
        (lambda: nn.MaxUnpool2d(0), "MaxUnpool2d: kernel_size is 0"),
        (lambda: nn.Upsample(), "Upsample: expected one of size and scale_factor, got none"),
        (lambda: nn.Upsample(scale_factor=0), "Upsample: scale_factor is 0, expected a number above 0"),
        (lambda: nn.Upsample(scale_factor=(2, 1e308)), r"Upsample: scale_factor is 1e\+308, expected a number above 0"),
        (lambda: nn.Upsample(2, mode="cubic"), "Upsample: mode is 'cubic'"),
        (lambda: nn.Subsample2d(0, 2), "Subsample2d: channels is 0"),
    ],
)
def test_constructors_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()
