"""Reports of images that came noisy: ranges, units and what was told; and without ground truth."""

import dataclasses
import json
import re

import numpy as np
import pytest

import bench
from bench.report.content import data_set
from bench.report.content.section import by_dataset
from bench.report.render import render
from bench.store.recorded_data import RecordedRange

RNG = np.random.default_rng(0)
CLEAN = np.kron(RNG.uniform(1200, 2900, (8, 8, 8)), np.ones((4, 4))).astype(np.float32)
FRAMES = (CLEAN[:, None] + RNG.normal(0, 200, (8, 2, 32, 32))).astype(np.float32)
UNITS = np.arange(8) // 2
METHODS = "identity,gaussian,median"
RANGE = "Values 0 to 4095 are 0 to 1; outputs are limited to that range."
GIVEN = (
    "The noise came with the images, and none was drawn; methods were told its standard deviation"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Name -> a run and the texts of its report's files."""
    folder = tmp_path_factory.mktemp("given")

    def report(name, clean=None, **settings):
        images = bench.Dataset(
            clean, noisy=FRAMES[:, :, None], units=UNITS, range=(0, 4095), name=name
        )
        run = bench.run(images, methods=METHODS, out=folder, name=name, **settings)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("matplotlib.figure.Figure.savefig", lambda *args, **options: None)
            files = render(run, folder / "reports", ["html", "md", "tex", "csv", "summary"])
        texts = {
            path.name: path.read_text()
            for path in files["md"].parent.rglob("*")
            if path.suffix in (".html", ".md", ".tex", ".csv")
        }
        return run, texts

    with pytest.warns(UserWarning, match="no validation images"):
        return {"stated": report("stated", CLEAN, sigma=0.05), "frames": report("frames")}


@pytest.mark.parametrize(
    ("name", "told"), [("stated", "0.05"), ("frames", "what is estimated from each image")]
)
def test_lead_and_tables_say_range_and_what_was_told(made, name, told):
    _, texts = made[name]
    said = f"{RANGE} {GIVEN}, {told}."
    page = texts["report.md"]
    assert page.count(said) == 1 + page.count("Mean over images ±") >= 3
    assert texts["report.html"].count(said) == texts["report.html"].count("Mean over images ±") + 1
    tables = [text for file, text in texts.items() if "psnr" in file and file.endswith(".tex")]
    assert [said in " ".join(text.split()) for text in tables] == [True]
    assert said in texts["summary.md"]


def test_images_are_counted_with_their_units(made):
    _, texts = made["stated"]
    assert "8 test images of 4 units of stated" in texts["report.md"]
    assert "intervals and tests resample units" in texts["report.md"]
    assert "by a studentised bootstrap over units." in texts["report.md"]
    assert "8 test images of 4 units" in texts["summary.md"]


def test_a_run_without_truth_is_shown_whole(made):
    run, texts = made["frames"]
    assert list(run.manifest.metrics) == ["umse", "upsnr"]
    assert run.records()["unit"].tolist() == [*UNITS.tolist()] * 3
    page = texts["report.md"]
    assert "There is no ground truth: all scores are estimates" in page
    assert "## uPSNR (dB)" in page
    assert "PSNR has no value" not in page.replace("uPSNR", "")
    assert "at the given noise" in page.lower()
    assert "given 0" not in page
    assert "noise: came with the images; none is drawn" in page
    assert ": noisy (`identity`), and as each" in page
    assert "Measure a box" not in texts["report.html"]
    shown = json.loads(re.search(r"data-images>(.*?)</script>", texts["report.html"])[1])
    (noise,) = shown["noises"]
    assert {picture["clean"] for picture in noise["pictures"]} == {None}


def test_with_truth_the_clean_image_is_shown(made):
    _, texts = made["stated"]
    assert ": clean, noisy (`identity`), and as each" in texts["report.md"]
    shown = json.loads(re.search(r"data-images>(.*?)</script>", texts["report.html"])[1])
    assert None not in {one["clean"] for noise in shown["noises"] for one in noise["pictures"]}
    assert "Measure a box" in texts["report.html"]


def test_a_range_that_outputs_may_leave_is_said(made):
    (section,) = by_dataset([made["stated"][0]])
    free = section.dataset.model_copy(update={"range": RecordedRange(low=-1, high=3, clamp=False)})
    said = data_set.conditions(dataclasses.replace(section, dataset=free))
    assert said[0] == "Values -1 to 3 are 0 to 1; outputs are not limited to that range."
    drawn = section.dataset.model_copy(update={"range": RecordedRange(), "frames": 0})
    assert data_set.conditions(dataclasses.replace(section, dataset=drawn)) == []
