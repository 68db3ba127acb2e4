"""How often a report's conclusions are wrong, on real scores: a short version of `conclusions`."""

import numpy as np
import pytest
from conclusions import (
    Population,
    compared,
    coverage,
    false_differences,
    of_units,
    power,
    seeds_told_apart,
)
from scipy import stats

RUNS = 40
pytestmark = pytest.mark.usefixtures("few_resamples")


@pytest.fixture(scope="module")
def whole():
    return Population.of("learned", ["identity", "nlm", "wavelet", "vae", "unet"])


@pytest.fixture(scope="module")
def digits(whole):
    return Population(whole.labels, whole.values[1:])  # two noises, or it takes long


@pytest.mark.parametrize("images", [12, 200])
def test_equal_methods_are_told_apart_in_one_report_of_twenty(digits, images):
    rates = false_differences(digits, images, RUNS, np.random.default_rng(images))
    for metric, rate in rates.items():
        assert rate * RUNS <= stats.binom.ppf(0.999, RUNS, 0.05), metric
    assert any(rates.values())  # the test can fail: it is no rule that never says anything


def test_what_a_report_could_have_found_is_found_in_four_of_five(digits):
    for metric, rate in power(digits, 68, RUNS, np.random.default_rng(1)).items():
        assert stats.binom.ppf(0.001, RUNS, 0.75) <= rate * RUNS, metric
        assert rate * RUNS <= stats.binom.ppf(0.999, RUNS, 0.85), metric


def test_intervals_of_means_hold_them(whole):
    for metric, (held, without) in coverage(whole, 20, 150, np.random.default_rng(2)).items():
        assert 0.92 <= held <= 0.98, metric
        assert without < 0.05


@pytest.mark.parametrize("units", [10, 50])
def test_images_of_one_unit_are_no_independent_samples(digits, units):
    held, false = of_units(digits, units, RUNS, np.random.default_rng(units))
    for metric, share in held.items():
        assert 0.9 <= share <= 0.98, metric
        assert false[metric] * RUNS <= stats.binom.ppf(0.999, RUNS, 0.05), metric
    # Taken for independent, the same images promise far too much.
    held, false = of_units(digits, units, 5, np.random.default_rng(units), known=False)
    assert max(held.values()) < 0.75
    assert min(false.values()) > 0.5


@pytest.mark.parametrize("shared", [True, False])
def test_a_method_is_not_told_apart_from_itself_with_other_seeds(digits, shared):
    rates = seeds_told_apart(digits, 200, RUNS, np.random.default_rng(3), shared=shared)
    for metric, rate in rates.items():
        assert rate * RUNS <= stats.binom.ppf(0.999, RUNS, 0.05), metric


def test_twelve_images_tell_the_noisy_image_from_a_good_filter():
    run = Population.of("bsd68")
    _, pairs = compared(run.labels, run.draw(np.random.default_rng(4), 12))
    psnr = pairs[(pairs["metric"] == "psnr") & (pairs["a"] == "identity") & (pairs["b"] == "bm3d")]
    assert len(psnr) == 3
    assert (psnr["better"] == "bm3d").all()
