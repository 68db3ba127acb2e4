"""Sweeps in a report: curves of a metric over a parameter, and charts that they do not drown."""

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import bench
from bench.report.content.families import families, number, representative
from bench.report.content.parameters import (
    MOST_LINES,
    MOST_NAMED,
    PARAMETERS_TITLE,
    Panel,
    interval,
    parameter_caption,
    parameter_curves,
)
from bench.report.content.section import by_dataset
from bench.report.content.tables import Entry
from bench.report.figures import draw, typesetting
from bench.report.figures.parameters import parameters
from bench.report.formats import markdown
from bench.report.formats.html import page
from bench.report.formats.html.parameters import parameters as html_parameters
from bench.report.formats.html.traces import Styles
from bench.report.formats.latex import document

SHRINK = '''
import numpy as np
from bench import method

@method(reference="none", least={"factor": 0})
def shrink(noisy, *, factor=1.0, shift=0.0, scale="1x"):
    """Shrink and shift the image."""
    return np.float32(factor * float(scale[:-1])) * noisy + np.float32(shift)
'''
FACTORS = (0.01, 0.1, 0.5, 0.77, 0.79, 2.0)


def sections(folder, methods, **options):
    (folder / "shrink.py").write_text(SHRINK, encoding="utf-8")
    run = bench.run(
        "digits",
        methods=["identity", "median[size=3]", *methods],
        plugins=[folder / "shrink.py"],
        out=folder,
        tune=False,
        **{"noise": [0.1, 0.3], "limit": 40, **options},
    )
    return list(by_dataset([run]))


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (made,) = sections(folder, [f"shrink[factor={'|'.join(map(str, FACTORS))}]"])
    return made


def test_a_curve_is_the_mean_at_each_value_with_its_interval(section):
    (curves,) = parameter_curves(section)
    assert (curves.method, curves.parameter, curves.scale.title) == ("shrink", "factor", "PSNR")
    assert list(curves.ticks.items()) == [(value, str(value)) for value in FACTORS]
    assert curves.logarithmic
    records = section.runs[0].records()
    assert list(curves.panels) == [("gaussian", 0.1), ("gaussian", 0.3)]
    for (_, level), panel in curves.panels.items():
        (line,) = panel.lines.values()
        means = records[records["level"] == level].groupby("label")["psnr"].mean()
        assert [point.value for point in line] == list(FACTORS)
        expected = [means[f"shrink[factor={value}]"] for value in FACTORS]
        assert [point.mean for point in line] == pytest.approx(expected)
        assert all(point.low < point.mean < point.high for point in line)
        assert [point.best for point in line] == [mean == max(expected) for mean in expected]
        assert panel.references == pytest.approx(
            {"identity": means["identity"], "median[size=3]": means["median[size=3]"]}
        )


def test_what_cannot_be_told_apart_from_the_best_is_marked(section):
    (curves,) = parameter_curves(section)
    told = {
        (row.noise, row.level, *sorted((row.a, row.b)))
        for row in section.pairs.itertuples()
        if row.metric == "psnr" and row.told
    }
    marked = []
    for column, panel in curves.panels.items():
        (line,) = panel.lines.values()
        best = next(f"shrink[factor={point.value}]" for point in line if point.best)
        for point in line:
            pair = sorted((best, f"shrink[factor={point.value}]"))
            assert point.near == (not point.best and (*column, *pair) not in told)
            marked.append(point.near)
    assert True in marked
    assert False in marked


def test_what_was_not_compared_is_not_called_alike(section, monkeypatch):
    (curves,) = parameter_curves(section)
    assert "not compared" not in parameter_caption(section, curves)
    # The best is compared with the noisy image alone.
    monkeypatch.setattr("bench.analysis.comparison.MOST_COMPARED", 1)
    monkeypatch.setattr("bench.report.content.parameters.MOST_COMPARED", 1)
    (fewer,) = by_dataset(section.runs)
    (curves,) = parameter_curves(fewer)
    points = [p for panel in curves.panels.values() for line in panel.lines.values() for p in line]
    assert [point for point in points if point.near] == []
    assert "small: what is worse or was not compared." in parameter_caption(fewer, curves)


