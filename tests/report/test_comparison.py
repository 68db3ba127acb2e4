"""Two runs on one page: settings that differ, what moved, and the images that moved most."""

import re

import numpy as np
import pytest
from click.testing import CliRunner

import bench
from bench.cli.program import main
from bench.core import StorageError
from bench.gate.check import allowed, check_run
from bench.report.content.comparison import DETAIL, _detail, differences, moved_images
from bench.report.formats.html.comparison import comparison_page
from bench.report.render import comparison_path, render_comparison

BOX = """
import bench
from scipy.ndimage import uniform_filter

@bench.method()
def box(noisy):
    return uniform_filter(noisy, size=(1, 1, {size}, {size}))
"""
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same method before and after its file was changed."""
    folder = tmp_path_factory.mktemp("runs")
    made = []
    for name, size in (("before", 3), ("after", 5)):
        (folder / "box.py").write_text(BOX.format(size=size), "utf-8")
        methods = ["identity", "box", *(["median"] if name == "before" else [])]
        made.append(
            bench.run(
                "digits", methods=methods, plugins=[folder / "box.py"], noise=[0.1, 0.3],
                limit=20, tune=False, out=folder, name=name,
            )
        )  # fmt: skip
    return made


def page(old, new):
    verdict = check_run(new, baseline=old.path)
    return comparison_page(old, new, verdict, allowed(new))


def test_it_says_what_differs_and_nothing_else(runs):
    found = {one.name: (one.old, one.new) for one in differences(*runs)}
    assert found["--methods"] == ("identity, box, median", "identity, box")
    assert "code of box" in found
    assert "code of identity" not in found
    assert set(found) <= {"--methods", "code of box", "commit"}
    assert not differences(runs[0], runs[0])


def test_the_images_that_moved_most_are_those_that_both_keep(runs):
    old, new = runs
    moved = moved_images(old, new)
    assert moved.kept > len(moved.images) == 4  # two under each noise
    assert {one.label for one in moved.images} == {"box"}
    sizes = [abs(one.difference) for one in moved.images]
    assert sizes == sorted(sizes, reverse=True)
    first = moved.images[0]
    for run, score, name in ((old, first.old, "old"), (new, first.new, "new")):
        records = run.records()
        (row,) = records[
            (records["label"] == "box") & (records["image"] == first.image)
            & (records["noise"] + " " + records["level"].astype(str) == first.noise)
        ].itertuples()  # fmt: skip
        assert row.psnr == score
        # The score is that of the picture: they are of one image.
        error = ((np.clip(first.pictures[name], 0, 1) - first.pictures["clean"]) ** 2).mean()
        assert -10 * np.log10(error) == pytest.approx(score, abs=0.01)
    assert not moved_images(old, old).images


def test_kept_outputs_are_shown_where_there_are_no_samples(tmp_path):
    (tmp_path / "box.py").write_text(BOX.format(size=3), "utf-8")
    made = []
    for name, size in (("a", 3), ("b", 5)):
        (tmp_path / "box.py").write_text(BOX.format(size=size), "utf-8")
        made.append(
            bench.run(
                "digits", methods="box", plugins=[tmp_path / "box.py"], noise=0.3, limit=40,
                out=tmp_path, name=name, keep="outputs",
            )
        )  # fmt: skip
    moved = moved_images(*made)
    assert moved.kept == 40
    records = [run.records().set_index("image")["psnr"] for run in made]
    farthest = (records[1] - records[0]).abs().idxmax()
    assert moved.images[0].image == farthest
    assert {"old", "new"} <= set(moved.images[0].pictures)


def test_a_detail_is_where_two_pictures_differ_most():
    difference = np.zeros((1, 400, 300), "float32")
    difference[0, 300:310, 200:210] = 1
    rows, columns = _detail(difference)
    assert difference[0, rows, columns].shape == (DETAIL, DETAIL)
    assert difference[0, rows, columns].sum() == 100
    small = np.ones((1, 8, 200), "float32")
    assert small[0][_detail(small)].shape == (8, DETAIL)


def test_the_page_has_verdicts_intervals_and_pictures_and_loads_nothing(runs):
    old, new = runs
    text = page(old, new)
    assert "<script" not in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert "default-src 'none'; img-src data:" in text
    assert 'class="verdict regressed"' in text
    rows = re.findall(r'<tr><th scope="row">box</th>.*?</tr>', text)
    assert len(rows) == 6  # PSNR and SSIM, at each level and over both
    assert all(re.search(r"\[[+−][\d.]+, [+−][\d.]+\]", row) for row in rows)
    assert "Every image agrees of identity." in text
    assert text.count('<figure class="moved">') == 4
    assert text.count("data:image/png;base64,") == 4 * 5
    assert "median at gaussian 0.1 on digits: the baseline has it" in text


def test_names_from_outside_are_text(runs, tmp_path):
    import shutil

    old, new = (
        bench.open_run(shutil.copytree(run.path, tmp_path / f"{HOSTILE[:-1]}{at}"))
        for at, run in enumerate(runs)
    )
    new.update_manifest(command=HOSTILE, git=None, versions={HOSTILE: "1"})
    text = page(old, new)
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror" in text


def test_runs_without_a_common_image_have_a_page_too(runs, tmp_path):
    other = bench.run("digits", methods="identity", noise=0.5, limit=3, out=tmp_path)
    text = page(runs[0], other)
    assert "nothing was measured" in text
    assert "The images that moved most" not in text


def test_the_command_writes_it_and_says_where(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old, new = runs
    called = ["compare", str(old.path), str(new.path), "--format", "html"]
    done = CliRunner().invoke(main, called)
    assert done.exit_code == 0, done.output
    path = comparison_path(old, new, tmp_path / "reports")
    assert path.is_file()
    assert str(path.relative_to(tmp_path)) in done.output
    assert "regressed" in done.output


def test_a_page_that_cannot_be_written_is_one_line(runs, tmp_path):
    (tmp_path / "file").write_text("")
    verdict = check_run(runs[1], baseline=runs[0].path)
    with pytest.raises(StorageError, match=r"cannot write .*choose another --out"):
        render_comparison(*runs, verdict, allowed(runs[1]), tmp_path / "file" / "x.html")
