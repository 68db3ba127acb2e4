"""docs/choose.py: candidates measured on validation images, each once, and what is shown of it."""

import importlib.util
from pathlib import Path

import numpy as np
from click.testing import CliRunner

import bench

SCRIPT = Path(__file__).parents[1] / "docs" / "choose.py"


def test_candidates_are_measured_once_on_validation_images_and_the_best_is_bold(tmp_path):
    spec = importlib.util.spec_from_file_location("choose", SCRIPT)
    choose = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(choose)
    out, page = tmp_path / "choices", tmp_path / "choices.md"

    def call(*arguments):
        base = ["--dataset", "digits", "--limit", "8", "--noise", "0.3", "--methods", "median"]
        done = CliRunner().invoke(
            choose.main, [*base, "--out", str(out), "--page", str(page), *arguments]
        )
        assert done.exception is None, done.output
        return page.read_text(encoding="utf-8")

    text = call()
    runs = [bench.open_run(folder) for folder in out.iterdir()]
    assert {run.manifest.settings.split for run in runs} == {"validation"}
    means = {}
    for run in runs:
        records = run.records()
        assert len(records) == 8
        size = records["params"][0].partition(":")[2].strip("}")
        means[size] = records["psnr"].mean()
    best = max(means, key=means.get)
    for size, mean in means.items():
        shown = f"**{mean:.2f}**" if size == best else f"{mean:.2f}"
        assert f"| `median` | size={size} | {shown} |" in text
    assert len(means) == len(choose.GRIDS["median"])
    assert np.isfinite(list(means.values())).all()
    assert "Nothing was measured of `vae`, `dae`, " in text
    assert "over the first 8 validation images of digits" in text
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/cells/*")}
    assert call() == call("--show") == text
    assert {path: path.stat().st_mtime_ns for path in out.glob("*/cells/*")} == before
