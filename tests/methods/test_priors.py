"""`lmmse` and `posterior-mean` against what theory says of them."""

import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.covariance import empirical_covariance

from bench import datasets, metrics
from bench.core import Unsupported
from bench.noises import KINDS, Gaussian, ImageDraws, make_noise
from bench.plugins import sources

RNG = np.random.default_rng(0)


def fitted(name, train, **params):
    method = sources.load(name).create(params)
    method.fit(train, None)
    return method


def gaussian_images(count, seed=0):
    """Images (1, 5, 6) drawn from a Gaussian of known mean and covariance."""
    rng = np.random.default_rng(seed)
    factor = np.random.default_rng(99).normal(0, 0.1, (30, 30))
    images = 0.5 + rng.standard_normal((count, 30)) @ factor.T
    return images.reshape(count, 1, 5, 6).astype(np.float32), factor @ factor.T


# -- lmmse -----------------------------------------------------------------------------------


def test_of_gaussian_images_lmmse_is_the_posterior_mean():
    train, covariance = gaussian_images(60_000)
    clean, _ = gaussian_images(200, seed=1)
    noisy = clean + 0.2 * RNG.standard_normal(clean.shape).astype(np.float32)
    restored = fitted("lmmse", train).denoise(noisy, Gaussian(0.2))
    offset = noisy.reshape(200, 30).astype(np.float64) - 0.5
    expected = 0.5 + offset @ np.linalg.inv(covariance + 0.04 * np.eye(30)) @ covariance
    np.testing.assert_allclose(restored.reshape(200, 30), expected, atol=0.01)
    error = np.mean((restored - clean) ** 2)
    theory = np.trace(
        covariance - covariance @ np.linalg.solve(covariance + 0.04 * np.eye(30), covariance)
    )
    assert error == pytest.approx(theory / 30, rel=0.05)


#: It takes the one for white, and of the other moments that are polynomials of the clean value.
NOT_QUITE = {"gaussian-correlated", "rician"}


@pytest.mark.parametrize("kind", sorted({*KINDS} - NOT_QUITE))
def test_under_each_noise_lmmse_is_the_best_linear_estimate_of_noisy_images(kind):
    """Least squares over many noisy copies finds no better linear map."""
    train = RNG.random((4000, 1, 2, 3), np.float32) ** 2
    noise = make_noise(kind, 10.0 if KINDS[kind].photons else 0.4)
    clean = np.tile(train, (10, 1, 1, 1))
    draws = ImageDraws(np.arange(len(clean)), clean.shape[1:], "made-up", "train")
    noisy = noise.corrupt(clean, draws)
    restored = fitted("lmmse", train).denoise(noisy, noise)
    given = np.c_[noisy.reshape(len(noisy), -1), np.ones(len(noisy))].astype(np.float64)
    weights, *_ = np.linalg.lstsq(given, clean.reshape(len(clean), -1), rcond=None)
    best = np.mean((given @ weights - clean.reshape(len(clean), -1)) ** 2)
    ours = np.mean((restored - clean) ** 2)
    assert best <= ours <= 1.01 * best


