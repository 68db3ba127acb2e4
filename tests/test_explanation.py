"""`bench explain`: a run's own figure found again, and the paper's under the paper's convention."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bench as public
from bench.core import Range, UsageError
from bench.evaluation.conventions import PRESETS
from bench.explanation import explain

ROOT = Path(__file__).parent.parent


def test_the_pages_figures_of_bm3d_are_its_records():
    page = (ROOT / "docs" / "conventions.md").read_text()
    records = public.open_run(ROOT / "results" / "bsd68").records()
    bm3d = records[(records.method == "bm3d") & np.isclose(records.level, 25 / 255)]
    own, pooled = bm3d.psnr.mean(), -10 * np.log10(bm3d.mse.mean())
    assert f"| KAIR, DPIR, DnCNN, FFDNet, SwinIR | {own:.2f} | |" in page
    assert f"| {own + 20 * np.log10(2):.2f} | +6.02 |" in page
    assert f"`PeakSignalNoiseRatio` | {pooled:.2f} | {pooled - own:.2f} |" in page


def test_the_page_has_every_preset():
    page = (ROOT / "docs" / "conventions.md").read_text()
    assert re.findall(r"^\| `([\w-]+)`", page.partition("## Presets")[2], re.M) == list(PRESETS)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A run on five colour images, with what their PSNR on luma is."""
    folder = tmp_path_factory.mktemp("data") / "photographs"
    folder.mkdir()
    draws = np.random.default_rng(3)
    for number in range(5):
        tall, wide = np.mgrid[0:40, 0:44] / 40
        planes = [0.5 + 0.4 * np.sin(6 * tall + number), wide * 0.8, 0.3 + 0.5 * tall * wide]
        image = np.stack(planes, -1).clip(0, 1) + draws.normal(0, 0.01, (40, 44, 3))
        Image.fromarray(np.rint(image.clip(0, 1) * 255).astype(np.uint8)).save(
            folder / f"{number}.png"
        )
    run = public.run(
        f"folder:{folder}", methods="identity,median[size=3]", noise=[0.1, 0.2],
        out=tmp_path_factory.mktemp("runs"), quantize=True, tune=False, jobs=0,
    )  # fmt: skip
    return run, f"folder:{folder}"


def test_the_runs_own_figure_and_what_differs_from_it(photographs):
    run, images = photographs
    frame = explain(run, "median[size=3]", 0.1, dataset=images)
    records = run.records()
    own = records[(records.method == "median") & (records.level == 0.1)]
    assert frame.attrs["own"] == pytest.approx(own.psnr.mean(), abs=1e-5)
    assert frame.attrs["recorded"] == pytest.approx(own.psnr.mean(), abs=1e-9)
    assert frame["convention"].iloc[0] == "this run's own"
    assert set(frame["images"]) == {5}
    value = frame.set_index("convention")["value"]
    assert value["data range 2 for images in [0, 1]"] == pytest.approx(
        frame.attrs["own"] + 20 * np.log10(2), abs=1e-9
    )
    pooled = -10 * np.log10(own.mse.mean())
    assert value["PSNR of the mean MSE of all pixels"] == pytest.approx(pooled, abs=1e-4)


def test_a_figure_on_luma_is_explained_by_it(photographs):
    run, images = photographs
    frame = explain(run, "identity", 0.1, dataset=images)
    luma = frame.set_index("preset")["value"]["basicsr-y"]
    assert luma > frame.attrs["own"] + 4
    found = explain(run, "identity", 0.1, dataset=images, published=round(luma, 2))
    assert found["preset"].iloc[0] == "basicsr-y"
    assert found.attrs["answer"].startswith("Nearest: on luma Y")
    assert list(found["difference"].abs()) == sorted(found["difference"].abs())


def test_what_nothing_explains_is_said(photographs):
    run, images = photographs
    own = explain(run, "identity", 0.2, dataset=images, metric="ssim").attrs["own"]
    for published, words in ((own, "No convention comes nearer"), (0.95, "No convention explains")):
        frame = explain(
            run, "identity", 0.2, dataset=images, metric="ssim", published=float(published)
        )
        assert frame.attrs["answer"].startswith(words)


