"""Two runs compared: what is paired, and the statistics against SciPy's."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench import gate
from bench.analysis import Scores
from bench.gate.baseline import Estimate, decide
from bench.gate.pairing import MIN_SEEDS, OVERALL_SHARE, Pairing, Sample

RNG = np.random.default_rng


def frame(psnr, *, method="median", level=0.3, seed=pd.NA, regime=None, digest=None, **more):
    """A run's records of one cell; a regime is "matched" or a level."""
    n = len(psnr)
    train = f"gaussian {level if regime == 'matched' else regime}" if regime else None
    return pd.DataFrame(
        {
            "dataset": "toy", "method": method, "params": "{}", "noise": "gaussian",
            "clip": False, "level": level, "train": train, "regime": regime,
            "seed": pd.array([seed] * n, dtype="Int64"), "image": np.arange(n), "mse": 1.0,
            "psnr": psnr, "ssim": 0.5, "digest": np.arange(n) if digest is None else digest,
            **more,
        }
    )  # fmt: skip


def learned(offsets, images, **more):
    """Records of a random method: a constant for each seed, added to the images' values."""
    return pd.concat(
        [
            frame(images + offset, method="vae", seed=seed, regime="matched", **more)
            for seed, offset in enumerate(offsets)
        ]
    )


def compare(new, old, *tolerance):
    return gate.compare(Scores.of(new), Scores.of(old), *tolerance)


def pair(new, old):
    pairing = Pairing(Scores.of(new), Scores.of(old))
    return list(pairing.samples()), pairing.unpaired()


def psnr_of(comparisons):
    (found,) = [c for c in comparisons if c.metric == "psnr" and len(c.name["levels"]) == 1]
    return found


def sample(new, old, *, random=False, weight=1.0, **more):
    return Sample(np.asarray(new), np.asarray(old), random, "psnr", weight, **more)


# -- statistics ------------------------------------------------------------------------------