def test_what_lmmse_learns_is_mean_and_covariance():
    train = RNG.random((500, 3, 4, 5), np.float32)
    state = fitted("lmmse", train).state()
    flat = train.reshape(500, 60).astype(np.float64)
    np.testing.assert_allclose(state["mean"], flat.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(state["covariance"], empirical_covariance(flat), atol=1e-5)


def test_an_lmmse_that_served_another_noise_or_training_gives_the_same_as_a_new_one():
    train, other = RNG.random((2, 200, 1, 5, 6), np.float32)
    noisy = RNG.random((4, 1, 5, 6), np.float32)
    used = fitted("lmmse", other)
    used.denoise(noisy, Gaussian(0.3))
    used.fit(train, None)
    for sigma in (0.3, 0.1, 0.3):
        restored = used.denoise(noisy, Gaussian(sigma))
        expected = fitted("lmmse", train).denoise(noisy, Gaussian(sigma))
        np.testing.assert_array_equal(restored, expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_large_images_are_estimated_by_all_their_patches(channels, monkeypatch):
    train = RNG.random((6, channels, 40, 37), np.float32)
    noisy = RNG.random((2, channels, 19, 23), np.float32)
    method = fitted("lmmse", train, patch=4)
    monkeypatch.setitem(type(method).denoise.__globals__, "ROWS", 5)
    restored = method.denoise(noisy, Gaussian(0.2))
    d = channels * 16
    windows = np.lib.stride_tricks.sliding_window_view(train, (channels, 4, 4), (1, 2, 3))
    vectors = windows.reshape(-1, d).astype(np.float64)
    mean, covariance = vectors.mean(axis=0), np.cov(vectors.T, bias=True)
    gain = covariance @ np.linalg.inv(covariance + 0.04 * np.eye(d))
    expected, count = np.zeros(noisy.shape), np.zeros(noisy.shape)
    for image, top, left in np.ndindex(2, 16, 20):
        part = np.s_[image, :, top : top + 4, left : left + 4]
        estimate = mean + gain @ (noisy[part].reshape(d) - mean)
        expected[part] += estimate.reshape(channels, 4, 4)
        count[part] += 1
    np.testing.assert_allclose(restored, expected / count, atol=1e-4)


def test_lmmse_refuses_what_it_was_not_made_for():
    small = fitted("lmmse", RNG.random((9, 1, 12, 12), np.float32))
    with pytest.raises(Unsupported, match="trained on images of 1x12x12 and is given 1x13x12"):
        small.denoise(np.zeros((1, 1, 13, 12), np.float32), Gaussian(0.1))
    large = fitted("lmmse", RNG.random((9, 1, 40, 40), np.float32))
    with pytest.raises(Unsupported, match="hold no patch of 8x8"):
        large.denoise(np.zeros((1, 1, 7, 40), np.float32), Gaussian(0.1))
    with pytest.raises(Unsupported, match="given 3x40x40"):
        large.denoise(np.zeros((1, 3, 40, 40), np.float32), Gaussian(0.1))


# -- posterior mean --------------------------------------------------------------------------


def by_hand(train, noisy, variance):
    """The weighted mean of the training images, in double precision."""
    flat = train.reshape(len(train), -1).astype(np.float64)
    restored = []
    for image in noisy.reshape(len(noisy), -1).astype(np.float64):
        logs = -np.sum((image - flat) ** 2, axis=1) / (2 * variance)
        weights = np.exp(logs - logs.max())
        restored.append(weights @ flat / weights.sum())
    return np.reshape(restored, noisy.shape)


@pytest.mark.parametrize(("sigma", "temperature"), [(0.1, 1.0), (0.3, 1.0), (0.3, 4.0), (1.0, 2.0)])
def test_the_posterior_mean_is_its_formula(sigma, temperature, monkeypatch):
    train = RNG.random((300, 1, 8, 9), np.float32)
    noisy = train[:40] + sigma * RNG.standard_normal((40, 1, 8, 9)).astype(np.float32)
    method = fitted("posterior-mean", train, temperature=temperature)
    monkeypatch.setitem(type(method).denoise.__globals__, "BLOCK", 7)
    restored = method.denoise(noisy, Gaussian(sigma))
    expected = by_hand(train, noisy, temperature * sigma**2)
    np.testing.assert_allclose(restored, expected, atol=1e-4)


def test_a_cold_posterior_is_the_nearest_image_and_a_hot_one_the_mean():
    train = RNG.random((50, 3, 6, 6), np.float32)
    noisy = train[:5] + np.float32(0.05)
    cold = fitted("posterior-mean", train, temperature=1e-4).denoise(noisy, Gaussian(0.1))
    np.testing.assert_allclose(cold, train[:5], atol=1e-5)
    hot = fitted("posterior-mean", train, temperature=1e6).denoise(noisy, Gaussian(1.0))
    np.testing.assert_allclose(hot, np.broadcast_to(train.mean(axis=0), hot.shape), atol=1e-3)


@pytest.mark.parametrize("temperature", [0.5, 4.0, 12.0])
def test_a_posterior_mean_is_a_convex_combination_of_the_training_images(temperature):
    train = 0.2 + 0.5 * RNG.random((60, 1, 6, 7), np.float32)
    noisy = RNG.random((9, 1, 6, 7), np.float32) * 4 - 2
    method = fitted("posterior-mean", train, temperature=temperature)
    restored = method.denoise(noisy, Gaussian(0.6))
    # Weights of at least 0 whose sum is 1, found by least squares.
    columns = np.c_[train.reshape(60, -1), np.ones(60)].T.astype(np.float64)
    for image in restored.reshape(9, -1):
        assert nnls(columns, np.append(image, 1.0))[1] < 1e-4


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_is_over_0(temperature):
    method = fitted("posterior-mean", RNG.random((4, 1, 6, 7), np.float32), temperature=temperature)
    with pytest.raises(Unsupported, match="give one over 0"):
        method.denoise(np.zeros((1, 1, 6, 7), np.float32), Gaussian(0.1))


@pytest.mark.parametrize("exact", [True, False])
def test_images_of_8_bits_are_kept_in_8_bits(exact):
    train = RNG.integers(0, 256, (20, 1, 5, 5)).astype(np.float32) / 255
    train = train if exact else train * np.float32(0.77)
    method = fitted("posterior-mean", train)
    state = method.state()
    assert state["images"].dtype == (np.uint8 if exact else np.float32)
    again = sources.load("posterior-mean").create({})
    again.load(state)
    noisy = train[:3] + np.float32(0.1)
    np.testing.assert_array_equal(
        again.denoise(noisy, Gaussian(0.2)), method.denoise(noisy, Gaussian(0.2))
    )


# -- on MNIST --------------------------------------------------------------------------------


def test_what_linearity_can_reach_on_mnist(mnist_dir):
    mnist = datasets.load("mnist", mnist_dir)
    ((_, train, _),) = mnist.groups("train")
    group = next(mnist.groups("test", 1000))
    method = fitted("lmmse", train)
    draws = ImageDraws(group.positions, group.images.shape[1:], "mnist", "test")
    for sigma, least in ((0.1, 26.1), (0.3, 19.9), (0.5, 17.5)):
        noise = Gaussian(sigma)
        restored = method.denoise(noise.corrupt(group.images, draws), noise).clip(0, 1)
        psnr = metrics.psnr(group.images, restored).mean()
        assert least < psnr < least + 0.5
