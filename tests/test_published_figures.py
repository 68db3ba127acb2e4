"""docs/published-figures.md: its table is the published run's, and that agrees with the field's."""

import json
import os
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import bench
from bench import datasets, metrics
from bench.evaluation.scoring import finish
from bench.noises import ImageDraws, digests, make_noise
from bench.plugins import sources

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "published-figures.md").read_text()
SIGMAS = (15, 25, 50)
#: BM3D's published mean PSNR (from, to, in dB) and SSIM on BSD68: the README of cszn/DnCNN, and
#: Zhang et al. 2017, table II.
PUBLISHED = {15: (31.07, 31.08, 0.872), 25: (28.57, 28.57, 0.802), 50: (25.60, 25.62, 0.687)}


@pytest.fixture(scope="module")
def records():
    runs = [bench.open_run(ROOT / "results" / name) for name in ("bsd68", "bsd68-dncnn")]
    frames = [run.records() for run in runs]
    for run in runs:
        assert run.manifest.settings.quantize is True
        assert run.manifest.dataset.training == "train400"
    return frames


def of(records, method, sigma):
    (part,) = (
        found
        for frame in records
        if len(found := frame[(frame.method == method) & np.isclose(frame.level, sigma / 255)])
    )
    assert sorted(part.image) == list(range(68))
    return part.set_index("image").sort_index()


def test_the_pages_table_holds_the_runs_means(records):
    rows = re.findall(r"^\| `(\S+)` \|(.+)\|$", PAGE, re.M)
    assert len(rows) == 11
    for method, cells in rows:
        for sigma, cell in zip(SIGMAS, cells.split("|"), strict=True):
            if cell.strip() == "–":
                continue
            psnr, ssim = re.fullmatch(r"\s*\**([\d.]+)\** \(([\d.]+)\)\s*", cell).groups()
            part = of(records, method, sigma)
            assert f"{part.psnr.mean():.2f}" == psnr, (method, sigma)
            assert f"{part.ssim.mean():.3f}" == ssim, (method, sigma)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_bm3d_agrees_with_the_published_figures(records, sigma):
    low, high, ssim = PUBLISHED[sigma]
    part = of(records, "bm3d", sigma)
    assert low - 0.10 <= part.psnr.mean() <= high + 0.10
    assert abs(part.ssim.mean() - ssim) <= 0.005


@pytest.fixture(scope="module")
def bsd68():
    folder = Path(os.environ.get("BENCH_DATA_DIR", "nowhere"))
    if not (os.environ.get("BENCH_DATA_DIR") and (folder / "BSD68").is_dir()):
        pytest.skip("needs BSD68: set BENCH_DATA_DIR to a folder that holds it")
    return datasets.load("bsd68", folder)


@pytest.mark.parametrize(("method", "images"), [("identity", 68), ("wiener", 12), ("bm3d", 1)])
def test_the_run_is_measured_again_with_the_same_result(records, bsd68, method, images):
    if find_spec("bm3d") is None and method == "bm3d":
        pytest.skip("needs bm3d: pip install 'denoise-bench[bm3d]'")
    published = of(records, method, 25)
    noise = make_noise("gaussian", 25 / 255)
    cells = bench.open_run(ROOT / "results" / "bsd68").cells()
    cell = cells[(cells.method == method) & np.isclose(cells.level, 25 / 255)].iloc[0]
    denoiser = sources.load(method).create(json.loads(cell.chosen))
    for group in bsd68.groups("test"):
        for position, clean in zip(group.positions, group.images, strict=True):
            if position >= images:
                continue
            draws = ImageDraws(np.array([position]), clean.shape, "bsd68", "test")
            noisy = noise.corrupt(clean[None], draws)
            assert digests(noisy)[0] == published.digest[position]
            restored = finish(denoiser.denoise(noisy, noise), quantize=True)
            psnr = metrics.psnr(clean[None], restored)[0]
            assert psnr == pytest.approx(published.psnr[position], abs=0.005)