def test_a_deterministic_method_is_tested_by_the_paired_t_test():
    rng = RNG(0)
    old = rng.normal(20, 3, 60)
    noise = rng.normal(0, 0.2, 30)
    new = old - 0.12 + np.concatenate([noise, -noise])  # without skewness
    expected = stats.ttest_1samp(new - old, -0.05, alternative="less")
    for alpha, verdict in (
        (expected.pvalue * 1.01, "regressed"),
        (expected.pvalue * 0.99, "undecided"),
    ):
        (found,) = decide([sample(new[None, None], old[None, None])], alpha=alpha)
        assert found.verdict == verdict
    interval = stats.ttest_1samp(new - old, 0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx(tuple(interval))
    assert found.difference == pytest.approx((new - old).mean())


@pytest.mark.parametrize("paired", [True, False])
def test_seeds_are_tested_by_the_paired_or_by_welchs_t_test(paired):
    rng = RNG(1)
    new, old = rng.normal(19.7, 0.1, 5), rng.normal(20, 0.02, 5)
    images = rng.normal(0, 3, 40)  # which do not differ
    both = ((side[:, None] + images)[None] for side in (new, old))
    found = Estimate.of(sample(*both, random=True, paired=paired))
    expected = stats.ttest_rel(new, old) if paired else stats.ttest_ind(new, old, equal_var=False)
    assert found.difference == pytest.approx(new.mean() - old.mean())
    assert found.difference / found.error == pytest.approx(expected.statistic)
    assert found.degrees == pytest.approx(expected.df)


def test_a_drop_that_all_seeds_share_is_found_however_far_seeds_lie_apart():
    rng = RNG(19)
    old = 20 + rng.normal(0, 2, (1, 4, 1)) + rng.normal(0, 0.3, (1, 4, 400))
    new = old - 1.97 + rng.normal(0, 0.1, (1, 4, 1)) + rng.normal(0, 0.3, (1, 4, 400))
    verdicts = [
        decide([sample(new, old, random=True, paired=paired)])[0].verdict
        for paired in (True, False)
    ]
    assert verdicts == ["regressed", "undecided"]


def test_seeds_and_images_both_widen_the_interval():
    rng = RNG(2)
    new, old = rng.normal(20, 1, (2, 1, 4, 300))
    found = Estimate.of(sample(new, old, random=True, paired=False))
    by_image = (new - old)[0].mean(axis=0).var(ddof=1) / 300
    by_seed = sum(side[0].mean(axis=1).var(ddof=1) / 4 for side in (new, old))
    assert found.error == pytest.approx((by_image + by_seed) ** 0.5)
    means = (side[0].mean(axis=1) for side in (new, old))
    assert found.degrees == pytest.approx(stats.ttest_ind(*means, equal_var=False).df)
    paired = Estimate.of(sample(new, old, random=True))
    by_seed = (new - old)[0].mean(axis=1).var(ddof=1) / 4
    assert paired.error == pytest.approx((by_image + by_seed) ** 0.5)
    assert paired.degrees == 3


def test_levels_are_averaged_before_anything_else():
    rng = RNG(3)
    new, old = rng.normal(20, 1, (2, 3, 4, 50))
    mean = Estimate.of(sample(new.mean(axis=0)[None], old.mean(axis=0)[None], random=True))
    whole = Estimate.of(sample(new, old, random=True))
    assert dataclasses.astuple(whole) == pytest.approx(dataclasses.astuple(mean))


def test_holms_correction_on_a_worked_example():
    # Differences of p-values that are known: t = d / (s / sqrt n), s and n as they are made.
    def of(p, weight=1.0):
        t = stats.t.ppf(p, 9)
        values = np.array([1, -1] * 5) - 0.0
        values = values / values.std(ddof=1) * np.sqrt(10) + t
        return sample((values - 0.05)[None, None], np.zeros((1, 1, 10)), weight=weight)

    verdicts = [c.verdict for c in decide([of(0.020), of(0.012), of(0.030), of(0.9)])]
    assert verdicts == [
        "undecided",
        "regressed",
        "undecided",
        "undecided",
    ]  # 0.05/4, then 0.05/3 < 0.020
    verdicts = [c.verdict for c in decide([of(0.016), of(0.012), of(0.030), of(0.9)])]
    assert verdicts == [
        "regressed",
        "regressed",
        "undecided",
        "undecided",
    ]  # 0.05/4, 0.05/3, 0.05/2
    # With weights 0.8 and 0.2 the levels are 0.04 and, once the first is rejected, 0.05.
    verdicts = [c.verdict for c in decide([of(0.039, 0.8), of(0.049, 0.2)])]
    assert verdicts == ["regressed", "regressed"]
    verdicts = [c.verdict for c in decide([of(0.041, 0.8), of(0.011, 0.2)])]
    assert verdicts == ["undecided", "undecided"]


def test_agreement_in_every_image_is_held_and_takes_no_share_of_the_error():
    rng = RNG(4)
    old = rng.normal(20, 3, (1, 1, 60))
    new = old - 0.11 + rng.normal(0, 0.2, 60)
    same = sample(old, old)
    alone = decide([sample(new, old)])[0]
    amid = decide([same, sample(new, old), same])
    assert amid[1] == alone
    assert (amid[0].verdict, amid[0].reason) == ("held", "identical")
    assert (amid[0].low, amid[0].high) == (0.0, 0.0)


@pytest.mark.parametrize(("drop", "verdict"), [(0.049, "held"), (0.051, "regressed")])
def test_a_difference_without_any_spread_is_decided_by_itself(drop, verdict):
    old = np.full((1, 1, 9), 20.0)
    (found,) = decide([sample(old - drop, old)])
    assert found.verdict == verdict
    assert (found.low, found.high) == pytest.approx((-drop, -drop))


@pytest.mark.parametrize("seeds", [1, MIN_SEEDS - 1])
def test_few_seeds_decide_nothing_however_large_the_drop(seeds):
    rng = RNG(5)
    old = rng.normal(20, 0.01, (1, seeds, 100))
    (found,) = decide([sample(old - 5 + rng.normal(0, 0.01, old.shape), old, random=True)])
    assert found.verdict == "undecided"
    said = f"{seeds} training seed{'s' * (seeds > 1)} in common and 4 needed: measure both with"
    assert found.reason.startswith(said)


def test_one_image_decides_nothing():
    (found,) = decide([sample([[[19.0]]], [[[20.0]]])])
    assert (found.verdict, found.reason) == ("undecided", "one image, two needed")


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [(1.21, "improved"), (0.0, "held"), (-0.02, "held"), (-0.05, "undecided"), (-0.1, "regressed")],
)
def test_what_is_shown_is_said(gain, verdict):
    rng = RNG(6)
    old = rng.normal(20, 3, (1, 1, 400))
    (found,) = decide([sample(old + gain + rng.normal(0, 0.1, 400), old)])
    assert found.verdict == verdict
    assert (found.low > -0.05) == (verdict in ("improved", "held"))  # as the interval shows


def test_what_is_detectable_is_found_with_a_chance_of_four_fifths():
    rng = RNG(20)
    found = []
    drop = 0.05 + 2.7666 * (0.1**2 / 8 + 0.2**2 / 800) ** 0.5  # of a noncentral t, 7 degrees
    for _ in range(400):
        noise = rng.normal(0, 0.1, (1, 8, 1)) + rng.normal(0, 0.2, (1, 8, 100))
        (comparison,) = decide([sample(noise - drop, np.zeros((1, 8, 100)), random=True)])
        found.append((comparison.verdict == "regressed", comparison.detectable))
    power, detectable = np.mean(found, axis=0)
    assert power == pytest.approx(0.8, abs=0.06)
    assert detectable == pytest.approx(drop, rel=0.1)


