"""The report: its numbers are the records', its links lead somewhere, nothing is hidden."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench import analysis
from bench.analysis.calibration import calibration_error, overconfidence
from bench.report.render import render


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Four methods at two levels; the vae is hardly trained and worse than doing nothing."""
    return bench.run(
        "digits",
        methods=["identity", "median", "gaussian[width=0.7]", "vae"],
        noise=[0.1, 0.3],
        limit=40,
        epochs=3,
        preset="quick",
        seeds=(0, 1),
        out=tmp_path_factory.mktemp("results"),
        name="shown",
    )


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    return render(run, tmp_path_factory.mktemp("reports"), ["md", "csv"])["md"].parent


@pytest.fixture
def page(folder):
    return (folder / "report.md").read_text()


def table(page, heading):
    """The first table below a heading: row name -> cells."""
    part = page.split(f"## {heading}\n", 1)[1].partition("\n## ")[0]
    rows = [line for line in part.splitlines() if line.startswith("|")]
    split = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    body = {row[0]: row[1:] for row in split[2:]}
    return split[0][1:], body


@pytest.mark.parametrize(
    ("metric", "heading", "decimals"),
    [("psnr", "PSNR (dB)", 2), ("ssim", "SSIM", 3), ("mse", "MSE", 5)],
)
def test_tables_hold_the_records_means(run, page, metric, heading, decimals):
    columns, rows = table(page, heading)
    assert columns == ["gaussian 0.1", "gaussian 0.3"]
    assert list(rows) == ["identity", "median", "gaussian[width=0.7]", "vae"]
    records = run.records()
    for name, cells in rows.items():
        for level, cell in zip((0.1, 0.3), cells, strict=True):
            part = records[
                (records["method"] == name.partition("[")[0]) & (records["level"] == level)
            ]
            shown = float(re.match(r"\**([\d.]+)", cell)[1])
            assert shown == pytest.approx(part[metric].mean(), abs=0.51 * 10**-decimals)


def test_the_leaderboard_leads_with_ranks_times_and_what_was_learned_from(page, folder):
    columns, rows = table(page, "Leaderboard")
    noises = ["gaussian 0.1", "gaussian 0.3"]
    assert columns == ["rank", *noises, "time an image", "device", "size", "learned from"]
    assert page.index("## Leaderboard") < page.index("## PSNR (dB)")
    assert {name: cells[-1] for name, cells in rows.items()} == {
        "median": "–", "gaussian[width=0.7]": "–", "identity": "–", "vae": "clean"
    }  # fmt: skip
    ranks = [float(cells[0]) for cells in rows.values()]
    assert ranks == sorted(ranks)
    of_csv = pd.read_csv(folder / "leaderboard.csv", index_col="label")
    assert list(of_csv.index) == list(rows)
    psnr = table(page, "PSNR (dB)")[1]
    for name, (_, first, *_) in rows.items():
        shown, table_cell = (re.search(r"\d+\.\d\d", c)[0] for c in (first, psnr[name][0]))
        assert shown == table_cell == f"{of_csv.loc[name, 'psnr at gaussian 0.1']:.2f}"


def test_the_best_is_bold_and_what_does_harm_is_marked_and_named(run, page):
    _, rows = table(page, "PSNR (dB)")
    means = run.records().groupby(["level", "method"])["psnr"].mean().unstack()
    for column, level in enumerate((0.1, 0.3)):
        bold = [name for name, cells in rows.items() if cells[column].startswith("**")]
        assert [name.partition("[")[0] for name in bold] == [means.loc[level].idxmax()]
    difference = means.loc[0.1, "vae"] - means.loc[0.1, "identity"]
    assert difference < 0
    assert rows["vae"][0].endswith("▾")
    assert f"vae at gaussian 0.1 ({difference:+.2f})" in page
    assert "▾" not in "".join(rows["median"])


def test_csv_files_hold_what_the_page_shows(run, folder):
    csv = pd.read_csv(folder / "summary.csv")
    learned = csv.pop("trained_on").where(csv.pop("family") == "trained")
    assert learned.dropna().unique().tolist() == ["digits"]
    assert set(csv.pop("supervision")) == {"none", "clean"}
    assert csv.pop("leakage").isna().all()
    pd.testing.assert_frame_equal(
        csv, analysis.compare(analysis.Scores.of(run.records()))[0], check_dtype=False
    )
    psnr = pd.read_csv(folder / "psnr.csv", index_col="label")
    part = run.records().query("method == 'median' and level == 0.3")
    assert psnr.loc["median", "gaussian 0.3"] == pytest.approx(part["psnr"].mean())
    assert len(pd.read_csv(folder / "cells.csv")) == len(run.cells())


def test_every_link_and_figure_is_there_and_figures_have_captions(folder, page):
    targets = re.findall(r'src="([^"]+)"', page) + re.findall(r"\]\(([^)]+)\)", page)
    expected = {"quality", "examples", "speed", "training", "uncertainty", "calibration"}
    assert {f"{name}.png" for name in expected} <= set(targets)
    for target in targets:
        assert (folder / target).stat().st_size > 100, target
    assert len(re.findall(r"<img [^>]+>\n\n\*[A-Z][^*]+\*", page)) == page.count("<img")


