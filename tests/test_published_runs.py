"""The published runs are of today's code, or docs/results.md names what is older."""

import re
from pathlib import Path

import pytest

import bench
from bench.plugins import sources

ROOT = Path(__file__).parent.parent
RUNS = sorted(path.parent for path in (ROOT / "results").glob("*/manifest.json"))
#: | `run` | `method`, `method` | why |
OLDER = {
    run: set(re.findall(r"`([^`]+)`", methods))
    for run, methods in re.findall(
        r"^\| `([^`]+)` \| (`.*`) \|", (ROOT / "docs" / "results.md").read_text(), re.M
    )
}


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: folder.name)
def test_a_published_run_is_of_this_code_or_said_to_be_older(folder):
    cells = [meta.cell for meta in bench.open_run(folder).metadata()]
    older = {cell.method for cell in cells if cell.source != sources.load(cell.method).source}
    assert older == OLDER.get(folder.name, set())


def test_only_published_runs_are_said_to_be_older():
    assert set(OLDER) <= {folder.name for folder in RUNS}


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: folder.name)
def test_a_published_run_is_whole_and_was_made_from_a_commit(folder):
    run = bench.open_run(folder)
    assert len(run.finished()) == len(run.manifest.cells)
    assert {path.stem for path in (folder / "cells").iterdir()} == set(run.manifest.cells)
    assert run.manifest.git.commit


def test_the_script_that_made_them_makes_each_of_them():
    script = (ROOT / "results" / "make.sh").read_text()
    made = set(re.findall(r"^(\w+)\(\) \{$", script, re.M))
    # The first was made by earlier code, the second on a GPU in a run of its own.
    assert {folder.name for folder in RUNS} - {"learned", "bsd68-dncnn"} <= made
