"""A metric that is made after a run: in its records, reports, gate and comparison."""

import re

import numpy as np
import pandas as pd
import pytest

import bench as bench_api
from bench.core import UsageError

MAX_ERROR = '''"""Largest absolute error."""
from bench import metric


@metric(better="lower", unit="[0, 1]", reference="folklore", decimals=4)
def max_error(clean, restored):
    """Of each image, over pixels and channels."""
    return abs(restored - clean).max(axis=(1, 2, 3))
'''
SETTINGS = {"methods": "identity,median,lmmse", "noise": [0.1, 0.3], "limit": 12}


@pytest.fixture
def max_error(tmp_path):
    path = tmp_path / "max_error.py"
    path.write_text(MAX_ERROR)
    return path


@pytest.fixture
def made(tmp_path):
    """A run from before the metric was written."""

    def make(name="made", **settings):
        return bench_api.run("digits", out=tmp_path, name=name, **{**SETTINGS, **settings})

    return make


def clean_and_restored(run):
    """The largest error of each image, by the methods themselves."""
    from bench import datasets
    from bench.evaluation.noisy_images import NoisyImages

    data = datasets.load("digits", run.path)
    (batch,) = NoisyImages(data).batches(bench_api.make_noise("gaussian", 0.3), 12)
    return batch.clean, np.clip(batch.noisy, 0, 1)


@pytest.mark.usefixtures("undrawn")
def test_a_metric_of_eight_lines_appears_everywhere_in_a_run_of_before(
    bench, made, max_error, tmp_path
):
    run, other = made(), made("other", methods="identity,median[size=5],lmmse")
    assert len(MAX_ERROR.splitlines()) == 8
    before = run.records()
    for each in (run, other):
        scored = bench("score", each.path, "--metrics", "max-error", "--plugin", max_error)
        assert scored.code == 0, scored.err
        assert scored.out.count("denoised again, ") == 6
    records = bench_api.open_run(run.path).records()
    pd.testing.assert_frame_equal(records[before.columns], before)
    clean, noisy = clean_and_restored(run)
    identity = records[(records["method"] == "identity") & (records["level"] == 0.3)]
    expected = np.abs(noisy - clean).max(axis=(1, 2, 3))
    np.testing.assert_allclose(identity["max-error"], expected, rtol=1e-6)

    reported = bench(
        "report", run.path, "--out", tmp_path / "reports", "--format", "html,md,tex,csv,summary"
    )
    assert reported.code == 0, reported.err
    (folder,) = (tmp_path / "reports").iterdir()
    mean = f"{expected.mean():.4f}"
    # With all digits.
    tables = [path.read_text() for path in folder.rglob("*.csv")]
    assert any("max-error" in table and f"{expected.mean():.6f}"[:-1] in table for table in tables)
    for suffix in (".html", ".md", ".tex"):
        texts = [path.read_text() for path in folder.rglob(f"*{suffix}")]
        assert any("max-error" in text and mean in text for text in texts), suffix
    page = (folder / "report.md").read_text()
    (figure,) = re.findall(r"of max-error against the noise level.*\(\[SVG\]\((.+)\)\)", page)
    assert (folder / figure).is_file()

    limits = tmp_path / "limits.toml"
    limits.write_text('[[threshold]]\nmethod = "median"\nmetric = "max-error"\nmax = 0.0001\n')
    checked = bench("check", run.path, "--thresholds", limits)
    assert checked.code == 1
    assert "max-error" in checked.out
    compared = bench("compare", run.path, other.path, "--format", "json")
    assert "max-error" in compared.out


def test_kept_outputs_are_scored_without_the_method(bench, made, max_error, tmp_path):
    halves = tmp_path / "halves.py"
    halves.write_text(
        "from bench import method\n\n@method()\ndef halves(noisy):\n    return noisy/2"
    )
    run = made(methods="identity,halves", plugins=[halves], keep="outputs", noise_seeds="0,1")
    halves.unlink()
    scored = bench("score", run.path, "--metrics", "max-error", "--plugin", max_error)
    assert scored.code == 0, scored.err
    assert scored.out.count("from its kept outputs") == 4
    assert bench_api.open_run(run.path).records()["max-error"].notna().all()
    nothing = bench("score", run.path, "--metrics", "max-error", "--plugin", max_error)
    assert (nothing.code, "Nothing to score" in nothing.out) == (0, True)


def test_what_kept_outputs_do_not_tell_costs_other_metrics_nothing(bench, made, tmp_path):
    halves = tmp_path / "halves.py"
    halves.write_text(
        "from bench import method\n\n@method()\ndef halves(noisy):\n    return noisy/2"
    )
    run = made(methods="median,halves", plugins=[halves], keep="outputs", noise=0.3, limit=4)
    halves.unlink()
    scored = bench("score", run.path, "--metrics", "sure,mae")
    assert scored.code == 3, scored.err
    assert "median at gaussian 0.3: from its kept outputs; denoised again, to equal" in scored.out
    assert "halves at gaussian 0.3: from its kept outputs" in scored.out
    assert scored.out.count(": no sure: ") == 1
    assert "2 cells of" in scored.out
    records = bench_api.open_run(run.path).records()
    assert records["mae"].notna().all()
    assert (records["sure"].notna() == (records["method"] == "median")).all()


