"""Each layer is its op; the constructors have torch.nn's names, order and defaults."""

import inspect
import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import cuarzo as cz
from cuarzo import Tensor, nn, ops

RNG = np.random.default_rng(0)
X = Tensor(RNG.normal(size=(2, 4, 6, 6)).astype(np.float32))

SIGNATURES = {
    "Linear": "in_features out_features bias=True",
    "Conv2d": "in_channels out_channels kernel_size stride=1 padding=0 dilation=1 groups=1 bias=True",
    "MaxPool2d": "kernel_size stride=None padding=0 dilation=1 return_indices=False ceil_mode=False",
    "AvgPool2d": "kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True divisor_override=None",
    "Flatten": "start_dim=1 end_dim=-1",
    "Dropout": "p=0.5",
    "LeakyReLU": "negative_slope=0.01",
    "ELU": "alpha=1.0",
    "GELU": "approximate='none'",
    "Softplus": "beta=1.0 threshold=20.0",
    "Softmax": "dim=-1",
    "LogSoftmax": "dim=-1",
    "CrossEntropyLoss": "",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name):
    parameters = inspect.signature(getattr(nn, name)).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert (
        " ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in positional) == SIGNATURES[name]
    )


LAYERS = [
    (nn.Identity(), lambda x: x),
    (nn.ReLU(), ops.relu),
    (nn.Sigmoid(), ops.sigmoid),
    (nn.Tanh(), ops.tanh),
    (nn.LeakyReLU(0.3), lambda x: ops.leaky_relu(x, 0.3)),
    (nn.ELU(2.0), lambda x: ops.elu(x, 2.0)),
    (nn.GELU(), ops.gelu),
    (nn.SiLU(), ops.silu),
    (nn.GELU("tanh"), lambda x: ops.gelu(x, "tanh")),
    (nn.Softplus(2.0, 1.0), lambda x: ops.softplus(x, 2.0, 1.0)),
    (nn.Softmax(1), lambda x: ops.softmax(x, 1)),
    (nn.LogSoftmax(), lambda x: ops.log_softmax(x, -1)),
    (nn.Flatten(), lambda x: ops.flatten(x, 1)),
    (nn.MaxPool2d(3, 2, 1, ceil_mode=True), lambda x: ops.max_pool2d(x, 3, 2, 1, ceil_mode=True)),
    (nn.MaxPool2d(2, 1, 0, 2), lambda x: ops.max_pool2d(x, 2, 1, 0, 2)),
    (nn.AvgPool2d((2, 3)), lambda x: ops.avg_pool2d(x, (2, 3))),
    (nn.AvgPool2d(3, 2, 1, True, False), lambda x: ops.avg_pool2d(x, 3, 2, 1, True, False)),
]


@pytest.mark.parametrize(("layer", "op"), LAYERS, ids=[repr(layer) for layer, _ in LAYERS])
def test_layer_is_its_op(layer, op):
    assert_array_equal(layer(X).data, op(X).data)
    assert layer.flops(X.shape, layer(X).shape) >= 0 and not list(layer.parameters())


def test_max_pool2d_with_indices():
    y, indices = nn.MaxPool2d(2, return_indices=True)(X)
    assert y.shape == indices.shape == (2, 4, 3, 3) and indices.dtype == np.int64