def test_intervals_are_over_units_where_images_have_such(section):
    (curves,) = parameter_curves(section)
    assert "confidence intervals (over images)" in parameter_caption(section, curves)
    of_units = replace(section, summary=section.summary.assign(units=10))
    assert "confidence intervals (over units)" in parameter_caption(of_units, curves)


def test_several_parameters_are_a_line_for_each_setting_of_the_others(tmp_path):
    (section,) = sections(
        tmp_path, ["shrink[factor=0.5|0.75|1.0,shift=0..0.9:0.1]"], noise=0.3, limit=8
    )
    by_parameter = {curves.parameter: curves for curves in parameter_curves(section)}
    (panel,) = by_parameter["shift"].panels.values()
    assert list(panel.lines) == [f"shrink[factor={value}]" for value in (0.5, 0.75, 1.0)]
    assert [len(line) for line in panel.lines.values()] == [10, 10, 10]
    assert not by_parameter["shift"].logarithmic
    (panel,) = by_parameter["factor"].panels.values()
    assert (len(panel.lines), by_parameter["factor"].left_out) == (MOST_LINES, 10 - MOST_LINES)
    assert "2 more are left out" in parameter_caption(section, by_parameter["factor"])


def test_two_values_are_no_curve_and_factors_are_numbers(tmp_path):
    methods = ["shrink[factor=0.5|1.0]", "shrink[scale=0.5x|1x|2x]"]
    (section,) = sections(tmp_path, methods, noise=0.3, limit=8)
    (curves,) = parameter_curves(section)
    assert curves.parameter == "scale"
    assert dict(curves.ticks) == {0.5: "0.5x", 1.0: "1x", 2.0: "2x"}
    assert curves.logarithmic  # half and twice lie as far from what is right


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3.0), (0.5, 0.5), ("0.5x", 0.5), (".25X", 0.25), ("25/255", 25 / 255), ("1e-3", 1e-3),
        ("haar", None), ("x", None), ("1/0", None), ("..x", None), (True, None), (None, None),
        (10**400, None), ("1e999x", None), ("../a", None),
    ],
)  # fmt: skip
def test_a_value_as_a_number(value, expected):
    assert number(value) == (None if expected is None else pytest.approx(expected))


def test_families_differ_in_one_parameter_alone():
    methods = {
        label: (label.partition("[")[0], params, regime)
        for label, params, regime in (
            ("a[x=1]", '{"x":1}', ""),
            ("a[x=2]", '{"x":2}', ""),
            ("a[x=3]", '{"x":3}', ""),
            ("a[x=4,train=blind]", '{"x":4}', "blind"),
            ("a[x=5,y=1]", '{"x":5,"y":1}', ""),
            ("b[x=6]", '{"x":6}', ""),
            ("a[x=auto]", '{"x":"auto"}', ""),
        )
    }
    (family,) = families(methods)
    assert [variant.label for variant in family.variants] == ["a[x=1]", "a[x=2]", "a[x=3]"]


def test_texts_that_mean_one_number_are_each_a_variant():
    typed = {"a": "0.5", "b": '"0.5x"', "c": "1", "d": '"2x"'}
    (family,) = families({label: ("m", f'{{"x":{x}}}', "") for label, x in typed.items()})
    said = [(variant.value, variant.text) for variant in family.variants]
    assert said == [(0.5, "0.5"), (0.5, "0.5x"), (1.0, "1"), (2.0, "2x")]
    del typed["d"]  # three variants, but two values, which make no curve
    assert families({label: ("m", f'{{"x":{x}}}', "") for label, x in typed.items()}) == []


def test_an_interval_is_over_images_and_trainings():
    seeds = np.array([19.0, 19.2, 19.1, 19.5])
    of_seeds = stats.t.ppf(0.975, 3) * seeds.std(ddof=1) / math.sqrt(4)
    entry = Entry(seeds.mean(), seeds.mean() - 0.3, seeds.mean() + 0.4, seeds.std(ddof=1), 4, "", 0)
    low, high = interval(entry)
    assert seeds.mean() - low == pytest.approx(math.hypot(0.3, of_seeds))
    assert high - seeds.mean() == pytest.approx(math.hypot(0.4, of_seeds))
    alone = Entry(19.0, None, None, None, 1, "", None)
    assert interval(alone) == (19.0, 19.0)


