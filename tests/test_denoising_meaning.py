"""`bench denoise`: whose range is taken, what memory it takes, and what comes in memory."""

import json
import re
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from PIL import Image

import bench as package
from bench.core import Range, UsageError
from bench.denoising import work
from bench.denoising.meaning import Stated

MEDIAN = ("--method", "median", "--out", "out")


def write(path, white, kind=np.uint16, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).normal(0.5, 0.1, (40, 40)).clip(0.05, 0.95)
    Image.fromarray((values * white).astype(kind)).save(path)


def made(name="a.png"):
    return json.loads(Path("out/denoise.json").read_text())["files"][name]


@pytest.fixture(scope="module")
def twelve_bits(tmp_path_factory):
    """A data set of 12 bits, and a run on it."""
    top = tmp_path_factory.mktemp("twelve")
    for seed, name in enumerate(("val/clean", "val/noisy", "test/clean", "test/noisy")):
        write(top / "data" / name / "a.png", 4095, seed=seed)
    (top / "data" / "dataset.toml").write_text("range = [0, 4095]")
    package.run(f"pairs:{top / 'data'}", methods="median", out=top, name="r", jobs=0)
    return top


# The range ------------------------------------------------------------------------------------


def test_the_range_of_a_run_is_taken_and_said(twelve_bits, tmp_path, bench):
    for name in ("a.png", "b.png"):
        write(tmp_path / name, 4095)
    files = (tmp_path / "a.png", tmp_path / "b.png")
    done = bench("denoise", *files, *MEDIAN, "--from", twelve_bits / "r")
    assert done.code == 0, done
    assert done.err.count(f"the range 0 to 4095 is that of the run {twelve_bits / 'r'}") == 1
    assert made()["range"]["high"] == made("b.png")["range"]["high"] == 4095
    assert np.asarray(Image.open("out/a.png")).std() > 50


def test_a_range_that_is_not_the_runs_is_said_loudly(twelve_bits, tmp_path, bench):
    write(tmp_path / "a.png", 16383)
    call = ("denoise", tmp_path / "a.png", *MEDIAN, "--from", twelve_bits / "r")
    done = bench(*call, "--range", "0,16383")
    assert done.code == 0, done
    assert "are for values of the range 0 to 4095, and these are of 0 to 16383" in done.err
    assert made()["range"]["high"] == 16383


def test_what_cannot_reach_a_runs_range_is_refused(twelve_bits, tmp_path, bench):
    write(tmp_path / "a.png", 255, np.uint8)
    call = ("denoise", tmp_path / "a.png", *MEDIAN, "--from", twelve_bits / "r")
    done = bench(*call)
    assert done.code == 3
    assert "state that of its values, as --range 0,255" in done.err
    assert bench(*call, "--range", "0,255").code == 0


def test_an_array_has_the_range_of_a_run_too(twelve_bits):
    noisy = np.random.default_rng(0).integers(900, 3900, (30, 30)).astype(np.uint16)
    lines = []
    restored = package.denoise(noisy, "median", run=twelve_bits / "r", warn=lines.append)
    assert restored.dtype == np.uint16
    assert lines == [f"the range 0 to 4095 is that of the run {twelve_bits / 'r'}"]
    package.denoise(noisy // 10, "median", run=twelve_bits / "r", warn=lines.append)
    assert "nearly black" in lines[-1]


def test_the_range_of_usual_formats_says_nothing_of_others():
    for usual in (Range(), Range(0, 65535)):
        assert Stated.of(None, usual, "r").of_run(None) is None
    assert Stated.of(None, Range(0, 1, clamp=False), "r").of_run(None) is not None
    assert Stated.of(None, Range(0, 4095), "r").of_run(16383.0) is None  # as a raw file says


@pytest.mark.parametrize("inside", ["", "clean", "test/noisy", "test/noisy/scene"])
def test_the_description_above_a_file_is_found(inside, tmp_path, bench):
    top = tmp_path / "data"
    write(top / inside / "a.png", 4095)
    (top / "dataset.toml").write_text("range = [0, 4095]")
    done = bench("denoise", top / inside / "a.png", *MEDIAN)
    assert done.code == 0, done
    assert f"the range 0 to 4095 is that of {top / 'dataset.toml'}" in done.err
    assert made()["range"]["high"] == 4095


def test_the_nearest_description_is_taken_and_none_from_far_above(tmp_path, bench):
    write(tmp_path / "1/2/3/4/a.png", 4095)
    (tmp_path / "dataset.toml").write_text("range = [0, 4095]")
    assert bench("denoise", tmp_path / "1/2/3/4/a.png", *MEDIAN).code == 0
    assert made()["range"]["high"] == 65535
    (tmp_path / "1/2/3/dataset.toml").write_text("range = [0, 8191]")
    assert bench("denoise", tmp_path / "1/2/3/4/a.png", *MEDIAN, "--overwrite").code == 0
    assert made()["range"]["high"] == 8191


# Many pages -----------------------------------------------------------------------------------


def test_pages_that_memory_has_no_room_for_are_refused(tmp_path, bench, monkeypatch):
    np.save(tmp_path / "big.npy", np.zeros((50, 1, 40, 40), np.uint8))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=79_999))
    done = bench("denoise", tmp_path / "big.npy", *MEDIAN)
    assert done.code == 3
    assert "its 50 pages are restored before they are written" in done.err


