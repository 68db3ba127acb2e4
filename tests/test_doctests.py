"""The examples of docstrings run, and the public names have one."""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import bench

PACKAGE = Path(bench.__file__).parent
# What a user is given as a file of his own is tested as such.
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text() and "templates" not in path.parts
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    module = importlib.import_module(name)
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    results = doctest.testmod(module, extraglobs={"bench": bench}, optionflags=options)
    assert results.attempted
    assert not results.failed


@pytest.mark.parametrize("name", [name for name in bench.__all__ if not name.startswith("_")])
def test_a_public_name_has_an_example(name):
    assert ">>> " in inspect.getdoc(getattr(bench, name))
