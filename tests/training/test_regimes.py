"""Trained on one noise, tested on another: what is measured, shown and held to a baseline."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from bench import analysis, open_run
from bench.cli import main
from bench.report.content.section import Section
from bench.report.figures.transfer import transfer

LABELS = ["identity", "dae", "dae[train=0.3]", "dae[train=blind]"]
MEAN = """
@method(random=False)
class Mean:
    def fit(self, train, noise, seed): self.mean = train.mean(axis=0)
    def denoise(self, noisy, noise): return 0 * noisy + self.mean
    def state(self): return {"mean": self.mean}
    def load(self, arrays): self.mean = arrays["mean"]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory, one_thread):
    """The folder of a run, what the command printed, and the cache that it filled."""
    folder = tmp_path_factory.mktemp("regimes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(folder / "cache"))
        done = CliRunner().invoke(
            main,
            [
                "run", "--dataset", "digits", "--limit", "20", "--noise", "0.1,0.3",
                "--methods", "identity,dae,dae[train=blind]", "--train-noise", "matched,0.3",
                "--epochs", "1", "--batch-size", "400", "--name", "made", "--out", str(folder),
            ],
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    return folder / "made", done.stdout, folder / "cache"


@pytest.fixture
def run(made):
    return open_run(made[0])


def test_each_training_meets_each_level_and_is_made_once(made, run):
    cells = analysis.with_labels(run.cells())
    assert list(zip(cells["label"], cells["level"], cells["train"].fillna(""), strict=True)) == [
        (label, level, train.format(level))
        for level in (0.1, 0.3)
        for label, train in zip(
            LABELS, ("", "gaussian {}", "gaussian 0.3", "gaussian 0 to 0.3"), strict=True
        )
    ]
    assert list(cells["regime"].fillna("")[:4]) == ["", "matched", "0.3", "blind"]
    assert len(list(made[2].rglob("*.safetensors"))) == 3
    reused = {
        (meta.cell.train.regime, meta.cell.noise.level)
        for meta in run.metadata()
        if meta.conditions.fit_reused
    }
    assert reused == {("matched", 0.3), ("0.3", 0.3), ("blind", 0.3)}


def test_one_model_gives_one_result_under_either_name(run):
    records = analysis.with_labels(run.records()).query("level == 0.3").set_index("label")
    assert list(records.loc["dae", "psnr"]) == list(records.loc["dae[train=0.3]", "psnr"])
    assert list(records.loc["dae", "psnr"]) != list(records.loc["dae[train=blind]", "psnr"])


def test_the_command_prints_a_row_a_training(made):
    rows = [line.split()[0] for line in made[1].splitlines() if line.startswith(("dae", "ident"))]
    assert rows == LABELS


def test_the_batch_size_is_used_and_kept(run):
    assert run.manifest.settings.batch_size == 400
    recipes = {meta.cell.recipe for meta in run.metadata()} - {None}
    assert {json.loads(recipe)["batch_size"] for recipe in recipes} == {400}


@pytest.mark.usefixtures("undrawn")
def test_the_report_shows_what_each_training_is_worth_elsewhere(made, bench, tmp_path):
    done = bench("report", made[0], "--out", tmp_path)
    assert done.code == 0, done.err
    folder = tmp_path / "made"
    page = (folder / "report.md").read_text()
    assert "## Trained on one noise, tested on another" in page
    assert (folder / "transfer.png").is_file()
    assert (folder / "transfer.svg").is_file()
    assert list(pd.read_csv(folder / "psnr.csv")["label"]) == LABELS
    assert "1 epochs of batches of 400" in page
    parameters = page.split("## Parameters")[1]
    for label, knows in (
        ("dae", "trained on it"),
        ("dae[train=0.3]", "trained on gaussian 0.3"),
        ("dae[train=blind]", "trained on gaussian 0 to 0.3"),
    ):
        row = next(line for line in parameters.splitlines() if line.startswith(f"| {label} "))
        assert row.split("|")[2].strip() == knows


def test_the_heat_map_has_the_means_by_training_and_level(run):
    import matplotlib.pyplot as plt

    ((_, canvas),) = transfer(Section.of(run))
    panel = canvas.axes[0]
    trainings = [label.get_text() for label in panel.get_yticklabels()]
    assert panel.get_title() == "dae"
    assert trainings == ["gaussian 0.1", "gaussian 0.3", "gaussian 0 to 0.3"]
    means = run.records().groupby(["train", "level"])["psnr"].mean()
    expected = [means.get((train, level)) for train in trainings for level in (0.1, 0.3)]
    assert [text.get_text() for text in panel.texts] == [f"{m:.2f}" for m in expected if m]
    plt.close(canvas)


def test_against_itself_every_training_is_paired_and_holds(made, bench):
    for name in ("old", "new"):
        shutil.copytree(made[0], Path("results") / name)
    result = bench("check", "new", "--baseline", "results/old", "--format", "json")
    assert result.code == 0, result.out
    document = json.loads(result.out)
    trained_on = {
        (finding["subject"], finding["metric"]): finding["about"]["trained_on"]
        for finding in document["findings"]
    }
    assert len(trained_on) == len(document["findings"]) == len(LABELS) * 3 * 2
    assert all(finding["about"]["identical"] for finding in document["findings"])
    trained = {where.partition(" at ")[0]: on for (where, _), on in trained_on.items()}
    assert trained == dict(
        zip(LABELS, (None, None, "gaussian 0.3", "gaussian 0 to 0.3"), strict=True)
    )


def test_a_limit_is_of_one_training(made, bench):
    shutil.copytree(made[0], Path("results") / "made")
    limits = Path("limits.toml")
    assert bench("check", "made", "--thresholds", limits, "--update").code == 0
    assert bench("check", "made", "--thresholds", limits).code == 0
    limits.write_text(
        '[[threshold]]\nmethod = "dae[train=blind]"\nmetric = "psnr"\nmin = 99\n'
        '[[threshold]]\nmethod = "dae"\nmetric = "psnr"\nmin = 1\n'
    )
    result = bench("check", "made", "--thresholds", limits)
    assert result.code == 1
    assert (result.out.count("REGRESSED"), result.out.count("held")) == (2, 3)


def test_what_torch_does_not_train_is_skipped_where_it_should_be_blind(bench, plugins):
    plugins("mean", MEAN)
    result = bench(
        "run", "--dataset", "digits", "--limit", "5", "--noise", "0.3",
        "--methods", "mean,identity", "--train-noise", "blind,matched",
    )  # fmt: skip
    assert result.code == 3
    assert (
        "skipped: mean[train=blind] at gaussian 0.3: only methods that torch trains can be trained "
        "on a range of levels"
    ) in result.out.splitlines()
    assert [line.split()[0] for line in result.out.splitlines() if line.startswith("mean")] == [
        "mean"
    ]
