"""The restricted Boltzmann machine as a model: exact quantities by enumeration, learning by its exact gradient."""

import numpy as np
import pytest
from exact_rbm import Exact, ExactGaussian, parameters, states

import cuarzo as cz
from cuarzo import kernels
from cuarzo.models import RBM
from cuarzo.models.energy import exact as log_z

AVAILABLE = [name for name, state in kernels.backends().items() if state == "available"]


def machine(V, U, gaussian=False, dtype=np.float64, seed=0, scale=1.0, chains=100):
    """An RBM with parameters far from its first ones."""
    model = RBM(V, U, gaussian=gaussian, seed=seed, dtype=dtype, chains=chains)
    for parameter, array in zip(model.parameters(), parameters(V, U, seed, scale), strict=True):
        parameter.data[...] = array
    return model


def exact_gradient(model, v):
    """d/d parameter of -mean log p(v), by central differences of the exact log-likelihood."""
    gradients = []
    for parameter in model.parameters():
        gradient = np.empty(parameter.shape)
        for i in np.ndindex(parameter.shape):
            kept, values = parameter.data[i], []
            for step in (1e-5, -1e-5):
                parameter.data[i] = kept + step
                values.append(-model.log_likelihood(v).mean())
            parameter.data[i] = kept
            gradient[i] = (values[0] - values[1]) / 2e-5
        gradients.append(gradient)
    return gradients


def bars(rows, seed=0):
    """Images of 3 x 3 with one bar, across or down."""
    rng, images = np.random.default_rng(seed), np.zeros((rows, 3, 3), np.float64)
    for image, down, at in zip(images, rng.integers(0, 2, rows), rng.integers(0, 3, rows), strict=True):
        (image.T if down else image)[at] = 1
    return images


