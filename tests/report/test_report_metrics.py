"""Runs with metrics of any sort: all of them are shown everywhere, none of them runs or crashes.

A small run is measured, and made-up metrics are put beside its own, as a later scoring would: one
that is the better the lower, one that some images have not, one that a cell has not, one whose
label and title are hostile.
"""

import csv
import json
import re

import numpy as np
import pandas as pd
import pytest

import bench
from bench import analysis, gate, store
from bench.cli.gate import _tolerance
from bench.core import UsageError, markdown_text
from bench.gate import check
from bench.report.content.coverage import fewer_images
from bench.report.content.findings import findings
from bench.report.content.options import Options
from bench.report.content.section import by_dataset
from bench.report.content.tables import Table
from bench.report.formats.html import page
from bench.report.formats.latex.escape import escape
from bench.report.render import render
from bench.store import RecordedMetric

HOSTILE = "<img src=x onerror=f()>|`$x_%"
WORST, EDGE, GONE = "max-error[a=1,b=0.5]", "edge", "gone"
METRICS = {
    WORST: RecordedMetric(title=WORST, unit="[0, 1]", better="lower", least=0, most=1),
    EDGE: RecordedMetric(title="Edge", unit="px", better="higher", decimals=1),
    GONE: RecordedMetric(title="Gone", better="lower", decimals=4),
    HOSTILE: RecordedMetric(title=HOSTILE, unit=HOSTILE, better="lower"),
}
REASON = "ValueError: <b>`boom`</b> (gone.py, line 3)"


class Scored(store.Run):
    """A run with made-up metrics beside its own, or instead of them."""

    def __init__(self, run, metrics=METRICS, own=("psnr", "ssim", "mse"), offset=0.0):
        kept = {label: run.manifest.metrics[label] for label in own}
        manifest = run.manifest.model_copy(update={"metrics": {**kept, **metrics}})
        super().__init__(run.path, manifest)
        self._run, self._own, self._offset = run, own, offset
        self._lacking = next(meta.key for meta in run.metadata() if meta.cell.method == "median")

    def metadata(self):
        for meta in self._run.metadata():
            reasons = {GONE: REASON} if GONE in self.manifest.metrics else {}
            meta.unmeasured = reasons if meta.key == self._lacking else {}
            yield meta

    def images(self, key):
        columns = dict(self._run.images(key))
        error = np.sqrt(columns["mse"]) + self._offset
        made = {WORST: error, EDGE: 100 - 100 * error, GONE: error, HOSTILE: error}
        made[EDGE] = np.where(columns["image"] % 3 == 0, np.nan, made[EDGE])
        if key == self._lacking:
            del made[GONE]
        for label in ("psnr", "ssim", "mse"):
            if label not in self._own:
                del columns[label]
        new = {label: values for label, values in made.items() if label in self.manifest.metrics}
        further = {
            label: error + at for at, label in enumerate(self.manifest.metrics)
            if label not in columns and label not in METRICS
        }  # fmt: skip
        return {**columns, **new, **further}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bench.run(
        "digits",
        methods=["identity", "median[size=3]", "gaussian[width=0.7]"],
        noise="gaussian:0.1,0.4",
        limit=12,
        tune=False,
        out=tmp_path_factory.mktemp("results"),
        name="shown",
    )


@pytest.fixture(scope="module")
def section(run):
    (section,) = by_dataset([Scored(run)])
    return section


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    formats = ["html", "md", "tex", "csv", "summary"]
    return render(Scored(run), tmp_path_factory.mktemp("reports"), formats)["html"].parent


def test_every_format_shows_every_metric(folder, run):
    made = Scored(run)
    titles = [metric.title for metric in made.manifest.metrics.values()]
    shown = (folder / "report.md").read_text()
    assert len(re.findall(r"^Mean over images ±", shown, re.M)) == len(titles)
    assert f"## {markdown_text('max-error[a=1,b=0.5] ([0, 1])')}\n" in shown
    tex = {path.stem: path.read_text() for path in (folder / "tables").iterdir()}
    assert {"psnr", "ssim", "mse", "max-error-a-1-b-0-5", "edge", "gone"} <= set(tex)
    for title in titles:
        assert any(escape(title) in text for text in tex.values()), title
    html = (folder / "report.html").read_text()
    assert "<h2>max-error[a=1,b=0.5] ([0, 1])</h2>" in html
    assert "<h2>Edge (px)</h2>" in html
    data = json.loads(re.search(r"data-images>(.*?)</script>", html, re.S).group(1))
    assert [metric["title"] for metric in data["metrics"]] == ["", *titles[1:]]
    panel = data["noises"][0]["images"][0]["panels"][0]
    assert len(panel["scores"]) == len(titles)
    summary = (folder / "summary.md").read_text()
    assert "PSNR (dB) / SSIM / max-error" in summary
    assert "Left out of the table: 2 metrics" in summary
    assert len(summary.splitlines()) <= 30


