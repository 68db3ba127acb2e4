"""`bench denoise` by the right model: of a run, of the cache, for the noise that is meant."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import camera

import bench as package
from bench import make_noise


def test_noise_that_came_with_a_runs_images_is_what_its_models_are_for(tmp_path, bench):
    for split, top in (("val", 0), ("test", 100)):
        for kind in ("clean", "noisy"):
            folder = tmp_path / "pairs" / split / kind
            folder.mkdir(parents=True)
            pixels = camera()[top : top + 48, 50:98].astype(float)
            pixels += np.random.default_rng(top).normal(0, 20, pixels.shape) * (kind == "noisy")
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "a.png")
    package.run(f"pairs:{tmp_path / 'pairs'}", methods="tv", out=tmp_path, name="r", jobs=0)
    noisy = tmp_path / "pairs" / "test" / "noisy"
    done = bench("denoise", noisy, "--method", "tv", "--from", tmp_path / "r", "--out", "out")
    assert done.code == 0, done
    how = json.loads(Path("out/denoise.json").read_text())["files"]["a.png"]
    assert "tuned with the noise that came with its images" in how["model"][0]
    (told,) = how["noise"]
    assert told.endswith("(estimated)")
    (meta,) = package.open_run(tmp_path / "r").metadata()
    assert how["parameters"] == meta.chosen


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A cache of fits of its own, and a run that filled it and kept its outputs."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(folder / "cache"))
        run = package.run(
            "digits", methods="dae,dae[train=blind],gaussian,lmmse", noise="0.1,0.3", epochs=1,
            limit=5, keep="outputs", out=folder, name="r", preset="quick", jobs=0,
        )  # fmt: skip
    return folder, run


@pytest.fixture
def models(trained, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE_DIR", str(trained[0] / "cache"))
    return trained


def noisy_digits(run, level):
    """The noisy images that the run measured."""
    from bench.evaluation.noisy_images import NoisyImages
    from bench.execution.provenance import images_of

    data = images_of(run, None, None)
    (batch,) = NoisyImages(data).batches(make_noise("gaussian", level), 5)
    return batch.noisy


@pytest.mark.parametrize("method", ["dae", "dae[train=blind]", "gaussian", "lmmse"])
def test_a_runs_model_gives_what_the_run_kept(method, models, tmp_path, bench):
    folder, run = models
    np.save(tmp_path / "digits.npy", noisy_digits(run, 0.3))
    done = bench(
        "denoise", tmp_path / "digits.npy", "--from", folder / "r", "--method", method,
        "--noise", "0.3", "--range", "0,1", "--out", "out",
    )  # fmt: skip
    assert done.code == 0, done
    (meta,) = [
        meta
        for meta in run.metadata()
        if meta.cell.noise.level == 0.3 and method.split("[")[0] == meta.cell.method
        and ("blind" in method) == bool(meta.cell.train and meta.cell.train.regime == "blind")
    ]  # fmt: skip
    kept = np.concatenate([part.images for part in run.outputs(meta.key)])
    np.testing.assert_allclose(np.load("out/digits.npy"), kept, atol=2e-6)
    how = json.loads(Path("out/denoise.json").read_text())["files"]["digits.npy"]
    assert how["parameters"] == meta.chosen
    assert str(folder / "r") in how["model"][0]


def test_a_noise_that_a_run_has_no_model_for_is_refused_unless_it_is_blind(models, tmp_path, bench):
    folder, run = models
    np.save(tmp_path / "digits.npy", noisy_digits(run, 0.3))
    call = ("denoise", tmp_path / "digits.npy", "--from", folder / "r", "--range", "0,1")
    done = bench(*call, "--out", "out", "--method", "dae", "--noise", "0.2")
    assert done.code == 2
    assert "is for gaussian 0.2: there is gaussian 0.1, gaussian 0.3" in done.err
    blind = (*call, "--method", "dae[train=blind]")
    assert bench(*blind, "--out", "out", "--noise", "0.2").code == 0
    done = bench(*blind, "--out", "out2", "--noise", "0.4")
    assert done.code == 2
    assert "there is gaussian 0 to 0.3" in done.err
    assert bench(*blind, "--out", "out2", "--noise", "poisson:30").code == 2


def test_of_an_estimated_noise_the_nearest_model_is_taken(models, tmp_path, bench):
    folder, _ = models
    rng = np.random.default_rng(0)
    options = ("--from", folder / "r", "--method", "dae", "--range", "0,1", "--out", "out")
    for name, sigma in (("low", 0.11), ("high", 0.9)):
        np.save(tmp_path / f"{name}.npy", 0.5 + rng.normal(0, sigma, (28, 28)).astype(np.float32))
    done = bench("denoise", tmp_path / "low.npy", tmp_path / "high.npy", *options)
    assert done.code == 0, done
    how = json.loads(Path("out/denoise.json").read_text())["files"]
    assert "trained at gaussian 0.1" in how["low.npy"]["model"][0]
    assert "trained at gaussian 0.3" in how["high.npy"]["model"][0]
    assert how["low.npy"]["notes"] == []
    *_, note = how["high.npy"]["notes"]
    assert re.match(r"the noise is estimated as gaussian 0\.\d+, and the model is for", note)


def test_without_a_run_the_cache_is_looked_through(models, tmp_path, bench, fails):
    _, run = models
    np.save(tmp_path / "digits.npy", noisy_digits(run, 0.3))
    call = ("denoise", tmp_path / "digits.npy", "--range", "0,1", "--noise", "0.3")
    assert bench(*call, "--method", "dae", "--out", "out").code == 0
    again = np.load("out/digits.npy")
    (kept,) = [
        next(iter(run.outputs(meta.key))).images for meta in run.metadata()
        if str(meta.cell.method) == "dae" and meta.cell.noise.level == 0.3
        and meta.cell.train.regime == "matched"
    ]  # fmt: skip
    np.testing.assert_allclose(again, kept, atol=2e-6)
    assert "no fitted model of vae is in the cache" in fails(
        *call, "--method", "vae", "--out", "o", code=2
    )
    line = fails(*call, "--method", "dae[width=7]", "--out", "o", code=2)
    assert "with the parameters {}" in line or "no parameter" in line
    line = fails(*call, "--method", "median", "--fit", "12", "--out", "o", code=2)
    assert "learns nothing" in line


def test_of_several_models_in_the_cache_one_is_to_be_chosen(models, tmp_path, bench, fails):
    folder, _ = models
    package.run(
        "digits", methods="dae", noise=0.3, seeds="1", epochs=1, limit=1, out=folder, name="r2",
        preset="quick", jobs=0,
    )  # fmt: skip
    np.save(tmp_path / "grey.npy", np.full((28, 28), 0.5, np.float32))
    call = ("denoise", tmp_path / "grey.npy", "--method", "dae", "--range", "0,1", "--noise", "0.3")
    line = fails(*call, "--out", "out", code=2)
    keys = re.findall(r"\b[0-9a-f]{16}\b", line)
    assert len(keys) == 2
    assert "seed 0" in line
    assert "seed 1" in line
    assert bench(*call, "--out", "out", "--fit", keys[1][:8]).code == 0
    how = json.loads(Path("out/denoise.json").read_text())["files"]["grey.npy"]
    assert keys[1] in how["model"][0]


def test_a_network_of_one_size_refuses_another(models, tmp_path, bench):
    folder, _ = models
    Image.fromarray(camera()[:60, :75]).save(tmp_path / "a.png")
    call = ("denoise", tmp_path / "a.png", "--method", "dae", "--from", folder / "r")
    done = bench(*call, "--noise", "0.3", "--out", "out")
    assert done.code == 3
    assert "it was trained on images of 1x28x28 and is given 1x60x75" in done.err
