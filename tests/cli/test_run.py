"""`bench run` from end to end: settings, resuming, and every kind of bad input."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pandas as pd
import pytest
from click.testing import CliRunner

import bench as api
from bench.cli import main
from bench.datasets import download
from bench.execution.environment import usable_cpus

ROOT = Path(api.__file__).parent.parent
FEW = ("--dataset", "digits", "--limit", "12", "--noise", "0.3", "--methods", "identity,median")


@pytest.fixture(scope="module")
def made(bench, tmp_path_factory):
    """A run of `FEW`: the folder that it was made in, and what it printed."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("BENCH_CACHE_DIR", str(folder / "cache"))
        patch.setenv("BENCH_JOBS", "0")
        result = bench("run", *FEW)
    assert result.code == 0, result.err
    return folder, result


@pytest.fixture
def few(made):
    """That run, as if it had been made here; what it printed."""
    folder, result = made
    shutil.copytree(folder / "results", "results")
    return result


def only_run(folder="results"):
    (path,) = Path(folder).iterdir()
    return path


def test_a_run_prints_its_table_where_it_lies_and_the_next_command(few):
    name = only_run()
    assert few.out.splitlines()[-2:] == [f"Run:    {name}", f"Report: bench report {name}"]
    records = api.open_run(name).records()
    for method, part in records.groupby("method"):
        assert f"{method}" in few.out
        assert f"{part['psnr'].mean():.2f} {part['ssim'].mean():.3f}" in few.out
    assert "12 test images of digits" in few.out
    assert few.lines[0].partition(";")[0] == f"digits: 12 test images, 2 cells -> {name}"
    assert few.lines[-1].startswith("[2/2] median at gaussian 0.3: ")


def test_the_manifest_says_how_the_numbers_were_made(few):
    manifest = json.loads((only_run() / "manifest.json").read_text())
    assert manifest["protocol"] == 2
    assert "Wang et al. 2004" in manifest["conventions"]["ssim"]
    assert manifest["settings"] == {
        "dataset": "digits", "methods": ["identity", "median"], "noise": [0.3], "clip": False,
        "train-noise": ["matched"], "seeds": [0], "limit": 12, "epochs": None,
        "batch-size": None, "preset": "default", "tune": True,
        "quantize": False, "device": "auto",
    }  # fmt: skip
    assert manifest["dataset"]["fingerprint"]
    assert manifest["versions"]["numpy"] == numpy.__version__
    assert manifest["machine"]["cores"] == usable_cpus()
    assert manifest["ended"] >= manifest["started"]


def test_a_finished_run_repeated_computes_nothing(few, bench):
    cells = only_run() / "cells"
    before = {path: path.stat().st_mtime_ns for path in cells.iterdir()}
    again = bench("run", *FEW)
    assert again.code == 0
    assert again.out == few.out
    assert "2 cells, 2 of them finished earlier" in again.err
    assert {path: path.stat().st_mtime_ns for path in cells.iterdir()} == before
    bench("run", *FEW, "--fresh")
    assert {path: path.stat().st_mtime_ns for path in cells.iterdir()} != before


def test_other_settings_are_another_run(few, bench):
    bench("run", *FEW, "--clip")
    assert len(list(Path("results").iterdir())) == 2


def test_a_name_with_other_settings_names_the_first_difference(bench, fails):
    assert bench("run", *FEW, "--name", "mine").code == 0
    line = fails("run", *FEW, "--name", "mine", "--clip", "--limit", "3", code=2)
    assert "was made with clip = false, and this command says true" in line
    assert bench("run", *FEW, "--name", "mine", "--clip", "--fresh").code == 0


def test_python_does_what_the_command_does(few, tmp_path):
    run = api.run(
        "digits", methods=["identity", "median"], noise=[0.3], limit=12, out=tmp_path / "python"
    )
    assert run.name == only_run().name
    expected = api.open_run(only_run()).records()
    pd.testing.assert_frame_equal(run.records(), expected)


def test_a_config_file_holds_the_same_settings_and_the_command_line_wins(few, bench, tmp_path):
    config = tmp_path / "sweep.toml"
    config.write_text(
        'dataset = "digits"\nlimit = 12\nnoise = [0.3]\nmethods = ["identity", "median"]\n'
        'train-noise = "matched"\n'
    )
    assert bench("run", "--config", config).out == few.out
    config.write_text(
        config.read_text().replace('"matched"', '["blind", 0.3]')
        + 'clip = true\nseeds = [1, 2]\ntune = false\nout = "other"\nbatch-size = 32\n'
    )
    result = bench("run", "--config", config, "--noise", "25/255")
    assert result.code == 0, result.err
    settings = json.loads((only_run("other") / "manifest.json").read_text())["settings"]
    assert settings["noise"] == [25 / 255]
    assert (settings["clip"], settings["tune"], settings["seeds"]) == (True, False, [1, 2])
    assert (settings["train-noise"], settings["batch-size"]) == (["blind", "0.3"], 32)