def test_skewed_differences_of_few_images_err_no_more_than_promised():
    # As in results/reference: SSIM of nlm and tv differs with a skewness of 1.35.
    rng = RNG(21)
    verdicts = []
    for _ in range(1000):
        differences = rng.gamma(4, 0.1, 30) - 0.4  # skewness 1
        new = (differences - 0.05)[None, None]
        (found,) = decide([sample(new, np.zeros_like(new))])
        (turned,) = decide([sample(-differences[None, None] - 0.05, np.zeros_like(new))])
        verdicts.append((found.verdict == "regressed", turned.verdict == "held"))
    assert np.mean(verdicts, axis=0) == pytest.approx([0.05, 0.05], abs=0.02)


def test_what_the_run_lacks_leaves_nothing_held_but_hides_no_drop():
    rng = RNG(22)
    old = rng.normal(20, 3, (1, 1, 60))
    lacks = {"lacks": "60 of the baseline's 400 images"}
    for change, verdict in ((0.0, "undecided"), (1.0, "undecided"), (-1.0, "regressed")):
        (found,) = decide([sample(old + change, old, **lacks)])
        assert found.verdict == verdict
        assert ("this run has 60 of the baseline's 400 images" in found.reason) == (change >= 0)


# -- pairing ---------------------------------------------------------------------------------


def test_images_are_paired_by_their_position_not_by_their_order():
    old = frame(RNG(7).normal(20, 3, 30))
    new = old.assign(psnr=old["psnr"] + 0.25).sample(frac=1, random_state=0)
    found = psnr_of(compare(new, old)[0])
    assert found.difference == pytest.approx(0.25)
    assert (found.images, found.seeds) == (30, (0, 0))
    assert (found.old, found.new) == pytest.approx((old["psnr"].mean(), new["psnr"].mean()))


def test_images_under_other_noise_are_not_paired_and_said_so():
    old = frame(RNG(8).normal(20, 3, 30))
    digest = np.arange(30)
    digest[:10] += 100
    samples, unpaired = pair(old.assign(digest=digest), old)
    assert samples[0].new.shape == (1, 1, 20)
    assert unpaired == [
        "median at gaussian 0.3: 10 images under other noise: other data or noise seed"
    ]


def test_what_only_one_run_has_is_listed():
    old, vae = frame(RNG(9).normal(20, 3, 30)), learned([0, 1], np.zeros(5))
    _, unpaired = pair(pd.concat([old, vae[vae["seed"] == 0]]), pd.concat([old[:20], vae]))
    assert unpaired == [
        "median at gaussian 0.3: 10 images only in the new run",
        "vae at gaussian 0.3, seed 1: 5 images only in the baseline",
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": "else"}, {"method": "nlm"}, {"params": '{"size":5}'}, {"level": 0.5},
        {"clip": True}, {"noise": "speckle"}, {"train": "gaussian 0.1"}, {"regime": "blind"},
        {"seed": 1},
    ],
    ids=str,
)  # fmt: skip
def test_other_cells_are_not_paired(other):
    old = frame(RNG(10).normal(20, 3, 30))
    comparisons, unpaired = compare(old.assign(**other), old)
    assert comparisons == []
    assert len(unpaired) == 2


def test_nothing_to_pair_is_no_comparison():
    old = frame(RNG(11).normal(20, 3, 30))
    assert compare(old[:0], old)[0] == []


def test_a_missing_ssim_leaves_psnr_compared():
    old = frame(RNG(12).normal(20, 3, 30), ssim=np.nan)
    comparisons, _ = compare(old.assign(psnr=old["psnr"] - 1), old)
    assert [(c.metric, c.verdict) for c in comparisons] == [("psnr", "regressed")]


def test_levels_are_compared_together_and_each():
    images = RNG(13).normal(20, 3, 30)
    old = pd.concat([frame(images, level=level) for level in (0.1, 0.3, 0.5)])
    new = old.assign(psnr=old["psnr"] - 0.9 * (old["level"] == 0.5))
    found = {tuple(c.name["levels"]): c for c in compare(new, old)[0] if c.metric == "psnr"}
    assert found[0.1, 0.3, 0.5].difference == pytest.approx(-0.3)
    assert [found[level,].reason for level in (0.1, 0.3)] == ["identical", "identical"]
    assert found[0.5,].verdict == "regressed"
    weights = [s.weight for s in pair(new, old)[0] if s.metric == "psnr"]
    assert weights == pytest.approx([OVERALL_SHARE] + [(1 - OVERALL_SHARE) / 3] * 3)


