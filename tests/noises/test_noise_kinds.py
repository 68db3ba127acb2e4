"""Each kind of noise against its definition: moments, distributions, what levels share."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from skimage.util import random_noise

from bench.core import UsageError
from bench.noises import (
    KINDS,
    ImageDraws,
    digests,
    make_noise,
    parse_noise,
    training_noise,
    training_regime,
)

SHAPE = (1, 40, 40)
#: A low and a high level of each kind.
LEVELS = {kind: (5.0, 50.0) if KINDS[kind].photons else (0.1, 0.4) for kind in KINDS}
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "noise_kinds.json").read_text())
each_kind = pytest.mark.parametrize("kind", KINDS)


def draws(count=100, shape=SHAPE, seed=0):
    return ImageDraws(np.arange(count), shape, "made-up", "test", seed)


def even(value, count=100, shape=SHAPE):
    return np.full((count, *shape), value, np.float32)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda g: f"{g['kind']}-{g['level']}-{g['clip']}")
def test_noisy_pixels_and_what_methods_are_told_equal_the_golden_ones(golden):
    noise = make_noise(golden["kind"], golden["level"], golden["clip"])
    assert noise.as_dict() == {name: golden[name] for name in ("kind", "level", "clip")}
    assert noise.sigma == pytest.approx(golden["sigma"], rel=1e-12)
    for name, shape in (("grey", (2, 1, 9, 7)), ("colour", (2, 3, 5, 6))):
        clean = (np.arange(np.prod(shape)).reshape(shape) % 17 / 16).astype(np.float32)
        random = ImageDraws(np.array([0, 7]), shape[1:], "mnist", "test", 3)
        drawn = [f"{digest:016x}" for digest in digests(noise.corrupt(clean, random)).tolist()]
        assert drawn == golden[name]


@each_kind
def test_a_kind_is_called_as_its_file(kind):
    assert Path(sys.modules[KINDS[kind].__module__].__file__).stem.replace("_", "-") == kind


@each_kind
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_of_an_even_image_the_deviation_is_what_the_kind_says(kind, value):
    for level in LEVELS[kind]:
        noise = make_noise(kind, level)
        noisy = noise.corrupt(even(value, 30), draws(30))
        assert noisy.dtype == np.float32
        expected = float(noise.std(value))
        assert noisy.astype(np.float64).std() == pytest.approx(expected, rel=0.02, abs=1e-7)
        bias = 0.0
        if kind == "salt-pepper":
            bias = level * (0.5 - value)
        elif kind == "rician":
            bias = stats.rice.mean(value / level, scale=level) - value
            assert float(noise.mean(value)) - value == pytest.approx(bias, abs=1e-9)
        error = 4 * expected / np.sqrt(noisy.size) * (4 if "correlated" in kind else 1)
        assert noisy.astype(np.float64).mean() - value == pytest.approx(bias, abs=error + 1e-6)


@each_kind
def test_the_single_deviation_is_the_mean_one_over_grey_values(kind):
    noise = make_noise(kind, LEVELS[kind][1])
    values = np.linspace(0, 1, 100_001)
    expected = np.sqrt(np.trapezoid(noise.std(values) ** 2, values))
    assert noise.sigma == pytest.approx(float(expected), rel=1e-6)


@each_kind
def test_of_clipped_noise_methods_are_told_what_clipping_leaves_of_it(kind):
    for level in LEVELS[kind]:
        noise = make_noise(kind, level, clip=True)
        variances = [
            noise.corrupt(even((seed + 0.5) / 20, 3), draws(3, seed=seed)).var(dtype=np.float64)
            for seed in range(20)
        ]
        assert noise.sigma == pytest.approx(np.sqrt(np.mean(variances)), rel=0.01, abs=1e-7)


@each_kind
def test_an_images_noise_depends_on_nothing_but_its_position(kind):
    clean = np.random.default_rng(0).random((6, *SHAPE), np.float32)
    noise = make_noise(kind, LEVELS[kind][0])
    together = noise.corrupt(clean, draws(6))
    for position in (0, 5):
        alone = ImageDraws(np.array([position]), SHAPE, "made-up", "test")
        np.testing.assert_array_equal(
            noise.corrupt(clean[position : position + 1], alone)[0], together[position]
        )
    assert not np.array_equal(noise.corrupt(clean, draws(6, seed=1)), together)


@each_kind
@pytest.mark.parametrize(
    ("shape", "count"), [((1, 1, 1), 6000), ((3, 2, 7), 600), ((1, 1, 5), 3000)]
)
def test_the_smallest_images_have_noise_of_the_same_deviation(kind, shape, count):
    noise = make_noise(kind, LEVELS[kind][1])
    noisy = noise.corrupt(even(0.5, count, shape), draws(count, shape)).astype(np.float64)
    assert noisy.std() == pytest.approx(float(noise.std(0.5)), rel=0.03)


@each_kind
def test_clipped_it_is_the_same_noise_limited(kind):
    clean = np.random.default_rng(0).random((3, *SHAPE), np.float32)
    plain, clipped = (
        make_noise(kind, LEVELS[kind][1], clip).corrupt(clean, draws(3)) for clip in (False, True)
    )
    np.testing.assert_array_equal(clipped, plain.clip(0, 1))
    assert make_noise(kind, 0.5, True).name == f"{kind}, clipped"


def test_salt_and_pepper_are_exactly_that_many_and_nothing_else_changes():
    noisy = make_noise("salt-pepper", 0.2).corrupt(even(0.3), draws())
    values, counts = np.unique(noisy, return_counts=True)
    np.testing.assert_array_equal(values, np.float32([0, 0.3, 1]))
    assert stats.chisquare(counts, np.array([0.1, 0.8, 0.1]) * noisy.size).pvalue > 0.001


def test_what_is_hit_at_a_low_level_is_hit_alike_at_a_higher_one():
    low, high = (
        make_noise("salt-pepper", level).corrupt(even(0.3), draws()) for level in (0.1, 0.4)
    )
    hit = low != np.float32(0.3)
    np.testing.assert_array_equal(high[hit], low[hit])


@pytest.mark.parametrize("photons", [0.7, 8, 1000])
def test_photons_are_poisson_distributed(photons):
    noise = make_noise("poisson", photons)
    counts = noise.corrupt(even(0.6), draws()).ravel() * photons
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)
    counts = np.round(counts)
    edges = np.unique(stats.poisson.ppf(np.linspace(0.02, 0.98, 15), 0.6 * photons))
    expected = np.diff(stats.poisson.cdf([-1, *edges, np.inf], 0.6 * photons)) * counts.size
    observed = np.histogram(counts, [-np.inf, *(edges + 0.5), np.inf])[0]
    assert stats.chisquare(observed, expected).pvalue > 0.001


def test_black_gives_no_photons():
    assert not make_noise("poisson", 30).corrupt(even(0.0), draws()).any()


def test_a_cameras_two_noises_are_independent():
    noise = make_noise("poisson-gaussian", 40)
    counts = np.round(make_noise("poisson", 40).corrupt(even(0.5), draws()) * 40)
    read = noise.corrupt(even(0.5), draws()) * 40 - counts
    assert stats.kstest(read.ravel() / 2, "norm").pvalue > 0.001
    assert abs(np.corrcoef(read.ravel(), counts.ravel())[0, 1]) < 0.01


def test_uniform_noise_fills_its_interval_evenly():
    noise = make_noise("uniform", 0.4).corrupt(even(0.5), draws()) - np.float32(0.5)
    assert stats.kstest(noise.ravel(), "uniform", (-0.4, 0.8)).pvalue > 0.001


def test_speckle_is_scikit_images():
    """On another generator's draws the two distributions are one."""
    ours = make_noise("speckle", 0.3).corrupt(even(0.8), draws()).ravel()
    theirs = random_noise(
        even(0.8), "speckle", rng=np.random.default_rng(0), var=0.3**2, clip=False
    ).ravel()
    assert stats.ks_2samp(ours, theirs).pvalue > 0.001


