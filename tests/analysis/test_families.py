"""The error that pairs share, where images and trainings both move a difference."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench.analysis.families import Pairs, _Seeded


def two_errors(images, ours, theirs, pairs, seeds=4):
    """Pairs of equal methods: variances of images (known) and of either method's trainings."""
    rng = np.random.default_rng(10)
    difference = rng.normal(0, (images + ours + theirs) ** 0.5, pairs)
    drawn = [
        variance * rng.chisquare(seeds - 1, pairs) / (seeds - 1) for variance in (ours, theirs)
    ]
    each = np.ones(pairs)
    return Pairs(
        ("toy", "gaussian", 0.3), ["a"] * pairs, ["b"] * pairs, each * 1e6, each * 1e6, each * 1e6,
        each * seeds, difference, each * images**0.5, np.sqrt(sum(drawn)),
        each * stats.norm.ppf(0.025), each * stats.norm.ppf(0.975),
    )  # fmt: skip


@pytest.mark.parametrize(
    "variances", [(0, 1, 0), (1, 0.1, 0), (1, 1, 0), (1, 3, 0), (1, 10, 0), (0, 1, 0.1), (1, 1, 1)]
)
def test_images_and_seeds_together_err_no_more_often_than_promised(variances):
    tests, pairs = 50, 200_000
    drawn = two_errors(*variances, pairs)
    seeded = _Seeded(drawn, tests)
    low, high = seeded.interval()
    wrong = int(((low > 0) | (high < 0)).sum())
    assert wrong <= stats.binom.ppf(0.999, pairs, 0.05 / tests)
    if variances == (0, 1, 0):  # nothing is given away where there is one error only
        assert wrong >= stats.binom.ppf(0.001, pairs, 0.05 / tests)


def test_one_number_of_degrees_of_freedom_for_both_would_err_forty_times_as_often():
    """Satterthwaite's, with four seeds at the share of 600 pairs: why there are two."""
    tests, pairs, images = 600, 400_000, 1.0
    drawn = two_errors(images, 10, 0, pairs)
    seeds = drawn.seed_error**2
    degrees = (images + seeds) ** 2 / (seeds**2 / 3)
    p = 2 * stats.t.sf(np.abs(drawn.difference) / np.sqrt(images + seeds), degrees)
    assert 30 < (p < 0.05 / tests).mean() / (0.05 / tests) < 50


def test_its_p_value_ends_where_the_interval_does():
    seeded = _Seeded(two_errors(1, 3, 1, 3000), 1)
    low, high = seeded.interval()
    outside = (low > 0) | (high < 0)
    assert 20 < outside.sum() < 150
    assert ((seeded.p() < 0.05) == outside).all()


def test_of_seeds_alone_it_is_students():
    drawn = two_errors(0, 1, 0, 50)
    tested = drawn.difference / drawn.seed_error
    by_hand = np.minimum(1, 2 * stats.t.sf(np.abs(tested), 3) * 7)
    assert _Seeded(drawn, 7).p() == pytest.approx(by_hand)
    assert _Seeded(drawn, 7).errors() == pytest.approx(stats.t.isf(0.025 / 7, 3))
    assert _Seeded(drawn, 7).degrees() == pytest.approx(3)


def test_two_images_that_differ_alike_tell_nothing_however_close_the_trainings():
    drawn = two_errors(1, 1, 0, 3)
    few = np.full(3, 2.0)
    drawn = replace(
        drawn, units=few, effective=few, difference=few / 4, error=0 * few, seed_error=few / 1000,
        low=-np.inf * few, high=np.inf * few,
    )  # fmt: skip
    low, high = _Seeded(drawn, 10).interval()
    assert (low == -np.inf).all()
    assert (high == np.inf).all()
    assert (_Seeded(drawn, 10).p() == 1).all()
    many = replace(drawn, units=few * 20, effective=few * 20)
    assert (_Seeded(many, 10).interval()[0] > 0).all()
    assert (_Seeded(many, 10).p() < 0.05).all()
