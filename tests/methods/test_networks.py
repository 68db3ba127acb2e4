"""The convolutional methods, and what the autoencoders' parameters change."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from bench import Unsupported
from bench.noises import Gaussian
from bench.plugins import sources
from bench.training import Recipe

pytestmark = pytest.mark.usefixtures("one_thread")

NOISE = Gaussian(0.3)
SMALL = {
    "unet": {"width": 2},
    "dncnn": {"depth": 4, "width": 4},
    "hvae": {"width": 2, "code": 1},
    "cvae": {"width": 8, "latent": 3},
    "vae": {"hidden": 8, "latent": 3},
    "dae": {"hidden": 8, "latent": 3},
}
convolutional = pytest.mark.parametrize("name", ["unet", "dncnn", "hvae"])
variational = pytest.mark.parametrize("name", ["vae", "cvae", "hvae"])


def images(count=6, shape=(1, 28, 28), seed=0):
    return np.random.default_rng(seed).random((count, *shape), np.float32)


def make(name, **params):
    return sources.load(name).create({**SMALL[name], **params})


def fitted(name, train=None, epochs=1, **params):
    method = make(name, **params)
    train = images() if train is None else train
    recipe = Recipe(epochs=epochs, batch_size=3, lr=3e-3)
    method.fit(train, NOISE, 0, validation=train[:2], recipe=recipe)
    return method


# -- networks --------------------------------------------------------------------------------


def test_dncnn_is_the_papers():
    network = sources.load("dncnn").create({}).network((1, 28, 28))
    convolutions = [layer for layer in network if isinstance(layer, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels) for c in convolutions] == [
        (1, 64), *[(64, 64)] * 15, (64, 1),
    ]  # fmt: skip
    assert {c.kernel_size for c in convolutions} == {(3, 3)}
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in network) == 15
    assert sum(isinstance(layer, nn.ReLU) for layer in network) == 16
    # Zhang et al. 2017: 17 layers see 35 x 35 pixels.
    network.eval()
    nn.init.ones_(network[-1].weight)  # it begins with zeros, which see nothing
    seen = torch.zeros(1, 1, 45, 45, requires_grad=True)
    network(seen)[0, 0, 22, 22].backward()
    rows, columns = seen.grad[0, 0].abs().sum(1).nonzero(), seen.grad[0, 0].abs().sum(0).nonzero()
    assert (rows.min(), rows.max()) == (columns.min(), columns.max()) == (22 - 17, 22 + 17)


@convolutional
def test_what_predicts_no_noise_restores_the_noisy_image(name):
    """Residual learning: zero weights are the identity."""
    method = make(name)
    method._image_shape = (1, 28, 28)
    network = method._build()
    nn.init.zeros_(network.last.weight if name != "dncnn" else network[-1].weight)
    nn.init.zeros_(network.last.bias if name != "dncnn" else network[-1].bias)
    noisy = images(seed=1)
    np.testing.assert_array_equal(method.denoise(noisy, NOISE), noisy)


@convolutional
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 3), (1, 31, 50)], ids=str)
def test_any_size_is_taken_whatever_it_was_trained_on(name, shape):
    noisy = images(2, shape)
    restored = fitted(name).denoise(noisy, NOISE)
    assert restored.shape == noisy.shape
    assert np.isfinite(restored).all()


@pytest.mark.parametrize("name", ["unet", "hvae"])
def test_sides_that_are_not_divisible_are_continued_by_their_last_pixels(name):
    method = fitted(name)
    noisy = images(2, (1, 26, 27))
    padded = np.pad(noisy, ((0, 0), (0, 0), (0, 2), (0, 1)), mode="edge")
    whole = method.denoise(padded, NOISE)
    np.testing.assert_allclose(
        method.denoise(noisy, NOISE), whole[..., :26, :27], rtol=0, atol=1e-6
    )


@convolutional
def test_a_conditioned_network_is_told_the_level_and_a_blind_one_is_not(name):
    noisy = images(seed=1)
    for conditioned in (True, False):
        method = fitted(name, conditioned=conditioned)
        at, elsewhere = (method.denoise(noisy, Gaussian(level)) for level in (0.1, 0.5))
        assert (at != elsewhere).any() == conditioned


@convolutional
def test_a_conditioned_network_is_trained_with_each_images_own_level(name):
    method = make(name, conditioned=True)
    recipe = Recipe(epochs=1, batch_size=3)
    method.fit(images(), NOISE, 0, validation=images(2), recipe=recipe, lowest=0.0)
    network = method._network.eval()
    noisy = torch.from_numpy(images(2, seed=1))
    levels = torch.tensor([0.05, 0.4]).view(2, 1, 1, 1)
    with torch.no_grad():
        both = method.restore(network, noisy, Gaussian(levels))
        for row, level in enumerate((0.05, 0.4)):
            alone = method.restore(network, noisy[row : row + 1], Gaussian(level))
            torch.testing.assert_close(both[row : row + 1], alone, rtol=0, atol=1e-6)


def test_images_too_small_for_a_code_are_refused():
    with pytest.raises(Unsupported, match="at least 4 pixels a side"):
        fitted("cvae", images(shape=(1, 3, 28)))


# -- losses ----------------------------------------------------------------------------------


def terms(method, noisy, clean, network=None):
    network = network or method.network(tuple(clean.shape[1:]))
    return network, {k: float(v.detach()) for k, v in method.loss(
        network, noisy, clean, NOISE).items()}  # fmt: skip


@pytest.mark.parametrize(("name", "factor"), [("unet", 1.0), ("dncnn", 0.5)])
def test_the_squared_error_is_summed_over_pixels_and_a_mean_over_images(name, factor):
    method = make(name)
    noisy, clean = (torch.from_numpy(images(seed=seed)) for seed in (0, 1))
    network, found = terms(method, noisy, clean)
    with torch.no_grad():
        error = method.restore(network, noisy, NOISE) - clean
    assert found == {
        "squared error": pytest.approx(factor * float(error.square().sum()) / 6, rel=1e-4)
    }


def test_the_hierarchical_vaes_divergences_are_those_of_torchs_distributions():
    method = make("hvae")
    code = method.network((1, 28, 28)).code2
    nn.init.normal_(code.posterior.weight, std=0.3)
    features = torch.randn(5, code.prior.in_channels, 7, 7)
    informed = torch.randn(5, code.posterior.in_channels - code.prior.in_channels, 7, 7)
    with torch.no_grad():
        _, kl = code.from_posterior(features, informed)
        mean, log_std = code.prior(features).chunk(2, 1)
        shift, log_ratio = code.posterior(torch.cat([features, informed], 1)).chunk(2, 1)
    prior = Normal(mean, log_std.exp())
    posterior = Normal(mean + log_std.exp() * shift, log_std.exp() * log_ratio.exp())
    expected = kl_divergence(posterior, prior).flatten(1).sum(1)
    assert expected.min() > 1
    torch.testing.assert_close(kl, expected, rtol=1e-4, atol=1e-4)


def test_at_first_the_hierarchical_vaes_posterior_is_its_prior():
    noisy, clean = (torch.from_numpy(images(seed=seed)) for seed in (0, 1))
    _, found = terms(make("hvae"), noisy, clean)
    assert (found["kl at 1/2"], found["kl at 1/4"]) == (0, 0)


def test_the_hierarchical_vaes_codes_come_to_hold_what_the_noisy_image_leaves_open():
    """Trained on noise that hides the image, the posterior's path must carry it."""
    train = np.repeat(np.repeat(images(64, (1, 2, 2)), 4, axis=2), 4, axis=3)
    method = make("hvae", width=4)
    recipe = Recipe(epochs=60, batch_size=32, lr=1e-2, schedule="one-cycle")
    history = method.fit(train, Gaussian(3.0), 0, validation=train, recipe=recipe)
    last = {term: value for epoch, split, term, value in history if epoch == 60}
    assert last["kl at 1/2"] + last["kl at 1/4"] > 1


