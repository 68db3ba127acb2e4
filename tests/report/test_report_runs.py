"""Reports of several runs: merged by cell, conflicts named, nothing mixed that does not belong."""

import json
import shutil

import pandas as pd
import pytest

import bench
from bench import sharing
from bench.core import UsageError
from bench.report.content import prose
from bench.report.content.section import Section, by_dataset
from bench.report.render import render
from bench.store import open_pack


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")

    def run(name, methods, noise=(0.1, 0.3), dataset="digits", limit=20, **settings):
        return bench.run(
            dataset, methods=methods, noise=noise, limit=limit, out=folder, name=name, **settings
        )

    return {
        "filters": run("filters", ["identity", "median[size=3]", "gaussian[width=0.7]"]),
        "more": run("more", ["identity", "tv[strength=0.7]"], noise=(0.3, 0.5)),
        "fewer": run("fewer", ["nlm[h=0.8,patch=5,distance=6]"], limit=5),
        "rounded": run("rounded", ["identity"], quantize=True),
    }


def renamed(run, folder, change):
    """A copy of a run whose manifest was changed."""
    shutil.copytree(run.path, folder)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    return bench.open_run(folder)


def test_what_both_measured_is_shown_once_and_the_rest_joined(runs):
    both = Section.of(runs["filters"], runs["more"])
    entries = both.summary[both.summary.metric == "psnr"].set_index(["label", "level"])
    assert not entries.index.duplicated().any()
    assert set(entries.index) == {
        ("identity", 0.1), ("identity", 0.3), ("identity", 0.5), ("tv[strength=0.7]", 0.3),
        ("tv[strength=0.7]", 0.5), ("median[size=3]", 0.1), ("median[size=3]", 0.3),
        ("gaussian[width=0.7]", 0.1), ("gaussian[width=0.7]", 0.3),
    }  # fmt: skip
    assert both.conflicts == []
    expected = runs["more"].records()
    expected = expected[(expected.method == "tv") & (expected.level == 0.5)].psnr.mean()
    assert entries.loc[("tv[strength=0.7]", 0.5), "mean"] == pytest.approx(expected)
    # The order in which runs are named changes nothing.
    again = Section.of(runs["more"], runs["filters"])
    pd.testing.assert_frame_equal(both.summary, again.summary)


def test_where_runs_differ_the_newest_is_shown_and_the_conflict_named(runs, tmp_path, render_text):
    def later(manifest):
        manifest["started"] = "2999-01-01T00:00:00+00:00"

    newer = renamed(runs["fewer"], tmp_path / "newer", later)
    older = bench.run(
        "digits", methods=["nlm[h=0.8,patch=5,distance=6]"], noise=0.3, limit=7,
        out=tmp_path, name="older",
    )  # fmt: skip
    section = Section.of(older, newer)
    assert section.conflicts == [
        "nlm[distance=6,h=0.8,patch=5]: the number of images differs between newer, which is "
        "shown, and older"
    ]
    counts = section.summary.set_index(["label", "level", "metric"])["images"]
    assert set(counts) == {5}
    page = render_text([older, newer], tmp_path, ["md"])["md"].read_text()
    assert "> **Runs that differ.** nlm" in page
    assert "### older" in page
    assert "### newer" in page


def test_methods_tried_on_fewer_images_are_named(runs, tmp_path, render_text):
    page = render_text([runs["filters"], runs["fewer"]], tmp_path, ["md"])["md"].read_text()
    assert "20 test images of digits" in page
    assert "On fewer images: nlm[distance=6,h=0.8,patch=5]: 5." in page


