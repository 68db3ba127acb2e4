"""Intervals and tests on arrays, against independent computations and by simulation."""

import numpy as np
import pytest
from scipy import stats

from bench.analysis import statistics


def test_resampled_means_are_those_of_resamples():
    scores = np.random.default_rng(0).normal(0, 1, (30, 2))
    found = statistics.resampled_means(scores)
    assert found.shape == (10_000, 2)
    assert found.mean(axis=0) == pytest.approx(scores.mean(axis=0), abs=0.01)
    # The bootstrap's standard error is the population's deviation over the root of n.
    assert found.std(axis=0) == pytest.approx(scores.std(axis=0) / 30**0.5, rel=0.03)
    # Columns are resampled alike.
    both = statistics.resampled_means(np.column_stack([scores, scores[:, 0] - scores[:, 1]]))
    assert both[:, 0] - both[:, 1] == pytest.approx(both[:, 2])
    assert (statistics.resampled_means(scores) == found).all()


@pytest.mark.parametrize("images", [10, 20, 40])
@pytest.mark.parametrize("heavy", [False, True])
def test_intervals_hold_the_truth_as_often_as_promised(images, heavy):
    rng = np.random.default_rng(images)
    runs = 2000
    scores = rng.standard_t(5, (images, runs)) if heavy else rng.normal(0, 1, (images, runs))
    low, high = statistics.interval(statistics.resampled_means(scores), images)
    hit = ((low < 0) & (high > 0)).mean()
    assert 0.93 <= hit <= 0.97


def test_the_interval_of_skewed_scores_is_scipys():
    scores = np.random.default_rng(1).gamma(2, 1, (500, 1))
    low, high = statistics.interval(statistics.resampled_means(scores), 500)
    expected = stats.bootstrap(
        (scores[:, 0],), np.mean, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    width = expected.high - expected.low
    assert (low[0], high[0]) == pytest.approx(tuple(expected), abs=0.05 * width)


def test_one_image_has_no_interval():
    low, high = statistics.interval(statistics.resampled_means(np.ones((1, 3))), 1)
    assert np.isnan([low, high]).all()


def test_signed_rank_is_scipys_with_its_direction():
    rng = np.random.default_rng(3)
    for size in (6, 30, 200):
        differences = rng.normal(0.2, 1, size)
        p, correlation = statistics.signed_rank(differences)
        assert p == pytest.approx(stats.wilcoxon(differences).pvalue)
        total = size * (size + 1) / 2
        above = stats.wilcoxon(differences, alternative="greater").statistic
        assert correlation == pytest.approx((2 * above - total) / total)
        assert statistics.signed_rank(-differences) == (
            pytest.approx(p),
            pytest.approx(-correlation),
        )


def test_images_without_a_difference_say_nothing():
    assert statistics.signed_rank(np.zeros(10)) == (1.0, 0.0)
    few = np.array([0, 0, 1.0, 2.0, -0.5, 3.0])
    assert statistics.signed_rank(few) == statistics.signed_rank(few[2:])
    assert statistics.signed_rank(np.full(40, 0.1))[1] == 1


def test_holm_by_hand():
    # Holm 1979: 0.01 * 4, 0.02 * 3, 0.03 * 2, then never less than the one before.
    found = statistics.holm(np.array([0.03, 0.01, 0.9, 0.02]))
    assert found == pytest.approx([0.06, 0.04, 0.9, 0.06])
    assert statistics.holm(np.array([0.6, 0.7])) == pytest.approx([1.0, 1.0])
