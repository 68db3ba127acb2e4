"""What a manifest says of the code: the checkout that holds this package, and no other."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.execution import environment

PACKAGE = Path(bench.__file__).parent


def git(folder, *arguments):
    identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    return subprocess.run(
        ["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def described(folder):
    """The state that the copy of the package in `folder` gives of itself."""
    code = "from bench.execution import environment; print(environment.describe('cpu')['git'])"
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
    ).stdout.strip()  # fmt: skip


@pytest.fixture
def checkout(tmp_path):
    """A repository with a copy of the package that is not in it yet."""
    shutil.copytree(PACKAGE, tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / ".gitignore").write_text("__pycache__\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".gitignore")
    git(tmp_path, "commit", "-qm", "empty")
    return tmp_path


def test_the_commit_is_that_of_the_checkout_that_holds_the_package(checkout):
    assert described(checkout) == "None"  # a repository around an installed package is not its own
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "bench")
    commit = git(checkout, "rev-parse", "HEAD")
    assert described(checkout) == f"{{'commit': '{commit}', 'dirty': False}}"
    (checkout / "README.md").write_text("changed, outside of the package's folder\n")
    os.utime(checkout / ".gitignore", (1e9, 1e9))  # of which git would take note
    index = (checkout / ".git" / "index").read_bytes()
    assert described(checkout) == f"{{'commit': '{commit}', 'dirty': True}}"
    assert (checkout / ".git" / "index").read_bytes() == index  # looking changes nothing


def test_the_commit_of_a_plugin_is_that_of_its_own_checkout(tmp_path):
    plugin = tmp_path / "box.py"
    plugin.write_text("first")

    def state():
        return environment.describe("cpu", {"box": plugin})["plugins"]["box"]

    assert state() is None
    git(tmp_path, "init", "-q")
    assert state() is None
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "box")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "new.json").write_text("{}")
    assert state() == {"commit": commit, "dirty": False}
    plugin.write_text("second")
    assert state() == {"commit": commit, "dirty": True}


def test_this_machine_and_its_packages_are_described():
    description = environment.describe("cpu")
    assert description["versions"]["python"] == platform.python_version()
    assert {"numpy", "torch"} <= set(description["versions"])
    assert description["machine"]["cores"] == environment.usable_cpus() >= 1
    assert description["machine"]["gpu"] is None