def test_how_far_many_pages_are_is_told(tmp_path, bench, monkeypatch):
    monkeypatch.setattr(work, "_PATIENCE", 0.0)
    np.save(tmp_path / "big.npy", np.full((3, 1, 40, 40), 99, np.uint8))
    done = bench("denoise", tmp_path / "big.npy", *MEDIAN)
    assert f"{tmp_path / 'big.npy'}: page 3 of 3" in done.err


# The estimate ---------------------------------------------------------------------------------


def test_an_estimate_that_is_hardly_the_noise_is_said(tmp_path, bench):
    Image.fromarray(np.full((40, 40), 99, np.uint8)).save(tmp_path / "flat.png")
    cut = np.random.default_rng(0).normal(240, 30, (40, 40)).clip(0, 255).astype(np.uint8)
    Image.fromarray(cut).save(tmp_path / "cut.png")
    call = ("denoise", tmp_path / "flat.png", tmp_path / "cut.png", "--method", "tv")
    done = bench(*call, "--out", "out")
    assert done.code == 0, done
    (flat,), (cut,) = made("flat.png")["notes"], made("cut.png")["notes"]
    assert "hardly any noise is found" in flat
    assert re.match(r"\d\d% of its values are exactly black or white", cut)
    assert bench(*call, "--out", "out2", "--noise", "0.1").code == 0
    assert "black or white" not in Path("out2/denoise.json").read_text()


# In memory ------------------------------------------------------------------------------------


def colour():
    return np.random.default_rng(0).integers(60, 190, (30, 40, 3)).astype(np.uint8)


def restored_first(pixels):
    """By channels first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.moveaxis(package.denoise(np.moveaxis(pixels, 2, 0), "median"), 0, 2)


def test_colours_that_come_last_stay_last():
    restored = package.denoise(colour(), "median")
    np.testing.assert_array_equal(restored, restored_first(colour()))
    both = package.denoise(np.stack([colour()] * 2), "median")
    np.testing.assert_array_equal(both, np.stack([restored] * 2))


def test_tensors_and_pil_images_come_back_as_what_they_were():
    torch = pytest.importorskip("torch")
    expected = restored_first(colour())
    tensor = package.denoise(torch.from_numpy(colour()), "median")
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_array_equal(tensor.numpy(), expected)
    image = package.denoise(Image.fromarray(colour()), "median")
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), expected)
    half = torch.rand(20, 20, dtype=torch.bfloat16, requires_grad=True)
    assert package.denoise(half, "median", range=(0, 1)).dtype == torch.bfloat16
    with pytest.raises(UsageError, match="convert"):
        package.denoise(Image.new("CMYK", (9, 9)), "median")


def test_three_images_or_one_in_colour_is_said():
    with pytest.warns(UserWarning, match="taken for one image in colour"):
        package.denoise(np.moveaxis(colour(), 2, 0), "median")
    with pytest.raises(UsageError, match=r"shape \(3, 40, 3\) may have its channels first or"):
        package.denoise(np.zeros((3, 40, 3), np.uint8), "median")


def test_an_array_has_no_file_that_a_value_is_in():
    with pytest.raises(UsageError, match="the least is 0 and the greatest 0;"):
        package.denoise(np.zeros((9, 9)), "median")
