"""Intervals and tests on arrays, against independent computations and by simulation."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from bench.analysis import statistics
from bench.analysis.statistics import UnitScores


def studentised(scores):
    return statistics.studentised(UnitScores(scores))


def test_draws_are_the_t_values_of_resamples():
    scores = np.random.default_rng(0).gamma(2, 1, (30, 2))
    found = studentised(scores)
    assert found.mean == pytest.approx(scores.mean(axis=0))
    assert found.error == pytest.approx(stats.sem(scores))
    assert found.draws.shape == (5000, 2)
    # Drawn again by hand: the same distribution, its skewness included.
    rng = np.random.default_rng(1)
    again = scores[rng.integers(30, size=(20_000, 30))]
    t = (again.mean(axis=1) - scores.mean(axis=0)) / stats.sem(again, axis=1)
    ends = [0.025, 0.25, 0.5, 0.75, 0.975]
    assert np.quantile(found.draws, ends, axis=0) == pytest.approx(
        np.quantile(t, ends, axis=0), abs=0.15
    )
    # All columns are resampled alike.
    both = studentised(np.column_stack([scores[:, 0], 3 - 2 * scores[:, 0]]))
    assert both.draws[:, 0] == pytest.approx(-both.draws[:, 1], abs=1e-3)
    assert (studentised(scores).draws == found.draws).all()


@pytest.mark.parametrize("images", [12, 40])
@pytest.mark.parametrize("shape", ["normal", "heavy", "skewed"])
def test_intervals_hold_the_truth_as_often_as_promised(images, shape):
    rng = np.random.default_rng(images)
    runs = 1500
    draw = {
        "normal": lambda size: rng.normal(0, 1, size),
        "heavy": lambda size: rng.standard_t(5, size),
        "skewed": lambda size: rng.gamma(2, 1, size) - 2,
    }[shape]
    low, high = studentised(draw((images, runs))).intervals()
    assert 0.93 <= ((low < 0) & (high > 0)).mean() <= 0.97


def test_intervals_of_normal_scores_are_students():
    scores = np.random.default_rng(1).normal(20, 3, (200, 1))
    low, high = studentised(scores).intervals()
    expected = stats.t.interval(0.95, 199, loc=scores.mean(), scale=stats.sem(scores[:, 0]))
    assert (low[0], high[0]) == pytest.approx(expected, abs=0.05 * (expected[1] - expected[0]))


def test_equal_scores_have_no_error_and_rare_ones_no_interval():
    scores = np.zeros((12, 3))
    scores[:, 0] = 0.1  # not to be told from its mean by rounding
    scores[0, 1] = 1.0  # a third of the resamples does not hold the one image that differs
    scores[:, 2] = np.arange(12)
    low, high = studentised(scores).intervals()
    assert low[0] == high[0] == pytest.approx(0.1)
    assert not np.isfinite(low[1]) or not np.isfinite(high[1])
    assert 0 < low[2] < 5.5 < high[2] < 11


def test_units_carry_the_error_of_their_images():
    rng = np.random.default_rng(2)
    # Fields of one to five images that are alike: as many numbers as fields.
    sizes = rng.integers(1, 6, 60)
    units = np.repeat(np.arange(60), sizes)
    scores = np.repeat(rng.normal(0, 1, 60), sizes)[:, None]
    by_unit = statistics.unit_scores(scores, units)
    assert by_unit.scores.shape == (60, 1)
    assert by_unit.scores.mean() == pytest.approx(scores.mean())
    # The error of a ratio of sums over clusters (Cochran 1977, eq. 6.13).
    sums = np.bincount(units, scores[:, 0])
    residuals = sums - scores.mean() * sizes
    effective = sizes.sum() ** 2 / (sizes**2).sum()
    expected = np.sqrt((residuals**2).sum() / (1 - 1 / effective)) / sizes.sum()
    found = statistics.studentised(by_unit)
    assert found.error[0] == pytest.approx(expected)
    assert found.units == pytest.approx(effective)
    assert by_unit.variance == pytest.approx(expected**2)
    # Each image by itself: nothing changes.
    alone = statistics.unit_scores(scores, np.arange(len(scores)))
    assert alone.scores is scores
    assert alone.sizes is None


def test_draws_of_unequal_units_are_the_t_values_of_resampled_ratios():
    rng = np.random.default_rng(4)
    sizes = rng.choice([1, 2, 4, 9], size=25)
    units = np.repeat(np.arange(25), sizes)
    scores = np.repeat(rng.gamma(2, 1, 25), sizes) + rng.normal(0, 0.1, sizes.sum())
    found = statistics.studentised(statistics.unit_scores(scores[:, None], units))
    # By hand: whole units drawn again, their images put together.
    sums = np.bincount(units, scores)
    t = []
    for at in rng.integers(25, size=(20_000, 25)):
        mean = sums[at].sum() / sizes[at].sum()
        error = np.sqrt(((sums[at] - mean * sizes[at]) ** 2).sum()) / sizes[at].sum()
        t.append((mean - scores.mean()) / error)
    effective = sizes.sum() ** 2 / (sizes**2).sum()
    t = np.array(t) * np.sqrt(1 - 1 / effective)
    ends = [0.025, 0.25, 0.5, 0.75, 0.975]
    assert np.quantile(found.draws[:, 0], ends) == pytest.approx(np.quantile(t, ends), abs=0.1)


def test_students_critical_value_is_bonferronis():
    assert statistics.student(np.array([3.0, 7.0]), 315) == pytest.approx(
        stats.t.isf(0.025 / 315, [3, 7])
    )


@pytest.mark.parametrize("images", [12, 68, 1000])
def test_a_detectable_difference_is_found_in_four_of_five(images):
    critical = stats.t.isf(0.025 / 100, images - 1)
    size = statistics.detectable(1 / images**0.5, images - 1.0, critical)
    expected = TTestPower().solve_power(nobs=images, alpha=0.05 / 100, power=0.8)
    assert size == pytest.approx(expected, rel=0.06)
