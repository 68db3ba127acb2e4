"""Runs with metrics of any sort: all of them are shown everywhere, none of them runs or crashes.

A small run is measured, and made-up metrics are put beside its own, as a later scoring would: one
that is the better the lower, one that some images have not, one that a cell has not, one whose
label and title are hostile.
"""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape as escape_html

import bench
from bench import analysis, gate, store
from bench.cli.gate import _tolerance
from bench.core import UsageError, markdown_text, without_home
from bench.gate import check
from bench.report.content.coverage import fewer_images
from bench.report.content.findings import findings
from bench.report.content.options import Options
from bench.report.content.section import by_dataset
from bench.report.content.tables import Table
from bench.report.formats.html import page
from bench.report.formats.html.charts import charts
from bench.report.formats.html.traces import Styles
from bench.report.formats.latex.escape import escape
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
def folder(run, tmp_path_factory, render_text):
    formats = ["html", "md", "tex", "csv", "summary"]
    return render_text(Scored(run), tmp_path_factory.mktemp("reports"), formats)["html"].parent


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
    shown = [title for title in titles if title != "MSE"]  # PSNR says the same
    assert [metric["title"] for metric in data["metrics"]] == shown
    picture = data["noises"][0]["pictures"][0]
    assert {len(values) for values in picture["scores"].values()} == {len(shown)}
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
    best = [one.text for one in sentences if one.text.startswith("By max-error")]
    assert re.search(r"has the lowest mean|is the best at|are level", best[0])
    html = page.page([section])
    assert re.search(r"Ranks are of \d+ methods by max-error\[a=1,b=0\.5\]", html)
    assert "PSNR" not in html.partition("How these numbers")[0].rpartition("ran with;")[0]
    cells = made.cells()
    text = analysis.text_table(analysis.Scores.of_run(made, cells), cells)
    assert "max-error[a=1,b=0.5] ([0, 1]), Edge (px)" in text
    assert "(Edge over 8)" in text


def test_ten_metrics_make_ten_figures_and_a_few_charts(run, tmp_path):
    ten = {f"m{i}": RecordedMetric(title=f"M{i}", better="lower") for i in range(8)}
    (section,) = by_dataset([Scored(run, ten)])
    charts = [c.title for c in page._PageSection(
        0, section, page.Styles(section.labels), section.columns, Options(), 10**6
    ).charts]  # fmt: skip
    assert charts.count("PSNR over noise level") == 1
    assert "Other metrics over noise level" in charts
    assert len(charts) <= 13
    from bench.report.figures.quality import quality

    drawn = quality(section)
    assert [figure.name for figure, _ in drawn] == [
        "quality", *(f"quality-{number}" for number in range(2, 11))
    ]  # fmt: skip
    assert "of PSNR against the noise level" in drawn[0][0].caption
    assert "of M7 against the noise level" in drawn[-1][0].caption
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


# -- what metrics are, and metrics without a value ----------------------------------------------


@pytest.fixture
def formats_of(render_text):
    """The text that is opened of each format, by its name; and the folder."""

    def texts(made, folder, **options):
        paths = render_text(made, folder, ["html", "md", "tex", "summary"], Options(**options))
        return {name: path.read_text() for name, path in paths.items()}, paths["md"].parent

    return texts


def test_reports_say_what_each_metric_is(run, tmp_path, formats_of):
    said = {"summary": "How sharp `edges` are.", "reference": "Doe 2020", "note": "grey only"}
    edge = METRICS[EDGE].model_copy(update={**said, "origin": "file edges.py"})
    built_in = METRICS[WORST].model_copy(update={"summary": "Largest", "origin": "built in"})
    made = Scored(run, {EDGE: edge, WORST: built_in}, own=("psnr",))
    texts, _ = formats_of(made, tmp_path)
    sentence = "How sharp 'edges' are. Doe 2020. grey only. From file edges.py."
    assert f"\n- Edge (px): {sentence}\n" in texts["md"]
    assert f"\n- {markdown_text(built_in.scale.heading)}: Largest.\n" in texts["md"]
    assert f"<dt>Edge (px)</dt><dd>{escape_html(sentence)}</dd>" in texts["html"]
    assert f"\\item[{{Edge (px)}}] {escape(sentence)}\n" in texts["tex"]
    for before, after in (("\n- ", ":"), ("<dt>", "</dt>"), ("\\item[{", "}]")):
        of_format = next(text for text in texts.values() if f"{before}images{after}" in text)
        assert f"{before}psnr{after}" in of_format
        assert f"{before}ssim{after}" not in of_format  # was not measured
    texts, _ = formats_of(made, tmp_path, metrics=["psnr"])
    assert not any("Doe 2020" in text for text in texts.values())


