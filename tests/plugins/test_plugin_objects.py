"""Decorated functions and classes are taken where a plugin's name is."""

import importlib.util
import subprocess
import sys

import pytest

import bench
from bench.core import UsageError

BOX = """
import bench

@bench.method()
def box(noisy, *, size=3):
    return noisy * 0.5
"""
WORST = """
import bench

@bench.metric(better="lower")
def worst(clean, restored):
    return abs(restored - clean).max(axis=(1, 2, 3))
"""
DIGITS = {"noise": 0.3, "limit": 3}


@pytest.fixture
def imported(tmp_path):
    """A module of a file, as a user's own code imports it."""

    def module(stem, text):
        path = tmp_path / f"{stem}.py"
        path.write_text(text, "utf-8")
        spec = importlib.util.spec_from_file_location(stem, path)
        made = importlib.util.module_from_spec(spec)
        sys.modules[stem] = made
        spec.loader.exec_module(made)
        return made

    before = set(sys.modules)
    yield module
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_function_is_a_method_beside_names_and_with_parameters(imported, tmp_path):
    box = imported("box", BOX).box
    run = bench.run("digits", methods=[box, "box[size=5]", "identity"], out=tmp_path, **DIGITS)
    assert sorted(run.cells()["label"]) == ["box", "box[size=5]", "identity"]
    assert run.manifest.methods["box"].origin == "file box.py"
    alone = bench.run("digits", methods=box, out=tmp_path / "alone", **DIGITS)
    assert list(alone.cells()["method"]) == ["box"]


def test_a_function_is_a_metric_when_measured_and_when_scored(imported, tmp_path):
    worst = imported("worst", WORST).worst
    run = bench.run("digits", methods="identity", metrics=["psnr", worst], out=tmp_path, **DIGITS)
    assert list(run.manifest.metrics) == ["psnr", "worst"]
    plain = bench.run("digits", methods="identity", out=tmp_path / "plain", **DIGITS)
    assert list(plain.score(worst).records()["worst"]) == list(run.records()["worst"])


def test_a_built_in_method_is_its_name(tmp_path):
    from methods import median

    run = bench.run("digits", methods=[median.median], out=tmp_path, **DIGITS)
    assert run.manifest.methods["median"].origin == "built in"


def test_worker_processes_load_the_file(imported, tmp_path):
    box = imported("box", BOX).box
    run = bench.run("digits", methods=[box], jobs=1, out=tmp_path, **DIGITS)
    assert list(run.cells()["status"]) == ["done"]


def no_plugin(noisy):
    return noisy


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("methods", [no_plugin], "'no_plugin' is not declared as one"),
        ("methods", no_plugin, "methods are names, or functions and classes with @bench.method"),
        ("methods", 3, "methods are names, such as median,vae"),
        ("methods", [3], "methods are names"),
        ("metrics", [dict], "'dict' is not declared as one"),
        ("metrics", 3, "metrics are names"),
        ("noise", "x", "x"),
        ("noise", 10**400, "too large"),
        ("range", [0, 10**400], "--range"),
        ("listener", 3, "a listener has the methods started, progress, recorded, warned; 3"),
        ("command", 3, "command is a text"),
    ],
)
def test_wrong_types_get_one_line(name, given, said, tmp_path):
    with pytest.raises(UsageError) as error:
        bench.run("digits", **{"out": tmp_path, name: given})
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_metric_is_no_method(imported, tmp_path):
    worst = imported("worst", WORST).worst
    with pytest.raises(UsageError, match="'worst' declares a metric"):
        bench.run("digits", methods=[worst], out=tmp_path)


def test_what_has_no_file_is_told_how_to_get_one(tmp_path):
    space = {"__name__": "__main__"}
    exec(BOX, space)
    with pytest.raises(UsageError, match=r"'box' has no file.*%%writefile box\.py"):
        bench.run("digits", methods=[space["box"]], out=tmp_path)


def test_a_script_that_would_run_itself_is_told_where_to_put_the_call(tmp_path):
    script = tmp_path / "box.py"
    call = f"bench.run('digits', methods=[box], noise=0.3, limit=2, out={str(tmp_path)!r})\n"
    script.write_text(f"{BOX}\n{call}", "utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert 'put the call below `if __name__ == "__main__":`' in done.stderr
    script.write_text(f'{BOX}\nif __name__ == "__main__":\n    {call}', "utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
