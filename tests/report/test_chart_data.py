"""What charts show is the records', whichever library draws them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bench
from bench.core import middle
from bench.report.content.chart_data import (
    calibration_bins,
    distributions,
)
from bench.report.content.losses import loss_range
from bench.report.content.rows import Pair, cell_rows
from bench.report.content.samples import common_positions, kept_samples
from bench.report.content.section import by_dataset


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    run = bench.run(
        "digits",
        methods=["identity", "median", "gaussian"],
        noise="0.1,0.3",
        limit=12,
        tune=False,
        out=tmp_path_factory.mktemp("results"),
    )
    (section,) = by_dataset([run])
    return section


def records_of(section):
    return section.runs[0].records()


def test_distributions_are_quantiles_of_the_images(section):
    shown, records = distributions(section, ["psnr", "ssim"]), records_of(section)
    assert list(shown) == ["psnr", "ssim"]
    for metric, columns in shown.items():
        assert list(columns) == [("gaussian", 0.1), ("gaussian", 0.3)]
        for (_, level), methods in columns.items():
            assert [method.label for method in methods] == ["identity", "median", "gaussian"]
            for method in methods:
                part = records[(records["method"] == method.label) & (records["level"] == level)][
                    metric
                ]
                expected = np.quantile(part, [0.05, 0.25, 0.5, 0.75, 0.95])
                assert method.quantiles == pytest.approx(expected)
                assert method.mean == pytest.approx(part.mean())


def test_a_calibration_is_of_the_first_seed_that_has_one():
    class Seeds:
        metadata = tuple(
            SimpleNamespace(calibration=bins) for bins in ([], [(0.1, 0.2, 5)], [(0.3, 0.4, 5)])
        )

        def rows(self):
            frame = pd.DataFrame({"label": ["vae"] * 3, "noise": "gaussian", "level": 0.1})
            others = ("key", "run", "status", "method", "params", "train", "regime", "seed")
            return cell_rows(frame.assign(**dict.fromkeys(others, "")))

    assert calibration_bins(Seeds()) == {("gaussian", 0.1): {"vae": [(0.1, 0.2, 5)]}}


def test_the_axis_of_losses_leaves_the_first_fall_out():
    epochs = np.arange(1, 101)
    terms = pd.DataFrame({"epoch": epochs, "value": np.where(epochs <= 5, 1000.0, 10 + epochs)})
    assert loss_range(terms) == pytest.approx((16 - 4.7, 110 + 4.7))
    level = pd.DataFrame({"epoch": epochs, "value": 3.0})
    assert loss_range(level) == (2.0, 4.0)


def test_missing_values_of_cells_are_none_and_numbers_plain(section):
    rows = section.rows()
    assert [(row.label, row.column) for row in rows[:2]] == [
        ("identity", ("gaussian", 0.1)),
        ("median", ("gaussian", 0.1)),
    ]
    assert {(row.train, row.regime, row.seed) for row in rows} == {(None, None, None)}
    assert {type(row.level) for row in rows} == {float}
    (seeded,) = cell_rows(section.cells[:1].assign(seed=pd.array([3], dtype="Int64")))
    assert seeded.seed == 3


def test_a_pair_reversed_says_the_same():
    pair = Pair("a", "b", 1.0, 0.5, 2.0, 0.01, 4, "a", "a")
    assert pair.reversed == Pair("b", "a", -1.0, -2.0, -0.5, 0.01, 4, "a", "a")
    assert pair.reversed.reversed == pair


def test_kept_images_are_each_entrys_once_and_of_the_noises_wanted(section):
    entries = [(label, column) for label, column, _ in kept_samples(section)]
    labels = ["identity", "median", "gaussian"]
    assert sorted(entries) == sorted(
        (label, ("gaussian", level)) for label in labels for level in (0.1, 0.3)
    )
    some = list(kept_samples(section, [("gaussian", 0.3)]))
    assert [(label, column[1]) for label, column, _ in some] == [(label, 0.3) for label in labels]
    assert all(len(samples["image"]) == len(samples["clean"]) > 0 for *_, samples in some)


def test_positions_in_common_end_where_methods_chose_their_own():
    samples = [{"image": [0, 4, 8, 2, 9]}, {"image": [0, 4, 8, 3]}, {"image": [0, 4, 8, 2]}]
    assert common_positions(samples) == [0, 4, 8]
    assert common_positions([]) == []


def test_the_middle_of_a_large_image_and_all_of_a_small_one():
    image = np.arange(5 * 7).reshape(1, 5, 7)
    assert np.array_equal(middle(image, 3), image[:, 1:4, 2:5])
    assert np.array_equal(middle(image, 6), image[:, :, 0:6])
    assert middle(image, 9).shape == image.shape
