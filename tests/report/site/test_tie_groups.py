"""Groups of methods that cannot be told apart: by definition, and where that is not transitive."""

import pytest

from bench.core import Scale
from bench.report.content.rows import Pair
from bench.report.content.tables import Entry, Table
from bench.report.content.tie_groups import tie_groups

NOISE = ("gaussian", 0.1)


def table(means, *, better="higher", **options):
    entries = {
        (label, NOISE): Entry(mean, None, None, None, 0, "", None) for label, mean in means.items()
    }
    scale = Scale("PSNR", "dB", better)
    return Table("psnr", scale, list(means), [NOISE], entries, **options)


def pairs(means, apart):
    """Every two methods, of which those in `apart` are told apart."""
    labels = list(means)
    for at, a in enumerate(labels):
        for b in labels[at + 1 :]:
            told = a if (a, b) in apart or (b, a) in apart else ""
            yield Pair(a, b, 0.0, 0.0, 0.0, 0.5, 0, told, told)


def groups(means, apart, **options):
    return tie_groups(table(means, **options), NOISE, list(pairs(means, apart)))


def members(found):
    return [list(group.members) for group in found]


def test_what_cannot_be_told_apart_from_the_best_shares_its_group():
    found = groups({"c": 28.0, "a": 30.0, "b": 29.9}, {("a", "c"), ("b", "c")})
    assert members(found) == [["a", "b"], ["c"]]
    assert [group.leader for group in found] == ["a", "c"]
    assert [dict(group.like) for group in found] == [{}, {}]


def test_who_is_like_a_better_group_that_it_does_not_share_says_so():
    means = {"a": 30.0, "b": 29.9, "c": 29.8, "d": 29.7}
    found = groups(means, {("a", "c"), ("a", "d"), ("b", "d")})
    assert members(found) == [["a", "b"], ["c", "d"]]
    assert dict(found[1].like) == {"c": ["b"]}


def test_a_method_of_wide_scores_is_like_the_best_though_one_above_it_is_not():
    means = {"a": 30.0, "narrow": 29.9, "wide": 29.8}
    assert members(groups(means, {("a", "narrow")})) == [["a", "wide"], ["narrow"]]


def test_of_errors_the_smallest_leads():
    found = groups({"a": 0.3, "b": 0.1}, {("a", "b")}, better="lower")
    assert members(found) == [["b"], ["a"]]


def test_what_has_seen_the_images_is_in_no_group():
    assert members(groups({"a": 30.0, "b": 29.0}, {("a", "b")}, unranked={"a"})) == [["b"]]


def test_nothing_is_grouped_where_means_are_over_other_images():
    assert groups({"a": 30.0, "b": 29.0}, set(), uneven={NOISE}) == []


def test_of_very_many_methods_those_that_were_not_compared_are_in_no_group():
    means = {f"m{number}": 40.0 - number for number in range(60)}
    compared = dict(list(means.items())[:50])
    found = tie_groups(table(means), NOISE, list(pairs(compared, set())))
    assert members(found) == [list(compared)]


@pytest.mark.parametrize("seed", range(5))
def test_every_method_is_in_one_group_which_its_leader_cannot_be_told_apart_from(seed):
    import numpy as np

    rng = np.random.default_rng(seed)
    means = {f"m{number}": float(rng.normal()) for number in range(12)}
    every = [tuple(sorted((a, b))) for a in means for b in means if a < b]
    apart = {pair for pair in every if rng.random() < 0.5}
    found = groups(means, apart)
    assert sorted(label for group in found for label in group.members) == sorted(means)
    leaders = [means[group.leader] for group in found]
    assert leaders == sorted(leaders, reverse=True)
    for at, group in enumerate(found):
        for label in group.members:
            assert means[label] <= means[group.leader]
            assert tuple(sorted((group.leader, label))) not in apart
            for better in found[:at]:
                assert tuple(sorted((better.leader, label))) in apart