def test_matched_training_is_one_way_to_train_at_all_levels():
    images = RNG(14).normal(20, 3, 30)
    both = pd.concat(
        [
            frame(images, method="vae", seed=0, level=level, regime=regime)
            for level in (0.1, 0.3)
            for regime in ("matched", "0.2")
        ]
    )
    comparisons, _ = compare(both, both)
    names = [c.name for c in comparisons if len(c.name["levels"]) == 2 and c.metric == "psnr"]
    assert [(name["label"], name["trained"]) for name in names] == [
        ("vae", ""),
        ("vae[train=0.2]", "gaussian 0.2"),
    ]


def test_a_level_asked_for_is_not_the_matched_training_at_that_level():
    images = RNG(17).normal(20, 3, 30)
    matched, asked = (frame(images, method="vae", seed=0, regime=r) for r in ("matched", "0.3"))
    comparisons, unpaired = compare(matched, asked)
    assert comparisons == []
    assert unpaired == [
        "vae at gaussian 0.3, seed 0: 30 images only in the new run",
        "vae[train=0.3] at gaussian 0.3, seed 0: 30 images only in the baseline",
    ]


def test_seeds_of_a_learned_method_are_joined():
    images = RNG(15).normal(20, 3, 50)
    old = learned([0.0, 0.02, -0.03, 0.01, 0.05], images)
    new = learned([-0.5, -0.48, -0.53, -0.51], images)
    found = psnr_of(compare(new, old)[0])
    assert (found.verdict, found.seeds, found.images) == ("regressed", (4, 4), 50)
    assert found.difference == pytest.approx(-0.505)


def test_the_tolerance_is_the_users():
    old = frame(RNG(16).normal(20, 3, 30))
    new = old.assign(psnr=old["psnr"] - 0.2)
    assert psnr_of(compare(new, old)[0]).verdict == "regressed"
    assert psnr_of(compare(new, old, {"psnr": 0.3, "ssim": 0.002})[0]).verdict == "held"


@pytest.mark.parametrize(
    ("new", "old", "expected", "lacks"),
    [
        (range(4), range(4), (True, 4, 4), ""),
        (range(8), range(4), (True, 4, 4), ""),
        (range(4), range(8), (True, 4, 4), "4 of the baseline's 8 training seeds"),
        (range(4, 9), range(4), (False, 5, 4), ""),  # none in common, enough on each side
        (range(2, 6), range(4), (False, 4, 4), ""),  # too few in common, enough on each side
        (range(1), range(4), (True, 1, 1), "1 of the baseline's 4 training seeds"),
    ],
)  # fmt: skip
def test_seeds_are_paired_where_enough_are_shared(new, old, expected, lacks):
    images = RNG(23).normal(20, 3, 30)
    both = (
        pd.concat([frame(images + s, method="vae", seed=s, regime="matched") for s in seeds])
        for seeds in (new, old)
    )
    (found, *_), _ = pair(*both)
    assert (found.paired, found.new.shape[1], found.old.shape[1]) == expected
    assert found.lacks == lacks
    if found.paired:
        np.testing.assert_array_equal(found.new, found.old)  # seed beside equal seed


def test_draws_of_the_noise_are_averaged_over_before_images_are_counted():
    images = RNG(24).normal(20, 3, 30)
    draws = [frame(images + step, digest=np.arange(30) + 100 * draw)
             for draw, step in enumerate((-1.0, 0.0, 4.0))]  # fmt: skip
    whole, fewer = pd.concat(draws), pd.concat(draws[:2])
    (psnr, *_), unpaired = pair(whole, whole)
    np.testing.assert_allclose(psnr.new[0, 0], images + 1)
    assert (psnr.lacks, unpaired) == ("", [])
    (psnr, *_), _ = pair(fewer, whole)
    np.testing.assert_allclose(psnr.new[0, 0], images - 0.5)


def test_images_of_one_unit_are_no_evidence_of_their_own():
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(6), 20)
    old = rng.normal(30, 2, 120)
    new = old - 0.15 + np.repeat(rng.normal(0, 0.2, 6), 20) + rng.normal(0, 0.01, 120)

    def found(**more):
        return psnr_of(compare(frame(new, **more), frame(old, **more))[0])

    alone, clustered = found(), found(unit=units)
    assert (alone.units, clustered.units) == (120, 6)
    assert alone.difference == clustered.difference
    assert alone.verdict == "regressed"
    assert clustered.verdict == "undecided"
    # Of units of equal size the test is that of their means.
    by_unit = (new - old).reshape(6, 20).mean(axis=1)
    estimate = Estimate.of(sample(new[None, None], old[None, None], units=units))
    assert estimate.error == pytest.approx(stats.sem(by_unit))
    assert estimate.degrees == 5
    one = found(unit=np.zeros(120, int))
    assert one.verdict == "undecided"
    assert one.reason == "images of one unit, two needed"
