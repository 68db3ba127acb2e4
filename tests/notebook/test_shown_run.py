"""A run shows itself: as a table, as a grid of images, as the report's page."""

import re
import sys

import pandas as pd
import pytest

import bench
from bench.core import UsageError
from bench.notebook import display
from bench.report.content.section import Section
from bench.report.content.tables import Table

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bench.run(
        "digits", methods=["identity", "median[size=3]", "gaussian"], noise=[0.1, 0.3], limit=12,
        out=tmp_path_factory.mktemp("results"), tune=False,
    )  # fmt: skip


def test_the_table_holds_the_reports_numbers_the_best_method_first(run):
    section = Section.of(run)
    table, shown = Table.of(section, "psnr"), run.table("psnr")
    assert list(shown.data.index) == table.ranked()
    for label in table.rows:
        for column in table.columns:
            entry = table.entries[label, column]
            assert shown.data.loc[label, f"{column[0]} {column[1]:g}"] == entry.mean
            assert f"{entry.mean:.2f} ± {entry.half_width:.2f}" in shown.to_html()
    best = [row for row in shown.to_html().splitlines() if "font-weight: bold" in row]
    assert len(best) == 1


def test_two_metrics_stand_side_by_side_where_nobody_chose(run):
    columns = run.table().data.columns
    assert [metric for metric, _ in columns] == ["PSNR (dB)"] * 2 + ["SSIM"] * 2
    assert run.table(["mse"]).data.shape == (3, 2)
    assert run.table("ssim, psnr").data.columns[0][0] == "SSIM"


def test_a_method_that_lacks_a_noise_has_a_dash(run):
    text = run.table("psnr").to_html()
    assert "–" not in text
    section = Section.of(run)
    from bench.notebook.table import text as entry_text

    assert entry_text(Table.of(section, "psnr").entries.get(("nlm", ("gaussian", 0.1))), 2) == "–"


def test_the_figure_is_that_of_a_paper_and_leaves_matplotlib_as_it_was(run):
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    before, backend = dict(mpl.rcParams), mpl.get_backend()
    figure = run.figure(methods=["noisy", "median[size=3]"], noise=0.3, labels={"noisy": "Noisy"})
    assert isinstance(figure, Figure)
    texts = " ".join(text.get_text() for text in figure.findobj(mpl.text.Text))
    assert "Noisy" in texts
    assert "median[size=3]" in texts
    assert not plt.get_fignums()  # a notebook shows what is returned, and not what is open too
    assert mpl.get_backend() == backend
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda run: run.table(3), "metrics are names, such as psnr,ssim; not 3"),
        (lambda run: run.table([3]), "metrics are names"),
        (lambda run: run.table("pnsr"), "psnr"),
        (lambda run: run.figure(methods=3), "methods are labels of the run, not 3"),
        (lambda run: run.figure(methods="bm3d"), "bm3d"),
        (lambda run: run.figure(images="3"), "images is how many are shown, not '3'"),
        (lambda run: run.figure(images=0), "--images"),
        (lambda run: run.figure(labels=3), "labels is a dict"),
        (lambda run: run.figure(crop=3), "crop is a text"),
        (lambda run: run.figure(noise=0.7), "0.7"),
        (lambda run: run.figure(noise=[0.3]), "noise is a level or a text"),
        (lambda run: run.inspect(3), "out is a folder, not 3"),
    ],
)
def test_what_is_not_there_gets_one_line(run, call, said):
    with pytest.raises(UsageError) as error:
        call(run)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_its_own_look_is_small_and_has_table_images_and_banner(run, tmp_path):
    html = run._repr_html_()
    assert "12 test images of digits" in html
    assert "6 of 6 cells" in html
    assert html.count("<tr>") == 4
    assert "data:image/png;base64," in html
    assert len(html) < 300_000
    assert not re.search(r"<script|https?:|src=\"(?!data:)", html)
    (run.path / "cells" / f"{run.manifest.cells[0]}.parquet").rename(tmp_path / "kept")
    try:
        assert "5 of 6 cells have a result; missing: " in run._repr_html_()
    finally:
        (tmp_path / "kept").rename(run.path / "cells" / f"{run.manifest.cells[0]}.parquet")
    assert "Unfinished" not in run._repr_html_()


def test_a_run_that_cannot_be_shown_says_why(tmp_path):
    run = bench.run("digits", methods="identity", noise=0.3, limit=2, out=tmp_path)
    (run.path / "cells" / f"{run.manifest.cells[0]}.parquet").unlink()
    assert "has no result to show: 0 of 1 cells are finished" in run._repr_html_()
    with pytest.raises(UsageError, match="has no result to show"):
        run.table()


def test_names_from_outside_are_text(plugins, tmp_path):
    plugins(
        "hostile",
        "import bench\n"
        "@bench.method()\n"
        "def hostile(noisy, *, title='x'):\n"
        "    return noisy",
    )  # fmt: skip
    run = bench.run(
        "digits", methods=["identity", f"hostile[title={HOSTILE}]"], noise=0.3, limit=2,
        out=tmp_path / HOSTILE.replace("/", ""),
    )  # fmt: skip
    for html in (run._repr_html_(), run.table().to_html()):
        assert "<img src=x" not in html
        assert "&lt;img src=x" in html
    frame = display.Page(tmp_path / "page.html")
    frame.path.write_text(f"<title>{HOSTILE}</title>", "utf-8")
    assert "<img" not in frame._repr_html_()


def test_records_and_cells_have_the_label_that_tables_show(run):
    labels = ["identity", "median[size=3]", "gaussian"]
    assert list(dict.fromkeys(run.cells()["label"])) == labels
    records = run.records()
    assert isinstance(records, pd.DataFrame)
    assert list(dict.fromkeys(records["label"])) == labels


def test_the_page_opens_in_the_browser_or_in_a_frame(run, tmp_path, monkeypatch):
    from bench.notebook import shown_run

    def rendered(run, out, formats):
        (out / "page.html").write_text('<p>a "page"</p>', "utf-8")
        return {"html": out / "page.html"}

    opened = []
    monkeypatch.setattr(sys.modules["bench.report.render"], "render", rendered)
    monkeypatch.setattr(shown_run.webbrowser, "open", opened.append)
    page = run.inspect(tmp_path)
    assert opened == [(tmp_path / "page.html").as_uri()]
    assert 'srcdoc="&lt;p&gt;a &#34;page&#34;&lt;/p&gt;"' in page._repr_html_()
    assert 'sandbox="allow-scripts allow-downloads"' in page._repr_html_()
    monkeypatch.setattr(shown_run, "in_notebook", lambda: True)
    run.inspect(tmp_path)
    assert len(opened) == 1