@pytest.mark.parametrize("signal", [0.0, 0.3, 1.0])
def test_rician_noise_is_scipys(signal):
    for level in (1e-3, 0.1, 0.4, 3.0):
        noise = make_noise("rician", level)
        theirs = stats.rice(signal / level, scale=level)
        drawn = noise.corrupt(even(signal, 10), draws(10)).ravel()
        assert stats.kstest(drawn, theirs.cdf).pvalue > 0.001
        if level > 1e-3:  # where SciPy's own variance has lost its digits
            assert float(noise.std(signal)) == pytest.approx(float(theirs.std()), rel=1e-6)
        else:
            assert float(noise.std(signal)) == pytest.approx(
                level if signal else level * (2 - np.pi / 2) ** 0.5, rel=1e-5
            )


def test_rices_moments_of_tensors_and_without_noise():
    clean = torch.tensor([0.0, 0.01, 0.5, 1.0])
    noise = make_noise("rician", 0.2)
    for moment in (noise.std, noise.mean):
        np.testing.assert_allclose(moment(clean).numpy(), moment(clean.numpy()), rtol=1e-6)
        assert moment(clean).dtype == torch.float32
        assert moment(clean.numpy()).dtype == np.float32
    levels = torch.tensor([0.0, 0.2]).reshape(-1, 1, 1, 1)
    several = dataclasses.replace(noise, level=levels)
    assert several.std(0.5).flatten().tolist() == pytest.approx([0, float(noise.std(0.5))])
    assert several.mean(0.5).flatten().tolist() == pytest.approx([0.5, float(noise.mean(0.5))])


