"""A cell that crashes, hangs or eats the memory costs itself only; the rest is as it always is."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
from safetensors import safe_open

import bench
import bench as bench_api
from bench import datasets, store
from bench.core import DataError, UsageError
from bench.evaluation.data_source import DataSource
from bench.execution import importing, pipes, pools
from bench.execution.scorer import Scorer
from bench.execution.supervisor import Setup, WorkerError
from bench.planning.settings import Settings
from bench.store import RunInUse, hold

TROUBLE = Path(__file__).with_name("trouble.py")
SWEEP = {"plugins": [TROUBLE], "dataset": "digits", "limit": 10, "tune": False}


def statuses(run):
    cells = run.cells()
    return dict(
        zip(cells["params"], zip(cells["status"], cells["reason"], strict=True), strict=True)
    )


def weights(folder):
    """Checksum of each fitted model in a cache, by what it was fitted for."""
    models = {}
    for path in (folder / "fits").glob("*.safetensors"):
        with safe_open(path, framework="numpy") as file:
            meta = json.loads(file.metadata()["bench"])
        models[meta["key"]] = meta["checksum"]
    return models


def test_weights_do_not_depend_on_how_many_cells_are_worked_on_at_once(tmp_path, monkeypatch):
    """Sums over a batch are shared out among threads, so theirs is the recipe's number."""
    models = {}
    for jobs in (0, 4):
        monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / f"cache-{jobs}"))
        bench.run(
            "digits", methods="vae,dncnn[depth=2,width=4]", noise=[0.1, 0.3], limit=2,
            epochs=1, preset="quick", jobs=jobs, out=tmp_path, name=f"jobs-{jobs}",
        )  # fmt: skip
        models[jobs] = weights(tmp_path / f"cache-{jobs}")
    assert len(models[0]) == 4
    assert all(others == models[0] for others in models.values())
    frames = [store.open_run(tmp_path / f"jobs-{jobs}").records() for jobs in models]
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0])


def test_a_cell_that_goes_wrong_costs_itself_only(tmp_path):
    kinds = (
        "fine", "raises", "rants", "storage", "exits", "crashes", "hangs", "eats", "orphans",
        "writes", "prints", "alters",
    )  # fmt: skip
    before = psutil.Process().children()  # of other tests
    run = bench.run(
        methods=[f"trouble[kind={kind}]" for kind in kinds] + ["identity"],
        noise=[0.1],
        out=tmp_path,
        jobs=2,
        timeout=6,
        memory_limit=700_000_000,
        **SWEEP,
    )
    outcomes = statuses(run)
    assert outcomes.pop("{}")[0] == "done"
    assert outcomes.pop('{"kind":"fine"}')[0] == "done"
    reasons = {params[9:-2]: reason for params, (status, reason) in outcomes.items()}
    assert {status for status, _ in outcomes.values()} == {"failed"}
    assert reasons["raises"].startswith("ValueError: as it was told to (trouble.py, line ")
    assert reasons["exits"] == "its process ended by itself (exit code 5)"
    assert reasons["storage"].startswith("StorageError: there is no disk (trouble.py, line ")
    assert "killed by SIGSEGV; it last printed: " in reasons["crashes"]
    assert 1000 < len(reasons["rants"]) < 1100
    # Though a process of its own holds all pipes.
    assert reasons["orphans"] == "its process was killed by SIGTERM"
    assert reasons["writes"].startswith("its answer cannot be read (")
    assert reasons["prints"] == "its process was killed by SIGSEGV; it last printed: the last words"
    assert reasons["alters"] == "it changed the noise that it was told"
    assert reasons["hangs"] == "it took longer than 6 s (--timeout)"
    assert "GiB of memory, more than 0.65 GiB (--memory-limit)" in reasons["eats"]
    (meta,) = [m for m in run.metadata() if '"crashes"' in m.cell.params]
    assert "about to read where nothing is" in meta.traceback
    assert max(len(meta.traceback) for meta in run.metadata()) <= 20_000
    left = [child for child in psutil.Process().children() if child not in before]
    assert not [child for child in left if child.status() != psutil.STATUS_ZOMBIE]


