"""Noise that came with the images: pairs and frames, and what is refused of them, by name."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from bench import datasets, open_run
from bench.core import DataError, Range
from bench.core.noise_level import validation_sigma
from bench.noises import digests

RNG = np.random.default_rng(7)


def load(name, stated=None):
    return datasets.load(name, Path("nowhere"), stated=stated)


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, array, photometric="minisblack")
    else:
        Image.fromarray(array).save(path)


def noisy_of(clean, deviation=20):
    noisy = clean + RNG.normal(0, deviation, clean.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


@pytest.fixture
def pairs(tmp_path):
    """Six pairs of two shapes, of which one clean file is a TIFF."""
    top = tmp_path / "pairs"
    for index in range(6):
        clean = RNG.integers(0, 256, (24, 32) if index % 2 else (24, 20, 3), np.uint8)
        write(top / "clean" / f"{index}.{'tif' if index == 3 else 'png'}", clean)
        write(top / "noisy" / f"{index}.png", noisy_of(clean))
    return top


@pytest.fixture
def frames(tmp_path):
    """Three scenes without truth: two folders, one file with pages."""
    top = tmp_path / "frames"
    for scene, count in (("a", 2), ("c", 3)):
        clean = RNG.integers(0, 200, (16, 18), np.uint8)
        for index in range(count):
            write(top / scene / f"{index}.png", noisy_of(clean))
    clean = RNG.integers(0, 200, (16, 18), np.uint8)
    write(top / "b.tif", np.stack([noisy_of(clean) for _ in range(2)]))
    return top


def channels_first(path):
    pixels = np.asarray(Image.open(path))
    return (pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)) / np.float32(255)


def test_pairs_are_of_equal_names_whatever_their_format(pairs):
    data = load(f"pairs:{pairs}")
    assert (data.name, data.given, data.frames, data.truth) == ("pairs:pairs", True, 1, True)
    assert data.sizes == {"train": 0, "validation": 0, "test": 6}
    for positions, clean, noisy in data.groups("test"):
        for position, truth, given in zip(positions, clean, noisy, strict=True):
            (path,) = (pairs / "clean").glob(f"{position}.*")
            np.testing.assert_array_equal(truth, channels_first(path))
            np.testing.assert_array_equal(given[0], channels_first(pairs / f"noisy/{position}.png"))
    write(pairs / "noisy" / "2.png", noisy_of(np.zeros((24, 20, 3))))
    assert load(f"pairs:{pairs}").fingerprint != data.fingerprint


def test_pairs_that_are_opened_as_a_folder_are_told_how(pairs):
    with pytest.raises(DataError, match=rf"no image in {pairs}: give pairs:{pairs} \(not read"):
        load(f"folder:{pairs}")


def test_pairs_have_splits_as_folders_have(pairs, tmp_path):
    top = tmp_path / "set"
    for split in ("train", "val", "test"):
        shutil.copytree(pairs, top / split)
    (top / "notes.txt").write_text("")
    data = load(f"pairs:{top}")
    assert data.sizes == {"train": 6, "validation": 6, "test": 6}
    assert data.left_out == ("not read in set: 1 .txt",)
    (pairs / "dataset.toml").write_text("train = 2\nvalidation = 1")
    assert load(f"pairs:{pairs}").sizes == {"train": 2, "validation": 1, "test": 3}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("where", [("--jobs", "0"), ("--jobs", "1", "--sealed")])
def test_pairs_are_measured_as_they_are(pairs, bench, where):
    for path in [*pairs.glob("*/0.*"), *pairs.glob("*/2.*"), *pairs.glob("*/4.*")]:
        path.unlink()
    arguments = ("run", "--dataset", f"pairs:{pairs}", "--methods", "identity,gaussian", *where)
    result = bench(*arguments, "--name", "r")
    assert result.code == 0, result.err
    records = open_run("results/r").records().query("method == 'identity'").set_index("image")
    for position, name in enumerate("135"):
        given = channels_first(pairs / f"noisy/{name}.png")
        truth = channels_first(next((pairs / "clean").glob(f"{name}.*"))).astype(np.float64)
        assert records["digest"][position] == digests(given[None])[0]
        expected = -10 * np.log10(((given - truth) ** 2).mean())
        assert records["psnr"][position] == pytest.approx(expected, abs=1e-4)
    again = bench(*arguments, "--name", "r")
    assert again.code == 0
    assert "[1/" not in again.err  # nothing is measured twice
    lost = bench("score", "results/r", "--metrics", "mae")  # the name does not say where
    assert lost.code != 0
    assert "--dataset pairs:PATH, or npz:FILE, says where they lie" in lost.err


def test_frames_lie_in_folders_and_in_pages(frames):
    data = load(f"frames:{frames}")
    assert (data.frames, data.truth, data.sizes["test"]) == (2, False, 3)
    assert data.units is None  # each scene is one
    found = {}
    for group in data.groups("test"):
        assert group.clean is None
        found |= dict(zip(group.positions.tolist(), group.frames, strict=True))
    assert [len(found[position]) for position in range(3)] == [2, 2, 3]  # none is dropped
    np.testing.assert_array_equal(found[2][1], channels_first(frames / "c/1.png"))
    np.testing.assert_array_equal(
        found[1][:, 0], tifffile.imread(frames / "b.tif") / np.float32(255)
    )


def test_a_clean_image_beside_the_frames_is_the_truth(frames):
    write(frames / "a" / "clean.png", np.full((16, 18), 100, np.uint8))
    with pytest.raises(DataError, match=r"a has a clean image and (b\.tif|c) has none"):
        load(f"frames:{frames}")
    (frames / "b.tif").unlink()
    write(frames / "c" / "clean.png", np.full((16, 18), 90, np.uint8))
    data = load(f"frames:{frames}")
    assert data.truth
    assert data.frames == 2
    clean = {p: c for g in data.groups("test") for p, c in zip(g.positions, g.clean, strict=True)}
    assert [round(float(clean[p].mean() * 255)) for p in (0, 1)] == [100, 90]


def test_clean_is_found_whatever_its_letters_and_other_names_of_it_are_refused(frames):
    (frames / "b.tif").unlink()
    for scene, name in (("a", "Clean.png"), ("c", "CLEAN.PNG")):
        write(frames / scene / name, np.full((16, 18), 100, np.uint8))
    data = load(f"frames:{frames}")
    assert (data.truth, data.frames) == (True, 2)
    for path in (frames / "a/Clean.png", frames / "c/CLEAN.PNG"):
        path.unlink()
    for name in ("gt", "GT", "truth", "ground_truth", "Reference", "a_clean"):
        path = frames / "a" / f"{name}.png"
        write(path, np.full((16, 18), 100, np.uint8))
        with pytest.raises(DataError, match=rf"a/{name}\.png is no noisy .* call it clean\.png"):
            load(f"frames:{frames}")
        path.unlink()


def test_folders_of_pairs_and_splits_are_no_scenes(pairs, frames):
    with pytest.raises(DataError, match=rf"clean in .* is half of pairs.* give pairs:{pairs},"):
        load(f"frames:{pairs}")
    for name in ("train", "Val", "Test"):
        (frames / "a").rename(frames / name)
        with pytest.raises(DataError, match=rf"{name} in .* is a split by its name, no scene"):
            load(f"frames:{frames}")
        (frames / name).rename(frames / "a")


def test_noise_may_lead_out_of_the_range_and_is_told(tmp_path):
    clean = RNG.uniform(0, 4095, (12, 14)).astype(np.float32)
    noise = RNG.normal(0, 300, clean.shape).astype(np.float32)
    clean[0, :2], noise[0, :2] = (5, 4090), (-300, 300)
    write(tmp_path / "clean/a.npy", clean)
    write(tmp_path / "noisy/a.npy", clean + noise)
    data = load(f"pairs:{tmp_path}", Range(0, 4095))
    (line,) = data.warnings
    assert "values of 1 noisy images lie outside the range 0 to 4095" in line
    noisy = next(data.groups("test")).frames
    assert noisy.min() < 0 < 1 < noisy.max()
    write(tmp_path / "noisy/a.npy", clean * 3)
    with pytest.raises(DataError, match=r"a\.npy holds values from .* outside the range"):
        load(f"pairs:{tmp_path}", Range(0, 4095))


# -- bad input -------------------------------------------------------------------------------


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-60])


def link_to_nothing(path):
    path.unlink()
    path.symlink_to("gone.png")


PAIRS = {
    "no partner": (lambda top: (top / "clean/3.tif").unlink(), "3.png"),
    "no noisy folder": (lambda top: shutil.rmtree(top / "noisy"), "there is no folder noisy in"),
    "nothing there": (
        lambda top: [path.unlink() for path in top.glob("*/*")],
        "no image in",
    ),
    "two of a name": (
        lambda top: write(top / "noisy/1.tif", np.zeros((24, 32), np.uint8)),
        "1.png and 1.tif",
    ),
    "sizes": (
        lambda top: write(top / "noisy/1.png", np.zeros((24, 31), np.uint8)),
        "clean/1.png is of 1x24x32 and noisy/1.png of 1x24x31",
    ),
    "colours": (
        lambda top: write(top / "noisy/1.png", np.zeros((24, 32, 3), np.uint8)),
        "clean/1.png is of 1x24x32 and noisy/1.png of 3x24x32",
    ),
    "equal": (
        lambda top: shutil.copy(top / "clean/1.png", top / "noisy/1.png"),
        "clean/1.png and noisy/1.png are equal: without noise",
    ),
    "depths": (
        lambda top: write(top / "noisy/3.png", np.zeros((24, 32), np.uint16)),
        "3.png 65535: store all alike",
    ),
    "dangling": (lambda top: link_to_nothing(top / "noisy/1.png"), "noisy/1.png: it is a link to"),
    "truncated": (lambda top: cut_short(top / "noisy/1.png"), "noisy/1.png: it is broken"),
    "pages": (
        lambda top: write(top / "clean/3.tif", np.zeros((2, 24, 32), np.uint8)),
        "3.tif holds 2 clean images and 1 noisy",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_that_are_none_are_one_line_that_names_them(name, pairs):
    harm, message = PAIRS[name]
    harm(pairs)
    with pytest.raises(DataError) as refused:
        load(f"pairs:{pairs}")
    assert message in str(refused.value)
    assert str(refused.value).startswith("pairs:")
    assert "\n" not in str(refused.value)


FRAMES = {
    "one frame": (lambda top: (top / "a/1.png").unlink(), "a holds 1 noisy image: a scene"),
    "no frame": (lambda top: [p.unlink() for p in top.glob("a/*")], "a holds 0 noisy images"),
    "one page": (
        lambda top: write(top / "b.tif", np.zeros((16, 18), np.uint8)),
        "b.tif holds 1 noisy image",
    ),
    "equal frames": (
        lambda top: shutil.copy(top / "c/0.png", top / "c/2.png"),
        "c/0.png and c/2.png are equal: two noisy images of one scene never are",
    ),
    "equal pages": (
        lambda top: write(top / "b.tif", np.zeros((3, 16, 18), np.uint8)),
        "b.tif, page 1 and frames/b.tif, page 2 are equal",
    ),
    "sizes": (
        lambda top: write(top / "c/1.png", np.zeros((16, 17), np.uint8)),
        "c/0.png is of 1x16x18 and c/1.png of 1x16x17",
    ),
    "no scene": (lambda top: [shutil.rmtree(top / "a"), shutil.rmtree(top / "c"),
                              (top / "b.tif").unlink()], "no scene in"),
    "truncated": (lambda top: cut_short(top / "a/1.png"), "a/1.png: it is broken"),
    "NaN": (
        lambda top: [write(top / f"a/{i}.npy", np.full((9, 9), np.nan)) for i in range(2)]
        + [path.unlink() for pattern in ("a/*.png", "b.tif") for path in top.glob(pattern)]
        + [shutil.rmtree(top / "c")],
        "a/0.npy: 81 of its values are NaN or infinite",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_frames_that_are_none_are_one_line_that_names_them(name, frames):
    harm, message = FRAMES[name]
    harm(frames)
    with pytest.raises(DataError) as refused:
        load(f"frames:{frames}")
    assert message in str(refused.value)
    assert str(refused.value).startswith("frames:")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("form", ["folder", "pairs", "frames"])
@pytest.mark.parametrize(
    ("make", "message"),
    [(lambda path: None, "no such folder"), (Path.touch, "a file, not a folder")],
)
def test_a_path_that_is_no_folder_is_one_line(form, make, message, tmp_path, fails):
    make(tmp_path / "here")
    line = fails("run", "--dataset", f"{form}:{tmp_path / 'here'}", code=5)
    assert f"{form}:{tmp_path / 'here'}: there is {message}" in line


def test_all_forms_are_listed(bench):
    listed = bench("datasets").out
    assert {form for form in ("folder", "pairs", "frames") if f"{form}:PATH" in listed} == set(
        datasets.FORMS
    )


# -- what methods are told -------------------------------------------------------------------


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("typed", ["estimate", "20/255", "validation"])
def test_what_methods_are_told_is_typed_as_words_or_a_number(pairs, bench, typed):
    (pairs / "dataset.toml").write_text("validation = 2")
    arguments = ("run", "--dataset", f"pairs:{pairs}", "--methods", "identity", "--jobs", "0")
    result = bench(*arguments, "--sigma", typed, "--name", "r")
    assert result.code == 0, result.err
    (told,) = open_run("results/r").manifest.settings.noise
    expected = {"estimate": 0.0, "20/255": 20 / 255, "validation": spread(pairs)}[typed]
    assert told == f"given:{expected!r}"


def spread(pairs):
    """The deviation of the noise of the pairs that are held out, to three digits."""
    noise = [
        channels_first(pairs / f"noisy/{n}.png") - channels_first(next(pairs.glob(f"clean/{n}.*")))
        for n in (1, 4)
    ]
    return float(f"{np.sqrt(np.mean(np.concatenate([n.ravel() for n in noise]) ** 2)):.3g}")


def test_without_images_to_tell_the_noise_by_there_is_one_line(pairs, fails):
    line = fails("run", "--dataset", f"pairs:{pairs}", "--sigma", "validation", code=2)
    assert "pairs:pairs has no validation images; validation = 10 in its dataset.toml" in line


def test_two_frames_tell_their_noise(tmp_path):
    for scene in range(4):
        clean = RNG.uniform(0.2, 0.8, (64, 64))
        for index in range(3):
            noisy = clean + RNG.normal(0, 0.05, clean.shape)
            write(tmp_path / f"{scene}" / f"{index}.npy", noisy.astype(np.float32))
    (tmp_path / "dataset.toml").write_text("validation = 3\nrange = [0, 1]")
    assert validation_sigma(load(f"frames:{tmp_path}")) == pytest.approx(0.05, rel=0.03)
