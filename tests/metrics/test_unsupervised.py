"""Errors told without ground truth are, on average, those that ground truth tells."""

import functools
import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import median_filter, uniform_filter

from bench.core import Perturbed, Unsupported, estimate_sigma
from bench.metrics import mse, psnr, pure, sure, umse, upsnr
from bench.metrics.umse import with_errors
from bench.noises import Given, make_noise

DRAWS, SIDE = 300, 48
STEP = 0.005


def clean_image():
    """Edges and a gradient, black and white included: (1, 1, SIDE, SIDE)."""
    rows = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None]
    checks = np.kron(np.random.default_rng(3).random((6, 6)), np.ones((8, 8))).astype(np.float32)
    return ((rows + checks) / 2)[None, None].clip(0, 1)


CLEAN = clean_image()


class Quick:
    """Draws as NumPy makes them."""

    def __init__(self, rng, shape):
        self._rng, self._shape = rng, shape

    def normal(self):
        return self._rng.standard_normal(self._shape)

    def poisson(self, rate):
        return self._rng.poisson(rate)


@functools.cache
def drawn(noise, seed=0, count=DRAWS):
    """The image under so many draws of a noise, (DRAWS, 1, SIDE, SIDE)."""
    many = np.repeat(CLEAN, count, axis=0)
    noisy = noise.corrupt(many, Quick(np.random.default_rng(seed), many.shape)).astype(np.float32)
    noisy.flags.writeable = False
    return noisy


def smooth(noisy):
    """A linear filter, wrapping, whose output answers to its own pixel with 1/9."""
    return uniform_filter(noisy, (1, 1, 3, 3), mode="wrap")


def ranks(noisy):
    """A filter that is not linear, clamped as the harness does."""
    return median_filter(noisy, (1, 1, 3, 3)).clip(0, 1)


def perturbed(restore, noisy, seed=9, step=STEP):
    probe = np.random.default_rng(seed).choice(np.float32([-1, 1]), noisy.shape)
    return Perturbed(probe, step, restore(noisy + np.float32(step) * probe))


def expect_unbiased(estimates, truths, precision=0.04):
    """Equal means, as far as the draws tell; and these tell a difference of 4%."""
    differences = estimates - truths
    error = differences.std() / len(differences) ** 0.5
    assert error < precision / 3 * truths.mean()
    assert abs(differences.mean()) < 3.5 * error


@pytest.mark.parametrize(
    ("kind", "further"),
    [("gaussian", 1), ("gaussian", 2), ("gaussian", 3), ("gaussian-correlated", 1), ("poisson", 1)],
)
def test_the_error_against_other_frames_is_the_true_error_on_average(kind, further):
    noise = make_noise(kind, 60 if kind == "poisson" else 0.1)
    noisy, *frames = (drawn(noise, seed) for seed in range(1 + further))
    restored = ranks(noisy)
    found = umse(restored, noisy, np.stack(frames, axis=1))
    expect_unbiased(found, mse(np.repeat(CLEAN, DRAWS, axis=0), restored))


def test_of_three_frames_neither_has_to_be_as_noisy_as_another():
    noisy, other, third = (
        drawn(make_noise("gaussian", level), seed) for seed, level in enumerate((0.1, 0.15, 0.05))
    )
    restored = ranks(noisy)
    truths = mse(np.repeat(CLEAN, DRAWS, axis=0), restored)
    expect_unbiased(umse(restored, noisy, np.stack([other, third], axis=1)), truths, 0.06)
    of_two = umse(restored, noisy, other[:, None])
    assert (of_two - truths).mean() == pytest.approx((0.15**2 - 0.1**2) / 2, rel=0.05)


def test_differences_of_methods_need_no_variance():
    noisy, other = (drawn(make_noise("gaussian", level), s) for s, level in enumerate((0.1, 0.2)))
    one, two = ranks(noisy), smooth(noisy)
    truth = np.repeat(CLEAN, DRAWS, axis=0)
    found = umse(one, noisy, other[:, None]) - umse(two, noisy, other[:, None])
    plain = mse(other, one) - mse(other, two)
    np.testing.assert_allclose(found, plain, atol=1e-8)
    expect_unbiased(np.abs(found), np.abs(mse(truth, one) - mse(truth, two)), 0.1)


@pytest.mark.parametrize("further", [2, 3, 5])
def test_of_many_frames_it_is_the_papers_over_all_roles(further):
    rng = np.random.default_rng(1)
    restored, noisy = rng.random((2, 2, 3, 5, 4), np.float32)
    frames = rng.random((2, further, 3, 5, 4), np.float32)
    expected = []
    for image, own in zip(restored.astype(float), frames.astype(float), strict=True):
        distance = np.mean([np.mean((image - a) ** 2) for a in own])
        pairs = itertools.combinations(own, 2)
        expected.append(distance - np.mean([np.mean((b - c) ** 2) / 2 for b, c in pairs]))
    np.testing.assert_allclose(umse(restored, noisy, frames), expected, rtol=1e-5)


def test_of_two_frames_it_is_the_distance_less_half_of_theirs():
    rng = np.random.default_rng(2)
    restored, noisy, other = rng.random((3, 2, 1, 6, 5), np.float32)
    pixels = zip(
        *(images.astype(float).ravel() for images in (restored, noisy, other)), strict=True
    )
    terms = [(f - b) ** 2 - (a - b) ** 2 / 2 for f, a, b in pixels]
    expected = [sum(terms[:30]) / 30, sum(terms[30:]) / 30]
    np.testing.assert_allclose(umse(restored, noisy, other[:, None]), expected, rtol=1e-5)