@pytest.mark.usefixtures("undrawn")
def test_each_data_set_has_its_own_tables_and_files(runs, tmp_path):
    def other(manifest):
        manifest["dataset"] |= {"name": "folder:My Photos/", "fingerprint": "feed"}

    photos = renamed(runs["more"], tmp_path / "photos", other)
    paths = render([runs["filters"], photos], tmp_path / "reports", ["md", "csv"])
    text = paths["md"].read_text()
    assert [line for line in text.splitlines() if line.startswith("# ")] == [
        "# Denoising digits: 3 methods compared",
        "# Denoising folder:My Photos/: 2 methods compared",
    ]
    first, second = text.split("\n# Denoising")
    assert "tv" not in first
    assert "| median" not in second
    folder = paths["md"].parent
    assert folder.name == "filters+photos"
    assert paths["csv"] == folder / "summary-1-digits.csv"
    assert "](psnr-2-folder-my-photos.csv)" in second
    frame = pd.read_csv(folder / "psnr-2-folder-my-photos.csv", index_col="label")
    assert list(frame.columns) == ["gaussian 0.3", "gaussian 0.5"]
    assert (folder / "quality-1-digits.png").is_file()
    assert (folder / "quality-2-folder-my-photos.svg").is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(protocol=1), r"differ in protocol \(2 and 1\)"),
        (lambda m: m["conventions"].update(ssim="another"), "differ in conventions,"),
        (lambda m: m["dataset"].update(fingerprint="beef"), "differ in fingerprint"),
        (lambda m: m["dataset"].update(training="others"), "differ in training"),
    ],
)  # fmt: skip
def test_what_cannot_stand_in_one_table_is_refused(runs, tmp_path, change, message):
    other = renamed(runs["more"], tmp_path / "other", change)
    with pytest.raises(UsageError, match=message + ".*report them apart"):
        list(by_dataset([runs["filters"], other]))


def test_rounded_and_unrounded_outputs_are_not_mixed(runs, bench, fails, tmp_path):
    paths = [runs[name].path for name in ("filters", "rounded")]
    line = fails("report", *paths, "--format", "md", "--out", tmp_path, code=2)
    assert "differ in quantize (False and True)" in line
    done = bench("report", paths[0], paths[0], "--format", "csv", "--out", tmp_path)
    assert done.out == f"Report: {tmp_path / 'filters' / 'summary.csv'}\n"


def test_an_unknown_format_is_refused(fails):
    line = fails("report", "--format", "md,pdf", code=2)
    assert "give some of html, md, tex, csv, summary" in line


def test_three_data_sets_are_ranked_with_their_diagram(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.report.figures.draw", lambda *arguments: [])  # the diagram alone

    def named(name):
        return lambda manifest: manifest["dataset"].update(name=name, fingerprint=name)

    sets = [renamed(runs["filters"], tmp_path / name, named(name)) for name in ("one", "two", "3")]
    paths = render(sets, tmp_path / "reports", ["md", "tex"])
    page, article = paths["md"].read_text(), paths["tex"].read_text()
    assert page.startswith("# Over all data sets\n\nAverage ranks by PSNR over 3 data sets, at ")
    assert "Friedman's test, p = 0.050" in page or "Friedman's test (p = 0.050)" in page
    assert '<img src="ranks.png"' in page
    assert {"ranks.png", "ranks.svg", "ranks.pdf"} <= {p.name for p in paths["md"].parent.iterdir()}
    assert r"{ranks.pdf}" in article
    assert "Average ranks" in article
    paths = render(sets[:2], tmp_path / "two", ["md"])
    assert "Fewer than three data sets carry no test" in paths["md"].read_text()
    assert not (paths["md"].parent / "ranks.png").exists()


def test_a_merged_run_says_how_long_each_of_its_networks_was_trained(tmp_path):
    parts = [
        bench.run("digits", methods=[name], epochs=epochs, limit=5, out=tmp_path, name=name)
        for name, epochs in (("dae", 2), ("vae", 1))
    ]
    assert "preset `default`, 2 epochs;" in prose.lead(Section.of(parts[0]))
    merged = open_pack(sharing.pack(parts, tmp_path).path)
    assert "; 2 epochs of `dae`, 1 of `vae`; the methods'" in prose.lead(Section.of(merged))
