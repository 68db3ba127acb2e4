"""A method's code is its file and all that this imports of its package or folder."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.plugins import sources

HEADER = "from bench import method\n"
HERE = "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent))\n"


def body(statement, value, *, within=""):
    return (
        f"{statement}\n\n@method(reference='none')\ndef some(noisy):\n    'Darken.'\n"
        f"    {within or 'pass'}\n    return noisy * noisy.dtype.type({value})\n"
    )


def load(file):
    return sources.file_source(file).load()


def factor(method):
    """By what a method multiplies images."""
    return float(method.create({}).denoise(np.ones((1, 1, 1, 1), np.float32), None).item())


#: How a method's file comes by the number FACTOR of a module: its file, and the file's text.
IMPORTS = {
    "a neighbour": ("helper.py", body("from helper import FACTOR", "FACTOR")),
    "by way of another": ("deeper/numbers.py", body("from helper import FACTOR", "FACTOR")),
    "a package": ("tools/values.py", body("import tools.values", "tools.values.FACTOR")),
    "a package's contents": ("tools/values.py", body("from tools import values", "values.FACTOR")),
    "all of a package": ("tools/values.py", body("from tools import *", "values.FACTOR")),
    "by name": (
        "helper.py",
        body("from importlib import import_module", "import_module('helper').FACTOR"),
    ),
    "by a name that is made": (
        "helper.py",
        body(
            "import importlib\nhelper = importlib.import_module('hel' + 'per')", "helper.FACTOR"
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", IMPORTS)
def test_what_a_file_imports_of_its_folder_is_its_code(tmp_path, monkeypatch, way):
    monkeypatch.setattr(sys, "path", sys.path[:])
    module, text = IMPORTS[way]
    helper = tmp_path / module
    helper.parent.mkdir(exist_ok=True)
    helper.write_text("FACTOR = 0.25\n")
    if helper.parent != tmp_path:
        (helper.parent / "__init__.py").write_text("__all__ = ['values']\n")
    if way == "by way of another":
        (tmp_path / "helper.py").write_text("from deeper.numbers import FACTOR\n")
    if way == "by name":  # when it is called, which needs the folder on the path
        sys.path.insert(0, str(tmp_path))
    (tmp_path / "other.py").write_text("nothing to do with it\n")
    file = tmp_path / "some.py"
    file.write_text(HEADER + HERE + text)
    before = load(file)
    assert factor(before) == 0.25
    if way != "by a name that is made":
        (tmp_path / "other.py").write_text("still nothing\n")
        assert load(file).source == before.source
    helper.write_text("FACTOR = 0.125\n")
    after = load(file)
    assert after.source != before.source
    assert factor(after) == 0.125


def test_a_file_alone_has_the_digest_of_its_bytes():
    for name, source in sources.Registry().sources.items():
        method = source.load()
        if method.declared.data:
            continue  # a file alone it is not
        code = source.path.read_bytes()
        rooms = ["training"] if method.form == "trained" else []
        for room in [*rooms, *(["networks"] if b"bench.networks" in code else [])]:
            files = sorted((Path(bench.__file__).parent / room).glob("*.py"))
            code += b"".join(file.read_bytes() for file in files)
        assert method.source == hashlib.blake2b(code, digest_size=8).hexdigest(), name


def test_neighbours_of_one_name_are_each_their_own_files(tmp_path):
    methods = []
    for folder, value in (("one", 0.25), ("two", 0.5)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "utils.py").write_text(f"FACTOR = {value}\n")
        file = tmp_path / folder / f"{folder}.py"
        file.write_text(HEADER + HERE + body("from utils import FACTOR", "FACTOR"))
        methods.append(load(file))
    assert [factor(method) for method in methods] == [0.25, 0.5]
    assert methods[0].source != methods[1].source


def test_a_second_name_for_a_method_is_no_second_method(tmp_path):
    file = tmp_path / "some.py"
    file.write_text(HEADER + body("", "0.5") + "\nalias = denoise = some\n")
    assert factor(load(file)) == 0.5


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package, and a module of it that its entry point imports when it is called."""
    monkeypatch.syspath_prepend(tmp_path)
    text = body("", "FACTOR", within="from .deeper.numbers import FACTOR")
    for path, content in {
        "dimmer/__init__.py": "",
        "dimmer/filters.py": HEADER + text,
        "dimmer/other.py": "",
        "dimmer/deeper/__init__.py": "",
        "dimmer/deeper/numbers.py": "FACTOR = 0.25\n",
        "dimmer-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: dimmer\nVersion: 1.0\n",
        "dimmer-1.0.dist-info/entry_points.txt": "[bench.methods]\ndimmer = dimmer.filters\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    yield tmp_path / "dimmer"
    for name in [name for name in sys.modules if name.split(".")[0] == "dimmer"]:
        del sys.modules[name]


def test_what_a_package_imports_of_itself_is_its_code(package):
    settings = {"methods": "dimmer", "noise": 0.1, "limit": 2}
    first = bench.run("digits", **settings)
    (package / "other.py").write_text("# nothing to do with it\n")
    same = bench.run("digits", **settings)
    assert list(same.cells()["key"]) == list(first.cells()["key"])
    before = first.records()["psnr"].mean()
    (package / "deeper" / "numbers.py").write_text("FACTOR = 0.125  # darker\n")
    again = bench.run("digits", **settings)
    assert again.records()["psnr"].mean() < before - 0.5
    (package / "deeper" / "__init__.py").write_text("# it runs, too\n")
    assert list(bench.run("digits", **settings).cells()["key"]) != list(again.cells()["key"])
