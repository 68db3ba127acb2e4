"""The wheel: what it holds, and that it runs where another `methods/` lies."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import bench

ROOT = Path(__file__).parent.parent


def call(*command, **options):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
OFFLINE = ("--no-deps", "--no-index")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    call(*PIP, "wheel", ROOT, *OFFLINE, "--no-build-isolation", "--wheel-dir", folder)
    (built,) = folder.glob("denoise_bench-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with nothing else: its scripts, where packages go, and what came there."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=False)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    site = next(folder.glob("[Ll]ib/**/site-packages"))
    before = set(site.iterdir())
    call(*PIP, "--python", scripts / "python", "install", wheel, *OFFLINE)
    return scripts, site, {path.name for path in set(site.iterdir()) - before}


def test_the_wheel_installs_no_top_level_name_but_bench(installed):
    assert installed[2] == {"bench", f"denoise_bench-{bench.__version__}.dist-info"}


def test_the_wheel_holds_every_file_of_the_package_and_of_the_methods(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    package = {path.relative_to(ROOT) for path in (ROOT / "bench").rglob("*")}
    methods = {"bench" / path.relative_to(ROOT) for path in (ROOT / "methods").rglob("*")}
    files = {
        path.as_posix() for path in package | methods
        if (path.suffix or path.name == "LICENSE") and "__pycache__" not in path.parts
    }  # fmt: skip
    assert {"bench/py.typed", "bench/report/formats/html/scripts/page.js"} < files
    assert {name for name in held if ".dist-info/" not in name} == files


def test_the_installed_wheel_runs_its_own_methods(installed, tmp_path):
    scripts, site, _ = installed
    # What the wheel needs is taken from this environment, but not this checkout.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")

    folder = tmp_path / "work"
    (folder / "methods").mkdir(parents=True)
    (folder / "methods" / "__init__.py").write_text("raise SystemExit('the wrong methods')")
    (folder / "methods" / "median.py").write_text("raise SystemExit('the wrong median')")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    where = call(
        scripts / "python", "-c", "import bench; print(bench.__file__)",
        cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert Path(where.strip()).is_relative_to(site)
    out = call(
        scripts / "bench", "run", "--dataset", "digits", "--methods", "identity,median",
        "--noise", "0.3", "--limit", "5", cwd=folder, env=environment,
    )  # fmt: skip
    assert "median" in out
    report = (scripts / "bench", "report", "--format", "html,csv")  # the page has files of its own
    assert call(*report, cwd=folder, env=environment).startswith("Report:")
    assert not list(ROOT.glob("build"))
