"""`bench denoise`: files and arrays in the format, depth and range that they came in."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.data import astronaut, camera
from skimage.restoration import estimate_sigma

import bench as package
from bench import get_method, make_noise
from bench.core import Range, UsageError
from bench.datasets import formats
from bench.datasets.formats.kinds import kind_of
from bench.denoising import files
from bench.evaluation.tiles import Tiled
from bench.plugins.sources import load

NOISE = make_noise("gaussian", 20 / 255)
WAVELET = ("--method", "wavelet", "--noise", "20/255")


def noisy_grey(height=60, width=75, seed=0):
    """Float64 in [0, 1], but for the noise."""
    rng = np.random.default_rng(seed)
    return camera()[100 : 100 + height, 200 : 200 + width] / 255 + rng.normal(
        0, NOISE.level, (height, width)
    )


def write_grey(path):
    Image.fromarray((noisy_grey().clip(0, 1) * 255).astype(np.uint8)).save(path)


def write_rgb(path):
    rng = np.random.default_rng(1)
    colour = astronaut()[40:100, 180:260] + rng.normal(0, 20, (60, 80, 3))
    Image.fromarray(colour.clip(0, 255).astype(np.uint8)).save(path)


def write_deep(path):
    Image.fromarray((noisy_grey().clip(0, 1) * 65535).astype(np.uint16)).save(path)


def write_float(path):
    tifffile.imwrite(path, (noisy_grey() * 300 - 100).astype(np.float32))


def write_stack(path):
    pages = [noisy_grey(seed=seed).clip(0, 1) * 4095 for seed in range(3)]
    tifffile.imwrite(path, np.stack(pages).astype(np.uint16), photometric="minisblack")


def write_npy(path):
    np.save(path, noisy_grey())


def pages_of(path):
    stored = formats.open_image(path)
    return np.stack([stored.read(number) for number in range(stored.pages)])


def by_hand(stored, meaning, restore):
    """What is to be written: each page scaled, restored, and put back as people would."""
    expected = []
    for page in stored:
        scaled = (page.astype(np.float64) - meaning.low) / (meaning.high - meaning.low)
        restored = np.clip(restore(scaled.astype(np.float32)[None])[0], 0, 1)
        values = restored.astype(np.float64) * (meaning.high - meaning.low) + meaning.low
        expected.append(np.round(values) if stored.dtype.kind == "u" else values)
    return np.stack(expected)


FILES = {
    "grey.png": (write_grey, None, Range(0, 255)),
    "rgb.png": (write_rgb, None, Range(0, 255)),
    "deep.png": (write_deep, None, Range(0, 65535)),
    "float.tif": (write_float, "-100,200", Range(-100, 200)),
    "stack.tif": (write_stack, "0,4095", Range(0, 4095)),
    "double.npy": (write_npy, "0,1", Range(0, 1)),
}


@pytest.mark.parametrize("name", FILES)
def test_files_come_back_in_their_format_depth_and_range(name, tmp_path, bench):
    write, stated, meaning = FILES[name]
    write(tmp_path / name)
    options = () if stated is None else (f"--range={stated}",)
    done = bench("denoise", tmp_path / name, *WAVELET, "--out", "out", *options)
    assert done.code == 0, done
    before, after = pages_of(tmp_path / name), pages_of(Path("out") / name)
    assert kind_of(Path("out") / name) == kind_of(tmp_path / name)
    assert (after.dtype, after.shape) == (before.dtype, before.shape)
    wavelet = get_method("wavelet")
    expected = by_hand(before, meaning, lambda image: wavelet.denoise(image, NOISE))
    np.testing.assert_allclose(after, expected, atol=3e-7 * (meaning.high - meaning.low))
    assert before.std() > after.std() > before.std() / 2
    how = json.loads(Path("out/denoise.json").read_text())["files"][name]
    assert how["noise"] == ["gaussian 20/255"] * len(before)
    assert (how["range"]["low"], how["range"]["high"]) == (meaning.low, meaning.high)
    assert how["parameters"] == {**load("wavelet").parameters}


def test_a_folder_and_files_and_what_is_ignored(tmp_path, bench):
    folder = tmp_path / "scans"
    folder.mkdir()
    write_grey(folder / "one.png")
    write_rgb(folder / "two.bmp")
    (folder / "notes.txt").write_text("x")
    Image.fromarray(np.full((40, 40), 99, np.uint8)).save(tmp_path / "photo.jpg")
    done = bench("denoise", folder, tmp_path / "photo.jpg", *WAVELET, "--out", "out")
    assert done.code == 0
    names = {"one.png", "two.bmp", "photo.png", "denoise.json"}
    assert {path.name for path in Path("out").iterdir()} == names
    assert "1 .txt" in done.err
    assert "JPEG is only read: written as photo.png" in done.err
    assert np.asarray(Image.open("out/photo.png")).shape == (40, 40)
    assert "3 of 3 files are denoised in out." in done.out


def test_noise_is_estimated_from_each_image_and_told(tmp_path, bench):
    write_stack(tmp_path / "stack.tif")
    options = ("--method", "tv", "--range", "0,4095", "--out", "out")
    assert bench("denoise", tmp_path / "stack.tif", *options).code == 0
    pages = pages_of(tmp_path / "stack.tif")[:, 0] / np.float32(4095)
    told = [estimate_sigma(page.astype(np.float32)) for page in pages]
    how = json.loads(Path("out/denoise.json").read_text())["files"]["stack.tif"]
    assert how["noise"] == [f"{make_noise('gaussian', sigma)} (estimated)" for sigma in told]
    assert len(set(how["noise"])) == 3
    first = get_method("tv").denoise(pages[:1, None], make_noise("gaussian", told[0]))
    np.testing.assert_allclose(
        pages_of(Path("out/stack.tif"))[0], np.round(first[0].clip(0, 1) * 4095), atol=1
    )


def test_large_images_are_denoised_by_tiles(tmp_path, bench):
    pixels = camera()[:400, :500]
    Image.fromarray(pixels).save(tmp_path / "large.png")
    options = ("--method", "wavelet[rule=bayes]", "--noise", "0.1", "--tile", "256")
    assert bench("denoise", tmp_path / "large.png", *options, "--out", "out").code == 0
    noise, bayes = make_noise("gaussian", 0.1), get_method("wavelet", rule="bayes")
    scaled = pixels[None, None].astype(np.float32) / np.float32(255)
    expected = Tiled(bayes, 256).denoise(scaled, noise).astype(np.float64)
    whole = bayes.denoise(scaled, noise)
    after = np.asarray(Image.open("out/large.png"))
    np.testing.assert_array_equal(after, np.round(expected.clip(0, 1)[0, 0] * 255.0))
    assert (after != np.round(whole.clip(0, 1)[0, 0] * 255)).any()


def test_what_is_wrong_with_a_file_is_said_and_the_others_are_done(tmp_path, bench):
    write_grey(tmp_path / "good.png")
    write_float(tmp_path / "float.tif")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:300])
    names = ("text.png", "cut.png", "missing.png", "float.tif", "good.png")
    done = bench("denoise", *(tmp_path / name for name in names), *WAVELET, "--out", "out")
    assert done.code == 3
    assert "Traceback" not in done.err
    for name in names[:-1]:
        (line,) = [line for line in done.lines if line.startswith(str(tmp_path / name))]
        assert ": not denoised: " in line
    values = pages_of(tmp_path / "float.tif")
    assert f"{values.min():.6g}" in done.err
    assert f"{values.max():.6g}" in done.err
    assert "--range" in done.err
    assert {path.name for path in Path("out").iterdir()} == {"good.png", "denoise.json"}
    assert "1 of 5 files" in done.out


def test_what_is_there_is_not_written_over(tmp_path, bench, fails):
    write_grey(tmp_path / "a.png")
    call = ("denoise", tmp_path / "a.png", *WAVELET)
    assert bench(*call, "--out", "out").code == 0
    before = Path("out/a.png").read_bytes()
    other = ("denoise", tmp_path / "a.png", "--method", "median[size=5]")
    line = fails(*other, "--out", "out", code=2)
    assert "out/a.png would be overwritten" in line
    assert Path("out/a.png").read_bytes() == before
    assert bench(*other, "--out", "out", "--overwrite").code == 0
    after = Path("out/a.png").read_bytes()
    assert after != before
    write_grey(tmp_path / "new.png")
    more = ("denoise", tmp_path / "a.png", tmp_path / "new.png", *WAVELET, "--out", "out", "--skip")
    done = bench(*more)
    assert done.code == 0
    assert "1 files are there already" in done.err
    assert Path("out/a.png").read_bytes() == after
    made = json.loads(Path("out/denoise.json").read_text())["files"]
    assert {name: how["method"] for name, how in made.items()} == {
        "a.png": "median[size=5]", "new.png": "wavelet",
    }  # fmt: skip
    assert "itself" in fails(*call, "--out", tmp_path, "--overwrite", code=2)
    (tmp_path / "b").mkdir()
    write_grey(tmp_path / "b" / "a.png")
    both = ("denoise", tmp_path / "a.png", tmp_path / "b", *WAVELET, "--out", "o")
    assert "both" in fails(*both, code=2)
    assert "cannot write into" in fails(*call, "--out", tmp_path / "a.png" / "out", code=6)


def test_values_that_were_clipped_are_counted(tmp_path, bench):
    rng = np.random.default_rng(0)
    pixels = (rng.random((50, 50)) < 0.5) * np.uint8(255)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    plugin = tmp_path / "brighter.py"
    plugin.write_text(
        "from bench import method\n\n@method()\ndef brighter(noisy):\n    return noisy + 0.1\n"
    )
    done = bench(
        "denoise", tmp_path / "a.png", "--method", "brighter", "--plugin", plugin, "--out", "out"
    )
    assert done.code == 0, done.err
    assert f"{(pixels == 255).sum():,} of 2,500 values were beyond the range" in done.out
    assert set(np.unique(np.asarray(Image.open("out/a.png")))) == {26, 255}


def test_16_bits_of_which_few_are_used_are_warned_of(tmp_path, bench):
    write_stack(tmp_path / "stack.tif")
    done = bench("denoise", tmp_path / "stack.tif", *WAVELET, "--out", "out")
    assert done.code == 0
    assert "--range LOW,HIGH" in done.err


def test_a_method_that_fails_is_said_with_its_reason(tmp_path, bench):
    write_grey(tmp_path / "a.png")
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "from bench import method\n\n@method()\ndef broken(noisy):\n    return noisy[..., 1:]\n"
    )
    done = bench(
        "denoise", tmp_path / "a.png", "--method", "broken", "--plugin", plugin, "--out", "out"
    )
    assert done.code == 3
    assert "broken fails on it: denoise returned shape" in done.err


def test_of_files_with_several_arrays_one_is_named(tmp_path, bench):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "series.h5", "w") as file:
        file["entry/data"] = (noisy_grey().clip(0, 1) * 4095).astype(np.uint16)
        file["other"] = np.zeros((9, 9), np.float32)
    options = (*WAVELET, "--range", "0,4095", "--out", "out")
    done = bench("denoise", tmp_path / "series.h5", f"{tmp_path}/series.h5::entry/data", *options)
    assert done.code == 3
    assert "it holds 2 arrays" in done.err
    with h5py.File("out/series-entry-data.h5") as file:
        assert file["entry/data"].dtype == np.uint16
        assert file["entry/data"].shape == (60, 75)


def test_what_a_raw_file_becomes_is_a_tiff_of_its_depth(tmp_path):
    pages = np.random.default_rng(0).integers(0, 65536, (1, 3, 20, 30)).astype(np.uint16)
    target = tmp_path / "photo.tif"
    files.save(files.Source(tmp_path / "photo.nef", target, "camera raw"), pages)
    np.testing.assert_array_equal(pages_of(target), pages)


def test_a_noise_that_is_typed_twice_is_refused(tmp_path, fails):
    write_grey(tmp_path / "a.png")
    call = ("denoise", tmp_path / "a.png", "--method", "nlm[sigma=estimate]", "--out", "out")
    assert "leave --noise 0.1 out" in fails(*call, "--noise", "0.1", code=2)
    assert "give one noise" in fails(
        "denoise", tmp_path / "a.png", "--method", "nlm", "--out", "o", "--noise", "0.1,0.2", code=2
    )


# From Python ----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:its shape .3, 40, 50. is taken for one image in colour")
@pytest.mark.parametrize("shape", [(40, 50), (1, 40, 50), (3, 40, 50), (2, 3, 40, 50), (5, 40, 50)])
def test_arrays_come_back_as_they_are(shape):
    rng = np.random.default_rng(0)
    noisy = rng.integers(90, 160, shape).astype(np.uint8)
    restored = package.denoise(noisy, "gaussian[width=2.0]", noise=0.1)
    assert (restored.dtype, restored.shape) == (noisy.dtype, shape)
    scaled = noisy.reshape(-1, 1, 40, 50).astype(np.float32) / 255
    expected = get_method("gaussian", width=2.0).denoise(scaled, NOISE)
    np.testing.assert_array_equal(restored, np.round(expected.reshape(shape) * 255))


def test_arrays_that_do_not_say_what_they_mean_are_refused():
    floats = np.random.default_rng(0).random((20, 20))
    with pytest.raises(UsageError, match="state their range"):
        package.denoise(floats, "median")
    assert package.denoise(floats, "median", range=(0, 1)).dtype == np.float64
    for wrong in (np.zeros(5), np.zeros((2, 2, 20, 20)), np.zeros((1, 1, 1, 20, 20))):
        with pytest.raises(UsageError, match="shape"):
            package.denoise(wrong, "median", range=(0, 1))
    with pytest.raises(UsageError, match="finite"):
        package.denoise(np.full((9, 9), np.nan), "median", range=(0, 1))
    with pytest.raises(UsageError, match="--out"):
        package.denoise("a.png", "median")
    with pytest.warns(UserWarning, match=r"LOW,HIGH|range=\(LOW, HIGH\)"):
        package.denoise(np.full((9, 9), 4000, np.uint16), "median")


def test_a_range_that_does_not_clamp_leaves_what_is_beyond(tmp_path):
    values = np.float32([[-0.5, 1.5], [0.2, 0.4]])
    np.testing.assert_array_equal(
        package.denoise(values, "identity", range=Range(0, 1, clamp=False)), values
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limited = package.denoise(values, "identity", range=(0, 1))
    np.testing.assert_array_equal(limited, values.clip(0, 1))


@pytest.mark.parametrize("wrong", [5, None, [np.zeros((9, 9))]])
def test_what_is_no_image_and_no_path_is_refused(wrong):
    with pytest.raises(UsageError, match="files and folders by their paths; not"):
        package.denoise(wrong, "median", out="out")


def test_a_file_that_never_was_is_said_to_be_none(bench, tmp_path):
    result = bench("denoise", tmp_path / "gone.png", "--method", "tv", "--out", tmp_path / "out")
    assert "gone.png: not denoised: there is no such file" in result.err
