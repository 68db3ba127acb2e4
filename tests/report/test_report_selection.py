"""`--rows`, `--label` and `--order`: which methods a report shows, and what it calls them."""

import re

import pytest

import bench
from bench.core import UsageError
from bench.report.content.leaderboard import Leaderboard
from bench.report.content.options import Options
from bench.report.content.section import by_dataset
from bench.report.content.tables import Table


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bench.run(
        "digits",
        methods=["identity", "median[size=3,weight=1]", "gaussian[width=1.0]", "wiener[size=3]"],
        noise="0.1,0.4",
        limit=20,
        tune=False,
        out=tmp_path_factory.mktemp("results"),
        name="shown",
    )


ROWS = ("wiener[size=3]", "gaussian[width=1.0]", "identity")
NAMES = {"wiener[size=3]": "Local Wiener", "gaussian[width=1.0]": "Blur & more"}


def chosen(run, **options):
    typed = Options(**options)
    return typed, *typed.select(list(by_dataset([run])))


def test_rows_are_shown_as_typed_and_compared_among_each_other(run):
    options, section = chosen(run, rows=ROWS)
    assert section.labels == list(ROWS)
    assert Table.of(section, "psnr").rows == list(ROWS)
    assert [row.label for row in Leaderboard.of(section, options).rows] == list(ROWS)
    assert {row.rank for row in Leaderboard.of(section, options).rows} <= {1, 1.5, 2, 2.5, 3}
    assert set(section.pairs["a"]) | set(section.pairs["b"]) == set(ROWS)
    assert section.columns == [("gaussian", 0.1), ("gaussian", 0.4)]


@pytest.mark.parametrize("order", ["rank", "name"])
def test_methods_come_in_the_order_that_is_asked_for(run, order):
    options, section = chosen(run, order=order)
    if order == "name":
        assert section.labels == sorted(section.labels)
    else:
        assert section.labels == Table.of(section, "psnr").ranked()
    shown = [row.label for row in Leaderboard.of(section, options).rows]
    assert shown == section.labels
    # What stands beside each other in the frames still belongs together.
    for row, meta in zip(section.rows(), section.metadata, strict=True):
        assert (row.key, row.level) == (meta.key, meta.cell.noise.level)


def test_other_names_stand_wherever_a_report_names_a_method(run, render_text, tmp_path):
    options = Options(rows=ROWS, labels=NAMES, columns="0.4")
    made = render_text(run, tmp_path, ["html", "md", "tex", "csv", "summary"], options)
    folder = made["md"].parent
    tables = [folder / "tables" / "joint.tex", folder / "tables" / "psnr.tex"]
    for path in [folder / "report.md", folder / "summary.md", folder / "psnr.csv", *tables]:
        text = path.read_text()
        assert "Local Wiener" in text, path
        shown = re.sub(r"```.*?```|`bench[^`]*`|<code>bench.*?</code>", "", text, flags=re.DOTALL)
        assert "wiener[size=3]" not in shown, path  # but in settings and command, as they were
    assert r"Blur \& more" in (folder / "tables" / "joint.tex").read_text()
    assert "Blur &amp; more" in made["html"].read_text()


def test_numbers_are_those_under_the_old_names(run):
    _, plain = chosen(run)
    _, named = chosen(run, labels=NAMES)
    before, after = Table.of(plain, "psnr"), Table.of(named, "psnr")
    for (label, column), entry in before.entries.items():
        assert after.entries[NAMES.get(label, label), column] == entry


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rows", "medien"], "no method is called 'medien'"),
        (["--label", "medien=M"], "there is no such method"),
        (["--label", "identity=Noisy"], "keeps its name"),
        (["--label", "wiener[size=3]=identity"], "two methods the name 'identity'"),
        (["--order", "typed"], "needs rows"),
        (["--order", "colour"], "colour"),
    ],
)
def test_what_cannot_be_chosen_ends_in_one_line(run, fails, options, said):
    assert said in fails("report", run.path, *options, code=2)


def test_an_option_from_python_is_held_to_the_same(run):
    with pytest.raises(UsageError, match="is none of rank"):
        Options(order="colour")
