"""The table of costs: how speeds and sizes are shown, and what is said of how they were timed."""

from dataclasses import replace

import pandas as pd
import pytest

import bench
from bench.report.content import prose, timing
from bench.report.content.costs import costs, costs_note
from bench.report.content.section import Section
from bench.store.manifest import Git, Session


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    return Section.of(
        bench.run("digits", methods=["identity", "median[size=3]"], noise=[0.1, 0.3], limit=5,
                  out=tmp_path_factory.mktemp("results"))
    )  # fmt: skip


def measured(section, conditions=None, **values):
    """The section with other values in the cells of `median`, and the rest timed in quiet."""
    quiet = {"jobs": 1, "load": 0.4, "cores_used": 1.0, "threads": 1}
    metadata = []
    for meta in section.metadata:
        of_median = meta.cell.method == "median"
        changed = {**quiet, **(conditions or {} if of_median else {})}
        update = {"conditions": meta.conditions.model_copy(update=changed)}
        metadata.append(meta.model_copy(update={**update, **(values if of_median else {})}))
    return replace(section, metadata=metadata)


@pytest.mark.parametrize(
    ("speed", "quartiles", "shown"),
    [
        (0.4329, [2.25, 2.31, 2.34], "2.31 s ± 2%"),
        (65_216_333.0, [], "< 1 µs"),  # an older run has no spread
        (12.345, [0.05, 0.081, 0.1], "81.0 ms ± 31%"),
        (None, [], "–"),
    ],
)
def test_times_of_an_image_have_three_digits_in_a_unit_of_their_size(
    section, speed, quartiles, shown
):
    changed = measured(section, {"seconds_per_image": quartiles}, images_per_second=speed)
    entry = costs(changed)["seconds per image"]["median[size=3]"]
    assert (entry.text, entry.value) == (shown, speed and 1 / speed)


def test_what_an_image_costs_has_a_prefix_and_says_of_which_image(section):
    counted = measured(
        section, {"image_shape": [1, 28, 28], "batch_size": 1337, "device": "cuda"},
        milliseconds_per_megapixel=12.345, multiply_adds=1_234_000_000, peak_device_bytes=2**30,
    )  # fmt: skip
    columns = costs(counted)
    texts = {name: column["median[size=3]"].text for name, column in columns.items()}
    assert texts["ms per megapixel"] == "12.3"
    assert texts["multiply-adds"] == "1.23 G"
    assert texts["batch"] == "1,337"
    assert texts["device"] == "cuda"
    assert texts["peak device memory (MiB)"] == "1,020"
    assert columns["multiply-adds"]["identity"].text == "–"
    assert "Multiply-adds are of one image of 28x28" in costs_note(counted)


def test_what_older_runs_do_not_know_has_no_column(section):
    old = {"milliseconds_per_megapixel": None, "multiply_adds": None, "peak_device_bytes": None}
    metadata = [meta.model_copy(update=old) for meta in section.metadata]
    older = replace(section, metadata=metadata)
    assert not {"ms per megapixel", "multiply-adds", "peak device memory (MiB)"} & set(costs(older))
    assert "multiply-adds" not in costs_note(older).lower()
    assert "seconds per image" in costs(older)


def test_memory_is_called_what_it_is(section):
    assert "peak memory (MiB)" not in costs(section)
    older = measured(section, memory_growth_bytes=None, peak_memory_bytes=739 * 2**20)
    assert costs(older)["peak memory (MiB)"]["median[size=3]"].text == "739"
    assert costs(older)["peak memory (MiB)"]["identity"].text == "–"
    assert "Peak memory is the whole process's" in costs_note(older)
    assert "Peak memory" not in costs_note(section)