def test_what_a_method_cannot_set_back_ends_its_process_with_its_cell(tmp_path):
    plugin = tmp_path / "lasting.py"
    plugin.write_text(
        "import torch\nfrom bench import method\n\nmode = torch.inference_mode()\n\n"
        "@method()\ndef lasting(noisy):\n    mode.__enter__()\n    return noisy\n"
    )
    run = bench.run(
        "digits", methods=["lasting", "dae"], plugins=[plugin], noise=0.3, limit=5, epochs=1,
        preset="quick", jobs=1, out=tmp_path,
    )  # fmt: skip
    cells = run.cells().set_index("method")
    assert cells["status"].to_dict() == {"lasting": "failed", "dae": "done"}
    assert "torch's inference mode, which cannot be set back" in cells["reason"]["lasting"]


def test_the_last_words_are_a_processs_last_though_another_method_printed_in_it(tmp_path):
    run = bench.run(
        methods=["trouble[kind=talks]", "trouble[kind=crashes]"], noise=[0.1], jobs=1,
        out=tmp_path, **SWEEP,
    )  # fmt: skip
    crashed = statuses(run)['{"kind":"crashes"}']
    assert crashed[0] == "failed"
    assert crashed[1].endswith("it last printed: about to read where nothing is")
    (meta,) = [meta for meta in run.metadata() if meta.status == "failed"]
    assert "\0" not in meta.traceback
    assert "spoken before" not in meta.traceback


def test_a_method_that_forks_and_comes_back_twice_gives_one_record(tmp_path):
    settings = {**SWEEP, "methods": ["trouble[kind=forks]", "identity"], "noise": [0.1, 0.3]}
    for jobs in (0, 1):
        run = bench.run(out=tmp_path / str(jobs), jobs=jobs, **settings)
        assert list(run.cells()["status"]) == ["done"] * 4


def test_what_a_method_leaves_behind_is_not_the_next_ones(tmp_path):
    """Each takes half of the limit, and one of them keeps it."""
    methods = ["trouble[kind=leaks]", "trouble[kind=needs]"]
    run = bench.run(
        methods=methods, noise=[0.1], out=tmp_path, jobs=1, memory_limit="1000MiB", **SWEEP
    )
    assert list(run.cells()["status"]) == ["done", "done"]


def test_failed_cells_are_taken_up_again_when_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("marker").write_text("")
    settings = {**SWEEP, "methods": ["identity", "trouble[kind=twice]"], "noise": [0.1], "jobs": 1}
    run = bench.run(out=tmp_path / "results", **settings)
    assert sorted(run.cells()["status"]) == ["done", "failed"]
    files = {path: path.stat().st_mtime_ns for path in (run.path / "cells").iterdir()}
    again = bench.run(out=tmp_path / "results", **settings)  # a failure is a result
    assert {path: path.stat().st_mtime_ns for path in (again.path / "cells").iterdir()} == files
    mended = bench.run(out=tmp_path / "results", retry_failed=True, **settings)
    assert set(mended.cells()["status"]) == {"done"}
    changed = {p for p in (mended.path / "cells").iterdir() if p.stat().st_mtime_ns != files[p]}
    assert len(changed) == 1


def test_records_are_those_of_one_process(tmp_path):
    """Trained, tuned and plain methods: in this process, in two workers, and on any executor."""
    settings = {
        "dataset": "digits", "methods": ["identity", "gaussian", "lmmse", "dae[seeds=2]"],
        "noise": [0.1, 0.3], "limit": 30, "epochs": 1, "preset": "quick",
    }  # fmt: skip
    here = bench.run(out=tmp_path / "here", **settings)
    there = bench.run(out=tmp_path / "there", jobs=2, **settings)
    # The last bits of a network's output depend on how calls are cut, which time decides.
    bits = {"columns": "restored"}
    pd.testing.assert_frame_equal(here.records().drop(**bits), there.records().drop(**bits))
    ours, theirs = here.cells(), there.cells()
    columns = ["key", "status", "chosen", "chosen_score", "parameters"]
    pd.testing.assert_frame_equal(ours[columns], theirs[columns])
    assert there.progress().done == len(theirs)