def test_linear_and_conv2d():
    linear = nn.Linear(6, 5)
    assert_array_equal(linear(X).data, ops.linear(X, linear.weight, linear.bias).data)
    conv = nn.Conv2d(4, 8, (3, 2), (2, 1), (1, 0), 2, 4)
    expected = ops.conv2d(X, conv.weight, conv.bias, (2, 1), (1, 0), 2, 4)
    assert conv.weight.shape == (8, 1, 3, 2)
    assert_array_equal(conv(X).data, expected.data)
    assert nn.Conv2d(4, 8, 3, padding="same", bias=False)(X).shape == (2, 8, 6, 6)
    assert nn.Linear(6, 5, bias=False).bias is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(0, 3), "in_features is 0"),
        (lambda: nn.Linear(3, -1), "out_features is -1"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "in_channels is 3, expected a multiple of groups = 2"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), "out_channels is 3"),
        (lambda: nn.Conv2d(4, 3, 0), "kernel_size is 0"),
        (lambda: nn.Conv2d(4, 3, 3, 2, "same"), "padding 'same' needs a stride of 1"),
        (lambda: nn.MaxPool2d(2, 0), "stride is 0"),
        (lambda: nn.AvgPool2d(-2), "kernel_size is -2"),
        (lambda: nn.Dropout(-0.1), "p is -0.1, expected a probability"),
        (lambda: nn.MaxPool2d(2, padding=-1), "MaxPool2d: padding is -1"),
        (lambda: nn.AvgPool2d(2, padding=2), "AvgPool2d: padding is .*, expected at most half the window"),
        (lambda: nn.GELU("erf"), "GELU: approximate is 'erf'"),
        (lambda: nn.ELU(math.nan), "ELU: alpha is nan, expected a finite number"),
        (lambda: nn.Softplus(0), "Softplus: beta is 0"),
        (lambda: nn.MSELoss(reduction="max"), "reduction is 'max', expected one of"),
    ],
)
def test_constructors_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()
    with pytest.raises(TypeError, match="dtype float16"):
        nn.Linear(2, 2, dtype=np.float16)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Dropout("x"), "Dropout: p is 'x' of type str, expected a number"),
        (lambda: nn.LeakyReLU(None), "LeakyReLU: negative_slope is None"),
        (lambda: nn.Softmax(1.5), "Softmax: dim is 1.5 of type float, expected an integer"),
        (lambda: nn.Flatten(1.5), "Flatten: start_dim is 1.5"),
    ],
)
def test_constructors_refuse_types(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_every_setting_shows():
    """Training compares layers by their repr when a run goes on."""
    one = [
        nn.LeakyReLU(), nn.ELU(), nn.GELU(), nn.Softplus(), nn.Softplus(), nn.Softmax(), nn.LogSoftmax(), nn.Flatten(),
        nn.Flatten(), nn.MaxPool2d(2), nn.MaxPool2d(2), nn.MaxPool2d(2), nn.MaxPool2d(2), nn.AvgPool2d(2),
        nn.AvgPool2d(2), nn.AvgPool2d(2), nn.CrossEntropyLoss(), nn.Dropout(), nn.Conv2d(2, 2, 3), nn.Linear(2, 3),
    ]  # fmt: skip
    other = [
        nn.LeakyReLU(0.2), nn.ELU(2), nn.GELU("tanh"), nn.Softplus(2), nn.Softplus(1, 9), nn.Softmax(1),
        nn.LogSoftmax(1), nn.Flatten(2), nn.Flatten(1, 2), nn.MaxPool2d(2, ceil_mode=True), nn.MaxPool2d(2, dilation=2),
        nn.MaxPool2d(2, padding=1), nn.MaxPool2d(2, return_indices=True), nn.AvgPool2d(2, ceil_mode=True),
        nn.AvgPool2d(2, count_include_pad=False), nn.AvgPool2d(2, 1), nn.CrossEntropyLoss(reduction="sum"),
        nn.Dropout(0.1), nn.Conv2d(2, 2, 3, groups=2), nn.Linear(2, 3, bias=False),
    ]  # fmt: skip
    for a, b in zip(one, other, strict=True):
        assert type(a) is type(b) and repr(a) != repr(b)
    assert repr(nn.LeakyReLU(np.float64(0.5))) == "LeakyReLU(negative_slope=0.5)"
    assert repr(nn.Softplus(2)) == "Softplus(beta=2.0, threshold=20.0)"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_initial_values(dtype):
    """U(-1/sqrt fan_in, 1/sqrt fan_in): five standard errors of the mean, bound / sqrt(3 n), are allowed."""
    for layer, fan_in in (
        (nn.Linear(100, 300, dtype=dtype, seed=0), 100),
        (nn.Conv2d(8, 64, 5, groups=2, dtype=dtype, seed=1), 100),
    ):
        bound = 1 / math.sqrt(fan_in)
        for array in (layer.weight.data, layer.bias.data):
            assert array.dtype == dtype and np.abs(array).max() <= bound * (1 + 1e-6)
            assert abs(array.mean()) < 5 * bound / math.sqrt(3 * array.size)
            assert abs(array.std() / (bound / math.sqrt(3)) - 1) < 3 / math.sqrt(array.size)


def test_losses():
    logits, labels = Tensor(RNG.normal(size=(3, 4))), [0, 3, 1]
    target = RNG.random((3, 4))
    for reduction in ("mean", "sum", "none"):
        for loss, op, x, t in (
            (nn.CrossEntropyLoss, ops.cross_entropy, logits, labels),
            (nn.MSELoss, ops.mse_loss, logits, target),
            (nn.BCELoss, ops.binary_cross_entropy, logits.sigmoid(), target),
            (nn.BCEWithLogitsLoss, ops.binary_cross_entropy_with_logits, logits, target),
        ):
            assert_array_equal(loss(reduction=reduction)(x, t).data, op(x, t, reduction).data)
    assert repr(nn.MSELoss()) == "MSELoss(reduction='mean')"
    loss = nn.CrossEntropyLoss(ignore_index=3, reduction="sum", label_smoothing=0.1)
    assert_array_equal(loss(logits, labels).data, ops.cross_entropy(logits, labels, "sum", 3, 0.1).data)
    assert repr(loss) == "CrossEntropyLoss(ignore_index=3, reduction='sum', label_smoothing=0.1)"
    with pytest.raises(ValueError, match="label_smoothing is -1"):
        nn.CrossEntropyLoss(label_smoothing=-1)


def test_dropout_in_training_and_after():
    layer = nn.Dropout(0.5, seed=0)
    y = layer(X)
    assert 0.3 < (y.data == 0).mean() < 0.7 and layer.stream.counter == X.size // 4
    assert layer.eval()(X) is X and layer.stream.counter == X.size // 4


def test_the_same_losses_on_two_backends():
    """A small network of every layer trains alike on the definition and on NumPy, in float64."""

    def losses(backend):
        with cz.kernels.use(backend), cz.seed(4):
            net = nn.Sequential(
                nn.Conv2d(1, 2, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(2, 3, 2), nn.ReLU(),
                nn.AvgPool2d(2, 1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(12, 3),
            ).to(np.float64)  # fmt: skip
            x, y = Tensor(np.random.default_rng(0).normal(size=(4, 1, 8, 8))), [0, 1, 2, 0]
            optimizer, result = cz.optim.SGD(net.parameters(), 0.5, momentum=0.9), []
            for _ in range(5):
                optimizer.zero_grad()
                loss = ops.cross_entropy(net(x), y)
                loss.backward()
                optimizer.step()
                result.append(loss.item())
        return result

    assert losses("naive") == pytest.approx(losses("numpy"), abs=1e-12)
    assert losses("numpy")[-1] < losses("numpy")[0]
