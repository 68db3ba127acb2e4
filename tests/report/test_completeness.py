"""The banner of an unfinished run: how many of how many cells, and which are missing."""

import pytest

import bench
from bench.report.content.completeness import unfinished
from bench.report.content.section import Section


def halted(run, *keys):
    """The run without the results of some cells."""
    for key in keys:
        (run.path / "cells" / f"{key}.parquet").unlink()
    return bench.open_run(run.path)


@pytest.fixture
def run(tmp_path):
    return bench.run(
        "digits", methods=["identity", "median[size=3]", "gaussian"], noise=[0.1, 0.3], limit=3,
        out=tmp_path / "results", tune=False,
    )  # fmt: skip


def keys(run, *labels, level=None):
    cells = run.cells()
    chosen = cells["label"].isin(labels) & ((cells["level"] == level) | (level is None))
    return list(cells["key"][chosen])


def said(run):
    return list(unfinished(Section.of(run)))


def test_a_finished_run_has_none(run):
    assert said(run) == []


def test_it_names_what_is_missing(run):
    missing = [*keys(run, "median[size=3]"), *keys(run, "gaussian", level=0.3)]
    (text,) = said(halted(run, *missing))
    assert text.startswith("3 of 6 cells have a result; missing: ")
    assert "`median[size=3]` under every noise; `gaussian` at gaussian 0.3; " in text


def test_of_several_seeds_it_names_those(run):
    planned = {
        f"{seed:016x}": {"label": "dae", "noise": noise, "seed": seed}
        for seed, noise in enumerate(["gaussian 0.1"] * 2 + ["gaussian 0.3"] * 2)
    }
    first, *_ = missing = keys(run, "gaussian")
    run.update_manifest(
        cells=[*run.manifest.cells, *planned],
        planned=type(run.manifest).model_validate(
            {**run.manifest.as_dict(), "planned": {**run.manifest.as_dict()["planned"], **planned}}
        ).planned,
    )  # fmt: skip
    assert missing
    (text,) = said(halted(run, first))
    assert "`dae` under every noise" in text
    assert text.startswith("5 of 10 cells")


def test_a_run_of_an_earlier_version_names_methods_that_have_nothing(run):
    run.update_manifest(planned={})
    (text,) = said(halted(run, *keys(run, "gaussian"), *keys(run, "median[size=3]", level=0.1)))
    assert text.startswith("3 of 6 cells have a result; nothing as yet of `gaussian`; ")


def test_a_run_without_a_single_result_says_so(run, tmp_path, render_text):
    bare = halted(run, *run.manifest.cells)
    page = render_text(bare, tmp_path, ["md"])["md"].read_text()
    assert "**Unfinished.** 0 of 6 cells have a result" in page


@pytest.mark.parametrize("form", ["md", "html", "tex", "summary"])
def test_every_format_says_it_before_any_number(run, tmp_path, render_text, form):
    page = render_text(halted(run, *keys(run, "gaussian")), tmp_path, [form])[form].read_text()
    at = page.index("4 of 6 cells have a result; missing: ")
    assert at < page.index("3 test images")
    assert "gaussian" in page[at : at + 100]


def test_a_summary_of_many_data_sets_says_it_too(run):
    from bench.report.formats.summary import summary

    section = Section.of(halted(run, *keys(run, "gaussian")))
    text = summary([section] * 9)
    assert "4 of 6 cells" in text
    assert len(text.splitlines()) <= 30