def test_the_numbers_are_those_of_the_columns(folder, run, section):
    made = Scored(run)
    summary = pd.read_csv(folder / "summary.csv").set_index(["metric", "label", "level"])
    assert set(summary.index.levels[0]) >= {"psnr", WORST, EDGE, GONE}
    for meta in made.metadata():
        columns, label = made.images(meta.key), meta.cell.method
        at = next(row for row in summary.index if row[0] == WORST and label in row[1])
        for metric in (WORST, EDGE):
            row = summary.loc[(metric, at[1], meta.cell.noise.level)]
            assert row["mean"] == pytest.approx(np.nanmean(columns[metric]), rel=1e-5)
            assert row["images"] == np.isfinite(columns[metric]).sum()
    assert (folder / "max-error-a-1-b-0-5.csv").exists()
    assert "–" in (folder / "report.md").read_text().split("## Gone")[1].partition("\n## ")[0]
    lower, higher = Table.of(section, WORST), Table.of(section, "mse")
    for column in lower.columns:
        best = [label for label in lower.rows if lower.entries[label, column].mark == "best"]
        assert best == [min(lower.rows, key=lambda row: lower.entries[row, column].mean)]
    assert lower.ranked() == higher.ranked()


def test_what_has_no_value_is_said_with_its_reason(section):
    said = fewer_images(section)
    assert "Edge is over 8 of 12 images." in said
    why = "ValueError: <b>'boom'</b> (gone.py, line 3)"
    assert f"Gone has no value of median[size=3] at gaussian 0.1: {why}." in said
    assert said.count("Gone") == 1


def test_a_hostile_title_runs_nowhere(folder, section):
    html = (folder / "report.html").read_text()
    assert "<img src=x" not in html
    assert "\\u003cimg" in html  # in data, where no tag can begin
    assert "&lt;img src=x onerror=f()&gt;" in html
    page_text = (folder / "report.md").read_text()
    assert not re.search(r"(?<!\\)<img src=x", page_text)
    for path in folder.rglob("*"):
        assert re.fullmatch(r"[a-z0-9.-]+", path.name), path
    with (folder / "summary.csv").open(newline="") as file:
        assert HOSTILE in {row["metric"] for row in csv.DictReader(file)}
    assert len(set(section.stems.values())) == len(section.scales)


def test_without_psnr_the_first_metric_leads(run):
    made = Scored(run, {WORST: METRICS[WORST], EDGE: METRICS[EDGE]}, own=())
    (section,) = by_dataset([made])
    assert section.first_metric == WORST
    sentences = findings(section)
    assert sentences
    assert all(one.metric in (WORST, EDGE) for one in sentences)
    assert "dB" not in " ".join(one.text for one in sentences)
    assert re.search(r"the lowest mean|is the best by max-error", sentences[0].text)
    html = page.page([section])
    assert "mean rank by max-error[a=1,b=0.5]" in html
    assert "PSNR" not in html.partition("How these numbers")[0].rpartition("ran with;")[0]
    cells = made.cells()
    text = analysis.text_table(analysis.Scores.of_run(made, cells), cells)
    assert "max-error[a=1,b=0.5] ([0, 1]), Edge (px)" in text
    assert "(Edge over 8)" in text


def test_ten_metrics_make_five_figures_and_a_few_charts(run, tmp_path):
    ten = {f"m{i}": RecordedMetric(title=f"M{i}", better="lower") for i in range(8)}
    (section,) = by_dataset([Scored(run, ten)])
    charts = [c.title for c in page._PageSection(
        0, section, page.Styles(section.labels), section.columns, Options(), 10**6
    ).charts]  # fmt: skip
    assert charts.count("PSNR over noise level") == 1
    assert "Other metrics over noise level" in charts
    assert len(charts) <= 13
    from bench.report.figures.curves import quality

    drawn = quality(section)
    assert [figure.name for figure, _ in drawn] == [
        "quality", *(f"quality-{number}" for number in range(2, 6))
    ]  # fmt: skip
    assert "PSNR and SSIM" in drawn[0][0].caption
    assert "M6 and M7 against the noise level" in drawn[-1][0].caption
    assert "above its line a method does harm" in drawn[-1][0].caption


def test_runs_of_other_metrics_stand_in_one_report(run):
    class Other(Scored):
        """Another folder, that measured the same at other noise levels."""

        name = "other"

    both = Other(run, {}), Scored(run)
    both[0].path = run.path.with_name("other")
    (section,) = by_dataset(both)
    assert list(section.scales) == ["psnr", "ssim", "mse", *METRICS]
    metric = METRICS[EDGE].model_copy(update={"better": "lower"})
    both[0].manifest.metrics[EDGE] = metric
    with pytest.raises(UsageError, match="differ in the metric edge"):
        list(by_dataset(both))


