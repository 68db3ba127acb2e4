"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import bench

FOLDERS = ("core", "datasets", "metrics", "noises")
MODULES = sorted(
    module.name
    for folder in FOLDERS
    for module in pkgutil.walk_packages([f"{bench.__path__[0]}/{folder}"], f"bench.{folder}.")
)


def examples(name):
    tests = doctest.DocTestFinder().find(importlib.import_module(name))
    return [test for test in tests if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name, capsys):
    runner = doctest.DocTestRunner()
    for test in examples(name):
        runner.run(test)
    assert runner.failures == 0, capsys.readouterr().out


@pytest.mark.parametrize("folder", FOLDERS)
def test_there_are_examples(folder):
    assert any(examples(name) for name in MODULES if name.startswith(f"bench.{folder}."))
