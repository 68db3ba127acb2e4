"""Reports of what is seldom met: images too small for SSIM, very many methods or runs."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench import analysis, open_run
from bench.analysis import MOST_COMPARED
from bench.report.content.section import Section
from bench.report.content.tables import Table, foremost
from bench.report.figures.quality import quality
from bench.report.render import FORMATS, render

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
from big_run import big_run

RNG = np.random.default_rng(0)


def folder_of(path, *sizes):
    path.mkdir()
    for number, size in enumerate(sizes):
        Image.fromarray(RNG.integers(0, 256, size, np.uint8)).save(path / f"{number}.png")
    return path


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("images", "methods"), [(1, "identity"), (3, "identity,median")])
def test_without_ssim_every_format_is_written_and_says_so(tmp_path, bench, images, methods):
    data = folder_of(tmp_path / "tiny", *[(8, 9)] * images)
    run = bench(
        "run", "--dataset", f"folder:{data}", "--noise", "0.1", "--methods", methods, "--name", "t"
    )
    assert run.code == 0, run.err
    assert "nan" not in run.out
    written = bench("report", "results/t", "--format", ",".join(FORMATS))
    assert written.code == 0, written.err
    report = Path("reports/t")
    assert f"SSIM is over 0 of {images} images" in (report / "report.md").read_text()
    assert "| identity |" in (report / "summary.md").read_text()
    assert not (report / "ssim.csv").exists()
    for file in ("report.md", "summary.md", "report.tex"):
        assert not {"nan", "inf", "-inf"} & set((report / file).read_text().split())


def test_images_without_ssim_stand_beside_others(tmp_path, bench):
    data = folder_of(tmp_path / "mixed", (8, 9), (20, 20), (8, 9))
    arguments = ("run", "--dataset", f"folder:{data}", "--noise", "0.1", "--methods", "identity")
    assert "(SSIM over 1)" in bench(*arguments, "--name", "mixed").out
    other = folder_of(tmp_path / "tiny", (8, 9))
    bench("run", "--dataset", f"folder:{other}", *arguments[3:], "--name", "tiny")
    assert bench("report", "mixed", "tiny", "--format", "html").code == 0


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    path = tmp_path_factory.mktemp("many") / "run"
    return big_run(path, records=60 * 8, images=8, methods=60, seeds=1)


def test_of_very_many_methods_the_best_are_compared_and_drawn(many, tmp_path, render_text):
    section = Section.of(many)
    psnr = section.pairs.query("metric == 'psnr'")
    assert len(psnr) == MOST_COMPARED * (MOST_COMPARED - 1) / 2  # the run has no noisy image
    table = Table.of(section, "psnr")
    assert set(psnr["a"]) | set(psnr["b"]) == set(table.ranked()[:MOST_COMPARED])
    (column,) = section.columns
    marks = {label: table.entries[label, column].mark for label in section.labels}
    assert all(marks[label] == "" for label in table.ranked()[MOST_COMPARED:])
    assert foremost(section).labels == sorted(
        table.ranked()[:MOST_COMPARED], key=section.labels.index
    )
    assert [figure.name for figure, _ in quality(foremost(section))] == [
        "quality",
        "quality-2",
    ]
    page = render_text(many, tmp_path, ["md"])["md"].read_text()
    assert "of 60 methods charts and images show the 50 best by PSNR" in page
    assert "Of 60 methods the 50 with the best means under a noise are compared" in page
    assert page.count("method-") >= 60  # tables have all


def test_all_methods_are_compared_with_the_noisy_image(many):
    scores = Section.of(many).scores
    worst = scores.cells["label"].to_numpy() == "method-0"
    scores.cells.loc[worst, "label"] = "identity"
    _, pairs = analysis.compare(scores)
    with_noisy = pairs[(pairs["metric"] == "psnr") & pairs[["a", "b"]].eq("identity").any(axis=1)]
    assert len(with_noisy) == 59


def test_of_very_many_methods_on_one_image_the_compared_best_are_not_told_apart(many):
    summary = Section.of(many).summary
    marks = analysis.marks(summary, Section.of(many).pairs[:0], "psnr", higher=True)
    counts = marks.iloc[:, 0].value_counts()
    assert counts.to_dict() == {"near": MOST_COMPARED - 1, "": 60 - MOST_COMPARED, "few": 1}


def test_the_best_of_many_equal_methods_are_not_told_apart(few_resamples):
    """Chosen by their means, they must not look better than they are."""
    false = 0
    for run in range(6):
        rng = np.random.default_rng(run)
        difficulty = rng.gamma(2, 2, 30)
        frames = [
            pd.DataFrame(
                {
                    "image": np.arange(30), "digest": np.arange(30), "dataset": "toy",
                    "psnr": difficulty + rng.exponential(0.3, 30), "ssim": np.nan, "mse": np.nan,
                    "method": f"m{number}", "params": "{}", "level": 0.1, "noise": "gaussian",
                    "clip": False, "train": None, "regime": None, "seed": None,
                }
            )
            for number in range(80)
        ]  # fmt: skip
        _, pairs = analysis.compare(analysis.Scores.of(pd.concat(frames)))
        false += bool((pairs["better"] != "").any())
    assert false <= 2  # of 6 with 5%: in 0.2% of cases more than that


def test_seventeen_runs_make_one_report(tmp_path, bench):
    bench("run", "--dataset", "digits", "--limit", "2", "--noise", "0.1", "--methods", "identity")
    (run,) = Path("results").iterdir()
    copies = [tmp_path / f"a-rather-long-name-of-a-run-{number}" for number in range(17)]
    for copy in copies:
        shutil.copytree(run, copy)
    written = render([open_run(copy) for copy in copies], tmp_path, ["summary"])["summary"]
    assert "-and-14-more-" in written.parent.name
    assert "and 16 more runs" in written.read_text()
