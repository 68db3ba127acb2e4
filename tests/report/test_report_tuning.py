"""What tuning tried is shown: curves, values at the edge, settings that failed."""

import json

import pytest

import bench
from bench.report.content.section import by_dataset
from bench.report.content.tuning import geometric, shown_range, tuning_curves, tuning_notes
from bench.report.render import render

TUNED = '''
import numpy as np
from bench import method

@method(
    tune={"share": (0.01, 0.02), "eps": (0.0, 1.0), "mode": ("mean", "zero")},
    most={"eps": 1.0},
    reference="none",
)
def tuned(noisy, *, share=0.5, eps=1.0, mode="mean"):
    """Keep a share of the image: far less than would be good."""
    kept = np.float32(share) * noisy
    if mode == "mean":
        kept = kept + np.float32(1 - share) * noisy.mean(axis=(-2, -1), keepdims=True)
    with np.errstate(invalid="ignore"):
        return kept * (np.float32(eps) / np.float32(eps))
'''


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "tuned.py").write_text(TUNED)
    return bench.run(
        "digits",
        methods="identity,tuned",
        plugins=[folder / "tuned.py"],
        noise=[0.1, 0.3],
        limit=4,
        out=folder,
    )


@pytest.fixture(scope="module")
def section(run):
    (section,) = by_dataset([run])
    return section


def test_a_record_holds_what_was_tried_what_failed_and_what_is_at_the_edge(run):
    for meta in run.metadata():
        if meta.cell.method == "tuned":
            assert meta.at_edge == {"share": "largest"}
            assert meta.chosen == {"share": 0.06, "eps": 1.0, "mode": "mean"}
            assert meta.chosen_score == max(score for _, score in meta.trials)
            assert {setting["share"] for setting, _ in meta.trials} == {
                0.01, 0.02, 0.03, 0.04, 0.05, 0.06,
            }  # fmt: skip
            assert {setting["eps"] for setting, _ in meta.failed_trials} == {0.0}
            assert all("NaN or infinity" in reason for _, reason in meta.failed_trials)


def test_a_curve_is_the_best_score_at_each_value_less_the_chosen_ones(run, section):
    curves = tuning_curves(section)
    assert set(curves) == {("tuned", "share")}  # others have one value that works, or are texts
    assert [curve.column[1] for curve in curves["tuned", "share"]] == [0.1, 0.3]
    metas = [meta for meta in run.metadata() if meta.cell.method == "tuned"]
    for curve, meta in zip(curves["tuned", "share"], metas, strict=True):
        assert curve.values == (0.01, 0.02, 0.03, 0.04, 0.05, 0.06)
        assert (curve.chosen, curve.at_edge) == (0.06, True)
        for value, difference in zip(curve.values, curve.differences, strict=True):
            scores = [score for setting, score in meta.trials if setting["share"] == value]
            assert difference == pytest.approx(max(scores) - meta.chosen_score)
        low, high = shown_range([curve])
        assert low < min(curve.differences)
        assert high > 0
    assert not geometric(curves["tuned", "share"])


@pytest.mark.usefixtures("undrawn")
def test_every_format_names_the_edge_and_the_failure_and_shows_the_curve(section, run, tmp_path):
    edge, failure = tuning_notes(section)
    assert "tuned: share 0.06 is the largest value tried (at gaussian 0.1, gaussian 0.3)" in edge
    assert "tuned with share=0.01, eps=0.0, mode=mean: denoise returned NaN" in failure
    paths = render(run, tmp_path, ["html", "md", "tex"])
    for name in ("html", "md", "tex"):
        text = paths[name].read_text()
        assert "share 0.06 is the largest value tried" in text, name
        assert "mode=mean: denoise returned NaN" in text, name
    assert (paths["md"].parent / "tuning.png").is_file()
    assert 'src="tuning.png"' in paths["md"].read_text()
    page = paths["html"].read_text()
    shown = page.partition(">Tuning</h3>")[2]
    shown = shown.partition('data-chart="')[2].partition(">")[2].partition("</script>")[0]
    (figure,) = json.loads(shown)
    assert [trace["x"] for trace in figure["data"]] == [[0.01, 0.02, 0.03, 0.04, 0.05, 0.06]] * 2
