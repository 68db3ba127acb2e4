"""`bench report --budget`: who is ranked within it, who is over it and where, what is no budget."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

import bench
from bench.cli.report import report
from bench.core import UsageError
from bench.report.content.budget import Budget
from bench.report.content.options import Options
from bench.report.content.section import by_dataset
from bench.report.content.tables import Table
from bench.report.formats.html.page import page
from bench.report.formats.latex import document
from bench.report.formats.markdown import markdown
from bench.report.formats.summary import summary

METHODS = ["identity", "median[size=3]", "gaussian", "bilateral"]
#: By method, at the one noise and the other.
MILLISECONDS = {"identity": (1, 1), "median": (40, 40), "gaussian": (20, 60), "bilateral": (70, 80)}
MULTIPLY_ADDS = {"median": (1e9, 3e9), "gaussian": (2e9, 2e9), "bilateral": (1e6, None)}


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    """Four methods at two noises, with costs of our own."""
    run = bench.run(
        "digits", methods=METHODS, noise=[0.1, 0.3], limit=6, tune=False,
        out=tmp_path_factory.mktemp("results"),
    )  # fmt: skip
    (section,) = by_dataset([run])

    def column(costs):
        points = zip(section.cells["method"], section.cells["level"], strict=True)
        return [costs.get(method, (None, None))[level == 0.3] for method, level in points]

    return replace(
        section,
        cells=section.cells.assign(
            milliseconds_per_megapixel=column(MILLISECONDS), multiply_adds=column(MULTIPLY_ADDS)
        ),
    )


@pytest.mark.parametrize(
    ("typed", "column", "most"),
    [
        ("50ms/MP", "milliseconds_per_megapixel", 50.0),
        (" 0.5 S/mp ", "milliseconds_per_megapixel", 500.0),
        ("1e3 ms/MP", "milliseconds_per_megapixel", 1000.0),
        ("2GMAC", "multiply_adds", 2e9),
        ("1.5 mmac", "multiply_adds", 1.5e6),
    ],
)
def test_a_budget_is_a_number_with_a_unit(typed, column, most):
    budget = Budget.parse(typed)
    assert (budget.column, budget.most) == (column, most)
    assert Budget.parse(budget.text) == budget


@pytest.mark.parametrize(
    "typed",
    ["", "50", "ms/MP", "50 ms", "-1ms/MP", "0ms/MP", "nan ms/MP", "infms/MP", "1e999ms/MP",
     "5,0ms/MP", "50ms/MP of all", "a\nb"],
)  # fmt: skip
def test_what_is_no_budget_gets_one_line(typed):
    with pytest.raises(UsageError) as error:
        Options(budget=typed)
    assert "ms/MP, s/MP, MMAC, GMAC, TMAC" in str(error.value)
    assert "\n" not in str(error.value)


def test_only_methods_within_it_at_every_noise_are_ranked(section):
    options = Options(budget="50ms/MP")
    table = Table.of(section, "psnr")
    kept = ["identity", "median[size=3]"]
    ranks = dict.fromkeys(kept, 0.0)
    for column in table.columns:
        by_quality = sorted(kept, key=lambda label: -table.entries[label, column].mean)
        for rank, label in enumerate(by_quality, 1):
            ranks[label] += rank / len(table.columns)
    assert dict(options.ranking(section, table).ranks()) == ranks
    said = options.budgeted(section)
    assert said.startswith("Ranked within 50 ms/MP: 2 of 4 methods, by mean rank `")
    assert f"`median[size=3]` {ranks['median[size=3]']:.1f}" in said
    assert "Over it: `bilateral` under every noise; `gaussian` at gaussian 0.3." in said
    (ranked,) = options.ranked([section])
    assert ranked.labels == kept


def test_a_noise_that_is_not_shown_does_not_count(section):
    shown = section.only([("gaussian", 0.1)])
    said = Options(budget="50ms/MP").budgeted(shown)
    assert "3 of 4 methods" in said
    assert said.endswith("Over it: `bilateral` under every noise.")


def test_whose_cost_is_not_known_is_not_ranked_and_said(section):
    said = Options(budget="2GMAC").budgeted(section)
    assert said == (
        "Ranked within 2 GMAC: 1 of 4 methods, by mean rank `gaussian` 1.0. "
        "Over it: `median[size=3]` at gaussian 0.3. "
        "Not ranked, since that is not known: `identity` under every noise; "
        "`bilateral` at gaussian 0.3."
    )


def test_every_format_says_who_is_ranked(section):
    options = Options(budget="50ms/MP")
    texts = [
        page([section], options),
        markdown([(section, [])], options),
        document.files([(section, [])], options)["report.tex"],
        summary([section], options),
    ]
    for text in texts:
        assert "Ranked within 50 ms/MP: 2 of 4 methods" in text
    _, _, ranking = texts[0].partition("<h2>Leaderboard</h2>")
    rows = ranking.partition("</table>")[0].split("<tr ")[1:]
    assert len(rows) == 6  # two are of heads
    ranked = ["(over budget)" not in row for row in rows[2:]]
    assert ranked == [True, True, False, False]
    assert "Best of all methods, whatever they cost, by PSNR (dB): " in texts[3]
    assert "\nBest by PSNR (dB): " in summary([section])
    listed = [line.split(" | ")[0] for line in texts[3].splitlines() if line.startswith("| ")]
    assert sorted(listed[2:4]) == ["| identity", "| median[size=3]"]
    assert texts[3].count("(over budget)") == 2


def test_older_runs_rank_nobody_and_say_why(section):
    older = replace(section, cells=section.cells.assign(milliseconds_per_megapixel=None))
    said = Options(budget="50ms/MP").budgeted(older)
    assert said == (
        "Ranked within 50 ms/MP: 0 of 4 methods. Of none of them it is known what an image costs."
    )


def test_nobody_within_it_is_no_error(section):
    for budget in ("0.001ms/MP", "0.5MMAC"):
        options = Options(budget=budget)
        assert ": 0 of 4 methods." in options.budgeted(section)
        assert ": 0 of 4 methods." in summary([section], options)
        assert ": 0 of 4 methods." in page([section], options)


def test_the_command_refuses_a_wrong_one_before_it_reads(tmp_path):
    result = CliRunner().invoke(report, [str(tmp_path), "--budget", "50"])
    assert isinstance(result.exception, UsageError)
    assert "the budget '50' is no number" in str(result.exception)
