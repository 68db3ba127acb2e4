"""The shape of the project: who imports whom, what is public, what start-up costs."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import bench
import bench.networks
import bench.training

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bench"


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


def linted(folder):
    """What the import contract of pyproject.toml says of the checkout in `folder`."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(folder)},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_every_file_imports_only_from_rooms_below_it():
    code, text = linted(ROOT)
    assert code == 0, text


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("core/text.py", "from bench.noises import KINDS"),
        ("report/formats/html/page.py", "from bench.plugins.sources import Registry"),
        ("analysis/ranks.py", "def late():\n    from bench.store import open_run"),
        ("plugins/loading.py", "from bench.training import TrainedMethod"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path, file, line):
    shutil.copytree(PACKAGE, tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "bench" / file).open("a") as written:
        written.write(f"\n\n{line}\n")
    code, text = linted(tmp_path)
    assert code != 0
    assert f"bench.{file.removesuffix('.py').replace('/', '.')}" in text


def test_a_room_without_a_place_is_found(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "bench" / "attic").mkdir()
    (tmp_path / "bench" / "attic" / "__init__.py").touch()
    code, text = linted(tmp_path)
    assert code != 0
    assert "attic" in text


def functions(path):
    """Every function of a file with its number of lines, its docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            documented = ast.get_docstring(node) is not None
            said = node.body[0].end_lineno - node.body[0].lineno + 1 if documented else 0
            yield node.name, node.end_lineno - node.lineno + 1 - said


SOURCES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "methods").glob("*.py")])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_reads_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 350
    assert [(name, lines) for name, lines in functions(path) if lines > 60] == []


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("__init__.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_face_holds_no_logic(path):
    allowed = (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.If)
    lazy = ("__getattr__", "__dir__") if path.parent == PACKAGE else ()
    for node in ast.parse(path.read_text()).body:
        assert isinstance(node, allowed) or getattr(node, "name", "") in lazy, ast.unparse(node)


@pytest.mark.parametrize("path", sorted((ROOT / "methods").glob("[a-z]*.py")), ids=lambda p: p.stem)
def test_methods_import_only_public_names(path):
    rooms = {"training": bench.training, "networks": bench.networks}
    assert imported(path) <= {*bench.__all__, *rooms}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bench."):
            room = rooms[node.module.partition(".")[2]]
            assert {alias.name for alias in node.names} <= set(room.__all__)


def test_public_names():
    assert bench.__all__ == [
        "Dataset",
        "Noise",
        "Settings",
        "TrainedMethod",
        "Unsupported",
        "__version__",
        "dataset",
        "denoise",
        "get_method",
        "make_noise",
        "method",
        "metric",
        "noise",
        "open_run",
        "run",
    ]
    for name in bench.__all__:
        assert callable(getattr(bench, name)) or name == "__version__"
    assert set(bench.__all__) <= set(dir(bench))
    with pytest.raises(AttributeError, match="nothing"):
        bench.nothing  # noqa: B018


def test_the_version_is_the_installed_ones():
    assert bench.__version__ == metadata.version("denoise-bench")
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] in (
        (ROOT / "CITATION.cff").read_text()
    )


def test_the_map_of_the_rooms_names_every_room():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    rooms |= {path.stem for path in PACKAGE.glob("[a-z]*.py")}
    (indented,) = [part for part in bench.__doc__.split("\n\n") if part.startswith("    ")]
    named = [re.split(r"  +", line.strip())[0].split(", ") for line in indented.splitlines()]
    assert {name for names in named for name in names} == rooms


def test_all_that_the_command_prints_passes_through_one_place():
    """Which lets no escape code out of a name through to the terminal."""
    printing = {
        path.name for path in (ROOT / "bench").rglob("*.py") if "click.echo(" in path.read_text()
    }
    assert printing == {"console.py"}


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
