from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from bench import datasets, metrics
from bench.evaluation.scoring import finish
from bench.noises import Gaussian, ImageDraws
from bench.plugins import sources
from bench.training import Recipe

pytestmark = pytest.mark.usefixtures("one_thread")

NOISE = Gaussian(0.5)

both = pytest.mark.parametrize("name", ["vae", "dae"])


def images(count=6, shape=(1, 28, 28), seed=0):
    return np.random.default_rng(seed).random((count, *shape), np.float32)


def fitted(name, train, epochs=1, **params):
    autoencoder = sources.load(name).create(params)
    recipe = Recipe(epochs=epochs, batch_size=256, lr=4e-3, schedule="one-cycle")
    autoencoder.fit(train, NOISE, 0, validation=train[:50], recipe=recipe)
    return autoencoder


@pytest.fixture(scope="module", params=["vae", "dae"])
def autoencoder(request):
    return fitted(request.param, images())


def loss_of(name, noisy, clean):
    """The network and its loss terms, torch seeded before each."""
    autoencoder = sources.load(name).create({"hidden": 11, "latent": 5})
    torch.manual_seed(3)
    network = autoencoder.network(tuple(clean.shape[1:]))
    torch.manual_seed(3)
    terms = autoencoder.loss(network, noisy, clean, NOISE)
    return network, {term: value.detach() for term, value in terms.items()}


# -- networks ------------------------------------------------------------------------------

LINEAR = {
    "vae": [(784, 400), (400, 2 * 20), (20, 400), (400, 784)],
    "dae": [(784, 400), (400, 20), (20, 400), (400, 784)],
}


@both
def test_the_layers_are_the_papers(name):
    network = sources.load(name).create({}).network((1, 28, 28))
    layers = [m for m in network.modules() if isinstance(m, torch.nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in layers] == LINEAR[name]
    assert sum(isinstance(m, torch.nn.ReLU) for m in network.modules()) == 2


@both
def test_the_parameter_count_is_that_of_the_layers(name):
    counts = {"vae": 652_824, "dae": 644_804}
    assert counts[name] == sum((inputs + 1) * outputs for inputs, outputs in LINEAR[name])
    assert fitted(name, images()).parameter_count() == counts[name]


@both
def test_hidden_and_latent_set_the_layers_widths(name):
    network = sources.load(name).create({"hidden": 7, "latent": 3}).network((3, 5, 4))
    widths = [m.out_features for m in network.modules() if isinstance(m, torch.nn.Linear)]
    assert widths == [7, 6 if name == "vae" else 3, 7, 60]


# -- losses --------------------------------------------------------------------------------


def test_the_vaes_loss_is_the_negative_evidence_lower_bound():
    noisy, clean = torch.from_numpy(images()), torch.from_numpy(images(seed=1))
    network, terms = loss_of("vae", noisy, clean)
    assert terms.keys() == {"reconstruction", "kl"}

    mean, log_variance = network.encode(noisy)
    assert mean.shape == log_variance.shape == (6, 5)
    code = Normal(mean, torch.exp(log_variance / 2))
    expected = kl_divergence(code, Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(terms["kl"], expected)

    torch.manual_seed(3)
    logits = network.decoder(code.rsample())
    likelihood = Bernoulli(logits=logits, validate_args=False).log_prob(clean.flatten(1))
    torch.testing.assert_close(terms["reconstruction"], -likelihood.sum(1).mean())


def test_the_daes_loss_is_the_cross_entropy():
    noisy, clean = torch.from_numpy(images()), torch.from_numpy(images(seed=1))
    network, terms = loss_of("dae", noisy, clean)
    assert terms.keys() == {"reconstruction"}
    p = torch.sigmoid(network(noisy)).double()
    y = clean.flatten(1)
    expected = -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).sum(1).mean()
    torch.testing.assert_close(terms["reconstruction"], expected.float())


@both
def test_the_loss_is_a_mean_over_images(name):
    noisy, clean = torch.from_numpy(images(1)), torch.from_numpy(images(1, seed=1))
    _, one = loss_of(name, noisy, clean)
    _, fifty = loss_of(name, noisy.repeat(50, 1, 1, 1), clean.repeat(50, 1, 1, 1))
    for term in one:
        random = (name, term) == ("vae", "reconstruction")
        assert fifty[term].shape == ()
        assert float(fifty[term]) == pytest.approx(float(one[term]), rel=0.05 if random else 1e-5)


# -- restoration ---------------------------------------------------------------------------


def test_the_vae_restores_with_the_codes_mean():
    vae = fitted("vae", images())
    noisy = images(seed=1)
    with torch.no_grad():
        mean, _ = vae._network.encode(torch.from_numpy(noisy))
        expected = torch.sigmoid(vae._network.decoder(mean)).reshape(noisy.shape)
    np.testing.assert_allclose(vae.denoise(noisy, NOISE), expected, rtol=0, atol=1e-6)


def test_restoring_is_repeatable_within_0_1_and_independent_of_the_batch(autoencoder):
    noisy = 5 * images(seed=1) - 2
    restored = autoencoder.denoise(noisy, NOISE)
    np.testing.assert_array_equal(autoencoder.denoise(noisy, NOISE), restored)
    assert restored.dtype == np.float32
    assert restored.min() >= 0
    assert restored.max() <= 1
    alone = np.concatenate([autoencoder.denoise(image[None], NOISE) for image in noisy])
    np.testing.assert_allclose(alone, restored, rtol=0, atol=1e-6)


@both
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 7, 12)], ids=str)
def test_images_of_other_sizes_and_colours_are_taken(name, shape):
    noisy = images(shape=shape)
    first = fitted(name, noisy, hidden=9, latent=4)
    restored = first.denoise(noisy, NOISE)
    assert restored.shape == noisy.shape
    second = sources.load(name).create({"hidden": 9, "latent": 4})
    second.load(first.state())
    np.testing.assert_array_equal(second.denoise(noisy, NOISE), restored)


@both
def test_a_short_training_restores_digits_far_better_than_they_came(name):
    digits = datasets.load("digits", Path("nowhere"))
    ((_, train, _),), ((positions, clean, _),) = digits.groups("train"), digits.groups("test")
    noisy = NOISE.corrupt(clean, ImageDraws(positions, clean.shape[1:], "digits", "test"))
    restored = fitted(name, train, epochs=30).denoise(noisy, NOISE)

    def psnr(result):
        return metrics.psnr(clean, finish(result, quantize=False)).mean()

    assert psnr(noisy) < 9.5
    average = np.broadcast_to(train.mean(axis=0), clean.shape)
    assert psnr(restored) > psnr(average) + 3


# -- recipes -------------------------------------------------------------------------------


@both
def test_there_are_three_recipes_and_the_papers_is_as_published(name):
    recipes = sources.load(name).recipes
    assert recipes.keys() == {"quick", "default", "paper"}
    paper = Recipe(**recipes["paper"])
    assert paper == Recipe(epochs=100, batch_size=64, lr=1e-3, schedule="constant")
    for preset in ("quick", "default"):
        fields = dict(recipes[preset])
        assert fields.pop("min_updates") > 0
        assert Recipe(**fields).epochs < paper.epochs
    assert recipes["quick"]["epochs"] < recipes["default"]["epochs"]