def test_its_standard_error_is_that_of_draws():
    noisy, other = (drawn(make_noise("gaussian", 0.1), seed) for seed in range(2))
    values, errors = with_errors(CLEAN.repeat(DRAWS, axis=0), noisy, other[:, None])
    assert errors.mean() == pytest.approx(values.std(), rel=0.1)


def test_decibels_are_given_of_what_can_be_told_from_no_error():
    noisy, other = (drawn(make_noise("gaussian", 0.1), seed) for seed in range(2))
    frames, truth = other[:, None], CLEAN.repeat(DRAWS, axis=0)
    restored = smooth(noisy)
    found = upsnr(restored, noisy, frames)
    np.testing.assert_allclose(found, -10 * np.log10(umse(restored, noisy, frames)))
    assert found.mean() == pytest.approx(psnr(truth, restored).mean(), abs=0.05)
    values = umse(truth, noisy, frames)
    assert (values < 0).any()
    nothing = upsnr(truth, noisy, frames)
    assert np.isnan(nothing).mean() > 0.9
    assert np.isnan(nothing[values < 0]).all()


def test_there_must_be_another_frame():
    one = np.zeros((1, 1, 4, 4), np.float32)
    with pytest.raises(ValueError, match="no further frame"):
        umse(one, one, np.zeros((1, 0, 1, 4, 4), np.float32))


@pytest.mark.parametrize("restore", [smooth, ranks])
def test_steins_estimate_is_the_true_error_on_average(restore):
    noise = make_noise("gaussian", 0.1)
    noisy = drawn(noise)
    restored = restore(noisy)
    found = sure(restored, noisy, noise, perturbed(restore, noisy))
    expect_unbiased(found, mse(CLEAN.repeat(DRAWS, axis=0), restored))


def test_of_a_linear_filter_the_divergence_is_known():
    noise = make_noise("gaussian", 0.1)
    noisy = drawn(noise, count=40)
    restored = smooth(noisy)
    exact = mse(noisy, restored) - noise.level**2 + 2 * noise.level**2 / 9
    found = sure(restored, noisy, noise, perturbed(smooth, noisy))
    scatter = 2 * noise.level**2 * (8 / 81 / SIDE**2) ** 0.5  # of the eight pixels that are others'
    assert (found - exact).std() == pytest.approx(scatter, rel=0.35)
    assert abs((found - exact).mean()) < 4 * scatter / 40**0.5


def test_of_what_changes_pixels_one_by_one_it_is_exact():
    noise, noisy = make_noise("gaussian", 0.1), drawn(make_noise("gaussian", 0.1), count=3)

    def half(images):
        return images / 2 + np.float32(0.2)

    found = sure(half(noisy), noisy, noise, perturbed(half, noisy, step=0.05))
    np.testing.assert_allclose(found, mse(noisy, half(noisy)) - 0.01 + 0.01, rtol=1e-3)


@pytest.mark.parametrize(("kind", "level"), [("poisson", 60), ("poisson-gaussian", 60)])
@pytest.mark.parametrize("restore", [smooth, ranks])
def test_poissons_estimate_is_the_true_error_on_average(kind, level, restore):
    noise = make_noise(kind, level)
    noisy = drawn(noise)
    restored = restore(noisy)
    found = pure(restored, noisy, noise, perturbed(restore, noisy))
    truths = mse(CLEAN.repeat(DRAWS, axis=0), restored)
    if restore is smooth:  # of others it holds to first order in what a photon changes
        expect_unbiased(found, truths)
    else:
        assert found.mean() == pytest.approx(truths.mean(), rel=0.1)


def test_a_level_that_nobody_knows_is_estimated_of_each_image():
    noisy = drawn(make_noise("gaussian", 0.1), count=2)
    restored, answer = smooth(noisy), perturbed(smooth, noisy)
    each = [
        sure(
            restored[i : i + 1], noisy[i : i + 1], Given(estimate_sigma(noisy[i])), answer.only([i])
        )
        for i in range(2)
    ]
    found = sure(restored, noisy, Given(0.0), answer)
    np.testing.assert_allclose(found, np.concatenate(each))
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("measure", "noise"),
    [
        (sure, make_noise("poisson", 30)),
        (sure, make_noise("gaussian-correlated", 0.1)),
        (sure, make_noise("gaussian", 0.1, clip=True)),
        (pure, make_noise("gaussian", 0.1)),
        (pure, make_noise("poisson", 30, clip=True)),
        (pure, Given(0.1)),
    ],
    ids=lambda given: getattr(given, "__name__", str(given)),
)
def test_noise_that_an_estimate_does_not_hold_for_is_refused(measure, noise):
    image = np.zeros((1, 1, 8, 8), np.float32)
    with pytest.raises(Unsupported, match="holds for"):
        measure(image, image, noise, Perturbed(image, STEP, image))


def test_the_step_is_part_of_the_code_that_tells_sure_from_another():
    """Else runs of two steps would be taken for measured by one metric."""
    from bench.evaluation import perturbation
    from bench.metrics import _stein
    from bench.plugins.code import Home

    file = Path(_stein.__file__).with_name("sure.py")
    assert perturbation.STEP is _stein.STEP
    assert Path(_stein.__file__) in Home.of_module("bench.metrics.sure", file).imported([file])