def test_a_model_is_fitted_once_and_found_by_the_cells_that_wait_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    run = bench.run(
        "digits", methods=["dae[train=blind]"], noise=[0.1, 0.2, 0.3, 0.4], limit=5, epochs=1,
        preset="quick", jobs=2, out=tmp_path,
    )  # fmt: skip
    reused = [meta.conditions.fit_reused for meta in run.metadata()]
    assert sorted(reused) == [False, True, True, True]
    assert len(list((tmp_path / "cache" / "fits").iterdir())) == 1


def test_limits_need_a_process_of_their_own():
    with pytest.raises(UsageError, match="give --jobs 1 or more"):
        bench.run("digits", methods="identity", timeout=5)
    with pytest.raises(
        UsageError, match="--timeout nan is out of range: give a number that is finite"
    ):
        bench.run("digits", methods="identity", jobs=1, timeout=float("nan"))
    for count in ("x", "0", "999999"):
        with pytest.raises(UsageError, match="local:4 for four workers; there are 1024 at most"):
            bench.run("digits", methods="identity", dask=f"local:{count}", limit=2)


def test_a_worker_with_other_data_refuses(tmp_path, monkeypatch):
    photos = tmp_path / "photos"
    photos.mkdir()
    from PIL import Image

    Image.new("L", (32, 32), 128).save(photos / "a.png")
    undisturbed = pools.LocalPool.records

    def changed(*arguments, **options):
        Image.new("L", (32, 32), 64).save(photos / "a.png")
        return undisturbed(*arguments, **options)

    monkeypatch.setattr(pools.LocalPool, "records", changed)
    with pytest.raises(DataError, match=r"is other data .* give it the same files"):
        bench.run(f"folder:{photos}", methods="identity", tune=False, jobs=1, out=tmp_path / "out")


HALF = """
from bench import method

@method()
def half(noisy):
    return noisy * {factor}
"""


def test_a_worker_with_other_code_refuses(tmp_path, monkeypatch):
    """A method's file is edited while its cells are worked on."""
    file = tmp_path / "half.py"
    file.write_text(HALF.format(factor=0.5))
    undisturbed = pools.LocalPool.records

    def edited(*arguments, **options):
        file.write_text(HALF.format(factor=0.6))
        return undisturbed(*arguments, **options)

    monkeypatch.setattr(pools.LocalPool, "records", edited)
    settings = {**SWEEP, "plugins": [file], "noise": [0.1], "jobs": 1, "out": tmp_path}
    with pytest.raises(WorkerError, match=r"has other code of half than the run was planned for"):
        bench.run(methods="half", **settings)
    monkeypatch.undo()
    assert list(bench.run(methods="half", **settings).cells()["status"]) == ["done"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import os; os._exit(0)", "its process ended by itself (exit code 0)"),
        ("while True: pass", "it took longer than 3 s to load what it needs; --timeout gives"),
    ],
)
def test_a_plugin_that_acts_on_its_process_ends_in_one_line(
    tmp_path, monkeypatch, fails, body, message
):
    monkeypatch.setattr(importing, "_LOADING", 3)
    file = tmp_path / "bad.py"
    file.write_text(f"{body}\n{HALF.format(factor=1)}")
    for command in (("run", "--dataset", "digits", "--jobs", "1"), ("methods",)):
        line = fails(*command, "--plugin", file, code=2)
        assert line.startswith(f"Error: method 'bad' cannot be loaded: {file}: {message}")


