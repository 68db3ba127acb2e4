"""Models that are fitted at once, for the cell that is worked on and for those that wait."""

import numpy as np
import pytest

import bench
from bench.core import Cell, Dataset, Group, TrainNoise
from bench.datasets.training_images import split_array
from bench.evaluation.runner import run_cells
from bench.noises import make_noise
from bench.plugins.sources import load
from bench.store import FitCache
from bench.training import TrainedMethod, dense

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def run(tmp_path):
    """Runs a small network at two levels, with a cache of its own."""

    def call(name):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BENCH_CACHE_DIR", str(tmp_path / name))
            return bench.run(
                "digits",
                methods=["vae[hidden=9,latent=3]"],
                noise=[0.1, 0.5],
                epochs=1,
                limit=5,
                batch_size=32,
                out=tmp_path / "results",
                name=name,
            )

    return call


def models(folder):
    fits = FitCache(folder / "fits")
    return {path.stem: fits.get(path.stem) for path in sorted(fits.folder.iterdir())}


@pytest.fixture
def few_images(monkeypatch):
    """Kernels are interpreted, slowly."""

    def few(dataset, split):
        return split_array(dataset, split)[:40]

    monkeypatch.setattr("bench.evaluation.supervision.split_array", few)


@pytest.mark.usefixtures("dense_kernels", "few_images")
def test_cells_that_wait_find_their_models(run, monkeypatch, tmp_path):
    tiles = dense.Tiles((32, 128, 128), (32, 16, 16), (128, 128, 32))  # few programs
    monkeypatch.setattr(dense, "TILES", tiles)
    together = run("together")
    conditions = [meta.conditions for meta in together.metadata()]
    assert sorted(condition.fit_reused for condition in conditions) == [False, True]
    by = {"kernels": "triton", "at_once": 2}
    assert [condition.fitted_by for condition in conditions] == [by, by]
    monkeypatch.setattr("bench.evaluation.fitting._AT_ONCE", 1)
    alone = run("alone")
    assert not any(meta.conditions.fit_reused for meta in alone.metadata())
    assert list(together.records()["mse"]) == list(alone.records()["mse"])
    one, other = models(tmp_path / "together"), models(tmp_path / "alone")
    assert one.keys() == other.keys()
    for key, model in one.items():
        assert model.fitted_by == by
        assert model.history == other[key].history
        for name, array in model.arrays.items():
            assert (array == other[key].arrays[name]).all()


@pytest.mark.usefixtures("few_images")
def test_without_such_a_device_each_is_fitted_in_its_turn(run):
    conditions = [meta.conditions for meta in run("plain").metadata()]
    assert len(conditions) == 2
    assert not any(condition.fit_reused or condition.fitted_by for condition in conditions)


def grey_and_colour(train, test):
    """Images of one side, of so many channels each."""

    def groups(split):
        channels = test if split == "test" else train
        for number, count in enumerate(channels):
            yield Group(np.arange(4) + 4 * number, np.full((4, count, 16, 16), 0.5, np.float32))

    sizes = {"train": 4, "validation": 4, "test": 4 * len(test)}
    return Dataset("mixed", "f" * 16, sizes, groups)


@pytest.mark.parametrize(
    ("method", "train", "test", "said"),
    [
        ("unet", [1], [3], "they are grey in training, RGB in the test"),
        ("dncnn", [3], [3, 1], "they are RGB in training, grey in the test"),
        ("dae", [3], [1], "they are RGB in training, grey in the test"),
    ],
)
def test_a_network_is_refused_before_it_trains_on_images_of_other_channels(
    method, train, test, said, monkeypatch, tmp_path
):
    monkeypatch.setattr(TrainedMethod, "start", None)  # it never comes to that
    noise = make_noise("gaussian", 0.1)
    cell = Cell(
        "mixed", "f" * 16, method, "{}", "{}", "", TrainNoise("matched", noise), noise, 0, "{}",
        None, 0, False, (0,),
    )  # fmt: skip
    methods = {method: load(method)}
    fits = FitCache(tmp_path)
    (record,) = run_cells([cell], grey_and_colour(train, test), methods, fits)
    assert record.status == "skipped"
    assert record.reason.endswith(said)