def test_what_times_were_measured_beside_is_said(section):
    cores = section.runs[0].manifest.machine.cores
    assert "median[" not in costs_note(measured(section))
    beside = measured(section, {"jobs": 3, "load": cores + 2.0, "cores_used": 3.9, "threads": 2})
    why = [
        "beside up to 2 other cells",
        f"at a load of up to {cores + 2}.0 on {cores} cores",
        "on up to 3.9 cores instead of 2",
    ]
    assert timing.disturbed(beside) == {"median[size=3]": ", ".join(why)}
    said = "; ".join(f"median[size=3] {each}" for each in why)
    assert f"~: not timed alone on a quiet machine: {said}." in costs_note(beside)


@pytest.mark.parametrize(("load", "busy"), [(1.4, False), (1.9, True)])
def test_another_program_at_work_spoils_times_though_a_core_is_left_for_it(section, load, busy):
    seen = measured(section, {"load": load, "threads": 1})
    assert bool(timing.disturbed(seen)) is busy


TIMED = {"milliseconds_per_megapixel": 12.3, "images_per_second": 7.0, "fit_seconds": 5.0}


def test_times_of_what_was_not_timed_alone_are_marked_wherever_they_stand(
    section, tmp_path, render_text, monkeypatch
):
    beside = measured(section, {"jobs": 2, "seconds_per_image": []}, **TIMED)
    columns = costs(beside)
    for name, text in zip(
        ("ms per megapixel", "seconds per image", "training (s)"), ("12.3", "143 ms", "5.00"),
        strict=True,
    ):  # fmt: skip
        assert columns[name]["median[size=3]"].text == f"~{text}"
    assert "~" not in columns["ms per megapixel"]["identity"].text
    assert "~" not in columns["parameters"]["median[size=3]"].text
    assert costs(measured(section, **TIMED))["training (s)"]["median[size=3]"].text == "5.00"
    monkeypatch.setattr(Section, "of", lambda *runs: beside)
    made = render_text(section.runs[0], tmp_path, ["md", "html", "tex", "csv"])
    note = "not timed alone on a quiet machine: median[size=3] beside up to 1 other cell."
    for form in ("md", "html"):
        text = made[form].read_text().replace("\\", "")
        assert "~143 ms" in text, form
        assert text.count(note) >= (2 if form == "html" else 1), form  # of table and chart
    tex = (made["tex"].parent / "tables" / "costs.tex").read_text()
    assert r"\textasciitilde{}143" in tex
    numbers = pd.read_csv(made["csv"].parent / "costs.csv").set_index("label")
    assert numbers["not timed alone"]["median[size=3]"] == "beside up to 1 other cell"
    assert numbers["seconds per image"]["median[size=3]"] == pytest.approx(1 / 7)


def test_who_made_a_run_is_said_with_each_command_and_each_plugins_commit(section):
    manifest = section.runs[0].manifest.model_copy(
        update={
            "command": "bench run again",
            "earlier": [Session(command="bench run"), Session(command="bench run again")],
            "plugins": {"box": Git(commit="0123456789abcdef", dirty=True), "new": None},
        }
    )
    made = dict(prose.made(manifest))
    assert made["Commands before:"] == "`bench run`"
    assert made["Versions:"].endswith(
        "; box at `0123456789ab with uncommitted changes`; new at no commit"
    )


def test_every_format_shows_the_table_and_its_note(section, tmp_path, render_text):
    made = render_text(section.runs[0], tmp_path, ["md", "html", "tex", "csv"])
    text = made["md"].read_text().partition("## Time and memory")[2]
    assert "memory growth (MiB)" in text
    assert "Memory growth is" in text
    assert "Memory growth is" in made["html"].read_text()
    tables = made["tex"].parent / "tables" / "costs.tex"
    assert "Memory growth is" in tables.read_text()
    numbers = pd.read_csv(made["csv"].parent / "costs.csv").set_index("label")
    cells = section.cells[section.cells["method"] == "median"]
    expected = cells["milliseconds_per_megapixel"].median()
    assert numbers["ms per megapixel"]["median[size=3]"] == pytest.approx(expected)
    assert numbers["device"]["median[size=3]"].startswith("cpu, ")