def test_outputs_that_have_no_room_are_refused_before_anything_is_measured(
    fails, bench, tmp_path, monkeypatch
):
    import shutil

    command = (
        "run", "--dataset", "digits", "--methods", "identity", "--limit", 4, "--noise", 0.1,
        "--keep", "outputs", "--name", "kept",
    )  # fmt: skip
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    told = fails(*command, code=6)
    assert "the restored images of 1 cells take up to 0 MiB" in told
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    done = bench(*command)
    assert done.code == 0
    assert "take up to 0 MiB" in done.err


def test_scoring_afterwards_gives_what_scoring_at_once_gives(made, max_error):
    at_once = made("once", metrics="psnr,ssim,mse,max-error", plugins=[max_error])
    later = made("later").score("max-error", plugins=[max_error])
    # A learned method's calls may have been cut in another way, which changes last bits.
    pd.testing.assert_frame_equal(
        later.records().drop(columns="restored"), at_once.records().drop(columns="restored"),
        rtol=1e-5, atol=1e-6,
    )  # fmt: skip


def test_what_cannot_be_scored_says_why(bench, fails, made, max_error, tmp_path, monkeypatch):
    halves = tmp_path / "halves.py"
    body = "from bench import method\n\n@method()\ndef halves(noisy):\n    return noisy/{}\n"
    halves.write_text(body.format(2))
    run = made(methods="halves,lmmse,median", plugins=[halves], noise=0.3)
    halves.write_text(body.format(3))
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "empty"))
    score = ("score", run.path, "--metrics", "max-error", "--plugin", max_error)
    scored = bench(*score, "--plugin", halves)
    assert scored.code == 3
    assert re.search("halves .* was measured with other code than it has now", scored.out)
    assert re.search("lmmse .* its fitted model is gone from the cache", scored.out)
    assert "median at gaussian 0.3: denoised again" in scored.out
    assert "unknown metric 'max-err'" in fails("score", run.path, "--metrics", "max-err", code=2)
    max_error.write_text(MAX_ERROR + "# changed\n")
    assert "max-error already, measured by other code" in fails(*score, code=2)
    assert bench(*score, "--again").code == 3


def test_what_cannot_be_measured_again_stays_as_it_was(bench, made, tmp_path, monkeypatch):
    run = made(methods="lmmse", noise=0.3)
    before = run.records()
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "empty"))
    told = bench("score", run.path, "--metrics", "psnr,ssim", "--again")
    assert told.code == 3
    assert "its fitted model is gone" in told.out
    after = bench_api.open_run(run.path)
    pd.testing.assert_frame_equal(after.records(), before)
    assert list(after.manifest.metrics) == ["psnr", "ssim", "mse"]


@pytest.mark.parametrize("again", [False, True])
def test_columns_of_other_code_are_never_mixed(made, max_error, monkeypatch, again):
    """A score that is interrupted, a plugin that is changed: both leave whole columns or none."""
    from bench.execution import rescoring
    from bench.store import Run

    run, options = made(methods="identity,median", noise=0.3), {"plugins": [max_error]}
    if again:
        run.score("max-error", **options)
        max_error.write_text(MAX_ERROR.replace("abs(", "-abs("))
    written, add_columns = [], Run.add_columns

    def once(run, key, *arguments):
        if written:
            raise KeyboardInterrupt
        written.append(add_columns(run, key, *arguments))

    monkeypatch.setattr(Run, "add_columns", once)
    with pytest.raises(KeyboardInterrupt):
        rescoring.score(run, "max-error", again=again, **options)
    monkeypatch.setattr(Run, "add_columns", add_columns)
    left = bench_api.open_run(run.path).records()
    assert "max-error" not in left or (left["max-error"].dropna() > 0).all()
    max_error.write_text(MAX_ERROR.replace("abs(", "2 + abs("))
    done = run.score("max-error", again=again, **options).records()["max-error"]
    assert done.between(2, 3).all()
    assert next(iter(bench_api.open_run(run.path).manifest.metrics)) == "psnr"


def test_images_are_not_taken_for_the_same_where_nothing_was_measured():
    from bench.core import Restoration
    from bench.evaluation.restoring import Agreement, Restored

    nothing = {"image": np.arange(2), "digest": np.zeros(2, np.uint64), "psnr": np.full(2, np.nan)}
    images = Restoration(*np.zeros((3, 2, 1, 8, 8), np.float32), None, None)
    check = Agreement(nothing)
    check.add(Restored(np.arange(2), 0, np.zeros(2, np.uint64), images))
    with pytest.raises(UsageError, match="nothing tells by how much"):
        check.verdict()