def test_what_a_plugin_does_when_it_is_loaded_stays_with_it(tmp_path, bench):
    file = tmp_path / "half.py"
    acts = "import os, threading, time\nos.chdir('/')\nos.environ['BENCH_OUT'] = '/nowhere'\n"
    acts += "threading.Thread(target=time.sleep, args=(1e6,)).start()\n"
    file.write_text(acts + HALF.format(factor=1))
    before, threads = Path.cwd(), threading.active_count()
    result = bench(
        "run", "--dataset", "digits", "--limit", "4", "--noise", "0.1", "--jobs", "1", "--plugin",
        file, "--methods", "half,identity", "--name", "run",
    )  # fmt: skip
    assert result.code == 0, result.err
    assert (before, threads) == (Path.cwd(), threading.active_count())
    assert (before / "results" / "run").is_dir()
    origin = bench_api.open_run("results/run").manifest.methods["half"].origin
    assert origin == "file half.py"


def test_a_workers_warnings_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    settings = {"methods": "lmmse", "noise": [0.1], "out": tmp_path, "jobs": 1}
    bench_api.run("digits", limit=2, **settings)
    (model,) = (tmp_path / "cache" / "fits").iterdir()
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="it is trained anew"):
        bench_api.run("digits", limit=3, **settings)


def test_cells_without_a_result_end_with_a_code_of_their_own(bench, monkeypatch):
    monkeypatch.setattr(
        "bench.evaluation.runner.run_cells", lambda *given, **options: (x for x in ())
    )
    result = bench("run", "--dataset", "digits", "--methods", "identity", "--noise", "0.1,0.2")
    assert result.code == 3
    assert "2 of 2 cells have no result" in result.out


