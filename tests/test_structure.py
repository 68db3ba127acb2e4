"""The shape of the project: who imports whom, what is public, what start-up costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bench
import bench.training

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bench"

# Module -> what it may import of the project. Data flows one way: a name further down never
# stands in a line above it.
ALLOWED = {
    "core": set(),
    "denoiser": {"core"},
    "noise": {"core"},
    "metrics": {"core"},
    "environment": set(),
    "datasets": {"core"},
    "loading": {"core", "denoiser"},
    "registry": {"core", "denoiser", "loading"},
    "spec": {"core", "denoiser"},
    "plan": {"core", "denoiser", "noise"},
    "training": {"core"},
    "scoring": {"core", "denoiser", "metrics"},
    "noisy": {"core", "noise", "scoring"},
    "estimate": {"core", "denoiser", "noise"},
    "stacking": {"core"},
    "tuning": {"core", "denoiser", "metrics", "noise", "scoring"},
    "runner": {
        "core", "denoiser", "environment", "estimate", "metrics", "noisy", "scoring", "stacking",
        "training", "tuning",
    },
    "store": {"core", "denoiser"},
    "overview": {"core"},
    "supervisor": {"core"},
    "executing": {"core", "environment", "supervisor"},
    "asked": {"core", "denoiser", "estimate", "noise", "plan", "registry", "spec"},
    "worker": {"asked", "core", "datasets", "registry", "runner", "store", "supervisor"},
    "summary": {"core"},
    "report": {"core", "metrics", "store", "summary"},
    "console": {"core", "overview", "store"},
    "check": {"core", "noise", "summary"},
    "gate": {"check", "core", "store", "summary"},
    "api": {
        "asked", "core", "datasets", "denoiser", "environment", "estimate", "executing", "noise",
        "overview", "plan", "registry", "runner", "spec", "store", "supervisor",
    },
    "doctor": {"core", "datasets", "environment", "store"},
    "testing": {
        "core", "denoiser", "noise", "plan", "registry", "runner", "scoring", "spec",
        "training",
    },
    "scaffold": {"core"},
}  # fmt: skip


def imported(path):
    """Modules of the project that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "bench":
                names |= {alias.name for alias in node.names}
            elif node.module.startswith("bench."):
                names.add(node.module.split(".")[1])
            elif node.module.split(".")[0] == "methods":
                names.add("methods")
        elif isinstance(node, ast.Import):
            names |= {alias.name.partition("bench.")[2].split(".")[0] for alias in node.names}
    return names - {""}


@pytest.mark.parametrize("module", sorted(ALLOWED))
def test_a_module_imports_only_what_lies_before_it(module):
    single = PACKAGE / f"{module}.py"
    files = [single] if single.is_file() else sorted((PACKAGE / module).glob("*.py"))
    assert files
    for file in files:
        assert imported(file) - {module} <= ALLOWED[module], file


def test_every_module_has_its_place():
    modules = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert modules - {"__init__", "__pycache__", "cli", "templates"} == set(ALLOWED)


@pytest.mark.parametrize("path", sorted((ROOT / "methods").glob("[a-z]*.py")), ids=lambda p: p.stem)
def test_methods_import_only_public_names(path):
    assert imported(path) <= {*bench.__all__, "training"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "bench.training":
            assert {alias.name for alias in node.names} <= set(bench.training.__all__)


def test_public_names():
    assert bench.__all__ == [
        "Noise",
        "TrainedMethod",
        "Unsupported",
        "get_method",
        "make_noise",
        "method",
        "open_run",
        "run",
    ]
    for name in bench.__all__:
        assert callable(getattr(bench, name))
    assert set(bench.__all__) <= set(dir(bench))
    with pytest.raises(AttributeError, match="nothing"):
        bench.nothing  # noqa: B018


def loaded_by(*arguments):
    """Top-level modules that a bench command line loads."""
    code = (
        "import sys; from bench.cli import main\n"
        f"try: main({list(arguments)!r})\n"
        "except SystemExit: pass\n"
        "print('LOADED', *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_help_loads_nothing_heavy():
    heavy = {"numpy", "torch", "pandas", "scipy", "skimage", "matplotlib", "pyarrow", "rich"}
    assert not loaded_by("--help") & heavy
    assert not loaded_by("run", "--help") & heavy


def test_classical_methods_do_not_load_torch(tmp_path):
    arguments = ("run", "--dataset", "digits", "--methods", "median", "--noise", "0.3")
    loaded = loaded_by(*arguments, "--limit", "2", "--no-tune", "--out", str(tmp_path))
    assert "scipy" in loaded
    assert "torch" not in loaded