def test_a_run_that_is_being_written_is_not_scored(fails, made):
    from bench import store

    run = made(methods="identity", noise=0.3)
    with store.hold(run.path):
        fails("score", run.path, "--metrics", "mae", code=8)


BROKEN = """from bench import metric

@metric(better="lower")
def broken(clean, restored):
    {}
"""


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('no')", "ValueError: no (broken.py, line 5)"),
        ("return [1.0]", "an array of shape (1,) for 12 images"),
        ("return [float('inf')] * len(clean)", "it gave infinity"),
        ("return ['a'] * len(clean)", "not numbers"),
        ("clean[:] = 0\n    raise SystemExit", "SystemExit"),
    ],
)
@pytest.mark.parametrize("jobs", [0, 1])
def test_a_metric_that_misbehaves_costs_its_column_only(made, tmp_path, body, reason, jobs):
    file = tmp_path / "broken.py"
    file.write_text(BROKEN.format(body))
    plain = made("plain", methods="identity", noise=0.3)
    run = made(methods="identity", noise=0.3, plugins=[file], metrics="psnr,broken,ssim", jobs=jobs)
    (meta,) = run.metadata()
    assert (meta.status, list(meta.unmeasured)) == ("done", ["broken"])
    assert reason in meta.unmeasured["broken"]
    records = run.records()
    assert records["broken"].isna().all()
    pd.testing.assert_series_equal(records["psnr"], plain.records()["psnr"])


def test_a_finished_run_that_is_asked_for_further_metrics_says_how_to_add_them(bench, tmp_path):
    command = (
        "run", "--dataset", "digits", "--methods", "identity", "--limit", 4, "--noise", 0.1,
        "--name", "made",
    )  # fmt: skip
    assert bench(*command).code == 0
    again = bench(*command, "--metrics", "psnr,mae")
    assert again.code == 0
    assert "1 cells were finished without mae: `bench score results/made" in again.err
    assert bench("score", "--metrics", "mae").code == 0
    assert "mae" not in bench(*command, "--metrics", "psnr,mae").err
    assert list(bench_api.open_run("results/made").manifest.metrics) == [
        "psnr", "ssim", "mse", "mae"
    ]  # fmt: skip


def test_a_metric_without_a_column_is_said_and_exits_with_3(bench, tmp_path):
    file = tmp_path / "broken.py"
    file.write_text(BROKEN.format("raise ValueError('no')"))
    told = bench(
        "run", "--dataset", "digits", "--methods", "identity", "--limit", 4, "--noise", 0.1,
        "--plugin", file, "--metrics", "psnr,broken",
    )  # fmt: skip
    assert told.code == 3
    assert "no broken in 1 of 1 cells: ValueError: no (broken.py, line 5)" in told.out


def test_tuning_follows_the_metric_that_is_asked_for(made):
    by_psnr = made("psnr", methods="gaussian", noise=0.5)
    by_ssim = made("ssim", methods="gaussian", noise=0.5, tune_by="ssim")
    by_mse = made("mse", methods="gaussian", noise=0.5, tune_by="mse")
    (psnr,), (ssim,), (mse,) = (list(run.metadata()) for run in (by_psnr, by_ssim, by_mse))
    assert psnr.chosen_score == max(score for _, score in psnr.trials)
    assert ssim.chosen_score == max(score for _, score in ssim.trials) < 1
    assert mse.chosen_score == min(score for _, score in mse.trials)
    assert by_ssim.manifest.settings.tune_by == "ssim"
    assert len({psnr.key, ssim.key, mse.key}) == 3


def test_what_tunes_is_told_apart_by_its_code_and_spoils_no_images(made, tmp_path):
    file = tmp_path / "mine.py"
    text = (
        'from bench import metric\n\n@metric(better="lower")\ndef mine(clean, restored, noisy):\n'
        "    error = abs(clean - restored).mean(axis=(1, 2, 3))\n"
        "    clean[:] = noisy[:] = 0\n    return error\n"
    )
    file.write_text(text)
    by_mae = made("mae", methods="gaussian", noise=0.5, tune_by="mae")
    by_mine = made("mine", methods="gaussian", noise=0.5, tune_by="mine", plugins=[file],
                   metrics="psnr")  # fmt: skip
    (mae,), (mine,) = list(by_mae.metadata()), list(by_mine.metadata())
    assert mine.chosen == mae.chosen
    assert mine.chosen_score == pytest.approx(mae.chosen_score)
    file.write_text(text + "# changed\n")
    anew = made("mine", methods="gaussian", noise=0.5, tune_by="mine", plugins=[file],
                metrics="psnr")  # fmt: skip
    assert next(anew.metadata()).key != mine.key