def test_references_far_away_do_not_flatten_a_curve(section):
    (curves,) = parameter_curves(section)
    panel = curves.panels["gaussian", 0.1]
    low, high = panel.range()
    points = [point for line in panel.lines.values() for point in line]
    span = max(p.high for p in points) - min(p.low for p in points)
    assert low <= min(p.low for p in points)
    assert max(p.high for p in points) <= high
    assert high - low < 4 * span


def test_other_figures_show_few_of_many_variants_and_say_so(section):
    shown = representative(section).labels
    best = max(
        section.labels[2:],
        key=lambda label: section.summary.query("label == @label and metric == 'psnr'")[
            "mean"
        ].mean(),
    )
    assert shown[:2] == ["identity", "median[size=3]"]
    assert set(shown[2:]) == {"shrink[factor=0.01]", best, "shrink[factor=2.0]"}
    (curves,) = parameter_curves(section)
    named = ", ".join(f"`{label}`" for label in shown[2:])
    said = parameter_caption(section, curves)
    assert f"Of its 6 variants the other figures show {named} only." in said


def test_the_drawing_names_the_values(section):
    typesetting.use()
    ((figure, canvas),) = parameters(section)
    file = io.StringIO()
    canvas.savefig(file, format="svg")
    assert all(f">{text}<" in file.getvalue() for text in ("factor", "0.01", "0.77", "2.0"))
    assert (figure.name, figure.title) == ("parameters", "Quality over parameters")


def test_the_drawings_legend_names_lines_that_the_first_noise_lacks(section, monkeypatch):
    (curves,) = parameter_curves(section)
    first, second = curves.panels
    (line,) = curves.panels[first].lines.values()
    panels = {first: Panel({"b": line}, {}), second: Panel({"a": line, "b": line}, {})}
    monkeypatch.setattr(
        "bench.report.figures.parameters.parameter_curves",
        lambda _: [replace(curves, panels=panels)],
    )
    ((_, canvas),) = parameters(section)
    (legend,) = canvas.legends
    assert sorted(text.get_text() for text in legend.get_texts()) == ["a", "b"]


def test_every_format_with_figures_shows_it(section, tmp_path):
    figures = draw(section, tmp_path, forms=())
    assert [figure.name for figure in figures].count("parameters") == 1
    drawn = [(section, [one for one in figures if one.name == "parameters"])]
    text = markdown.markdown(drawn)
    assert "## Quality over parameters" in text
    assert '<img src="parameters.png"' in text
    assert all(f"| shrink[factor={value}]" in text for value in FACTORS)  # a row for each
    assert "{parameters.pdf}" in document.files(drawn)["report.tex"]


def test_the_page_has_a_chart_with_a_choice_of_noises(section):
    (chart,) = html_parameters(section, Styles(section.labels))
    assert list(chart.figures) == ["gaussian 0.1", "gaussian 0.3"]
    drawn = chart.figures["gaussian 0.3"]
    (line,) = [trace for trace in drawn["data"] if trace["mode"] == "lines+markers"]
    assert list(line["x"]) == list(FACTORS)
    assert drawn["layout"]["xaxis"]["type"] == "log"
    assert f"{PARAMETERS_TITLE}: shrink, factor" in page.page([section])


@pytest.mark.parametrize(("count", "step"), [(8, 1), (9, 2), (50, 7)])
def test_the_chart_names_as_many_values_as_there_is_room_for(section, monkeypatch, count, step):
    (curves,) = parameter_curves(section)
    ticks = {float(value): f"v{value}" for value in range(count)}
    monkeypatch.setattr(
        "bench.report.formats.html.parameters.parameter_curves",
        lambda _: [replace(curves, ticks=ticks)],
    )
    (chart,) = html_parameters(section, Styles(section.labels))
    axis = chart.figures["gaussian 0.3"]["layout"]["xaxis"]
    assert list(axis["tickvals"]) == list(range(0, count, step))
    assert list(axis["ticktext"]) == [f"v{value}" for value in range(0, count, step)]
    assert len(axis["ticktext"]) <= MOST_NAMED
