"""The documentation of the gate: its files are understood, its workflow's steps run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bench import gate
from bench.cli.program import EXIT_CODES
from bench.plugins.scaffold import write

PAGE = (Path(__file__).parents[2] / "docs" / "gate.md").read_text()


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)
    return found


def test_the_pages_thresholds_are_understood():
    metrics = [threshold.metric for threshold in gate.parse(block("toml"), "gate.md").thresholds]
    assert metrics == ["psnr", "images_per_second", "parameters"]


def test_the_page_and_the_help_name_every_exit_code_of_the_gate():
    for code, meaning in gate.EXIT_CODES.items():
        assert re.search(rf"^\| {code} \| .*{meaning.split(',')[0]}", PAGE, re.M), code
        assert re.search(rf"^  {code} ", EXIT_CODES, re.M), code


@pytest.fixture
def step(tmp_path):
    """Runs a step of the workflow as GitHub's shell does, in a folder with its files."""
    scripts = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }

    def run(command):
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )

    return run


def test_the_workflow_is_green_and_goes_red_when_the_method_gets_worse(step, tmp_path):
    (job,) = yaml.safe_load(block("yaml"))["jobs"].values()
    commands = {entry["name"]: entry["run"] for entry in job["steps"] if "run" in entry}
    assert commands.pop("Install").startswith("pip install")
    limits = commands.pop("Has it got worse?")
    write.write("sharpen", tmp_path)
    for command in commands.values():
        done = step(command)
        assert done.returncode == 0, done.stdout + done.stderr
    update = limits.replace("--format github", "--update")
    assert step(update).returncode == 0
    green = step(limits)
    assert green.returncode == 0, green.stdout + green.stderr
    assert green.stdout.splitlines()[-1] == "::notice title=bench check::gate: held (12 held)"

    method = tmp_path / "sharpen.py"
    method.write_text(method.read_text().replace("weight * flat *", "-weight * flat *"))
    assert step(commands["Does it keep the contract?"]).returncode == 0  # worse, but correct
    assert step(commands["Measure"]).returncode == 0
    red = step(limits)
    assert red.returncode == 1
    assert "::error title=regressed%3A sharpen at gaussian 0.3 on digits::psnr" in red.stdout
    assert "| REGRESSED | sharpen at gaussian 0.3" in (tmp_path / "summary.md").read_text()