def test_files_of_the_working_folder_are_no_modules_of_a_worker(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("queue", "numpy", "scipy", "bench"):
        Path(f"{name}.py").write_text("raise RuntimeError('not to be loaded')\n")
    run = bench.run(methods="identity", noise=[0.1], jobs=1, out=tmp_path / "out", **SWEEP)
    assert list(run.cells()["status"]) == ["done"]


@pytest.mark.skipif(
    torch.cuda.is_available(), reason="there is a GPU: how its absence is said cannot be seen"
)
def test_a_worker_without_the_gpu_that_cells_need_says_so(tmp_path):
    pytest.importorskip("distributed", reason="Dask is not installed")
    settings = {"dataset": "digits", "methods": "dae", "preset": "quick", "limit": 2}
    with pytest.raises(WorkerError, match=r"finds no CUDA device: start .* --resources GPU=1"):
        bench.run(device="cuda", dask="local:1", out=tmp_path, **settings)


def bench_command(folder, *arguments, **options):
    environment = {
        **os.environ, "PYTHONPATH": str(Path(bench.__file__).parents[1]),
        "BENCH_CACHE_DIR": str(folder / "cache"),
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", "from bench.cli import main; main()", "run", "--dataset", "digits",
         "--plugin", str(TROUBLE), "--limit", "5", "--no-tune", "--noise", "0.1", "--out",
         str(folder), "--name", "run", *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options,
    )  # fmt: skip


def _session(process):
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def until(what, seconds=60):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_ends_soon_and_leaves_no_process(tmp_path, sign, code):
    methods = "identity,trouble[kind=hangs]"
    process = bench_command(tmp_path, "--methods", methods, "--jobs", "2")
    until(lambda: list((tmp_path / "run" / "cells").glob("*.parquet")))
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(sign)
    output, _ = process.communicate(timeout=5)
    assert process.returncode == code
    assert output.splitlines()[-1].startswith("Error: interrupted; finished cells are safe")
    assert "Traceback" not in output
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


def _name(process):
    try:
        return process.name()
    except psutil.NoSuchProcess:  # it was brief, and ended since it was listed
        return ""


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    """Whatever they do then, and with all that methods began."""
    methods = "identity,trouble[kind=hangs],trouble[kind=clings]"
    process = bench_command(tmp_path, "--methods", methods, "--jobs", "2")
    try:
        command = psutil.Process(process.pid)
        until(lambda: "sleep" in map(_name, command.children(recursive=True)))
        children = command.children(recursive=True)
        guards = [
            p for p in psutil.process_iter() if _session(p) in {_session(c) for c in children}
        ]
        children = list({*children, *guards})
        assert len(children) == 5
    finally:  # also where the test fails: a method that hangs would use a core for ever
        process.kill()
        process.communicate()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


def test_a_worker_that_is_given_no_cell_ends():
    setup = Setup(
        source=DataSource("digits"), training_fingerprint="", plugins=(),
        fingerprint=datasets.load("digits", Path()).fingerprint, methods=("identity",), cache="",
        fresh=None, device="cpu", threads=1, scorer=Scorer(("psnr",)),
    )  # fmt: skip
    code = "from bench.execution import worker; worker._IDLE = 0.1; worker.main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        ends = pipes.Pipes(process)
        ends.send(setup)
        until(lambda: ends.receive(1) == ("answer", None))
        assert process.wait(60) == 0  # though its input is still open
        ends.close()


def test_one_process_writes_a_run(tmp_path, fails, bench):
    with hold(tmp_path / "results" / "run"):
        arguments = ("run", "--dataset", "digits", "--methods", "identity", "--limit", "3")
        line = fails(*arguments, "--out", tmp_path / "results", "--name", "run", code=8)
        assert f"is being written by process {os.getpid()} on " in line
        with pytest.raises(RunInUse), hold(tmp_path / "results" / "run"):
            pass
    result = bench(*arguments, "--out", tmp_path / "results", "--name", "run")
    assert result.code == 0
    # A process that died holds nothing.
    code = (
        f"from pathlib import Path; from bench.store import hold; import os\n"
        f"held = hold(Path({str(tmp_path / 'x')!r})); held.__enter__(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with hold(tmp_path / "x"):
        pass


def test_a_killed_worker_on_dask_costs_nothing(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed")
    methods = ["identity", *(f"trouble[index={i},seconds=0.1]" for i in range(6))]
    with monkeypatch.context() as patch:
        patch.setattr(time, "sleep", lambda seconds: None)  # only there they take their time
        here = bench.run(methods=methods, noise=[0.1, 0.3], out=tmp_path / "here", **SWEEP)
    arguments = [
        sys.executable, "-c", "from bench.cli import main; main()", "run", "--dataset", "digits",
        "--plugin", str(TROUBLE), "--limit", "10", "--no-tune", "--noise", "0.1,0.3", "--methods",
        ",".join(methods), "--dask", "local:2", "--out", str(tmp_path), "--name", "there",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(Path(bench.__file__).parents[1])}
    process = subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    until(lambda: list((tmp_path / "there" / "cells").glob("*.parquet")))
    # Those that hold a child of ours are Dask's workers.
    workers = [
        child.parent()
        for child in psutil.Process(process.pid).children(recursive=True)
        if "bench.execution.worker" in " ".join(child.cmdline())
    ]
    workers[0].kill()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    pd.testing.assert_frame_equal(
        bench.open_run(tmp_path / "there").records(), here.records(), check_exact=True
    )


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4_000_000_000), ("512 MiB", 512 * 2**20), ("2e9", 2_000_000_000), ("1k", 1000)],
)
def test_sizes_are_typed_as_people_write_them(text, size):
    assert Settings.checked(memory_limit=text, jobs=1).memory_limit == size


def test_a_limit_that_leaves_no_room_to_start_is_refused(fails, monkeypatch):
    """Libraries would try for ever to get what they need while they are loaded."""
    monkeypatch.setattr("resource.getrlimit", lambda resource: (300 * 2**20, -1))
    line = fails("run", "--dataset", "digits", "--methods", "identity", code=2)
    assert "0.29 GiB of addresses here (ulimit -v), which is too little to start" in line


def test_bad_limits_end_in_one_line(fails, monkeypatch):
    monkeypatch.setattr(pools, "_ANSWER", 1)
    few = ("run", "--dataset", "digits", "--methods", "identity", "--limit", "2")
    assert "--memory-limit is a size such as 4GB" in fails(*few, "--memory-limit", "much", code=2)
    assert "--timeout -1.0 is out of range: give a number over 0" in fails(
        *few, "--timeout", "-1", code=2
    )
    assert "give --jobs 1 or more" in fails(*few, "--timeout", "5", "--jobs", "0", code=2)
    assert "no scheduler answers there" in fails(*few, "--dask", "tcp://127.0.0.1:9", code=7)
