"""Normalisation and embedding as layers: running statistics, buffers in state_dict and checkpoints, values by hand."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import cuarzo as cz
from cuarzo import Tensor, nn, ops, optim
from cuarzo.storage import load_arrays, save_arrays
from cuarzo.train import fit

RNG = np.random.default_rng(9)
SIGNATURES = {
    "BatchNorm1d": "num_features eps=1e-05 momentum=0.1 affine=True track_running_stats=True",
    "BatchNorm2d": "num_features eps=1e-05 momentum=0.1 affine=True track_running_stats=True",
    "BatchNorm3d": "num_features eps=1e-05 momentum=0.1 affine=True track_running_stats=True",
    "LayerNorm": "normalized_shape eps=1e-05 elementwise_affine=True bias=True",
    "LocalResponseNorm": "size alpha=0.0001 beta=0.75 k=1.0",
    "Embedding": "num_embeddings embedding_dim padding_idx=None",
    "SiLU": "",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name):
    parameters = inspect.signature(getattr(nn, name)).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    shown = " ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in positional)
    assert shown == SIGNATURES[name]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.BatchNorm1d, (6, 3)),
        (nn.BatchNorm1d, (4, 3, 5)),
        (nn.BatchNorm2d, (2, 3, 4, 5)),
        (nn.BatchNorm3d, (2, 3, 2, 2, 3)),
    ],
)
def test_batch_norm_by_hand(layer, shape):
    net, x = layer(3, dtype=np.float64), RNG.normal(2, 3, shape)
    net.weight.data[:], net.bias.data[:] = [1, 2, 3], [0, 1, -1]
    axes = (0, *range(2, x.ndim))
    spread = (1, 3, *[1] * (x.ndim - 2))
    mean, var, n = x.mean(axes), x.var(axes), x.size / 3
    expected = (x - mean.reshape(spread)) / np.sqrt(var.reshape(spread) + 1e-5)
    affine = lambda z: z * net.weight.data.reshape(spread) + net.bias.data.reshape(spread)  # noqa: E731
    assert_allclose(net(Tensor(x)).data, affine(expected), rtol=1e-10, atol=1e-12)
    assert_allclose(net.running_mean.data, 0.1 * mean)
    assert_allclose(net.running_var.data, 0.9 + 0.1 * var * n / (n - 1))  # the running variance is the unbiased one
    assert net.num_batches_tracked.data == 1
    before = {name: array.copy() for name, array in net.state_dict().items()}
    after = (x - net.running_mean.data.reshape(spread)) / np.sqrt(net.running_var.data.reshape(spread) + 1e-5)
    assert_allclose(net.eval()(Tensor(x)).data, affine(after), rtol=1e-10, atol=1e-12)
    assert_allclose(net(Tensor(x[:1])).data, affine(after)[:1], rtol=1e-10, atol=1e-12)
    assert all(np.array_equal(array, before[name]) for name, array in net.state_dict().items())


def test_the_average_of_all_batches():
    net, batches = nn.BatchNorm1d(2, momentum=None, dtype=np.float64), RNG.normal(size=(3, 5, 2))
    for batch in batches:
        net(Tensor(batch))
    assert_allclose(net.running_mean.data, batches.mean(1).mean(0))
    assert_allclose(net.running_var.data, batches.var(1, ddof=1).mean(0))


def test_without_running_statistics():
    net, x = nn.BatchNorm1d(2, track_running_stats=False, affine=False), Tensor(RNG.normal(size=(5, 2)))
    assert not net.state_dict() and repr(net) == "BatchNorm1d(2, affine=False, track_running_stats=False)"
    assert_allclose(net.eval()(x).data.mean(0), 0, atol=1e-12)  # the batch's own, also outside training


def test_an_empty_batch_teaches_nothing():
    net = nn.BatchNorm2d(3)
    x = Tensor(np.zeros((0, 3, 2, 2), np.float32), requires_grad=True)
    y = net(x)
    y.sum().backward()
    assert y.shape == x.grad.shape == x.shape and not net.weight.grad.any() and not net.bias.grad.any()
    assert not net.running_mean.data.any() and (net.running_var.data == 1).all()
    assert nn.LayerNorm(3)(Tensor(np.zeros((0, 3), np.float32))).shape == (0, 3)
    assert nn.LocalResponseNorm(2)(Tensor(np.zeros((0, 3, 2)))).shape == (0, 3, 2)


def test_buffers_are_state_but_not_learned():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    names = ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"]
    assert list(net.state_dict()) == names  # torch's, in its order
    assert [name for name, _ in net.named_buffers()] == names[4:]
    assert [name for name, _ in net.named_parameters()] == names[:4]
    state = net.state_dict()
    assert state["1.num_batches_tracked"].dtype == np.int64 and state["1.num_batches_tracked"].shape == ()
    # as another library writes it
    state |= {"1.num_batches_tracked": np.array(7), "1.running_var": np.array([1, 2, 3], np.float32)}
    net.load_state_dict(state)
    assert net[1].num_batches_tracked.data == 7 and net[1].running_var.data.tolist() == [1, 2, 3]
    state["1.num_batches_tracked"] = np.array(7.0)
    with pytest.raises(ValueError, match=r"other dtype: 1\.num_batches_tracked is float64, expected int64"):
        net.load_state_dict(state)
    del state["1.num_batches_tracked"]
    with pytest.raises(ValueError, match=r"missing: 1\.num_batches_tracked, \(\)"):
        net.load_state_dict(state)
    assert len(optim.Adam(net.parameters()).params) == 4


def test_buffers_are_converted_copied_and_shown():
    net = nn.BatchNorm1d(2)
    net(Tensor(RNG.normal(size=(4, 2)).astype(np.float32)))
    kept = net.state_dict()
    net.to(np.float64)
    assert {name: array.dtype for name, array in net.state_dict().items()} == {
        "weight": np.float64, "bias": np.float64, "running_mean": np.float64, "running_var": np.float64,
        "num_batches_tracked": np.int64,
    }  # fmt: skip
    assert net(Tensor(RNG.normal(size=(4, 2)))).dtype == np.float64
    assert kept["num_batches_tracked"] == 1 and net.num_batches_tracked.data == 2
    assert repr(nn.Buffer(np.zeros(2))) == "Buffer([0., 0.], float64)" and np.asarray(net.running_var).shape == (2,)
    summary = nn.Sequential(nn.Linear(3, 2), net.to(np.float32)).summary((3,))
    assert net.num_batches_tracked.data == 2 and summary.parameters == 8 + 4


def test_saved_and_loaded(tmp_path):
    net = nn.BatchNorm1d(2)
    net(Tensor(RNG.normal(size=(4, 2)).astype(np.float32)))
    save_arrays(tmp_path / "a.safetensors", net.state_dict())
    other = nn.BatchNorm1d(2)
    other.load_state_dict(load_arrays(tmp_path / "a.safetensors")[0])
    for name, array in net.state_dict().items():
        assert_array_equal(other.state_dict()[name], array)


def test_a_resumed_run_keeps_the_running_statistics(tmp_path):
    x, y = RNG.normal(size=(32, 3)).astype(np.float32), RNG.integers(0, 2, 32)

    def run(folder, epochs, **options):
        with cz.seed(0):
            net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.SiLU(), nn.Linear(4, 2))
            adam = optim.Adam(net.parameters(), 0.01)
            fit(net, (x, y), (x, y), epochs=epochs, batch_size=8, optimizer=adam, folder=folder, seed=1,
                progress=False, **options)  # fmt: skip
        return {name: array.tobytes() for name, array in net.state_dict().items()}

    straight = run(None, 4)
    run(tmp_path, 2)
    assert run(tmp_path, 4, resume=True) == straight


@pytest.mark.parametrize("name", ["running_mean", "running_var"])
def test_running_statistics_that_are_read_only_move_together_or_not_at_all(name):
    running = {"running_mean": np.zeros(2), "running_var": np.ones(2)}
    running[name].flags.writeable = False
    with pytest.raises(
        ValueError, match=f"batch_norm: {name} is read-only, expected an array that training can change"
    ):
        ops.batch_norm(Tensor(RNG.normal(size=(4, 2))), **running, training=True)
    assert not running["running_mean"].any() and (running["running_var"] == 1).all()
    assert ops.batch_norm(Tensor(np.ones((1, 2))), **running).shape == (1, 2)  # reading is no harm


def test_a_last_batch_of_one_sample():
    net, data = (
        nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)),
        (np.ones((33, 3), np.float32), np.zeros(33, np.int64)),
    )
    with pytest.raises(
        ValueError, match=r"x has shape \(1, 2\), .* last batch of an epoch, another batch size gives it"
    ):
        fit(net, data, epochs=1, batch_size=32, progress=False)


def test_layer_norm_by_hand():
    x = RNG.normal(3, 2, (2, 4, 3))
    net = nn.LayerNorm((4, 3), dtype=np.float64)
    net.weight.data[:], net.bias.data[:] = RNG.normal(size=(2, 4, 3))
    z = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
    assert_allclose(net(Tensor(x)).data, z * net.weight.data + net.bias.data)
    assert {name: array.shape for name, array in net.state_dict().items()} == {"weight": (4, 3), "bias": (4, 3)}
    assert list(nn.LayerNorm(3, bias=False).state_dict()) == ["weight"]
    assert not nn.LayerNorm(3, elementwise_affine=False).state_dict()
    assert repr(nn.LayerNorm(3, 1e-6, bias=False)) == "LayerNorm((3,), eps=1e-06, bias=False)"
    assert repr(nn.LayerNorm([2, 3], elementwise_affine=False)) == "LayerNorm((2, 3), elementwise_affine=False)"


def test_local_response_norm_by_hand():
    x = RNG.normal(size=(2, 5, 3))
    y = nn.LocalResponseNorm(4, 0.5, 0.75, 2.0)(Tensor(x)).data
    for c in range(5):
        near = x[:, max(c - 2, 0) : c + 2]  # two before, one after
        assert_allclose(y[:, c], x[:, c] / (2 + 0.5 / 4 * (near**2).sum(1)) ** 0.75)
    assert repr(nn.LocalResponseNorm(3)) == "LocalResponseNorm(size=3, alpha=0.0001, beta=0.75, k=1.0)"


def test_embedding():
    net = nn.Embedding(5, 3, -1, seed=0)
    assert repr(net) == "Embedding(5, 3, padding_idx=4)" and not net.weight.data[4].any()
    indices = np.array([[0, 4], [2, 0]], np.uint8)
    y = net(indices)
    assert_array_equal(y.data, net.weight.data[indices])
    y.sum().backward()
    assert_array_equal(net.weight.grad, np.array([2, 0, 1, 0, 0])[:, None] * np.ones(3))
    assert net([]).shape == (0, 3) and net(3).shape == (3,)
    indices[:] = 1
    z = nn.Embedding(2, 400, seed=1)
    assert abs(z.weight.data.mean()) < 0.2 and abs(z.weight.data.std() - 1) < 0.2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.BatchNorm1d(2)(Tensor(np.zeros((1, 2), np.float32))),
            ValueError,
            "more than one value per channel .* the last batch of an epoch, another batch size",
        ),
        (lambda: nn.BatchNorm2d(2)(Tensor(np.zeros((2, 2)))), ValueError, r"expected \(N, C, H, W\) with C = 2"),
        (lambda: nn.BatchNorm1d(2)(Tensor(np.zeros((2, 3)))), ValueError, r"\(N, C\) or \(N, C, L\) with C = 2"),
        (lambda: nn.BatchNorm1d(2)(Tensor(np.zeros((2, 2)))), TypeError, "weight has dtype float32, expected float64"),
        (lambda: nn.BatchNorm1d(2)(np.zeros((2, 2))), TypeError, "BatchNorm1d: x is a ndarray"),
        (lambda: nn.BatchNorm1d(2, eps=-1), ValueError, "eps is -1"),
        (lambda: ops.batch_norm(Tensor(np.zeros((2, 2))), None, None), ValueError, "expected arrays outside training"),
        (
            lambda: ops.batch_norm(Tensor(np.zeros((2, 2))), np.zeros(2, np.float32), None, training=True),
            TypeError,
            "running_mean is float32, expected an array of float64",
        ),
        (
            lambda: ops.batch_norm(Tensor(np.zeros((2, 2))), np.zeros(3), None, training=True),
            ValueError,
            r"running_mean has shape \(3,\), expected \(2,\)",
        ),
        (lambda: ops.layer_norm(Tensor(np.zeros((2, 3))), 4), ValueError, r"x has shape \(2, 3\), expected \(..., 4\)"),
        (lambda: ops.layer_norm(Tensor(np.zeros(3)), ()), ValueError, "expected at least one axis"),
        (
            lambda: ops.layer_norm(Tensor(np.zeros((2, 3))), 3, Tensor(np.zeros(2))),
            ValueError,
            r"weight has shape \(2,\), expected \(3,\)",
        ),
        (lambda: nn.LayerNorm(2.0), TypeError, "normalized_shape is 2.0"),
        (lambda: nn.LocalResponseNorm(0), ValueError, "size is 0"),
        (lambda: ops.local_response_norm(Tensor(np.zeros((2, 3))), 2), ValueError, "expected 3 axes or more"),
        (lambda: nn.Embedding(3, 2)([3]), ValueError, r"indices\[0\] is 3, expected 0 ... 2: weight has 3 rows"),
        (lambda: nn.Embedding(3, 2)([[0, 1], [0, -1]]), ValueError, r"indices\[1, 1\] is -1"),
        (lambda: nn.Embedding(3, 2)(-1), ValueError, "indices is -1"),
        (lambda: nn.Embedding(3, 2)([1.0]), TypeError, "indices are of dtype float64, expected an array of integers"),
        (lambda: nn.Embedding(3, 2, 3), ValueError, "padding_idx is 3, expected one of the 3 rows"),
        (lambda: nn.Embedding(3, 2, -4), ValueError, "padding_idx is -4"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