@pytest.mark.parametrize("beta", [0.5, 3.0])
@pytest.mark.parametrize("name", ["vae", "cvae"])
def test_beta_weights_the_divergence(name, beta):
    noisy, clean = (torch.from_numpy(images(seed=seed)) for seed in (0, 1))
    network, plain = terms(make(name), noisy, clean)
    _, weighted = terms(make(name, beta=beta), noisy, clean, network)
    assert weighted["kl"] == pytest.approx(beta * plain["kl"])


def test_the_self_objective_never_looks_at_the_noisy_image():
    clean = torch.from_numpy(images())
    network = make("vae").network((1, 28, 28))
    found = {}
    for objective in ("self", "clean"):
        for seed in (1, 2):
            torch.manual_seed(0)
            noisy = torch.from_numpy(images(seed=seed))
            found[objective, seed] = terms(make("vae", objective=objective), noisy, clean, network)
    assert found["self", 1] == found["self", 2]
    assert found["clean", 1] != found["clean", 2]


def test_a_batch_of_one_image_has_nothing_to_restore():
    one = torch.from_numpy(images(1))
    _, found = terms(make("hvae"), one, one)
    assert found["restoration"] == 0


def test_an_unknown_objective_is_refused():
    with pytest.raises(Unsupported, match="objective=dirty is unknown: use clean or self"):
        fitted("vae", objective="dirty")


def test_without_a_bottleneck_a_hidden_layer_stands_in_its_place():
    network = make("dae", hidden=9, latent=0).network((1, 4, 5))
    layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in layers] == [(20, 9), (9, 9), (9, 20)]


# -- samples ---------------------------------------------------------------------------------


@variational
def test_the_mean_over_many_samples_settles_and_is_not_the_decoded_mean(name):
    """Other draws give nearly the same mean; the decoded mean of the code is another image."""
    method = fitted(name, images(30), epochs=3)
    noisy = images(seed=1)
    decoded = method.denoise(noisy, NOISE)
    restored = {}
    for samples in (1, 400):
        other = make(name, samples=samples)
        other.load(method.state())
        restored[samples] = other.denoise(noisy, NOISE)
        np.testing.assert_array_equal(other.denoise(noisy, NOISE), restored[samples])
    deviation = method.deviation(noisy, NOISE)
    spread = np.sqrt(np.mean(np.square(deviation)))
    assert spread > 0
    assert np.sqrt(np.mean(np.square(restored[1] - restored[400]))) > 0.3 * spread
    assert np.sqrt(np.mean(np.square(decoded - restored[400]))) < spread


@variational
def test_the_predicted_deviation_is_that_over_samples(name):
    method = fitted(name)
    noisy = torch.from_numpy(images(3, seed=1))
    with torch.no_grad():
        torch.manual_seed(5)
        many = method._posterior(method._network, noisy, *(() if name != "hvae" else (NOISE,)), 600)
    deviation = method.deviation(noisy.numpy(), NOISE)
    assert deviation.shape == noisy.shape
    ratio = deviation / many.std(dim=0).numpy()
    assert np.median(ratio) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("name", ["dae", "unet", "dncnn"])
def test_what_is_no_vae_says_nothing_of_its_uncertainty(name):
    assert fitted(name).deviation(images(), NOISE) is None