@pytest.mark.parametrize("looks", [1, 4, 30.5, 1e6])
def test_gamma_noise_is_of_so_many_looks(looks):
    noise = make_noise("gamma", looks**-0.5)
    drawn = noise.corrupt(even(0.6, 10), draws(10)).ravel() / 0.6
    assert stats.kstest(drawn, stats.gamma(looks, scale=1 / looks).cdf).pvalue > 0.001
    assert float(noise.std(0.6)) == pytest.approx(0.6 / looks**0.5)


def test_one_image_has_the_same_speckle_at_every_number_of_looks():
    few, many = (make_noise("gamma", level).corrupt(even(1.0), draws()) for level in (0.5, 0.2))
    assert (few.ravel().argsort() == many.ravel().argsort()).mean() > 0.99


def test_fields_of_numbers_are_independent_of_each_other():
    random = draws(20)
    fields = [random.normal(), random.normal(1), random.normal(2), random.uniform(3)]
    counts = random.poisson(even(50.0, 20))
    correlations = np.corrcoef([each.ravel() for each in (*fields, counts)])
    assert abs(correlations - np.eye(5)).max() < 0.03
    np.testing.assert_array_equal(random.normal(1), draws(20).normal(1))
    assert stats.kstest(random.normal(1).ravel(), "norm").pvalue > 0.001


def test_correlated_noise_is_gaussian_and_correlated_as_its_blur_says():
    values = make_noise("gaussian-correlated", 0.2).corrupt(even(0.0, 400), draws(400))
    assert stats.kstest(values[:, 0, ::10, ::10].ravel() / 0.2, "norm").pvalue > 0.001
    for shift in (1, 2, 3):
        # Two Gaussians of deviation 1 overlap as exp(-d^2 / 4), up to the sampling of the taps.
        expected = np.exp(-(shift**2) / 4)
        for axis in (-2, -1):
            neighbour = np.roll(values, shift, axis)
            assert np.corrcoef(values.ravel(), neighbour.ravel())[0, 1] == pytest.approx(
                expected, abs=0.02
            )


# -- how they are written --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.3", ["gaussian 0.3"]),
        ("gaussian:0.1,0.3;salt-pepper:0.05,0.2",
         ["gaussian 0.1", "gaussian 0.3", "salt-pepper 0.05", "salt-pepper 0.2"]),
        ("poisson:30;0.3;", ["poisson 30", "gaussian 0.3"]),
        (" speckle : 25/255 ; uniform:0.5", ["speckle 25/255", "uniform 0.5"]),
        ("gaussian:0.3,poisson:10,30", ["gaussian 0.3", "poisson 10", "poisson 30"]),
        (["poisson:30", 0.3, "poisson-gaussian:1e3"],
         ["poisson 30", "gaussian 0.3", "poisson-gaussian 1000"]),
    ],
)  # fmt: skip
def test_several_kinds_are_understood(text, expected):
    assert list(map(str, parse_noise(text))) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("poison:30", "unknown noise 'poison': did you mean poisson"),
        ("poisson:", "noise level '' is not a number"),
        ("poisson:0", "poisson noise level 0 is out of range"),
        ("poisson:1e7", "at most 1000000 (photons at white)"),
        ("salt-pepper:1.5", "at most 1 (share of the pixels that are replaced)"),
        ("speckle:nan", "speckle noise level nan is out of range"),
        (":0.3", "unknown noise ''"),
        (";", "no noise level given"),
        ("poisson:30,30.000001", "look the same in tables"),
    ],
)
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(UsageError) as refused:
        parse_noise(text)
    assert message in str(refused.value)


@settings(deadline=None)
@given(kind=st.sampled_from(sorted(KINDS)), level=st.floats(1e-6, 1))
def test_a_noise_as_training_regime_is_that_noise(kind, level):
    tested = make_noise("gaussian", 0.3, True)
    regime = training_regime(f"{kind}:{level!r}")
    assert training_noise(regime, tested) == make_noise(kind, level, True)


def test_a_level_alone_trains_for_the_kind_that_is_tested():
    assert training_noise("30", make_noise("poisson", 5)) == make_noise("poisson", 30)
    with pytest.raises(UsageError, match="salt-pepper noise level 30 is out of range"):
        training_noise("30", make_noise("salt-pepper", 0.5))