def test_clipping_is_part_of_the_noises_name_and_does_not_change_identity(few, bench):
    result = bench("run", *FEW, "--clip")
    assert "gaussian, clipped 0.3" in result.out

    def score(text):
        return next(line for line in text.splitlines() if line.startswith("identity")).split()

    assert score(result.out) == score(few.out)


def test_seeds_are_trained_apart_and_only_where_something_is_random():
    run = api.run(
        "digits", methods="median,dae", noise=0.3, limit=20, epochs=2, seeds=(0, 1), preset="quick"
    )
    cells = run.cells()
    assert list(cells["method"]) == ["median", "dae", "dae"]
    assert list(cells["seed"].astype(object)) == [pd.NA, 0, 1]
    records = run.records()
    zero, one = (records[records["seed"].eq(seed).fillna(False)] for seed in (0, 1))
    assert list(zero["digest"]) == list(one["digest"])
    assert list(zero["psnr"]) != list(one["psnr"])
    history = run.history(cells["key"][1])
    assert set(history["term"]) == {"reconstruction"}
    assert list(history["epoch"]) == [1, 1, 2, 2]


def test_one_method_typed_in_several_ways_is_measured_once(bench):
    methods = "median[size=5],median[size= 5],nlm[h=1,patch=3],nlm[patch=3,h=1.0]"
    run = api.run("digits", methods=methods, noise=0.3, limit=5, seeds=iter([0]))
    assert list(run.cells()["params"]) == ['{"size":5}', '{"h":1.0,"patch":3}']
    assert len(run.records()) == 10


def test_a_cache_that_cannot_be_written_is_named_before_training(fails, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "file"))
    line = fails("run", "--dataset", "digits", "--methods", "vae", "--noise", "0.3", code=6)
    assert "set BENCH_CACHE_DIR to another folder" in line
    assert "trained" not in line


# -- interrupted ---------------------------------------------------------------------------

SWEEP = [
    sys.executable, "-c", "from bench.cli import main; main()", "run", "--dataset", "digits",
    "--preset", "quick", "--epochs", "5", "--methods", "identity,gaussian,vae",
    "--noise", "0.3,0.5", "--name", "sweep",
]  # fmt: skip


