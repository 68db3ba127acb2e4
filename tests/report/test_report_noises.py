"""Reports of runs with several kinds of noise keep them apart."""

import re

import pytest

import bench
from bench.report.content.section import by_dataset
from bench.report.figures import draw

SEVERAL = "gaussian:0.1,0.4;salt-pepper:0.2;poisson:20"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")

    def run(name, noise):
        return bench.run(
            "digits",
            methods=["identity", "median[size=3]", "gaussian[width=0.8]"],
            noise=noise,
            limit=30,
            out=folder,
            name=name,
        )

    return {"several": run("several", SEVERAL), "one": run("one", "0.1,0.4")}


@pytest.fixture(scope="module")
def pages(runs, tmp_path_factory, render_text):
    folder = tmp_path_factory.mktemp("reports")
    return {
        name: render_text(run, folder / name, ["md"])["md"].read_text()
        for name, run in runs.items()
    }


def section(page, heading):
    return page.split(f"## {heading}\n", 1)[1].partition("\n## ")[0]


def test_each_kind_has_its_own_table_with_its_own_levels(pages):
    part = section(pages["several"], "PSNR (dB)")
    tables = re.findall(r"### (.+)\n\n\| method +\|(.+)\|\n", part)
    shown = {kind: [level.strip() for level in row.split("|")] for kind, row in tables}
    assert shown == {
        "gaussian": ["gaussian 0.1", "gaussian 0.4"],
        "salt-pepper": ["salt-pepper 0.2"],
        "poisson": ["poisson 20"],
    }
    assert "### " not in section(pages["one"], "PSNR (dB)")


def test_the_best_under_each_noise_is_the_one_of_the_best_mean(runs, pages):
    rows = re.findall(r"^\| (\S+ \S+) +\| \*\*(.+?)\*\* ([\d.]+)", pages["several"], re.M)
    means = runs["several"].records().groupby(["noise", "level", "method"])["psnr"].mean()
    assert len(rows) == 4
    for noise, best, value in rows:
        kind, level = noise.split()
        here = means[kind, float(level)]
        assert best.partition("[")[0] == here.idxmax()
        assert float(value) == pytest.approx(here.max(), abs=0.0051)
    assert "Best under each noise" not in pages["one"]


def test_kinds_with_levels_are_lines_over_them_and_the_others_a_panel_each(runs, tmp_path):
    (section,) = by_dataset([runs["several"]])
    figures = {figure.name: figure.title for figure in draw(section, tmp_path, ["svg"])}
    quality = [title for name, title in figures.items() if name.startswith("quality")]
    assert quality == ["Quality over noise level", "Quality under each noise"] * 2
    assert ">gaussian noise level<" in (tmp_path / "quality.svg").read_text()
    single = (tmp_path / "quality-2.svg").read_text()
    assert ">salt-pepper 0.2<" in single
    assert ">poisson 20<" in single
    assert ">gaussian 0" not in single


def test_a_run_of_one_level_of_each_kind_is_drawn_by_kind(tmp_path):
    run = bench.run(
        "digits", methods=["identity", "median"], noise=["gaussian:0.3", "poisson:20"], tune=False,
        limit=12, out=tmp_path, name="single",
    )  # fmt: skip
    (section,) = by_dataset([run])
    figures = draw(section, tmp_path, ["svg"])
    assert "Quality under each noise" in [figure.title for figure in figures]
    drawn = (tmp_path / "quality.svg").read_text()
    assert ">gaussian 0.3<" in drawn
    assert ">poisson 20<" in drawn


def test_a_run_of_several_kinds_goes_on_as_one(runs, bench):
    settings = runs["several"].manifest.settings
    assert settings.noise == [0.1, 0.4, "salt-pepper:0.2", "poisson:20.0"]
    again = bench(
        "run", "--dataset", "digits", "--methods", "identity,median[size=3],gaussian[width=0.8]",
        "--noise", SEVERAL, "--limit", "30", "--name", "several",
        "--out", runs["several"].path.parent,
    )  # fmt: skip
    assert again.code == 0
    assert "12 of them finished earlier" in again.err
