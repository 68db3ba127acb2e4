"""Scores read cell by cell give what one frame of all records gives."""

import numpy as np
import pandas as pd
import pytest

from bench import analysis
from bench.analysis.scores import NOISE, Scores

METRICS = ["psnr", "ssim", "mse"]


# How wide intervals are plays no part here.
pytestmark = pytest.mark.usefixtures("few_resamples")


def ragged(rng):
    """Records of cells that measured other images, in other orders, some under other noise."""
    parts = []
    for level in (0.1, 0.3):
        for method, seeds in (("median", [pd.NA]), ("vae", [0, 1, 2]), ("nlm", [pd.NA])):
            for seed in seeds:
                images = rng.permutation(30)[: rng.integers(20, 31)]
                values = {
                    name: rng.normal(20, 3, len(images)).astype("float32") for name in METRICS
                }
                values["ssim"][rng.random(len(images)) < 0.1] = np.nan
                parts.append(
                    pd.DataFrame(
                        {
                            "dataset": "toy", "method": method, "params": "{}", "noise": "gaussian",
                            "clip": False, "level": level, "train": None, "regime": None,
                            "seed": pd.array([seed] * len(images), dtype="Int64"), "image": images,
                            "digest": (images + 100 * (rng.random(len(images)) < 0.2)).astype("u8"),
                            **values,
                        }
                    )
                )  # fmt: skip
    return pd.concat([parts[i] for i in rng.permutation(len(parts))], ignore_index=True)


@pytest.mark.parametrize("seed", range(5))
def test_means_are_those_of_the_whole_frame(seed):
    records = ragged(np.random.default_rng(seed)).astype(dict.fromkeys(METRICS, "float64"))
    found = analysis.means(Scores.of(records))
    groups = records.groupby(["method", "level", "image", "digest"])
    images = groups[METRICS].mean()
    by_seed = records.groupby(["method", "level", "seed"])[METRICS].mean()
    for row in found.itertuples():
        of_method = images.xs((row.label, row.level))[row.metric]
        assert row.mean == pytest.approx(of_method.mean(), rel=1e-12)
        # An image under other noise is the same image.
        assert row.images == of_method.dropna().index.unique("image").size
        assert row.seeds == groups.size().xs((row.label, row.level)).max()
        if row.label == "vae":
            expected = by_seed.xs((row.label, row.level))[row.metric].std(ddof=1)
            assert row.seed_sd == pytest.approx(expected)
        else:
            assert np.isnan(row.seed_sd)
    order = list(dict.fromkeys(zip(records["method"], records["level"], strict=True)))
    psnr = found[found["metric"] == "psnr"]
    assert list(zip(psnr["label"], psnr["level"], strict=True)) == order


@pytest.mark.parametrize("seed", range(5))
def test_methods_are_paired_on_the_images_that_both_have(seed):
    records = ragged(np.random.default_rng(seed))
    _, pairs = analysis.compare(Scores.of(records))
    wide = records.groupby(["level", "image", "digest", "method"])[METRICS].mean().unstack("method")
    assert len(pairs) == 2 * 3 * 3
    for pair in pairs.itertuples():
        values = wide.loc[pair.level][pair.metric]
        differences = (values[pair.a] - values[pair.b]).dropna()
        assert pair.images == len(differences)
        assert pair.difference == pytest.approx(differences.mean(), rel=1e-5, abs=1e-6)


def test_one_noise_is_read_at_a_time_and_each_cell_once():
    """What bounds the memory of a report, whatever the number of its records."""
    records = ragged(np.random.default_rng(0))
    whole = Scores.of(records)
    read = []

    class Run:
        def images(self, key):
            read.append(whole.cells.loc[int(key), "level"])
            return whole.read(int(key))

    scores = Scores(whole.cells, [Run()])
    for part in scores.noises():
        assert set(read) == {part.point[NOISE.index("level")]}
        read.clear()
    analysis.compare(scores)
    assert len(read) == len(scores) == 10


def test_some_cells_of_many_are_chosen_without_reading():
    scores = Scores.of(ragged(np.random.default_rng(0)))
    part = scores.take((scores.cells["level"] == 0.3).to_numpy().nonzero()[0])
    assert set(part.cells["level"]) == {0.3}
    keys = [key for key, _ in scores.by("label", "level")]
    assert keys == list(
        dict.fromkeys(zip(scores.cells["label"], scores.cells["level"], strict=True))
    )
    assert sum(len(group) for _, group in scores.by("label")) == len(scores)


def test_images_of_a_unit_count_once_and_single_ones_change_nothing():
    rng = np.random.default_rng(0)
    records = ragged(rng)
    alone = analysis.compare(Scores.of(records))
    assert (alone[0]["units"] == alone[0]["images"]).all()
    for units in (records["image"], records["image"] + 1000):
        again = analysis.compare(Scores.of(records.assign(unit=units)))
        for before, now in zip(alone, again, strict=True):
            pd.testing.assert_frame_equal(before, now)
    summary, pairs = analysis.compare(Scores.of(records.assign(unit=records["image"] // 4)))
    pd.testing.assert_series_equal(summary["mean"], alone[0]["mean"])
    pd.testing.assert_series_equal(summary["images"], alone[0]["images"])
    assert summary["units"].between(6, 8).all()
    assert pairs["units"].between(4, 8).all()
    pd.testing.assert_series_equal(pairs["difference"], alone[1]["difference"])
    # Records of a data set without units beside those of one that has some.
    mixed = pd.concat([records.assign(unit=records["image"] // 4), records.assign(dataset="other")])
    found = analysis.means(Scores.of(mixed))
    assert (found["units"] < found["images"]).tolist() == (found["dataset"] == "toy").tolist()


def test_a_cell_of_before_units_takes_those_of_the_others_whichever_is_read_first():
    """Positions and units are numbers of two kinds, of which equal ones say nothing."""
    values = {"digest": [70, 71, 72, 73], "psnr": 20.0, "ssim": 0.5, "mse": 0.01}
    noise = {"noise": "gaussian", "clip": False, "level": 0.1}
    shared = {"dataset": "toy", "params": "{}", "train": None, "regime": None, "seed": None}
    before = pd.DataFrame({"image": [0, 1, 2, 3], **values, **noise, **shared, "method": "old"})
    known = before[before["image"] < 3].assign(method="new", unit=[3, 3, 1])
    for parts in ([before, known], [known, before]):
        scores = Scores.of(pd.concat(parts, ignore_index=True))
        (part,) = scores.noises()
        assert part.units.tolist() == [3, 3, 1, -4]
        counts = dict(zip(part.labels, part.unit_counts("psnr").tolist(), strict=True))
        assert counts == {"old": 3, "new": 2}
    (alone,) = Scores.of(before).noises()
    assert alone.units.tolist() == [0, 1, 2, 3]


def test_the_terminal_says_of_how_many_units_images_are():
    rng = np.random.default_rng(0)
    records = ragged(rng).assign(unit=lambda frame: frame["image"] // 10)
    scores = Scores.of(records)
    assert "Mean over 30 test images of 3 units of toy" in analysis.text_table(scores, records)
