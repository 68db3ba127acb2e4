"""The runs that the tests of the gate check, each made once by the command."""

import functools
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from gate_runs import RUNS, edit_manifest, ended

from bench.cli import main


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The folder of a run of `RUNS`, made by the command when it is first asked for."""
    folder = tmp_path_factory.mktemp("runs")

    @functools.cache
    def make(name):
        arguments, plugin = RUNS[name]
        options = ["--dataset", "digits", "--limit", "20", "--noise", "0.3", "--no-tune"]
        if plugin is not None:
            path = folder / f"{plugin[0]}.py"  # where its former self was, as if it were edited
            path.write_text(plugin[1])
            options += ["--plugin", str(path)]
        options += [*arguments, "--name", name, "--out", str(folder)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BENCH_CACHE_DIR", str(folder / "cache"))
            result = CliRunner().invoke(main, ["run", *options])
        assert result.exit_code == (3 if plugin and "raise" in plugin[1] else 0), result.stderr
        return folder / name

    return make


@pytest.fixture
def take(made):
    """Copies of runs in results/, to be changed at will; the last named is the newest.

    A pair is a run and the name of its copy.
    """

    def copy(*names):
        for age, name in enumerate(names):
            source, copied = (name, name) if isinstance(name, str) else name
            shutil.copytree(made(source), Path("results") / copied)
            edit_manifest(copied, started=ended(age), ended=ended(age))
            os.utime(f"results/{copied}/manifest.json", (age, age))

    return copy