@pytest.mark.parametrize("V, U", [(1, 1), (3, 7), (7, 4), (6, 6)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exact_likelihood_of_binary_units(V, U, dtype, monkeypatch):
    monkeypatch.setattr(log_z, "_CHUNK", 2)  # several chunks even here
    model = machine(V, U, dtype=dtype)
    exact = Exact(*(parameter.data.astype(np.float64) for parameter in model.parameters()))
    assert model.log_partition() == pytest.approx(exact.log_z(), rel=1e-13)
    v = states(V).astype(dtype)
    np.testing.assert_allclose(np.exp(model.log_likelihood(v)), exact.p().sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(model.free_energy(v), -model.log_likelihood(v) - exact.log_z(), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(model.log_likelihood(v, 3.0), model.log_likelihood(v, 0.0) - 3.0)


@pytest.mark.parametrize("V, U", [(1, 3), (5, 4)])
def test_exact_likelihood_of_gaussian_units(V, U):
    model = machine(V, U, gaussian=True, scale=0.7)
    exact = ExactGaussian(*(parameter.data for parameter in model.parameters()))
    z = np.exp(exact.log_weights()).sum()
    assert model.log_partition() == pytest.approx(np.log(z), rel=1e-13)
    v = np.random.default_rng(1).standard_normal((6, V))
    np.testing.assert_allclose(np.exp(model.log_likelihood(v)), np.exp(-exact.energy(v)).sum(axis=1) / z, rtol=1e-12)


@pytest.mark.parametrize("gaussian", [False, True])
def test_long_chains_give_the_exact_gradient(gaussian):
    """CD-k tends to the gradient of the likelihood as k grows. The two halves differ by sampling error alone: products
    of 40,000 chains, deviation below 0.5 (2 where visible units are real) / sqrt(40,000); 5 deviations."""
    model = machine(4, 3, gaussian, scale=0.6, chains=40_000)
    v = bars(40).reshape(40, 9)[:, :4].copy()
    expected = exact_gradient(model, v)
    bound = 5 * (2 if gaussian else 0.5) / np.sqrt(40_000)
    model.pcd(v, 60)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        assert parameter.grad.shape == parameter.shape
        np.testing.assert_allclose(parameter.grad, gradient, atol=bound)
        assert np.abs(gradient).max() > 3 * bound  # what is compared is not noise
    repeated = np.tile(v, (1000, 1))
    model.cd(repeated, 60)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(parameter.grad, gradient, atol=bound)


def test_cd_is_the_difference_of_two_statistics():
    model, twin = (machine(6, 4, seed=3) for _ in range(2))
    v = states(6)[[1, 7, 40, 62]]
    model.cd(v, 3)
    data = twin.hidden(v)
    chain = twin.gibbs(data.sample, 3)
    expected = [
        chain.h_mean.T @ chain.v_sample - data.mean.T @ v,
        chain.v_sample.sum(axis=0) - v.sum(axis=0),
        chain.h_mean.sum(axis=0) - data.mean.sum(axis=0),
    ]
    for parameter, total in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(parameter.grad, total / 4, rtol=1e-12, atol=1e-15)
    assert model.stream.counter == twin.stream.counter


def test_persistent_chains_go_on_and_are_state():
    model = machine(6, 4, seed=4, chains=7)
    v = states(6)[:5]
    model.pcd(v)
    state, stream = model.state_dict(), model.stream.state()
    model.pcd(v, 2)
    other = RBM(6, 4, dtype=np.float64, chains=7)
    other.load_state_dict(state)
    other.stream.load_state(stream)
    other.pcd(v, 2)
    assert set(state) == {"weight", "visible_bias", "hidden_bias", "chains"}
    assert not np.array_equal(state["chains"], model.chains.data)
    np.testing.assert_array_equal(other.chains.data, model.chains.data)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(one.grad, two.grad)


@pytest.mark.parametrize("gaussian", [False, True])
def test_a_chain_is_its_layers_in_turn(gaussian):
    """One call of k steps draws what 2 k calls draw: the stream moves on alike."""
    whole, steps = (machine(5, 3, gaussian, np.float32, seed=5) for _ in range(2))
    h = states(3).astype(np.float32)
    chain = whole.gibbs(h, 3)
    for _ in range(3):
        visible = steps.visible(h)
        hidden = steps.hidden(visible.sample)
        h = hidden.sample
    for got, expected in zip(chain, (*visible, *hidden), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert whole.stream.counter == steps.stream.counter


def test_reconstructions_draw_nothing():
    model = machine(9, 4, dtype=np.float32)
    v = bars(8).astype(np.float32)
    counter = model.stream.counter
    mean = model.reconstruct(v)
    hidden = 1 / (1 + np.exp(-(v.reshape(8, 9) @ model.weight.data.T + model.hidden_bias.data)))
    visible = 1 / (1 + np.exp(-(hidden @ model.weight.data + model.visible_bias.data)))
    np.testing.assert_allclose(mean, visible, rtol=1e-5)
    expected = ((visible - v.reshape(8, 9)) ** 2).sum(axis=1).mean()
    assert model.reconstruction_error(v) == pytest.approx(float(expected), rel=1e-4)
    assert model.stream.counter == counter


def test_as_a_layer_it_gives_the_hidden_means():
    model = machine(6, 4)
    v = states(6)[::9]
    features = model(cz.Tensor(v))
    np.testing.assert_allclose(features.data, model.hidden(v).mean, rtol=1e-13)
    features.sum().backward()
    assert np.any(model.weight.grad) and np.any(model.hidden_bias.grad) and model.visible_bias.grad is None


def test_visible_biases_say_how_often_a_unit_is_on():
    """Without weights the biases are the whole model: p(v_i = 1) is then the data's, one of each state added."""
    model = RBM(3, 2, dtype=np.float64)
    model.weight.data[...] = 0
    v = np.array([[0, 1, 1], [0, 1, 0], [0, 1, 0]], np.float64)
    model.set_visible_bias(v)
    np.testing.assert_allclose(model.reconstruct(v)[0], [1 / 5, 4 / 5, 2 / 5], rtol=1e-13)
    real = RBM(3, 2, gaussian=True, dtype=np.float64)
    real.set_visible_bias(2 * v)
    np.testing.assert_allclose(real.visible_bias.data, [0, 2, 2 / 3], rtol=1e-13)


@pytest.mark.parametrize("method", ["cd", "pcd"])
def test_learns_bars(method):
    """Six images of equal probability: -log 6 = -1.79 is the best mean log-likelihood, a coin for each pixel has -6.24.

    The exact gradient comes to -1.94 with these settings.
    """
    model = RBM(9, 8, seed=1, chains=300)
    v = bars(300, seed=2).astype(np.float32)
    optimizer = cz.optim.SGD(model.parameters(), lr=0.2)
    for step in range(3000):
        getattr(model, method)(v[step % 5 * 60 : step % 5 * 60 + 60])
        optimizer.lr = 0.2 * (1 - step / 3000)
        optimizer.step()
    assert model.log_likelihood(v).mean() > (-2.05 if method == "pcd" else -2.3)
    assert model.reconstruction_error(v) < 0.5


def test_gaussian_units_learn_two_clouds():
    rng = np.random.default_rng(3)
    v = rng.standard_normal((400, 2)) + np.where(rng.random((400, 1)) < 0.5, 3, -3)
    model = RBM(2, 2, gaussian=True, seed=1, dtype=np.float64)
    optimizer = cz.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)
    before = model.log_likelihood(v).mean()
    for _ in range(600):
        model.pcd(v, 2)
        optimizer.step()
    # The density that made them: a mixture of two. A machine with two hidden units can have it.
    squares = [((v - center) ** 2).sum(axis=1) / 2 for center in (3, -3)]
    best = (np.logaddexp(*(-square for square in squares)) - np.log(4 * np.pi)).mean()
    assert before < best - 5
    assert model.log_likelihood(v).mean() > best - 0.2


@pytest.mark.parametrize("gaussian", [False, True])
def test_backends_agree(gaussian):
    """In float64, where no mean of these lies so near its random number that rounding decides."""
    v = bars(10).reshape(10, 9)
    expected = None
    for backend in AVAILABLE:
        with kernels.use(backend):
            model = machine(9, 5, gaussian, seed=6)
            model.pcd(v, 2)
            model.cd(v, 2)
            found = [parameter.grad for parameter in model.parameters()]
            found += [model.chains.data, model.log_likelihood(v), model.reconstruct(v)]
        expected = expected or found
        for one, two in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-10, atol=1e-12, err_msg=backend)


def test_seeds():
    one, again, other = RBM(4, 3, seed=1), RBM(4, 3, seed=1), RBM(4, 3, seed=2)
    np.testing.assert_array_equal(one.weight.data, again.weight.data)
    assert not np.array_equal(one.weight.data, other.weight.data)
    v = states(4).astype(np.float32)
    np.testing.assert_array_equal(one.hidden(v).sample, again.hidden(v).sample)
    assert not np.array_equal(one.hidden(v).sample, one.hidden(v).sample)
    assert [name for name, _ in one.named_streams()] == ["stream"]
    assert repr(RBM(4, 3, gaussian=True, chains=5)) == "RBM(4, 3, gaussian=True, chains=5)"


def test_refusals():
    model = machine(4, 3, dtype=np.float32)
    v, h = states(4).astype(np.float32), states(3).astype(np.float32)
    counter = model.stream.counter
    with pytest.raises(TypeError, match=r"RBM.hidden: v has dtype float64, expected float32"):
        model.hidden(states(4))
    with pytest.raises(TypeError, match=r"RBM.reconstruct: v is a list, expected a NumPy array"):
        model.reconstruct(v.tolist())
    with pytest.raises(TypeError, match=r"RBM.cd: v is a Tensor"):
        model.cd(cz.Tensor(v))
    with pytest.raises(ValueError, match=r"RBM.visible: h has shape \(16, 4\), expected \(N, 3\)"):
        model.visible(v)
    with pytest.raises(ValueError, match=r"RBM.free_energy: v has shape \(4,\)"):
        model.free_energy(v[0])
    with pytest.raises(ValueError, match=r"RBM.gibbs: steps is 0"):
        model.gibbs(h, 0)
    for learn in (model.cd, model.pcd, model.set_visible_bias):
        with pytest.raises(ValueError, match=r"v has no rows"):
            learn(v[:0])
        with pytest.raises(ValueError, match=rf"RBM.{learn.__name__}: v has values from 0 to 255, expected 0 to 1"):
            learn(v * np.float32(255))
    for learn in (model.cd, model.pcd):
        with pytest.raises(TypeError, match=r"steps is array"):
            learn(v, h)
        with pytest.raises(ValueError, match=rf"RBM.{learn.__name__}: steps is 0"):
            learn(v, 0)
    with pytest.raises(TypeError, match=r"log_z is 'a'"):
        model.log_likelihood(v, "a")
    assert model.stream.counter == counter  # nothing was drawn
    with pytest.raises(ValueError, match=r"RBM.log_partition: the smaller layer has 25 units, expected at most 24"):
        RBM(30, 25).log_partition()
    with pytest.raises(ValueError, match=r"the hidden layer has 25 units"):
        RBM(2, 25, gaussian=True).log_partition()
    with pytest.raises(ValueError, match=r"RBM: hidden is 0"):
        RBM(3, 0)
    with pytest.raises(TypeError, match=r"RBM: gaussian is 7, expected True or False"):
        RBM(3, 2, gaussian=7)
    assert model.free_energy(v[:0]).shape == (0,) and model.hidden(v[:0]).sample.shape == (0, 3)
