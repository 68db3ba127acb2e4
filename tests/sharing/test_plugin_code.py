"""Packs of runs under noises and by metrics of a user's files: their code goes with them."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import resources
from pathlib import Path

import pytest
import yaml

import bench
from bench import sharing

pytestmark = pytest.mark.usefixtures("loaded_here")

BRICKS = """
from bench import noise

@noise(highest=1.0)
class Bricks:
    \"""One offset a row.\"""

    def add(self, clean, draws):
        return clean + self.level * draws.normal()[..., :1]

    def std(self, clean):
        return 0 * clean + self.level
"""
EDGES = """
import numpy as np
from bench import metric

@metric(better="lower")
def edges(restored, clean, *, power=1.0):
    \"""Error of the differences between rows.\"""
    return np.abs(np.diff(restored - clean, axis=-2) ** power).mean(axis=(1, 2, 3))
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mine")
    (folder / "bricks.py").write_text(BRICKS)
    (folder / "edges.py").write_text(EDGES)
    return folder


@pytest.fixture(scope="module")
def run(mine, tmp_path_factory):
    return bench.run(
        "digits", methods="median", plugins=[mine], out=tmp_path_factory.mktemp("runs"),
        name="rows", metrics=["psnr", "edges[power=2.0]"], noise="bricks:0.3;gaussian:0.3",
        limit=6, tune=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def packed(run, mine, tmp_path_factory):
    return sharing.pack([run], tmp_path_factory.mktemp("packs"), plugins=[mine])


def test_noises_and_metrics_of_a_users_files_go_with_their_code(packed, tmp_path):
    said = packed.about.sources
    # Of bench's own noises and metrics the protocol tells.
    assert set(said) == {"median", "noise bricks", "metric edges[power=2.0]"}
    assert said["noise bricks"][0].files == ["sources/noises/bricks/bricks.py"]
    assert said["metric edges[power=2.0]"][0].files == ["sources/metrics/edges/edges.py"]
    # With the code that lies in it, and nothing else, the pack is measured again.
    with zipfile.ZipFile(packed.path) as archive:
        archive.extractall(tmp_path)
    sources = tmp_path / "sources"
    found = sharing.verify(
        packed.path, plugins=[sources / "noises/bricks", sources / "metrics/edges"]
    )
    assert [cell.held for cell in found.cells] == [True, True]
    assert not found.unchecked


def test_without_their_code_the_cells_are_left_out_and_the_metric_unchecked(packed):
    found = sharing.verify(packed.path)
    assert [cell.cell for cell in found.cells] == ["median at gaussian 0.3"]
    assert found.unchecked == ["edges[power=2.0]"]
    assert any("unknown noise 'bricks'" in why for why in found.left_out)


@pytest.mark.another_process
def test_a_noise_that_dies_as_it_is_loaded_costs_its_own_cells(packed, mine, tmp_path):
    (tmp_path / "bricks.py").write_text(f"import os\n\nos._exit(5)\n{BRICKS}")
    (tmp_path / "edges.py").write_text((mine / "edges.py").read_text())
    found = sharing.verify(packed.path, plugins=[tmp_path])
    assert [cell.cell for cell in found.cells] == ["median at gaussian 0.3"]
    assert found.unchecked == []
    assert found.left_out == {
        "noise bricks cannot be loaded: its process ended by itself (exit code 5)": 1
    }


@pytest.mark.another_process
def test_a_metric_that_dies_as_it_is_loaded_is_not_looked_at(packed, mine, tmp_path):
    (tmp_path / "bricks.py").write_text((mine / "bricks.py").read_text())
    (tmp_path / "edges.py").write_text(f"import os\n\nos._exit(5)\n{EDGES}")
    found = sharing.verify(packed.path, plugins=[tmp_path])
    assert [cell.held for cell in found.cells] == [True, True]
    assert (found.unchecked, found.left_out) == (["edges[power=2.0]"], {})


def test_the_code_of_a_metric_that_only_chose_parameters_goes_along(mine, tmp_path):
    run = bench.run(
        "digits", methods="median", plugins=[mine], out=tmp_path, name="tuned", metrics=["psnr"],
        tune_by="edges", noise=0.3, limit=6,
    )  # fmt: skip
    packed = sharing.pack([run], tmp_path / "tuned.zip", plugins=[mine])
    assert packed.about.sources["metric edges"][0].files == ["sources/metrics/edges/edges.py"]


def test_other_code_of_a_metric_is_left_out(run, mine, tmp_path):
    for file in ("bricks.py", "edges.py"):
        (tmp_path / file).write_text((mine / file).read_text().replace(".mean(", ".max("))
    packed = sharing.pack([run], tmp_path / "other.zip", plugins=[tmp_path])
    (metric,) = packed.about.sources["metric edges[power=2.0]"]
    assert metric.left_out.startswith("the code that is here is other code")
    assert packed.about.sources["noise bricks"][0].files
    assert any("no code of metric edges[power=2.0]" in note for note in packed.about.notes)


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("unzip")), reason="no bash, unzip")
def test_the_leaderboards_workflow_verifies_it_by_the_code_in_it(packed, tmp_path):
    text = resources.files("bench.report.formats.site").joinpath("workflow.yml").read_text()
    steps = yaml.safe_load(text)["jobs"]["verify"]["steps"]
    (step,) = [each for each in steps if each.get("name") == "Verify"]
    (tmp_path / "packs").mkdir()
    shutil.copy(packed.path, tmp_path / "packs")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {
        **os.environ, "PATH": path, "BASE": "", "CELLS": "5",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }  # fmt: skip
    subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]], cwd=tmp_path, env=environment, check=True
    )
    found = json.loads((tmp_path / "verified/rows.verified.json").read_text())
    assert [cell["held"] for cell in found["cells"]] == [True, True]
    assert not found["unchecked"]
