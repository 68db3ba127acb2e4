"""`flat`: images without detail, and what is left on them."""

import numpy as np
import pytest

import bench as package
from bench import datasets
from bench.core import Dataset
from bench.datasets import natural
from bench.datasets.flat import BRIGHTEST, DARKEST, open_flat


@pytest.fixture(scope="module")
def images():
    (group,) = open_flat().groups("test")
    return group.images[:, 0].astype(np.float64)


def test_it_is_the_same_everywhere(images):
    data = open_flat()
    assert data.fingerprint == "9fd1bba619aa7247"
    assert data.sizes == {"train": 0, "validation": 0, "test": len(images)}
    assert list(data.groups("validation")) == []


def test_images_are_constant_or_even_slopes_in_all_directions(images):
    for axis in (1, 2):
        np.testing.assert_allclose(np.diff(images, 2, axis=axis), 0, atol=2e-7)
    slopes = [images[:, 1, 0] - images[:, 0, 0], images[:, 0, 1] - images[:, 0, 0]]
    steep = np.hypot(*slopes) > 1e-6
    assert (~steep).sum() == 9
    assert len(np.unique(images[~steep, 0, 0])) == 9
    angles = np.degrees(np.arctan2(*slopes))[steep].round(1) % 180
    assert sorted(np.unique(angles)) == [0, 26.6, 45, 63.4, 90, 116.6, 135, 153.4]
    assert sorted(set(np.ptp(images[steep], axis=(1, 2)).round(6))) == [0.2, 0.4]


def test_hardly_any_noise_of_25_is_cut_off(images):
    assert images.min() == pytest.approx(DARKEST)
    assert images.max() == pytest.approx(BRIGHTEST)
    assert min(DARKEST, 1 - BRIGHTEST) > 3 * 25 / 255


def test_the_first_images_are_of_both_kinds(images):
    constant = np.ptp(images, axis=(1, 2)) < 1e-6
    assert constant[:6].tolist() == [True, False, False, True, False, False]


def test_it_is_trained_on_train400_where_that_is(tmp_path, monkeypatch):
    assert datasets.load("flat", tmp_path).training == "flat"

    def opened(self, folder, download):
        return Dataset(self.name, "0", {"train": 3, "validation": 2, "test": 0}, lambda split: [])

    (tmp_path / "Train400").mkdir()
    monkeypatch.setattr(natural.ImageSet, "open", opened)
    data = datasets.load("flat", tmp_path)
    assert data.training == "train400"
    assert data.sizes == {"train": 3, "validation": 2, "test": 25}
    assert data.tunable


def test_a_run_measures_what_is_left_and_its_structure(tmp_path):
    run = package.run(
        "flat", methods="identity,gaussian[width=4.0]", noise="25/255", limit=3, data_dir=tmp_path,
        out=tmp_path,
    )  # fmt: skip
    assert list(run.manifest.metrics) == ["residual", "structure", "psnr"]
    means = run.records().groupby("method")[["residual", "structure"]].mean()
    assert means.loc["identity", "residual"] == pytest.approx(25, rel=0.01)
    assert means.loc["identity", "structure"] == pytest.approx(0, abs=0.01)
    # A blur of 4 pixels leaves 1 / (2 sqrt(pi) 4) of white noise's deviation.
    assert means.loc["gaussian", "residual"] == pytest.approx(25 / (8 * np.sqrt(np.pi)), rel=0.1)
    assert means.loc["gaussian", "structure"] > 0.6


def test_metrics_that_are_typed_stand_in_the_place_of_its_own(tmp_path):
    run = package.run(
        "flat", methods="identity", noise=0.1, limit=1, metrics="mse", data_dir=tmp_path,
        out=tmp_path,
    )  # fmt: skip
    assert list(run.manifest.metrics) == ["mse"]
