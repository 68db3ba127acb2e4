"""`bench figure --of`: one chart of a report, at the size of print, with its caption."""

import re

import pytest

import bench


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bench.run(
        "digits",
        methods=["identity", "gaussian[width=0.5|1.0|2.0]", "median[size=3,weight=1]"],
        noise="0.1,0.4",
        limit=12,
        tune=False,
        out=tmp_path_factory.mktemp("results"),
        name="swept",
    )


def wide(path):
    """Inches that a PDF is wide."""
    return float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", path.read_bytes())[1]) / 72


@pytest.mark.parametrize(
    ("typed", "inches", "kind"),
    [
        (["--of", "width"], 252 / 72.27, "figure"),
        (["--of", "gaussian[width]", "--width", "page", "--noise", "0.4"], 516 / 72.27, "figure*"),
        (["--of", "quality", "--methods", "median[size=3,weight=1],identity"], 6.3, "figure*"),
        (["--of", "speed"], 6.3, "figure*"),
    ],
)
def test_a_chart_has_its_width_and_its_caption(run, bench, tmp_path, typed, inches, kind):
    result = bench("figure", run.path, *typed, "--out", tmp_path / "chart")
    assert result.code == 0, result.err
    assert wide(tmp_path / "chart.pdf") == pytest.approx(inches, abs=0.01)
    tex = (tmp_path / "chart.tex").read_text()
    assert rf"\begin{{{kind}}}" in tex
    said = (tmp_path / "chart.txt").read_text().strip()
    assert said in result.out
    assert "`" not in said + tex


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--of", "latent"], "there is: width, quality, speed"),
        (["--of", "speed", "--width", "column"], "stands across both columns"),
        (["--of", "width", "--error"], "are of images, not of --of"),
        (["--of", "width", "--methods", "nlm"], "no method is called 'nlm'"),
    ],
)
def test_a_chart_that_there_is_not_ends_in_one_line(run, fails, typed, said):
    assert said in fails("figure", run.path, *typed, code=2)
