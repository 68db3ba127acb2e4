"""Photographs of many pixels: little memory, samples of their middle, and nothing unreadable."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import open_run
from bench import run as measure
from bench.core import MEASURED_BYTES, SAMPLE_SIDE, Fit, StorageError
from bench.evaluation import kept_images
from bench.evaluation.memory import PeakMemory, release
from bench.store import cell_files

HIGH, WIDE = 700, 560


@pytest.fixture
def photographs(tmp_path):
    """Makes a folder of so many smooth photographs."""

    def make(count, high=HIGH, wide=WIDE):
        folder = tmp_path / "photographs"
        folder.mkdir()
        for number in range(count):
            rows, columns = np.arange(high)[:, None] / high, np.arange(wide) / wide
            image = 128 + 100 * np.sin(9 * rows + number) * np.cos(7 * columns)
            Image.fromarray(image.astype(np.uint8)).save(folder / f"{number}.png")
        return folder

    return make


def measured(folder, tmp_path, method="identity", tile=None):
    """Whole, unless a tile's pixels a side are said."""
    out = tmp_path / "o"
    return measure(f"folder:{folder}", methods=method, noise=0.1, tune=False, tile=tile, out=out)


def test_samples_of_large_images_are_their_middle_and_the_report_says_so(
    photographs, tmp_path, bench
):
    folder = photographs(4)
    arguments = ("--methods", "identity", "--no-tune", "--noise", "0.1", "--name", "r")
    assert bench("run", "--dataset", f"folder:{folder}", *arguments).code == 0
    run = open_run("results/r")
    (key,) = run.cells()["key"]
    samples = run.samples(key)
    assert {image.shape for name in ("clean", "noisy", "restored") for image in samples[name]} == {
        (1, SAMPLE_SIDE, SAMPLE_SIDE)
    }
    whole = np.asarray(Image.open(folder / "0.png"), np.float32) / np.float32(255)
    top, left = (HIGH - SAMPLE_SIDE) // 2, (WIDE - SAMPLE_SIDE) // 2
    middle = whole[top : top + SAMPLE_SIDE, left : left + SAMPLE_SIDE]
    np.testing.assert_array_equal(samples["clean"][samples["image"].index(0)][0], middle)
    assert bench("doctor", "results/r").code == 0
    assert bench("report", "results/r", "--format", "html").code == 0
    (page,) = Path("reports").glob("*/report.html")
    assert "Of larger images the middle is shown" in page.read_text()


@pytest.mark.filterwarnings("ignore:methods that take any size are given images")
def test_an_image_takes_the_memory_that_is_planned_for_it(photographs, tmp_path, monkeypatch):
    small = photographs(1, 1100, 1000)
    measured(small, tmp_path / "warm")  # libraries are loaded
    folder = small.rename(tmp_path / "small") and photographs(2, 2500, 2400)
    for kept in ("noisy_images._KEPT_VALUES", "draws._KEPT"):  # it stands for a larger one
        room = "evaluation" if "noisy" in kept else "noises"
        monkeypatch.setattr(f"bench.{room}.{kept}", 2**20)
    for tile in (None, 1024):
        release()
        with PeakMemory() as memory:
            measured(folder, tmp_path / str(tile), tile=tile)
        if memory.growth is None:
            pytest.skip("this system does not say how much memory a process takes")
        assert memory.growth < MEASURED_BYTES * 2500 * 2400 + 100e6  # that do not grow with it


@pytest.mark.parametrize(("limit", "what"), [(9, "its samples"), (27, "the 1 rows of a cell")])
def test_what_would_not_be_read_again_is_not_written(
    limit, what, photographs, tmp_path, monkeypatch
):
    folder = photographs(1, 40, 40)
    monkeypatch.setattr(cell_files, "LARGEST", limit)
    if "rows" in what:
        monkeypatch.setattr(cell_files.CellFiles, "_files_beside", lambda self, record: [])
    with pytest.raises(StorageError, match=f"{what} take .* bytes"):
        measured(folder, tmp_path)
    assert not {".npz", ".parquet"} & {path.suffix for path in (tmp_path / "o").rglob("*")}


def test_restored_images_that_wait_to_be_kept_take_little_memory(monkeypatch):
    """What an interrupted cell of a slow method goes on from, of large images."""
    put = []

    class Fits:
        def put(self, key, fit: Fit):
            put.append((key, list(fit.arrays)))

    class Cell:
        key = "cell"

        def as_dict(self):
            return {}

    monkeypatch.setattr(kept_images, "_WAITING", 3 * 64 * 4)
    kept = kept_images.KeptImages(Fits(), Cell(), "cpu")
    for name in "abcdefgh":
        kept.add([name], np.zeros((1, 1, 8, 8), np.float32), 2.0)
    assert [names for _, names in put] == [["a", "b", "c", "d"], ["e", "f", "g", "h"]]
