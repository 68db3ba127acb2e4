"""Several noise seeds: each image under each draw, and its error told apart into its parts."""

import numpy as np
import pandas as pd
import pytest

import bench
from bench.core import UsageError
from bench.evaluation.replicates import Replicates
from bench.report.content.section import by_dataset
from bench.report.render import render

SEEDS = (0, 3, 7)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bench.run(
        "digits", methods=["identity", "median[size=3]"], noise=(0.1, 0.3), limit=20,
        noise_seeds="0,3,7", out=tmp_path_factory.mktemp("results"), name="several",
    )  # fmt: skip


def test_bias_and_variance_are_those_of_the_definition_and_add_up_to_the_mean_squared_error():
    rng = np.random.default_rng(0)
    clean = rng.random((6, 1, 5, 4), np.float32)
    restored = (0.8 * clean + rng.normal(0, 0.2, (4, *clean.shape))).astype(np.float32)
    replicates = Replicates(clean, 4)
    for one in restored:
        for rows in (slice(0, 4), slice(4, 6)):  # as calls cut a batch
            replicates.add(rows, one[rows])
    columns = replicates.columns()
    variance = restored.astype(float).var(axis=0, ddof=1).mean(axis=(1, 2, 3))
    squared = (restored.astype(float).mean(axis=0) - clean) ** 2
    np.testing.assert_allclose(columns["variance"], variance)
    np.testing.assert_allclose(columns["bias2"], squared.mean(axis=(1, 2, 3)) - variance / 4)
    mse = ((restored - clean).astype(float) ** 2).mean(axis=(0, 2, 3, 4))
    np.testing.assert_allclose(columns["bias2"] + columns["variance"], mse, rtol=1e-6)


def test_bias_and_variance_are_right_on_average_however_few_draws():
    rng = np.random.default_rng(1)
    clean = np.full((500, 1, 6, 6), 0.5, np.float32)
    replicates = Replicates(clean, 2)
    for _ in range(2):
        noise = rng.normal(0, 0.2, clean.shape)
        replicates.add(slice(0, 500), (clean + 0.1 + noise).astype(np.float32))
    bias2, variance = (replicates.columns()[name].mean() for name in ("bias2", "variance"))
    assert bias2 == pytest.approx(0.1**2, rel=0.08)
    assert variance == pytest.approx(0.2**2, rel=0.04)


def test_each_image_is_measured_under_each_draw_as_runs_of_one_seed_measure_it(run, tmp_path):
    records = run.records()
    assert len(records) == 2 * 2 * 20 * len(SEEDS)
    key = ["method", "level", "image"]
    for seed in SEEDS:
        alone = bench.run(
            "digits", methods=["identity", "median[size=3]"], noise=(0.1, 0.3), limit=20,
            noise_seeds=seed, out=tmp_path,
        ).records()  # fmt: skip
        assert "noise_seed" not in alone
        here = records[records["noise_seed"] == seed].reset_index(drop=True)
        values = [*key, "digest", "mse", "psnr", "ssim"]
        pd.testing.assert_frame_equal(here[values], alone[values])
    by_image = records.groupby(key)[["mse", "bias2", "variance"]].mean()
    np.testing.assert_allclose(by_image.bias2 + by_image.variance, by_image.mse, rtol=1e-5)


def test_resumed_and_read_again_it_is_the_same(run):
    assert bench.open_run(run.path).records().equals(run.records())
    again = bench.run(
        "digits", methods=["identity", "median[size=3]"], noise=(0.1, 0.3), limit=20,
        noise_seeds=SEEDS, out=run.path.parent, name="several",
    )  # fmt: skip
    assert again.records().equals(run.records())
    for key in run.finished():
        run.verify(key)


@pytest.mark.usefixtures("without_figures")
def test_reports_show_the_parts_beside_what_they_are_of(run, tmp_path):
    paths = render(run, tmp_path, ("html", "md", "csv"))
    page = paths["md"].read_text(encoding="utf-8")
    assert "20 test images of digits, each under 3 draws of its noise; " in page
    assert "## Bias and variance" in page
    assert "<h2>Bias and variance</h2>" in paths["html"].read_text(encoding="utf-8")
    shown = pd.read_csv(paths["csv"].parent / "bias-variance.csv", index_col=["label", "level"])
    parts = run.records().groupby(["method", "level"])[["mse", "bias2", "variance"]].mean()
    for level in (0.1, 0.3):
        row = shown.loc["identity", level]
        of = parts.loc["identity", level]
        assert [row["bias"] ** 2, row["noise_passed"] ** 2] == pytest.approx(
            [max(0, of["bias2"]), of["variance"]]
        )
        assert f"{row['bias']:.4f}, {row['noise_passed']:.4f}" in page
    # A filter averages noise away, and blurs.
    assert (
        shown.loc["median[size=3]", 0.3]["noise_passed"] < shown.loc["identity", 0.3].noise_passed
    )
    assert shown.loc["median[size=3]", 0.1]["bias"] > shown.loc["identity", 0.1]["bias"]


def test_runs_of_other_noise_seeds_stand_in_no_table_with_them(run, tmp_path):
    one = bench.run("digits", methods=["identity"], noise=0.1, limit=20, out=tmp_path)
    with pytest.raises(UsageError, match="differ in draws"):
        list(by_dataset([run, one]))
