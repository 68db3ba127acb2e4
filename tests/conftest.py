"""What all tests share: isolation from the user's caches, the command in-process, real data."""

import contextlib
import ctypes
import os
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

# Before NumPy and torch are loaded: tests run beside each other, and threads that wait for each
# other crawl when anything else runs.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Before Triton is: where there is no GPU, its kernels run in its interpreter.
with contextlib.suppress(OSError):
    ctypes.CDLL("libcuda.so.1")
    os.environ["TRITON_INTERPRET"] = "0"
os.environ.setdefault("TRITON_INTERPRET", "1")

import pytest
from click.testing import CliRunner


@pytest.fixture(scope="session")
def _asked_once():
    """What asks git, but of this checkout only once: each run takes its state down."""
    from bench.execution import environment

    ask, known = environment._git, {}

    def asked(file, *arguments, **options):
        if file != Path(environment.__file__):
            return ask(file, *arguments, **options)
        key = file, tuple(sorted(options.items()))
        if key not in known:
            known[key] = ask(file, *arguments, **options)
        return known[key]

    return asked


@pytest.fixture(autouse=True)
def _isolated(tmp_path_factory, monkeypatch, _asked_once):
    """Neither the user's cache nor the folder that pytest was started in is written to."""
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))
    # Cells are worked on in this process, where tests can reach them, unless a test says otherwise.
    monkeypatch.setenv("BENCH_JOBS", "0")
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))
    monkeypatch.setattr("bench.execution.environment._git", _asked_once)


@pytest.fixture(scope="module")
def one_thread():
    """On a busy machine threads that wait for each other are many times slower than one."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def dense_kernels(monkeypatch):
    """The kernels of dense networks in float32: a GPU's, or on a CPU those that are interpreted."""
    pytest.importorskip("triton", reason="Triton comes with torch for CUDA only")
    from bench.training import dense, dense_kernels

    monkeypatch.setitem(dense.PRECISION, "cuda", "ieee")
    monkeypatch.setattr(dense, "kernels", lambda device: dense_kernels)
    return dense_kernels


@pytest.fixture
def mnist_dir():
    folder = Path(os.environ.get("BENCH_DATA_DIR", "")).absolute()
    if not (os.environ.get("BENCH_DATA_DIR") and (folder / "MNIST" / "raw").is_dir()):
        pytest.skip("needs MNIST: set BENCH_DATA_DIR to a folder that holds MNIST/raw")
    return folder


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def lines(self):
        return [line for line in self.err.splitlines() if line]


@pytest.fixture(scope="session")
def bench():
    """The `bench` command: bench("run", "--dataset", "digits") -> code, out, err."""
    from bench.cli import main

    def call(*arguments):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        return Result(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def fails(bench):
    """A call that must end in one clear line: returns that line."""

    def call(*arguments, code):
        result = bench(*arguments)
        assert result.code == code, result
        assert "Traceback" not in result.err + result.out
        errors = [line for line in result.lines if line.startswith("Error: ")]
        assert len(errors) == 1, result.err
        assert result.lines[-1] == errors[0]
        return errors[0]

    return call


@pytest.fixture
def few_resamples(monkeypatch):
    """Fewer than a report takes, for what is right within some per cent."""
    from bench.analysis import statistics

    monkeypatch.setattr(statistics, "_RESAMPLES", (600, 600))
    statistics._counts.cache_clear()
    yield
    statistics._counts.cache_clear()


@pytest.fixture(autouse=True)
def figures_closed():
    """Figures that a test looks at do not stay open: matplotlib warns of more than 20."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture
def undrawn(monkeypatch):
    """Figures of a report are made but not written as pictures, which takes half its time."""
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *args, **options: None)


class _Here:
    """Stands for the process that loads plugins for a command: they are loaded in this one."""

    alive = False

    def __init__(self, *limits, **options):
        pass

    def start(self):
        self.alive = True

    def ask(self, job, heard=lambda kind, value: None):
        return pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(job)).answer(heard)))

    def close(self):
        pass


@pytest.fixture(scope="session")
def load_here():
    """Until a patch is undone, plugins are loaded in this process, as their cells are worked on.

    Lists, runs with workers, and verifications start a process for it otherwise, which takes a
    second.
    """

    def apply(patch):
        patch.setattr("bench.execution.importing.WatchedProcess", _Here)
        patch.setattr("bench.sharing.verification.WatchedProcess", _Here)

    return apply


@pytest.fixture
def loaded_here(request, load_here, monkeypatch):
    """The same for a test, unless it is marked with `another_process`."""
    if not request.node.get_closest_marker("another_process"):
        load_here(monkeypatch)


@pytest.fixture(scope="session")
def render_text():
    """`render`, but without figures, which take nine tenths of its time."""
    from bench.report.render import render

    def text(*arguments, **options):
        with pytest.MonkeyPatch.context() as patch:
            _leave_figures_out(patch)
            return render(*arguments, **options)

    return text


@pytest.fixture
def without_figures(monkeypatch):
    """Reports of `bench report` have no figures: for tests of what they say."""
    _leave_figures_out(monkeypatch)


def _leave_figures_out(patch):
    patch.setattr("bench.report.figures.draw", lambda *arguments: [])
    patch.setattr("bench.report.figures.draw_ranks", lambda *arguments: [])


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """The folder of built-in methods, copied, so that a test can add a file to it."""
    import shutil

    from bench.plugins.kinds import METHODS

    folder = tmp_path / "methods"
    shutil.copytree(METHODS.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(METHODS, "folder", folder)

    def add(name, body):
        path = folder / f"{name}.py"
        path.write_text(f"import numpy as np\nfrom bench import Unsupported, method\n\n{body}\n")
        return path

    return add


@pytest.fixture
def pdflatex():
    """Compile a file in its folder, twice for its references; returns the log."""
    import shutil
    import subprocess

    if not shutil.which("pdflatex"):
        pytest.skip("no pdflatex here (Debian: texlive-latex-recommended, lmodern)")

    def compiled(path):
        for _ in range(2):
            done = subprocess.run(
                ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", path.name],
                cwd=path.parent,
                capture_output=True,
                check=False,
            )
            said = done.stdout.decode("utf-8", "replace")
            if "booktabs.sty' not found" in said:
                pytest.skip("this TeX has no booktabs (Debian: texlive-latex-recommended)")
            assert done.returncode == 0, said[-3000:]
        return path.with_suffix(".log").read_text(encoding="utf-8", errors="replace")

    return compiled