def test_clipped_input_is_denoised_anew(tmp_path):
    runs = [
        public.run("digits", methods="gaussian[width=0.5]", noise=0.5, limit=20, clip=clip,
                   out=tmp_path / str(clip), jobs=0)
        for clip in (False, True)
    ]  # fmt: skip
    words = ("noisy images clipped to [0, 1]", "noisy images not clipped")
    means = [run.records()["psnr"].mean() for run in runs]
    for run, other, word in zip(runs, means[::-1], words, strict=True):
        value = explain(run, "gaussian[width=0.5]", 0.5).set_index("convention")["value"]
        assert value[word] == pytest.approx(other, abs=1e-5)
    assert abs(means[0] - means[1]) > 0.05


def test_a_fitted_model_comes_from_the_cache_or_not_at_all(tmp_path, monkeypatch, fails):
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    run = public.run("digits", methods="lmmse", noise=0.3, limit=20, out=tmp_path, jobs=0)
    frame = explain(run, "lmmse", 0.3)
    assert frame.attrs["own"] == pytest.approx(run.records()["psnr"].mean(), abs=1e-5)
    shutil.rmtree(tmp_path / "cache")
    line = fails("explain", run.path, "--method", "lmmse", "--noise", "0.3", code=2)
    assert "gone from the cache" in line