def sweep(folder, **options):
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "BENCH_CACHE_DIR": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",  # two processes at once must not fight over cores
    }
    return subprocess.Popen(
        [*SWEEP, "--out", str(folder)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # a suite that a script started in the background was told to ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


def test_killed_in_the_middle_it_goes_on_to_the_same_records(tmp_path):
    undisturbed = sweep(tmp_path / "whole")
    killed = sweep(tmp_path / "cut")
    cells = tmp_path / "cut" / "sweep" / "cells"
    deadline = time.monotonic() + 120
    while len(list(cells.glob("*.parquet"))) < 2:  # the next one is being trained
        assert time.monotonic() < deadline
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    finished = {path: path.stat().st_mtime_ns for path in cells.glob("*.parquet")}
    assert 2 <= len(finished) < 6
    resumed = sweep(tmp_path / "cut")
    output, _ = resumed.communicate()
    assert resumed.returncode == 0, output
    assert f"6 cells, {len(finished)} of them finished earlier" in output
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    output, _ = undisturbed.communicate()
    assert undisturbed.returncode == 0, output
    expected = api.open_run(tmp_path / "whole" / "sweep").records()
    assert len(expected) == 6 * 400
    pd.testing.assert_frame_equal(
        api.open_run(tmp_path / "cut" / "sweep").records(), expected, check_exact=True
    )


def test_interrupted_by_the_user_it_says_how_to_go_on(tmp_path):
    process = sweep(tmp_path)
    cells = tmp_path / "sweep" / "cells"
    deadline = time.monotonic() + 120
    while not list(cells.glob("*.parquet")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in output
    assert output.splitlines()[-1] == (
        "Error: interrupted; finished cells are safe, and the same command goes on from there"
    )


# -- bad input -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--methods", "medain"), "unknown method 'medain': did you mean median"),
        (("--methods", "median[sise=3]"), "no parameter 'sise': did you mean size"),
        (("--methods", "median[size=x]"), "size is of type int"),
        (("--methods", "median[size"), "not understood"),
        (("--methods", ","), "no method given"),
        (("--dataset", "digts"), "unknown data set 'digts': did you mean digits"),
        (("--noise", ""), "no noise level given"),
        (("--noise", "-1"), "noise level -1 is out of range"),
        (("--noise", "0"), "noise level 0 is out of range"),
        (("--noise", "nan"), "noise level nan is out of range"),
        (("--noise", "1e9"), "noise level 1e9 is out of range"),
        (("--noise", "0.1,loud"), "noise level 'loud' is not a number"),
        (("--noise", "0.1,0.1000001"), "look the same in tables"),
        (("--methods", "gaussian[width=1e999]"), "give a finite number"),
        (("--seeds", "99999999999999999999"), "seeds are numbers from 0 to"),
        (("--seeds", "a"), "--seeds 'a'"),
        (("--limit", "0"), "--limit 0 is out of range"),
        (("--limit", "x"), "'x' is not a valid integer"),
        (("--epochs", "0"), "--epochs 0 is out of range"),
        (("--batch-size", "0"), "--batch-size 0 is out of range"),
        (("--train-noise", "bling"), "training noise 'bling' is not understood: write matched"),
        (("--train-noise", "matched,"), "training noise '' is not understood"),
        (("--train-noise", ""), "training noise '' is not understood"),
        (("--train-noise", "-1"), "noise level -1 is out of range"),
        (("--train-noise", "nan"), "noise level nan is out of range"),
        (("--methods", "dae[train=bling]"), "training noise 'bling' is not understood"),
        (("--methods", "dae[train=0]"), "noise level 0 is out of range"),
        (("--methods", "median[train=blind]"), "'median' learns nothing: leave train=blind out"),
        (("--methods", "median[seeds=2]"), "'median' has nothing random: leave seeds=2 out"),
        (("--methods", "vae[seeds=0]"), "give the number of training seeds, from 1 to 1000"),
        (("--methods", "vae[seeds=99999999]"), "give the number of training seeds, from 1 to"),
        (("--preset", "slow"), "unknown preset 'slow'"),
        (("--device", "tpu"), "unknown device 'tpu'"),
        (("--name", "../up"), "is no folder's name"),
        (("--nosie", "0.1"), "No such option"),
        (("--config", "absent.toml"), "cannot read absent.toml"),
    ],
)
def test_usage_errors_are_one_line_and_exit_with_2(fails, arguments, message):
    assert message in fails("run", *FEW, *arguments, code=2)
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nosie = 0.1", "unknown setting 'nosie': did you mean noise"),
        ("noise = ", "not valid TOML"),
        ("[noise]\nlevel = 1", "noise is a text, a number or a list"),
        ("limit = 12.9", "limit is a whole number"),
        ("limit = true", "limit is a whole number"),
        ("clip = 3", "clip is true or false"),
        ("name = true", "name is a text"),
    ],
)
def test_a_config_file_is_checked_like_the_command_line(fails, tmp_path, text, message):
    (tmp_path / "c.toml").write_text(text)
    assert message in fails("run", "--config", tmp_path / "c.toml", code=2)