def test_metrics_are_asked_for_by_label(section):
    assert Options(metrics=[WORST, "PSNR"]).shown(section) == [WORST, "psnr"]
    with pytest.raises(UsageError, match="no metric is called 'egde': did you mean edge"):
        Options(metrics=["egde"]).select([section])


# -- the gate --------------------------------------------------------------------------------


def scores(made):
    return analysis.Scores.of_run(made, made.cells())


def test_a_metric_that_rose_where_less_is_better_regressed(run):
    comparisons, notes = gate.compare(scores(Scored(run, offset=0.01)), scores(Scored(run)))
    found = {(c.metric, c.name["label"], len(c.name["levels"])): c for c in comparisons}
    worst = found[WORST, "median[size=3]", 1]
    assert worst.verdict == "regressed"
    assert worst.difference == pytest.approx(0.01, abs=1e-6)
    assert worst.low <= worst.difference <= worst.high
    assert worst.new > worst.old > 0
    assert {c.verdict for c in comparisons if c.metric == "psnr"} == {"held"}
    assert not any(c.metric == "mse" for c in comparisons)
    better, _ = gate.compare(scores(Scored(run, offset=-0.01)), scores(Scored(run)))
    assert {c.verdict for c in better if c.metric == WORST} == {"improved"}
    assert notes == []
    _, notes = gate.compare(scores(Scored(run, {})), scores(Scored(run)))
    assert f"the metric {WORST}: only in the baseline" in notes


def test_a_metric_that_has_no_value_any_more_is_undecided(run):
    before = Scored(run)
    before._lacking = ""
    comparisons, _ = gate.compare(scores(Scored(run)), scores(before))
    (lost,) = [c for c in comparisons if not c.images]
    assert (lost.metric, lost.name["label"], lost.verdict) == (GONE, "median[size=3]", "undecided")
    judged = check._judgement(lost, {})
    assert judged.reason == "the baseline has it, and this run has no value"
    verdict = gate.Verdict("shown", [judged])
    assert verdict.exit_code() == 0
    assert verdict.exit_code(strict=True) == 1
    assert json.loads(verdict.render("json"))["findings"][0]["value"] is None


def test_mse_is_compared_where_there_is_no_psnr_and_worst_images_need_it(run):
    new, old = (scores(Scored(run, {}, own=own)) for own in (("psnr", "mse"), ("mse",)))
    comparisons, notes = gate.compare(new, old)
    assert {c.metric for c in comparisons} == {"mse"}
    assert "the metric psnr: only in the new run" in notes
    assert check._allowed(new, {})["mse"] == pytest.approx(2e-5)
    (said,) = check._worst_images(comparisons, 3.0)
    assert said.verdict == "unmatched"
    assert said.reason == "is a drop of psnr, which the runs have not both"


def test_limits_are_maxima_where_less_is_better(run):
    made = Scored(run)
    written = gate.update("", scores(made), "shown")
    limits = gate.parse(written.text, "limits.toml").thresholds
    by_metric = {limit.metric: limit for limit in limits}
    assert by_metric[WORST].max is not None
    assert by_metric[WORST].min is None
    assert by_metric[EDGE].min is not None
    assert "mse" not in by_metric
    judged, raisable = gate.judge(limits, scores(made), made.cells())
    assert {one.verdict for one in judged} == {"held"}
    assert raisable == []
    worse = Scored(run, offset=0.2)
    judged, _ = gate.judge(limits, scores(worse), worse.cells())
    assert {one.verdict for one in judged if one.metric == WORST} == {"regressed"}
    better = Scored(run, offset=-0.05)
    _, raisable = gate.judge(limits, scores(better), better.cells())
    assert any(line.startswith(WORST) for line in raisable)
    again = gate.update(written.text, scores(better), "better")
    assert again.lowered > 0


def test_a_limit_of_a_metric_that_the_run_has_not_matches_nothing(run):
    made = Scored(run)
    limits = gate.parse('[[threshold]]\nmetric = "egde"\nmin = 1\n', "limits.toml").thresholds
    (judged,), _ = gate.judge(limits, scores(made), made.cells())
    assert judged.verdict == "unmatched"
    assert judged.reason == "the run has no metric 'egde': did you mean edge or gone?"


def test_tolerances_are_given_by_place_or_by_name(run):
    assert _tolerance(None) == {}
    assert _tolerance("0.05,0.002") == {"psnr": 0.05, "ssim": 0.002}
    assert _tolerance(f"0.1, {WORST}=0.3") == {"psnr": 0.1, WORST: 0.3}
    for wrong in ("", "x", "0.1,0.2,0.3", "-1", "edge=", "edge=inf"):
        with pytest.raises(UsageError, match="is not understood"):
            _tolerance(wrong)
    with pytest.raises(UsageError, match="no metric 'egde': did you mean edge"):
        check.check_run(Scored(run), tolerance={"egde": 1})