def test_the_command(photographs, bench):
    run, images = photographs
    done = bench(
        "explain", run.path, "--method", "identity", "--noise", "0.1", "--published", "20.1",
        "--dataset", images,
    )  # fmt: skip
    assert done.code == 0
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "20.10" in " ".join(lines[:3])
    assert "[kair" in done.out
    assert "cszn/KAIR" in done.out
    bare = bench("explain", run.path, "--method", "identity", "--noise", "0.1", "--dataset", images)
    below = bare.out.partition("-" * 80)[2].splitlines()
    assert "this run's own [kair]" in below[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--method", "identty", "--noise", "0.1"), "did you mean identity?"),
        (("--method", "identity", "--noise", "0.3"), "there is gaussian 0.1, gaussian 0.2"),
        (("--method", "identity", "--noise", "0.1,0.2"), "give one noise"),
        (("--method", "identity", "--noise", "0.1", "--seed", "1"), "no seed 1"),
        (("--method", "identity", "--noise", "0.1", "--published", "-3"), "over 0"),
        (("--method", "identity", "--noise", "0.1", "--published", "31", "--metric", "ssim"),
         "at most 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_line(photographs, fails, arguments, words):
    assert words in fails("explain", photographs[0].path, *arguments, code=2)


def test_other_images_are_refused(photographs, fails, tmp_path):
    run, images = photographs
    arguments = ("explain", run.path, "--method", "identity", "--noise", "0.1")
    assert "--dataset folder:PATH" in fails(*arguments, code=5)
    other = shutil.copytree(images.removeprefix("folder:"), tmp_path / "photographs")
    (other / "0.png").unlink()
    assert "other data" in fails(*arguments, "--dataset", f"folder:{other}", code=5)


def test_a_cell_without_a_result_is_said_to_have_none(photographs, fails, tmp_path):
    copy = public.open_run(shutil.copytree(photographs[0].path, tmp_path / "copy"))
    keys = dict(zip(copy.cells()["key"], copy.cells()["method"], strict=True))
    for key, method in keys.items():
        if method == "identity":
            (copy.path / "cells" / f"{key}.parquet").unlink()
    line = fails("explain", copy.path, "--method", "identity", "--noise", "0.1", code=2)
    assert "no result yet" in line


@pytest.mark.filterwarnings("ignore:the restored images of")  # take so much
@pytest.mark.parametrize("keep", [None, "outputs"])
def test_a_plugin_that_was_changed_leaves_what_was_kept(tmp_path, fails, bench, keep):
    plugin = tmp_path / "half.py"
    text = "from bench import method\n\n@method()\ndef half(noisy):\n    return noisy * FACTOR\n"
    plugin.write_text(text.replace("FACTOR", "noisy.dtype.type(0.5)"))
    run = public.run("digits", methods="half", noise=0.3, limit=9, plugins=[plugin],
                     out=tmp_path, keep=keep, jobs=0)  # fmt: skip
    arguments = ("explain", run.path, "--method", "half", "--noise", "0.3", "--plugin", plugin)
    assert bench(*arguments).code == 0
    before = explain(run, "half", 0.3, plugins=[plugin]).set_index("convention")["value"]
    plugin.write_text(text.replace("FACTOR", "noisy.dtype.type(0.6)"))
    if not keep:
        assert "other code" in fails(*arguments, code=2)
        return
    assert "kept outputs" in " ".join(bench(*arguments).out.split())
    after = explain(run, "half", 0.3, plugins=[plugin]).set_index("convention")["value"]
    assert "outputs not clamped" in before.index
    assert "outputs not clamped" not in after.index
    assert list(after) == pytest.approx(list(before[after.index]), abs=1e-6)


def test_seeds_and_failures_are_told_apart(tmp_path, fails):
    broken = tmp_path / "broken.py"
    broken.write_text(
        "from bench import method\n\n@method()\ndef broken(noisy):\n    raise ValueError('oh')\n"
    )
    run = public.run("digits", methods=["broken", "dae[seeds=2]"], noise=0.3, limit=4, epochs=1,
                     plugins=[broken], out=tmp_path, preset="quick", jobs=0)  # fmt: skip
    at = ("--noise", "0.3")
    assert "oh" in fails("explain", run.path, "--method", "broken", *at, code=2)
    assert "--seed 0" in fails("explain", run.path, "--method", "dae", *at, code=2)
    means = run.records().groupby("seed")["psnr"].mean()
    frame = explain(run, "dae", 0.3, seed=1)
    assert frame.attrs["own"] == pytest.approx(means[1], abs=1e-4)
    assert json.loads(json.dumps(frame.attrs)) == frame.attrs


@pytest.mark.filterwarnings("ignore:.*of the range")
@pytest.mark.parametrize(("quantize", "keep"), [(False, None), (True, None), (False, "outputs")])
def test_where_the_range_does_not_clamp_the_runs_own_figure_does_not(tmp_path, quantize, keep):
    pixels = np.random.default_rng(5).random((4, 24, 24), np.float32)
    data = public.Dataset(pixels, range=Range(0, 1, clamp=False), name="open")
    plugin = tmp_path / "same.py"
    plugin.write_text("from bench import method\n\n@method()\ndef same(noisy):\n    return noisy\n")
    run = public.run(data, methods="same", noise=0.5, tune=False, quantize=quantize, keep=keep,
                     plugins=[plugin], out=tmp_path, jobs=0)  # fmt: skip
    if keep:
        plugin.write_text(plugin.read_text().replace("noisy\n", "noisy * 1\n"))
    frame = explain(run, "same", 0.5, dataset=data, plugins=[plugin])
    assert bool(frame.attrs["instead"]) == bool(keep)
    value = frame.set_index("convention")["value"]
    assert value["this run's own"] == pytest.approx(run.records()["psnr"].mean(), abs=1e-5)
    assert value[
        "outputs clamped, not rounded" if not quantize else "outputs rounded to 8 bits"
    ] > (value["this run's own"] + 1)


def test_a_figure_that_is_not_found_again_is_said(photographs, bench, monkeypatch):
    run, images = photographs
    monkeypatch.setattr("bench.explanation._own_output", lambda cell, data: "truncated")
    with pytest.warns(UserWarning, match=r"the run recorded [\d.]+, and its outputs made again"):
        explain(run, "identity", 0.1, dataset=images)
    done = bench("explain", run.path, "--method", "identity", "--noise", "0.1", "--dataset", images)
    assert "Note: the run recorded" in done.out


@pytest.mark.filterwarnings("ignore:.*lie outside the range")
@pytest.mark.parametrize("truth", [True, False])
def test_noise_that_came_with_the_images_is_named_as_it_is_shown(tmp_path, truth):
    clean = np.random.default_rng(5).random((4, 24, 24), np.float32)
    noisy = clean[:, None, None] + np.float32(
        np.random.default_rng(6).normal(0, 0.1, (4, 2, 1, 24, 24))
    )
    data = public.Dataset(clean if truth else None, noisy=noisy, range=(0, 1), name="came")
    run = public.run(data, methods="median", tune=False, out=tmp_path, jobs=0)
    with pytest.raises(UsageError, match="there is given"):
        explain(run, "median", 0.1, dataset=data)
    if truth:
        frame = explain(run, "median", "given", dataset=data)
        assert frame.attrs["own"] == pytest.approx(run.records()["psnr"].mean(), abs=1e-5)
        return
    with pytest.raises(UsageError, match="came has no clean images, which every convention"):
        explain(run, "median", "given", dataset=data)