def test_cuda_where_there_is_none(fails, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "finds no CUDA device here" in fails("run", *FEW, "--device", "cuda", code=2)


def test_explicit_mnist_never_falls_back(fails, monkeypatch, tmp_path):
    monkeypatch.setattr(download, "reachable", lambda urls: False)
    arguments = ("--dataset", "mnist", "--data-dir", tmp_path)
    line = fails("run", *arguments, code=5)
    assert "cannot be downloaded" in line
    assert "--dataset digits" in line


@pytest.mark.usefixtures("without_figures")
def test_without_mnist_the_default_is_digits_and_says_so(bench, monkeypatch, tmp_path):
    monkeypatch.setattr(download, "reachable", lambda urls: False)
    rest = ("--data-dir", tmp_path, "--methods", "identity", "--noise", "0.3")
    result = bench("run", *rest)
    assert result.code == 0, result.err
    assert result.lines[0].startswith("Note: digits (embedded, 8x8 enlarged) stands in for MNIST")
    manifest = json.loads((only_run() / "manifest.json").read_text())
    assert "stands in for MNIST" in manifest["dataset"]["note"]
    page = bench("report").out.split()[-1]
    text = Path(page).read_text()
    assert text.startswith("# Denoising digits (stand-in for MNIST)")
    assert "**Not MNIST.**" in text


def test_a_folder_that_cannot_be_written(fails, tmp_path):
    (tmp_path / "file").write_text("")
    line = fails("run", *FEW, "--out", tmp_path / "file", code=6)
    assert f"cannot write {tmp_path / 'file'}" in line


def test_a_damaged_cell_ends_in_one_line(few, fails):
    damaged = next((only_run() / "cells").iterdir())
    damaged.write_bytes(b"nonsense")
    for command in (("run", *FEW), ("report",)):
        line = fails(*command, code=6)
        assert f"{damaged} is damaged" in line
    damaged.unlink()
    assert CliRunner().invoke(main, ["run", *FEW]).exit_code == 0


def test_a_manifest_of_another_version(few, fails):
    path = only_run() / "manifest.json"
    path.write_text(path.read_text().replace('"format": 3', '"format": 4'))
    for command in (("run", *FEW), ("report",)):
        assert "in format 4, and this version of bench reads formats 1 to 3" in fails(
            *command, code=6
        )


@pytest.mark.usefixtures("without_figures")
def test_a_failed_method_is_exit_code_3_and_the_rest_goes_on(bench, plugins):
    plugins("bad", "@method()\ndef bad(noisy):\n    raise ValueError('no idea')")
    arguments = ("--dataset", "digits", "--limit", "5", "--noise", "0.3,0.5")
    result = bench("run", *arguments, "--methods", "bad,identity")
    assert result.code == 3
    assert "Traceback" not in result.err + result.out
    assert "[1/4] bad at gaussian 0.3: failed: ValueError: no idea (bad.py, line 6)" in result.lines
    assert "failed: bad at gaussian 0.3: ValueError: no idea (bad.py, line 6)" in result.out
    assert "identity" in result.out
    assert "Failed and skipped" in Path(bench("report").out.split()[-1]).read_text()
    debug = bench("run", *arguments, "--methods", "bad,identity", "--fresh", "--debug")
    assert "Traceback" in debug.err


def test_a_skipped_method_changes_the_code_only_if_asked_for(bench, plugins, monkeypatch):
    from bench.planning import request

    plugins("picky", "@method()\ndef picky(noisy):\n    raise Unsupported('RGB only')")
    arguments = ("--dataset", "digits", "--limit", "5", "--noise", "0.3")
    asked = bench("run", *arguments, "--methods", "picky,identity")
    assert asked.code == 3
    assert "skipped: picky at gaussian 0.3: RGB only" in asked.out
    assert sum("picky" in line and "starting" not in line for line in asked.lines) == 1
    noises = bench("run", *arguments[:-1], "0.1,0.3,0.5", "--methods", "picky,identity")
    assert "skipped: picky at gaussian 0.1, 0.3, 0.5: RGB only" in noises.out
    assert sum("picky" in line and "starting" not in line for line in noises.lines) == 1
    monkeypatch.setattr(request, "DEFAULT_METHODS", ("picky", "identity"))
    assert bench("run", *arguments, "--name", "unasked").code == 0


def test_an_error_inside_bench_is_one_line_unless_debugging(bench, fails, monkeypatch):
    monkeypatch.setattr("bench.api.run", lambda **values: 1 / 0)
    line = fails("run", *FEW, code=70)
    assert "inside bench: ZeroDivisionError: division by zero" in line
    assert "Traceback" in bench("run", *FEW, "--debug").err


# -- what there is -------------------------------------------------------------------------


def test_methods_are_listed_with_parameters_and_sources(bench, plugins):
    plugins("broken", "import nonsense_package")
    result = bench("methods")
    assert result.code == 0
    assert "size=3 (tuned over 1, 3, 5, 7)" in result.out
    assert "Kingma and Welling 2014" in result.out
    assert "cannot run here" in result.out
    assert "nonsense_package" in result.out


def test_data_sets_are_listed_with_their_state(bench, tmp_path):
    result = bench("datasets", "--data-dir", tmp_path)
    assert result.code == 0
    assert f"train-images-idx3-ubyte is not in {tmp_path}" in result.out
    for name in ("mnist", "fashion-mnist", "kmnist", "digits"):
        assert name in result.out


@pytest.mark.parametrize(
    ("command", "redirected", "code"),
    [
        (["run", "--dataset", "digits", "--limit", "2", "--methods", "identity", "--noise", "0.1",
          "--no-tune", "--jobs", "0"], redirected, 0)
        for redirected in (">/dev/full", "2>/dev/full", ">&- 2>&-")
    ]
    + [(["noises"], ">/dev/full", 6), (["noises"], "| true", 0), (["nosuch"], ">&- 2>&-", 2)],
)  # fmt: skip
def test_streams_that_cannot_be_written_change_no_code(command, redirected, code, tmp_path):
    if "full" in redirected and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    program = shlex.join([sys.executable, "-c", "from bench.cli import main; main()", *command])
    shell = ["bash", "-c", f"set -o pipefail; {program} {redirected}"]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if command[0] == "run":
        (run,) = (tmp_path / "results").iterdir()
        assert len(api.open_run(run).records()) == 2
    elif code == 6:
        assert done.stderr.count("cannot write to standard output") == 1
