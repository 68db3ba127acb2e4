"""Images changed a little are denoised once more for metrics that ask for it, and for none else."""

from types import SimpleNamespace

import numpy as np
import pytest

import bench
from bench.core import Cell
from bench.evaluation.exam import NoisyBatch
from bench.evaluation.kept_images import KeptImages
from bench.evaluation.perturbation import Perturbation
from bench.metrics._stein import STEP
from bench.noises import ImageDraws, make_noise

NOISE = make_noise("gaussian", 0.1)


@pytest.fixture
def digits(tmp_path):
    """Runs of a few digits, with what they are measured by."""

    def run(name, **settings):
        settings = {
            "methods": "median",
            "noise": 0.1,
            "limit": 4,
            "metrics": "sure,mse",
            **settings,
        }
        return bench.run("digits", out=tmp_path, name=name, **settings)

    return run


def test_an_image_is_changed_alike_in_every_batch():
    whole, part = (
        Perturbation.of(ImageDraws(np.array(at), (1, 6, 5), "toy", "test-probe"), NOISE)
        for at in ([0, 1, 2, 3], [2, 3])
    )
    np.testing.assert_array_equal(whole.only(slice(2, None)).probe, part.probe)
    noisy = np.full((2, 1, 6, 5), 0.5, np.float32)
    moved = part.added_to(noisy) - noisy
    np.testing.assert_allclose(np.abs(moved), STEP * 0.1, rtol=1e-3)
    assert 0 < (moved > 0).mean() < 1
    assert moved.dtype == np.float32


def test_what_is_told_is_the_same_sealed_and_later_and_of_fewer_images(digits):
    first = digits("first", keep="outputs")
    sure = first.records()["sure"].to_numpy()
    assert np.isfinite(sure).all()
    fewer = digits("fewer", limit=2).records()["sure"].to_numpy()
    np.testing.assert_array_equal(fewer, sure[:2])
    sealed = digits("sealed", jobs=1, sealed=True).records()["sure"].to_numpy()
    np.testing.assert_array_equal(sealed, sure)
    later = digits("later", metrics="mse", keep="outputs")  # which are not of what is changed
    np.testing.assert_array_equal(later.score("sure").records()["sure"], sure)


def test_several_draws_of_an_image_are_each_changed_of_their_own(digits):
    records = digits("draws", noise_seeds="0,1").records()
    assert records["sure"].nunique() == 8


def test_what_is_kept_of_a_slow_method_holds_them_too():
    fits = {}
    store = SimpleNamespace(get=fits.get, put=fits.__setitem__)
    cell = Cell(
        dataset="toy", fingerprint="", method="median", params="{}", fit_params="{}", source="",
        train=None, noise=NOISE, seed=None, recipe=None, limit=None, tune=0, quantize=False,
    )  # fmt: skip
    noisy = np.arange(8, dtype=np.float32).reshape(2, 1, 2, 2)
    batch = NoisyBatch(np.array([3, 7]), noisy, 0, noisy + 1)
    kept = KeptImages(store, cell, "cpu")
    kept.add(batch.names, np.concatenate([noisy, noisy + 1]), 1.0)
    kept.save()
    again = KeptImages(store, cell, "cpu")
    for row in range(2):
        images, seconds = again.get(batch.only(slice(row, row + 1)).names)
        np.testing.assert_array_equal(images, [noisy[row], noisy[row] + 1])
        assert seconds == pytest.approx(0.5)


@pytest.fixture
def noisy_frames():
    rng = np.random.default_rng(0)
    clean = np.kron(0.3 + 0.4 * rng.random((3, 1, 1, 4, 4)), np.ones((12, 12)))
    return clean + rng.normal(0, 0.1, (3, 2, 1, 48, 48))


@pytest.mark.filterwarnings("ignore::UserWarning")  # of values beyond the range
@pytest.mark.parametrize(
    ("frames", "asked", "expected"),
    [(2, None, ["umse", "upsnr"]), (1, None, ["sure"]), (2, "umse", ["umse"])],
)
def test_without_ground_truth_its_own_metrics_are_measured(
    tmp_path, noisy_frames, frames, asked, expected
):
    data = bench.Dataset(noisy=noisy_frames[:, :frames], range=(0, 1))
    settings = {} if asked is None else {"metrics": asked}
    run = bench.run(data, methods="identity,gaussian", sigma=0.1, out=tmp_path, **settings)
    assert list(run.manifest.metrics) == expected
    means = run.records().groupby("method")[expected[0]].mean()
    assert means["identity"] == pytest.approx(0.01, rel=0.1)
    assert means["gaussian"] < 0.5 * means["identity"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_not_there_is_named(tmp_path, noisy_frames):
    data = bench.Dataset(noisy=noisy_frames[:, :1], range=(0, 1))
    run = bench.run(data, methods="identity", metrics="sure,pure", out=tmp_path)
    (meta,) = run.metadata()
    assert meta.unmeasured == {
        "pure": "PURE holds for Poisson and Poisson-Gaussian noise that is not clipped; this is "
        "given",
    }