class Lacking(Scored):
    """None of its cells has a value of `GONE`."""

    def metadata(self):
        for meta in self._run.metadata():
            meta.unmeasured = {GONE: "Unsupported: put https://x.org/w.pth at /home/ann/.cache/w"}
            yield meta

    def images(self, key):
        return {label: values for label, values in super().images(key).items() if label != GONE}


def test_a_metric_without_any_value_has_a_sentence_and_no_table(
    run, tmp_path, monkeypatch, formats_of
):
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: Path("/home/ann")))
    texts, folder = formats_of(Lacking(run), tmp_path)
    (section,) = by_dataset([Lacking(run)])
    said = "Gone has no value of any method: Unsupported: put https://x.org/w.pth at ~/.cache/w."
    assert said in fewer_images(section)
    assert fewer_images(section).count("Gone") == 1
    for name in ("html", "md", "tex"):
        assert "Gone has no value of any method" in texts[name]
    assert not any("/home/ann" in text for text in texts.values())
    assert "## Gone" not in texts["md"]
    assert "<h2>Gone</h2>" not in texts["html"]
    assert "tables/gone.tex" not in texts["tex"]
    assert not (folder / "tables" / "gone.tex").exists()
    head = next(line for line in texts["summary"].splitlines() if line.startswith("| PSNR"))
    assert "Gone" not in head
    texts, _ = formats_of(Lacking(run), tmp_path, metrics=["psnr"])
    assert not any("Gone has no value" in text for text in texts.values())
    texts, _ = formats_of(Lacking(run), tmp_path, metrics=[GONE])  # nothing else
    assert "Gone has no value of any method" in texts["md"]


def test_methods_that_lack_a_metric_alike_are_named_together(run):
    class Some(Scored):
        def metadata(self):
            for meta in self._run.metadata():
                if meta.cell.method != "identity":
                    meta.unmeasured = {GONE: "no"}
                yield meta

        def images(self, key):
            columns = super().images(key)
            lacks = {meta.key for meta in self.metadata() if meta.unmeasured}
            return {k: v for k, v in columns.items() if k != GONE or key not in lacks}

    (section,) = by_dataset([Some(run)])
    both = "median[size=3], gaussian[width=0.7] under every noise"
    assert f"Gone has no value of {both}: no." in fewer_images(section)


def test_advice_to_measure_a_file_s_metric_names_the_file(run, tmp_path):
    edge = METRICS[EDGE].model_copy(update={"origin": "file edges.py"})
    newer = bench.run(
        "digits", methods=["median[size=5]"], noise="gaussian:0.1", limit=12, tune=False,
        out=tmp_path, name="newer",
    )  # fmt: skip
    (section,) = by_dataset([Scored(run, {EDGE: edge}), newer])
    said = fewer_images(section)
    assert "`bench score newer --metrics edge --plugin edges.py` adds it." in said
    assert "Edge was not measured" not in fewer_images(section, ["psnr"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no /home/ann/.cache/w, no /home/ann.", "no ~/.cache/w, no ~."),
        ("/home/anna/w and /home/ann.b/w", "/home/anna/w and /home/ann.b/w"),
        ("/mnt/home/ann/w", "/mnt/home/ann/w"),
    ],
)
def test_a_home_folder_is_shown_by_its_sign(text, shown, monkeypatch):
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: Path("/home/ann")))
    assert without_home(text) == shown


class Recognised(Scored):
    """Every image is recognised."""

    def images(self, key):
        columns = super().images(key)
        return {**columns, "recognised": np.ones(len(columns["image"]))}


def test_axes_keep_within_the_values_that_a_metric_can_have(run):
    from bench.report.figures.quality import quality
    from bench.report.figures.speed import speed

    metric = RecordedMetric(title="Recognised", better="higher", least=0, most=1)
    made = Recognised(run, {"recognised": metric}, own=())
    (section,) = by_dataset([made])
    for _, canvas in (quality(section)[0], speed(section)[0]):
        low, high = canvas.axes[0].get_ylim()
        assert 0 <= low < high == 1
    drawn = {
        chart.title: next(iter(chart.figures.values()))["layout"]
        for chart in charts(section, Styles(section.labels), ["recognised"])
    }
    within = {"clipmin": 0, "clipmax": 1}
    assert drawn["Recognised over noise level"]["yaxis"]["autorangeoptions"] == within
    assert drawn["Quality against speed"]["yaxis"]["autorangeoptions"] == within
    assert drawn["Recognised of the single images"]["xaxis"]["autorangeoptions"] == within


def test_axes_without_bounds_are_as_they_were(section):
    from bench.report.formats.html.traces import metric_axis

    assert "autorangeoptions" not in metric_axis(section.scales[EDGE])
    # The logarithm of a bound at 0 is none.
    assert "autorangeoptions" not in metric_axis(section.scales["mse"], logarithmic=True)


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
    assert check.allowed(Scored(run, {}, own=("psnr", "mse")))["mse"] == pytest.approx(2e-5)
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
