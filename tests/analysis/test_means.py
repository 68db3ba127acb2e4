"""Means, intervals and marks, against computations of their own."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench import analysis


def frame(values, *, method="median", params="{}", level=0.3, seed=pd.NA, clip=False, regime=None):
    n = len(values)
    return pd.DataFrame(
        {
            "dataset": "toy", "method": method, "params": params, "noise": "gaussian",
            "clip": clip, "level": level, "train": None, "regime": regime, "seed": seed,
            "image": range(n), "mse": 1.0, "psnr": values, "ssim": 0.5, "digest": 0,
        }
    )  # fmt: skip


def row(table, **wanted):
    for name, value in wanted.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def scores(*frames):
    return analysis.Scores.of(pd.concat(frames))


def compared(*frames):
    return analysis.compare(scores(*frames))


def test_the_interval_is_students_for_normal_scores():
    values = np.random.default_rng(0).normal(20, 3, 50)
    found = row(compared(frame(values))[0], metric="psnr")
    low, high = stats.t.interval(0.95, 49, loc=values.mean(), scale=stats.sem(values))
    assert found["mean"] == pytest.approx(values.mean())
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=0.1 * (high - low))
    assert (found["images"], found["seeds"]) == (50, 1)
    assert np.isnan(found["seed_sd"])


def test_an_images_value_is_averaged_over_seeds_before_its_interval():
    rng = np.random.default_rng(1)
    image, seeds = rng.normal(20, 3, 40), rng.normal(0, 1, (3, 1))
    runs = image + seeds
    frames = [frame(runs[k], method="vae", seed=k) for k in range(3)]
    found = row(compared(*frames)[0], metric="psnr")
    averaged = row(compared(frame(runs.mean(axis=0)))[0], metric="psnr")
    assert found["mean"] == pytest.approx(runs.mean())
    assert list(found[["low", "high"]]) == pytest.approx(list(averaged[["low", "high"]]))
    assert found["seed_sd"] == pytest.approx(np.std(runs.mean(axis=1), ddof=1))
    assert (found["images"], found["seeds"]) == (40, 3)


def test_the_tables_value_is_the_mean_of_psnrs_not_the_psnr_of_the_mean():
    found = row(analysis.means(scores(frame([10.0, 30.0]))), metric="psnr")
    assert found["mean"] == 20.0


def test_one_image_has_no_interval():
    found = row(compared(frame([20.0]))[0], metric="psnr")
    assert found[["low", "high"]].isna().all()


def test_typed_parameters_and_clipping_are_part_of_the_name():
    records = pd.concat(
        [frame([1.0, 2.0]), frame([3.0, 4.0], params='{"size":5}'), frame([5.0, 6.0], clip=True)]
    )
    means = analysis.means(analysis.Scores.of(records))
    assert row(means, metric="psnr", label="median[size=5]")["mean"] == 3.5
    assert row(means, metric="psnr", label="median", noise="gaussian, clipped")["mean"] == 5.5


def test_tables_keep_the_runs_order():
    records = pd.concat(
        [
            frame([1.0, 2.0], method=m, level=level)
            for level in (0.5, 0.1)
            for m in ("vae", "identity", "median")
        ]
    )
    mean = analysis.table(analysis.means(analysis.Scores.of(records)), "psnr")
    assert list(mean.index) == ["vae", "identity", "median"]
    assert list(mean.columns) == [("gaussian", 0.5), ("gaussian", 0.1)]


def test_pairs_against_a_max_t_by_hand():
    # Romano and Wolf 2005, with both tails of each pair in its own 2.5% points.
    rng = np.random.default_rng(3)
    image = rng.normal(20, 5, 60)
    methods = {"a": image, "b": image + rng.gamma(0.5, 0.6, 60), "c": rng.normal(20, 5, 60)}
    _, pairs = compared(*(frame(values, method=name) for name, values in methods.items()))
    psnr = pairs[pairs["metric"] == "psnr"]
    differences = np.stack(
        [methods[a] - methods[b] for a, b in zip(psnr["a"], psnr["b"], strict=True)]
    )
    mean, error = differences.mean(axis=1), stats.sem(differences, axis=1)
    draws = np.empty((5000, 3))
    for row in draws:
        again = differences[:, rng.integers(60, size=60)]
        row[:] = (again.mean(axis=1) - mean) / stats.sem(again, axis=1)
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    largest = np.maximum(draws / low, draws / high).max(axis=1)
    largest *= 1 + 4 / 60
    critical = np.quantile(largest, 0.95)
    assert list(psnr["difference"]) == pytest.approx(list(mean))
    width = error * critical
    for found, by_hand, scale in zip(psnr["low"], mean - high * width, width, strict=True):
        assert found == pytest.approx(by_hand, abs=0.25 * scale)
    for found, by_hand, scale in zip(psnr["high"], mean - low * width, width, strict=True):
        assert found == pytest.approx(by_hand, abs=0.25 * scale)
    reached = np.maximum(mean / error / low, mean / error / high)
    by_hand = (largest[:, None] >= reached).mean(axis=0)
    assert list(psnr["p"]) == pytest.approx(list(by_hand), abs=0.03)
    assert list(psnr["better"]) == ["b", "", ""]
    assert (psnr["told"] == psnr["better"]).all()


def seeded(means, spread=0.0, *, method, rng=None):
    """Frames of a method at several training seeds, whose means lie where they are said to."""
    rng = rng or np.random.default_rng(0)
    image = np.random.default_rng(5).normal(20, 3, 50)
    own = rng.normal(0, spread, (len(means), 50)) if spread else np.zeros((len(means), 50))
    own -= own.mean(axis=1, keepdims=True)
    return [
        frame(image + mean + own[seed], method=method, seed=seed) for seed, mean in enumerate(means)
    ]


def test_training_seeds_are_paired_and_part_of_the_error():
    rng = np.random.default_rng(4)
    ours, theirs = [0.0, 0.3, 0.6, 0.9], [1.1, 1.42, 1.68, 2.0]
    first = seeded(ours, 0.1, method="a", rng=rng)
    second = seeded(theirs, 0.1, method="b", rng=rng)
    _, pairs = compared(*first, *second)
    pair = row(pairs, metric="psnr")
    apart = np.subtract(ours, theirs)
    assert pair["trainings"] == 4
    assert pair["difference"] == pytest.approx(apart.mean())
    seed_error = apart.std(ddof=1) / 2
    # One comparison: Student's with three degrees of freedom for seeds, paired; beside them what
    # the images alone would give.
    means = [
        frame(np.mean([part["psnr"] for part in parts], axis=0), method=method)
        for parts, method in ((first, "a"), (second, "b"))
    ]
    images = row(compared(*means)[1], metric="psnr")
    seeds = stats.t.isf(0.025, 3) * seed_error
    for end in ("low", "high"):
        far = np.hypot(seeds, images[end] - images["difference"])
        assert abs(pair[end] - pair["difference"]) == pytest.approx(far)
    assert pair["better"] == "b"
    assert pair["p"] < 0.05
    # Unpaired, the seeds of either method count.
    others = [part.assign(seed=part["seed"] + 7) for part in second]
    _, pairs = compared(*first, *others)
    assert row(pairs, metric="psnr")["high"] > pair["high"] + 0.5


def test_trainings_that_hardly_differ_leave_it_to_the_images():
    rng = np.random.default_rng(9)
    alike = seeded([0.0, 0.001, 0.002, 0.001], method="trained")
    filters = frame(alike[0]["psnr"] - 0.5 + rng.normal(0, 1, 50), method="filter")
    pair = row(compared(*alike, filters)[1], metric="psnr")
    images = row(compared(alike[0].assign(seed=None), filters)[1], metric="psnr")
    width = images["high"] - images["low"]
    assert (pair["trainings"], images["trainings"]) == (4, 0)
    # Of three degrees of freedom it would be 1.6 times as wide, of many comparisons seven times.
    assert pair["high"] - pair["low"] == pytest.approx(width, rel=0.02)
    assert pair["detectable"] == pytest.approx(images["detectable"], rel=0.05)
    assert pair["p"] == pytest.approx(images["p"], abs=0.01)


def test_a_training_without_a_value_counts_as_none():
    rng = np.random.default_rng(11)
    trained = seeded([0.0, 0.01, 0.02, 0.01, 0.0], 0.1, method="trained", rng=rng)
    trained = [part.assign(ssim=part["psnr"] / 40) for part in trained]
    trained[2]["ssim"] = np.nan
    filters = frame(trained[0]["psnr"] - 5 + rng.normal(0, 0.1, 50), method="filter")
    filters["ssim"] = filters["psnr"] / 40
    _, pairs = compared(*trained, filters)
    pair = row(pairs, metric="ssim")
    assert (pair["trainings"], pair["better"]) == (4, "trained")
    assert 0 < pair["p"] < 0.05
    assert np.isfinite(pair["detectable"])


def test_of_one_training_nothing_is_said_but_of_that_model():
    rng = np.random.default_rng(6)
    once = seeded([0.0], method="once", rng=rng)
    filters = frame(once[0]["psnr"] - 5 + rng.normal(0, 0.1, 50), method="filter")
    means, pairs = compared(*once, filters, *seeded([-3.0, -3.1, -2.9, -3.0], method="often"))
    psnr = pairs[pairs["metric"] == "psnr"]
    told = {(a, b): (n, better, model) for a, b, n, better, model in zip(
        psnr["a"], psnr["b"], psnr["trainings"], psnr["better"], psnr["told"], strict=True
    )}  # fmt: skip
    assert told == {
        ("once", "filter"): (1, "", "once"),
        ("once", "often"): (1, "", "once"),
        ("filter", "often"): (4, "often", "often"),
    }
    marks = analysis.marks(means, pairs, "psnr", higher=True)[("gaussian", 0.3)]
    assert list(marks) == ["few", "", ""]


def test_so_few_images_tell_nothing_apart():
    rng = np.random.default_rng(7)
    values = rng.normal(20, 1, 3)
    _, pairs = compared(
        *(frame(values[:3] + at + rng.normal(0, 0.3, 3), method=f"m{at}") for at in range(6))
    )
    assert (pairs["better"] == "").all()
    assert not np.isfinite(pairs[pairs["metric"] == "psnr"]["detectable"]).any()


def test_methods_that_differ_in_few_images_leave_the_others_alone():
    rng = np.random.default_rng(8)
    image = rng.normal(20, 1, 60)
    frames = [frame(image, method="same"), frame(image - rng.normal(1, 0.2, 60), method="worse")]
    for number in range(6):
        nearly = image.copy()
        nearly[number * 4 : number * 4 + 4] += 1 + rng.random(4)
        frames.append(frame(nearly, method=f"nearly{number}"))
    _, pairs = compared(*frames)
    psnr = pairs[pairs["metric"] == "psnr"]
    worse = psnr[(psnr["a"] == "worse") | (psnr["b"] == "worse")]
    assert (worse["better"] != "").all()
    few = psnr[(psnr["a"] == "same") & (psnr["b"] != "worse")]
    assert (few["better"] == "").all()
    assert not np.isfinite(few["detectable"]).any()


def test_a_mean_comes_with_its_own_number_of_images_and_what_the_cap_holds():
    values = np.array([100.0, 100.0, 30.0, 20.0])
    records = frame(values).assign(ssim=[0.5, 0.6, np.nan, np.nan])
    means = analysis.means(scores(records))
    assert row(means, metric="psnr")["images"] == 4
    assert row(means, metric="ssim")["images"] == 2
    assert row(means, metric="psnr")["capped"] == 0.5
    text = analysis.text_table(scores(records), records)
    assert "Mean over 4 test images of toy (SSIM over 2)." in text


def test_what_is_better_depends_on_the_metric():
    rng = np.random.default_rng(5)
    low, high = (
        frame(rng.normal(mean, 0.1, 40), method=name) for name, mean in (("x", 1), ("y", 2))
    )
    _, pairs = compared(low.assign(mse=low["psnr"]), high.assign(mse=high["psnr"]))
    assert row(pairs, metric="psnr")["better"] == "y"
    assert row(pairs, metric="mse")["better"] == "x"
    assert row(pairs, metric="ssim")["better"] == ""  # equal in every image
    assert row(pairs, metric="ssim")["p"] == 1


def test_the_better_mean_wins_whatever_most_images_say():
    # Better in nine of ten images by little, and much worse in the tenth.
    difference = np.tile([0.1] * 9 + [-5.0], 30) * np.linspace(0.9, 1.1, 300)
    _, pairs = compared(frame(20 + difference, method="a"), frame(np.full(300, 20.0), method="b"))
    assert row(pairs, metric="psnr")["better"] == "b"


def test_only_images_with_the_same_noise_are_paired():
    values = np.random.default_rng(6).normal(20, 1, 30)
    other = frame(values + 1, method="b").assign(digest=[0] * 20 + [1] * 10)
    _, pairs = compared(frame(values, method="a"), other)
    assert set(pairs["images"]) == {20}
    _, pairs = compared(frame(values, method="a"), other.assign(digest=1))
    assert pairs.empty


def test_fewer_images_of_one_method_leave_the_others_intervals_alone():
    values = np.random.default_rng(7).normal(20, 1, (2, 50))
    alone, _ = compared(frame(values[0], method="a"))
    both, pairs = compared(frame(values[0], method="a"), frame(values[1][:10], method="b"))
    columns = ["mean", "low", "high", "images"]
    expected = row(alone, metric="psnr")[columns]
    assert list(row(both, metric="psnr", label="a")[columns]) == pytest.approx(list(expected))
    assert set(pairs["images"]) == {10}


def test_marks_name_the_best_and_what_cannot_be_told_apart_from_it():
    rng = np.random.default_rng(10)
    image = rng.normal(20, 5, 100)  # images differ far more than methods do
    noise = rng.normal(0, 0.3, (3, 100))
    noise -= noise.mean(axis=1, keepdims=True)
    means, pairs = compared(
        frame(image + noise[0], method="a"),
        frame(image - 0.01 + noise[1], method="b"),
        frame(image - 0.5 + noise[2], method="c"),
    )

    def marked(summary, metric):
        return list(analysis.marks(summary, pairs, metric, higher=True)[("gaussian", 0.3)])

    assert marked(means, "psnr") == ["best", "near", ""]
    assert marked(means, "ssim") == ["best", "near", "near"]
    assert marked(means.assign(mean=np.nan), "psnr") == ["", "", ""]


def test_no_mean_is_best_where_methods_are_over_other_images():
    """The best images of the better method have no value, so that its mean is the worse one."""
    image = np.linspace(20, 40, 12)
    better = np.where(image > 30, np.nan, image + 2)
    means, pairs = compared(frame(image, method="a"), frame(better, method="b"))
    assert means.loc[means["metric"] == "psnr", "images"].tolist() == [12, 6]
    assert analysis.uneven(means, pairs, "psnr") == {("gaussian", 0.3)}
    marks = analysis.marks(means, pairs, "psnr", higher=True)
    assert marks[("gaussian", 0.3)].tolist() == ["", ""]
    # As many images, but not the same ones; and the same ones.
    for other, expected in ((np.flip(better), {("gaussian", 0.3)}), (better + 1, set())):
        means, pairs = compared(frame(better, method="a"), frame(other, method="b"))
        assert analysis.uneven(means, pairs, "psnr") == expected


def test_harm_is_claimed_only_where_the_tests_carry_it():
    rng = np.random.default_rng(2)
    image = rng.normal(20, 5, 200)
    noise = rng.normal(0, 0.5, 200)
    frames = {
        "worse": image - 0.2 + noise - noise.mean(),
        "identity": image,
        "as-good": image - 0.01 + noise - noise.mean(),
        "better": image + 0.2,
        "much-worse": image - 1 + noise - noise.mean(),
    }
    _, pairs = compared(*(frame(values, method=name) for name, values in frames.items()))
    found = analysis.harm(pairs)
    names = found[["label", "metric"]].to_numpy().tolist()
    assert names == [["worse", "psnr"], ["much-worse", "psnr"]]
    assert list(found["difference"]) == pytest.approx([-0.2, -1])
    assert (found["low"] < found["difference"]).all()
    assert (found["difference"] < found["high"]).all()
    assert (found["high"] < 0).all()
    assert analysis.harm(pairs[(pairs["a"] != "identity") & (pairs["b"] != "identity")]).empty


def test_a_run_without_results_has_nothing_to_compare():
    means, pairs = compared(frame([]))
    assert means.empty
    assert pairs.empty
    assert {"low", "high"} <= set(means.columns)
    assert analysis.harm(pairs).empty


def ranked(**by_set):
    """Data sets, each with the means of methods a, b, ... by level."""
    return {
        name: analysis.means(
            scores(
                *(
                    frame([value, value], method=method, level=level)
                    for method, values in zip("abcdef", by_method, strict=False)
                    for level, value in zip((0.1, 0.3), values, strict=False)
                )
            )
        )
        for name, by_method in by_set.items()
    }


def test_a_data_set_counts_once_whatever_its_levels():
    found = analysis.average_ranks(
        ranked(first=[(30, 20), (28, 23), (20, 10)], second=[(9, 9), (8, 8), (7, 7)]),
        "psnr",
        higher=True,
    )
    assert found.average.to_dict() == {"a": 1.5, "b": 1.5, "c": 3.0}
    assert found.p is None  # two data sets carry no test
    assert analysis.average_ranks(ranked(only=[(1, 2), (3, 4)]), "psnr", higher=True) is None


def test_ranks_take_what_all_data_sets_have():
    found = analysis.average_ranks(
        ranked(first=[(30, 20), (28, 21), (50, 50)], second=[(9,), (10,)]), "psnr", higher=True
    )
    assert found.average.to_dict() == {"a": 1.5, "b": 1.5}


def test_friedmans_and_nemenyis_tests_against_the_formulae():
    rng = np.random.default_rng(11)
    scores = np.arange(4) + rng.normal(0, 0.8, (6, 4))  # data sets, methods
    sets = ranked(**{f"set{i}": [(v, v) for v in row] for i, row in enumerate(scores)})
    found = analysis.average_ranks(sets, "psnr", higher=True)
    ranks = stats.rankdata(-scores, axis=1)
    n, k = scores.shape
    statistic = 12 * n / (k * (k + 1)) * ((ranks.mean(axis=0) - (k + 1) / 2) ** 2).sum()
    assert found.p == pytest.approx(stats.chi2.sf(statistic, k - 1))
    assert found.average.to_dict() == dict(zip("abcd", ranks.mean(axis=0), strict=True))
    apart = abs(ranks.mean(axis=0)[0] - ranks.mean(axis=0)[3])
    expected = stats.studentized_range.sf(
        apart / np.sqrt(k * (k + 1) / (6 * n)) * np.sqrt(2), k, np.inf
    )
    assert found.pairs.loc["a", "d"] == pytest.approx(expected, rel=1e-3)


def test_problems_name_the_cell():
    cells = pd.DataFrame(
        {
            "method": ["vae", "median", "nlm"], "params": ['{"latent":2}', "{}", "{}"],
            "noise": "gaussian", "clip": [True, False, False], "level": 0.3,
            "regime": ["blind", None, None], "seed": pd.array([1, pd.NA, pd.NA], dtype="Int64"),
            "status": ["failed", "skipped", "done"], "reason": ["no: it", "RGB", ""],
        }
    )  # fmt: skip
    assert analysis.problems(analysis.with_labels(cells)) == [
        ("failed", "vae[latent=2,train=blind] at gaussian, clipped 0.3 seed 1", "no: it"),
        ("skipped", "median at gaussian 0.3", "RGB"),
    ]


def test_what_is_skipped_for_one_reason_is_one_problem():
    levels = [0.1, 0.3] * 3 + [0.1]
    methods = ["bm3d", "bm3d", "unet", "unet", "vae", "vae", "dncnn"]
    cells = pd.DataFrame(
        {
            "method": methods, "params": "{}", "noise": "gaussian", "clip": False, "level": levels,
            "regime": None, "seed": pd.array([pd.NA] * 7, dtype="Int64"),
            "status": ["skipped"] * 7, "reason": ["RGB"] * 4 + ["size"] * 2 + ["RGB"],
        }
    )  # fmt: skip
    assert analysis.problems(analysis.with_labels(cells)) == [
        ("skipped", "bm3d, unet at gaussian 0.1, 0.3", "RGB"),
        ("skipped", "vae at gaussian 0.1, 0.3", "size"),
        ("skipped", "dncnn at gaussian 0.1", "RGB"),
    ]


@pytest.mark.parametrize("width", [40, 80, 120, None])
def test_a_table_fits_the_terminal_by_coming_in_blocks(width):
    levels = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5]
    methods = ["identity", "posterior-mean", "vae"]
    records = pd.DataFrame(
        [
            ("digits", method, "{}", "gaussian", False, level, None, None, pd.NA, 0,
             0.01, 20 + level, 0.5, 7)
            for method in methods for level in levels
        ],
        columns=["dataset", "method", "params", "noise", "clip", "level", "train", "regime",
                 "seed", "image", "mse", "psnr", "ssim", "digest"],
    )  # fmt: skip
    text = analysis.text_table(analysis.Scores.of(records), records, width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= (width or 1000)
    for level in levels:
        assert text.count(f"gaussian {level:g} ") + text.count(f"gaussian {level:g}\n") == 1
        assert text.count(f"{20 + level:.2f} 0.500") == len(methods)
    blocks = text.count("PSNR (dB), SSIM")
    assert all(sum(line.startswith(method) for line in lines) == blocks for method in methods)
    assert blocks == {40: 7, 80: 3, 120: 2, None: 1}[width]
