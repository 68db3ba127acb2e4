"""The wheel, installed elsewhere and run from a folder that holds a `methods/` of its own."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent


def call(*command, **options):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_installed_wheel_runs_its_own_methods(tmp_path):
    call(
        sys.executable, "-m", "pip", "wheel", ROOT, "--no-deps", "--no-build-isolation",
        "--no-index", "--quiet", "--disable-pip-version-check", "--wheel-dir", tmp_path,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("denoise_bench-*.whl")
    venv.create(tmp_path / "venv", with_pip=False)
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    call(
        sys.executable, "-m", "pip", "--python", scripts / "python", "install", wheel,
        "--no-deps", "--no-index", "--quiet", "--disable-pip-version-check",
    )  # fmt: skip
    # What the wheel needs is taken from this environment, but not this checkout.
    site = next((tmp_path / "venv").glob("[Ll]ib/**/site-packages"))
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
    assert Path(where.strip()).is_relative_to(tmp_path)
    out = call(
        scripts / "bench", "run", "--dataset", "digits", "--methods", "identity,median",
        "--noise", "0.3", "--limit", "5", cwd=folder, env=environment,
    )  # fmt: skip
    assert "median" in out
    assert call(scripts / "bench", "report", cwd=folder, env=environment).startswith("Report:")
    assert not list(ROOT.glob("build"))