def test_figures_are_the_same_when_drawn_again(run, folder, tmp_path):
    again = render(run, tmp_path, ["md"])["md"].parent
    for path in folder.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_parameters_tell_what_each_method_ran_with(run, page):
    _, rows = table(page, "Parameters")
    cells = run.cells()
    median = cells[(cells["method"] == "median") & (cells["level"] == 0.3)].iloc[0]
    chosen = json.loads(median["chosen"])
    shown = f"size={chosen['size']}, weight={chosen['weight']}"
    assert rows["median"][2] == f"{shown} ({median['chosen_score']:.2f} dB)"
    assert rows["gaussian[width=0.7]"] == ["blind", "width=0.7", "width=0.7"]
    assert rows["vae"][0] == "trained on it"


def test_calibration_errors_are_the_means_over_seeds(run, page):
    columns, rows = table(page, "Uncertainty")
    assert columns == ["gaussian 0.1", "gaussian 0.3"]
    assert list(rows) == ["vae"]
    for level, cell in zip((0.1, 0.3), rows["vae"], strict=True):
        kept = [
            meta
            for meta in run.metadata()
            if meta.cell.method == "vae" and meta.cell.noise.level == level
        ]
        errors = [calibration_error(meta.calibration) for meta in kept]
        assert len(errors) == 2
        shown, ratio = re.fullmatch(r"([\d.]+) \(x ([\d.]+)\)", cell).groups()
        assert float(shown) == pytest.approx(sum(errors) / 2, abs=0.00051)
        ratios = [overconfidence(meta.calibration) for meta in kept]
        assert float(ratio) == pytest.approx(sum(ratios) / 2, abs=0.051)


def test_the_page_says_which_seeds_each_method_was_trained_with(
    page, tmp_path, one_thread, render_text
):
    assert "; training seeds: 0, 1; " in page
    run = bench.run(
        "digits",
        methods=["identity", "dae[seeds=3]", "vae", "vae[latent=2]"],
        noise=0.3,
        limit=3,
        epochs=1,
        preset="quick",
        out=tmp_path,
    )
    text = render_text(run, tmp_path / "reports", ["md"])["md"].read_text()
    assert "; training seeds: 0 (of dae: 0, 1, 2); preset" in text


def test_without_other_trainings_there_is_nothing_to_transfer(page):
    assert "Trained on one noise" not in page


def test_the_footer_tells_how_the_numbers_were_made(run, page):
    footer = page.split("## How these numbers were made")[1]
    assert "Protocol version 2" in footer
    assert run.manifest.dataset.fingerprint in footer
    assert run.manifest.machine.cpu.split()[0] in footer
    assert "Gaussian window 11x11" in footer
    assert f"numpy {run.manifest.versions['numpy']}" in footer


def test_failed_and_unfinished_cells_are_shown(plugins, tmp_path, render_text):
    plugins("bad", "@method()\ndef bad(noisy):\n    raise ValueError('a|b')")
    run = bench.run(
        "digits", methods=["identity", "bad"], noise=0.3, limit=3, out=tmp_path / "results"
    )
    run.update_manifest(cells=[*run.manifest.cells, "0" * 16])
    page = render_text(run, tmp_path, ["md"])["md"].read_text()
    _, rows = table(page, "Failed and skipped")
    assert rows["failed"][0] == "bad at gaussian 0.3"
    assert r"a\|b" in page


def test_a_run_in_which_nothing_worked_still_has_a_report(plugins, tmp_path):
    plugins("bad", "@method()\ndef bad(noisy):\n    raise ValueError('no')")
    run = bench.run("digits", methods=["bad"], noise=0.3, limit=3, out=tmp_path / "results")
    assert "ValueError: no" in render(run, tmp_path, ["md"])["md"].read_text()


@pytest.mark.usefixtures("undrawn")
def test_a_run_of_a_method_that_is_gone_still_renders(plugins, tmp_path):
    path = plugins("gone", '@method()\ndef gone(noisy):\n    """Soon gone."""\n    return noisy')
    run = bench.run("digits", methods=["gone"], noise=0.3, limit=3, out=tmp_path / "results")
    path.unlink()
    assert (
        "gone"
        in table(render(bench.open_run(run.path), tmp_path, ["md"])["md"].read_text(), "SSIM")[1]
    )


@pytest.mark.usefixtures("without_figures")
def test_the_command_takes_a_folder_a_name_or_the_newest(run, bench, tmp_path, fails):
    results = Path("results")
    results.symlink_to(run.path.parent)
    done = bench("report", "--out", tmp_path / "newest")
    assert done.code == 0, done.err
    assert f"Report: {tmp_path / 'newest' / 'shown' / 'report.md'}\n" in done.out
    for name, given in (("named", "shown"), ("path", run.path)):
        done = bench("report", given, "--out", tmp_path / name, "--format", "csv")
        assert done.code == 0, done.err
        assert f"Report: {tmp_path / name / 'shown' / 'summary.csv'}\n" in done.out
    assert "is not a run" in fails("report", "nowhere", code=6)
    (tmp_path / "file").write_text("")
    line = fails("report", run.path, "--out", tmp_path / "file", code=6)
    assert "cannot write the report" in line


def test_without_any_run_the_command_says_what_to_do(fails):
    assert "make one with `bench run`" in fails("report", code=6)
