"""Means, intervals and marks, against computations of their own."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench import summary


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


def test_mean_and_interval_are_students():
    values = np.random.default_rng(0).normal(20, 3, 50)
    found = row(summary.means(frame(values)), metric="psnr")
    low, high = stats.t.interval(0.95, 49, loc=values.mean(), scale=stats.sem(values))
    assert found["mean"] == pytest.approx(values.mean())
    assert found["half_width"] == pytest.approx((high - low) / 2)
    assert (found["images"], found["seeds"]) == (50, 1)


def test_an_images_value_is_averaged_over_seeds_before_its_interval():
    rng = np.random.default_rng(1)
    image, seeds = rng.normal(20, 3, 40), rng.normal(0, 1, (3, 1))
    runs = image + seeds
    records = pd.concat([frame(runs[k], method="vae", seed=k) for k in range(3)])
    found = row(summary.means(records), metric="psnr")
    assert found["mean"] == pytest.approx(runs.mean())
    assert found["half_width"] == pytest.approx(
        stats.t.ppf(0.975, 39) * stats.sem(runs.mean(axis=0))
    )
    assert (found["images"], found["seeds"]) == (40, 3)


def test_the_tables_value_is_the_mean_of_psnrs_not_the_psnr_of_the_mean():
    found = row(summary.means(frame([10.0, 30.0])), metric="psnr")
    assert found["mean"] == 20.0


def test_one_image_has_no_interval():
    assert np.isnan(row(summary.means(frame([20.0])), metric="psnr")["half_width"])


def test_typed_parameters_and_clipping_are_part_of_the_name():
    records = pd.concat(
        [frame([1.0, 2.0]), frame([3.0, 4.0], params='{"size":5}'), frame([5.0, 6.0], clip=True)]
    )
    means = summary.means(records)
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
    mean, half = summary.table(summary.means(records), "psnr")
    assert list(mean.index) == ["vae", "identity", "median"]
    assert list(mean.columns) == [("gaussian", 0.5), ("gaussian", 0.1)]
    assert half.shape == mean.shape


def test_marks_name_the_best_and_those_within_its_interval():
    mean = pd.DataFrame({("g", 0.1): {"a": 20.0, "b": 19.95, "c": 19.0}})
    half = pd.DataFrame({("g", 0.1): {"a": 0.1, "b": 0.5, "c": 5.0}})
    assert list(summary.marks(mean, half, "psnr")[("g", 0.1)]) == ["best", "near", ""]
    assert list(summary.marks(mean, half, "mse")[("g", 0.1)]) == ["near", "near", "best"]
    nothing = mean * np.nan
    assert list(summary.marks(nothing, half, "psnr")[("g", 0.1)]) == ["", "", ""]


def test_harm_is_claimed_only_beyond_the_paired_interval():
    rng = np.random.default_rng(2)
    image = rng.normal(20, 5, 200)  # images differ far more than methods do
    noise = rng.normal(0, 0.5, 200)
    records = pd.concat(
        [
            frame(image, method="identity"),
            frame(image - 0.2 + noise - noise.mean(), method="worse"),
            frame(image - 0.01 + noise - noise.mean(), method="as-good"),
            frame(image + 0.2, method="better"),
        ]
    )
    found = summary.harm(records)
    assert found[["label", "metric"]].to_numpy().tolist() == [["worse", "psnr"]]
    assert found["difference"].iloc[0] == pytest.approx(-0.2)
    assert summary.harm(records[records["method"] != "identity"]).empty


def test_problems_name_the_cell():
    cells = pd.DataFrame(
        {
            "method": ["vae", "median", "nlm"], "params": ['{"latent":2}', "{}", "{}"],
            "noise": "gaussian", "clip": [True, False, False], "level": 0.3,
            "regime": ["blind", None, None], "seed": pd.array([1, pd.NA, pd.NA], dtype="Int64"),
            "status": ["failed", "skipped", "done"], "reason": ["no: it", "RGB", ""],
        }
    )  # fmt: skip
    assert summary.problems(summary.with_labels(cells)) == [
        ("failed", "vae[latent=2,train=blind] at gaussian, clipped 0.3 seed 1", "no: it"),
        ("skipped", "median at gaussian 0.3", "RGB"),
    ]
