"""Folders of image files: what is read, what is left out and named, and the named sets."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import datasets, open_run
from bench.core import DataError, Range
from bench.datasets import idx, natural
from bench.datasets.folders import scenes as reading
from bench.datasets.formats import UnusableImage, files, read_image
from bench.evaluation.noisy_images import NoisyImages
from bench.noises import make_noise

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (9, 7), np.uint8)
RGB = RNG.integers(0, 256, (5, 12, 3), np.uint8)
DEEP = RNG.integers(0, 65536, (6, 8)).astype(np.uint16)


def save(path, pixels, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels, mode).save(path, **options) if mode else Image.fromarray(pixels).save(
        path, **options
    )
    return path


# -- single files ----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF", ".PNG"])
@pytest.mark.parametrize(
    ("pixels", "white"), [(GREY, 255), (RGB, 255), (DEEP, 65535)], ids=["grey", "RGB", "16 bits"]
)
def test_values_are_the_files_over_its_white(tmp_path, suffix, pixels, white):
    image = read_image(save(tmp_path / f"a{suffix}", pixels))
    expected = pixels[..., None] if pixels.ndim == 2 else pixels
    assert image.dtype == np.float32
    np.testing.assert_allclose(
        image, np.moveaxis(expected, -1, 0).astype(np.float64) / white, atol=1e-7
    )


def test_a_jpeg_is_what_pillow_decodes(tmp_path):
    path = save(tmp_path / "a.jpg", RGB, quality=90)
    np.testing.assert_array_equal(
        read_image(path), np.moveaxis(np.asarray(Image.open(path)), -1, 0).astype(np.float32) / 255
    )


def test_palettes_are_looked_up_and_grey_ones_stay_grey(tmp_path):
    colours = Image.fromarray(RGB).quantize(256)
    colours.save(tmp_path / "colour.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "colour.png"),
        np.moveaxis(np.asarray(colours.convert("RGB")), -1, 0) / np.float32(255),
    )
    grey = Image.fromarray(GREY)
    grey.putpalette([value for value in range(256) for _ in range(3)])
    grey.save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png")[0], GREY / np.float32(255))


def test_black_and_white_and_a_single_pixel_are_images(tmp_path):
    bits = GREY > 100
    Image.fromarray(bits).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bits.png")[0], bits)
    assert read_image(save(tmp_path / "pixel.png", GREY[:1, :1])).shape == (1, 1, 1)


def test_an_opaque_alpha_channel_is_dropped_and_a_camera_held_upright_is_turned(tmp_path):
    opaque = np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)])
    path = save(tmp_path / "opaque.png", opaque)
    np.testing.assert_array_equal(read_image(path), np.moveaxis(RGB, -1, 0) / np.float32(255))
    image = Image.fromarray(RGB)
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    turned = np.rot90(RGB, -1)
    np.testing.assert_array_equal(
        read_image(tmp_path / "turned.png"), np.moveaxis(turned, -1, 0) / np.float32(255)
    )


def test_a_very_large_image_is_refused_by_its_header(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", GREY)
    monkeypatch.setattr(files, "MAX_PIXELS", 62)
    monkeypatch.setattr(Image.Image, "load", lambda *a: pytest.fail("decoded"))
    with pytest.raises(UnusableImage, match="7x9 pixels are more than 62"):
        read_image(path)


def test_a_decompression_bomb_is_refused_whatever_pillow_thinks_of_it(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", np.zeros((300, 300), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UnusableImage, match="more than"):
        read_image(path)


# -- folders ---------------------------------------------------------------------------------


@pytest.fixture
def mixed(tmp_path):
    """Grey and RGB images of five sizes, one broken file, and what is no image."""
    folder = tmp_path / "my photos"
    sizes = {"b.png": (20, 30), "a.jpg": (20, 30, 3), "c.tif": (31, 17), "d.png": (16, 16),
             "e.png": (40, 12, 3), "f.png": (20, 30)}  # fmt: skip
    for name, shape in sizes.items():
        save(folder / name, RNG.integers(0, 256, shape, np.uint8))
    (folder / "broken.png").write_bytes((folder / "b.png").read_bytes()[:200])
    (folder / "notes.txt").write_text("not an image")
    (folder / ".hidden.png").write_text("not an image")
    return folder


def contents(dataset, split="test"):
    return {
        int(position): image
        for group in dataset.groups(split)
        for position, image in zip(group.positions, group.images, strict=True)
    }


def test_images_stand_in_the_order_of_their_names_grouped_by_shape(mixed):
    dataset = datasets.load(f"folder:{mixed}", Path("nowhere"))
    assert dataset.name == "folder:my photos"
    assert dataset.sizes == {"train": 0, "validation": 0, "test": 6}
    broken, others = dataset.left_out
    assert broken.startswith("broken.png is left out: it is broken")
    assert others == "not read in my photos: 1 .txt, 1 hidden"
    names = ["a.jpg", "b.png", "c.tif", "d.png", "e.png", "f.png"]
    images = contents(dataset)
    for position, name in enumerate(names):
        np.testing.assert_array_equal(images[position], read_image(mixed / name))
    shapes = [group.images.shape for group in dataset.groups("test")]
    assert shapes.count((2, 1, 20, 30)) == 1
    assert len(shapes) == 5


def test_little_is_in_memory_at_a_time_and_no_pixel_depends_on_it(mixed, monkeypatch):
    dataset = datasets.load(f"folder:{mixed}", Path("nowhere"))
    noise = make_noise("gaussian", 0.2)

    def noisy(limit=None):
        batches = NoisyImages(dataset).batches(noise, limit)
        return {int(p): n for batch in batches for p, n in zip(*batch[:3:2], strict=True)}

    whole = noisy()
    monkeypatch.setattr(reading, "READ_AT_ONCE", 1)
    assert max(len(group.images) for group in dataset.groups("test")) == 1
    for limit in (None, 3):
        for position, image in noisy(limit).items():
            np.testing.assert_array_equal(image, whole[position])


def test_the_fingerprint_is_of_the_images_and_their_order(mixed, tmp_path):
    import shutil

    def fingerprint(folder):
        return datasets.load(f"folder:{folder}", Path("nowhere")).fingerprint

    there = shutil.copytree(mixed, tmp_path / "elsewhere")
    assert fingerprint(there) == fingerprint(mixed)
    Image.open(there / "b.png").save(there / "b.tif")
    (there / "b.png").unlink()
    assert fingerprint(there) == fingerprint(mixed)
    pixels = np.asarray(Image.open(there / "d.png")).copy()
    pixels[3, 4] ^= 1
    save(there / "d.png", pixels)
    assert fingerprint(there) != fingerprint(mixed)


def test_folders_inside_are_the_splits(mixed, tmp_path):
    for split, names in {"train": "abc", "val": "d", "test": "ef"}.items():
        for name in names:
            save(tmp_path / "set" / split / f"{name}.png", GREY)
    dataset = datasets.load(f"folder:{tmp_path / 'set'}", Path("nowhere"))
    assert dataset.sizes == {"train": 3, "validation": 1, "test": 2}
    assert len(contents(dataset, "train")) == 3


def test_a_file_that_changes_while_it_is_used_is_named(mixed):
    dataset = datasets.load(f"folder:{mixed}", Path("nowhere"))
    save(mixed / "d.png", GREY)
    with pytest.raises(DataError, match=r"d\.png has changed"):
        contents(dataset)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such folder"),
        (lambda path: path.write_text(""), "a file, not a folder"),
        (lambda path: path.mkdir(), "no image in"),
        (lambda path: (path.mkdir(), (path / "a.png").write_text("x")), "no file can be used"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_line(make, message, tmp_path, fails):
    make(tmp_path / "here")
    line = fails("run", "--dataset", f"folder:{tmp_path / 'here'}", code=5)
    assert message in line


def test_a_file_by_itself_is_a_data_set_of_its_pages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stack = RNG.integers(0, 256, (4, 16, 18)).astype(np.uint8)
    np.savez("all.npz", one=stack, two=stack[:2])
    Image.fromarray(stack[0]).save("i0.png")
    np.save("floats.npy", stack / 255)
    for typed, count, name in (
        ("folder:all.npz::one", 4, "folder:all.npz::one"),
        ("all.npz::two", 2, "folder:all.npz::two"),
        ("folder:i0.png", 1, "folder:i0.png"),
        ("i0.png", 1, "folder:i0.png"),
    ):
        dataset = datasets.load(typed, Path("nowhere"))
        assert (dataset.name, dataset.sizes["test"]) == (name, count)
    with pytest.raises(DataError, match="it holds 2 arrays: name one of one, two as FILE::NAME"):
        datasets.load("folder:all.npz", Path("nowhere"))
    Path("dataset.toml").write_text("range = [0, 2]")
    assert datasets.load("folder:floats.npy", Path("nowhere")).range == Range(0, 2)


@pytest.mark.parametrize("kind", ["h5", "zarr"])
def test_an_array_in_a_file_by_itself_is_measured_and_found_again(kind, tmp_path, bench):
    pytest.importorskip({"h5": "h5py"}.get(kind, kind))
    stack = RNG.integers(0, 256, (2, 16, 18)).astype(np.uint8)
    path = tmp_path / f"series.{kind}"
    if kind == "h5":
        import h5py

        with h5py.File(path, "w") as file:
            file["entry/data"], file["entry/more"] = stack, stack[:1]
        typed = f"{path}::entry/data"
    else:
        import zarr

        zarr.save(str(path), stack.reshape(2, 1, 16, 18))
        typed = str(path)
    arguments = ("run", "--dataset", typed, "--noise", "0.1", "--methods", "identity")
    result = bench(*arguments, "--name", "r")
    assert result.code == 0, result.err
    assert len(open_run("results/r").records()) == 2
    again = bench("score", "results/r", "--metrics", "mae", "--dataset", typed)
    assert again.code == 0, again.err


@pytest.mark.usefixtures("undrawn")
def test_a_mixed_folder_is_measured_and_the_broken_file_named(mixed, bench):
    arguments = ("run", "--dataset", f"folder:{mixed}", "--noise", "0.1")
    result = bench(*arguments, "--methods", "identity,gaussian", "--no-tune")
    assert result.code == 0, result.err
    assert "broken.png is left out: it is broken" in result.err
    (path,) = Path("results").iterdir()
    assert path.name.startswith("folder-my-photos-")
    records = open_run(path).records()
    assert sorted(records.query("method == 'gaussian'")["image"]) == list(range(6))
    assert open_run(path).manifest.dataset.left_out[0].startswith("broken.png")
    assert bench("report").code == 0
    page = next(Path("reports").glob("*/report.md")).read_text()
    assert "**Files left out.** broken.png is left out" in page


@pytest.mark.usefixtures("undrawn")
def test_without_images_to_learn_from_filters_run_at_their_defaults_and_networks_say_what_helps(
    mixed, bench, tmp_path
):
    arguments = ("run", "--dataset", f"folder:{mixed}", "--noise", "0.1", "--name", "r")
    result = bench(*arguments, "--methods", "gaussian,lmmse", "--preset", "quick")
    assert result.code == 3
    told = "has no validation images to tune on, so these run at their defaults: gaussian; "
    assert result.err.count(told) == 1
    run = open_run(Path("results/r"))
    assert told in run.manifest.notes[0]
    by_method = run.cells().set_index("method")
    assert by_method["status"].to_dict() == {"gaussian": "done", "lmmse": "skipped"}
    assert json.loads(by_method["chosen"]["gaussian"]) == {"width": 1.0}
    assert "no train images to learn from" in result.out
    assert "--train-dataset" in result.out
    assert bench("report", "results/r").code == 0
    assert told in Path("reports/r/report.md").read_text()
    for index in range(4):
        save(tmp_path / "t" / "train" / f"{index}.png", RNG.integers(0, 256, (20, 24), np.uint8))
        save(tmp_path / "t" / "val" / f"{index}.png", RNG.integers(0, 256, (20, 24), np.uint8))
        save(tmp_path / "t" / "test" / f"{index}.png", RNG.integers(0, 256, (20, 24), np.uint8))
    (mixed / "a.jpg").unlink()
    (mixed / "e.png").unlink()  # grey ones are left, and lmmse learns from grey ones
    trained = bench(
        *arguments[:-1], "trained", "--methods", "gaussian,lmmse[patch=4]", "--preset", "quick",
        "--train-dataset", f"folder:{tmp_path / 't'}",
    )  # fmt: skip
    assert trained.code == 0, trained.out
    run = open_run("results/trained")
    assert set(run.cells()["status"]) == {"done"}
    assert run.manifest.dataset.training == "folder:t"
    assert run.manifest.settings.train_dataset == "folder:t"


def test_a_set_without_training_images_cannot_be_trained_on(mixed, fails):
    line = fails("run", "--dataset", "digits", "--train-dataset", f"folder:{mixed}", code=5)
    assert "folder:my photos has no training images" in line


@pytest.mark.usefixtures("undrawn")
def test_every_file_of_a_folder_is_read_or_counted_and_told(mixed, bench, tmp_path):
    (mixed / "z.png").symlink_to("gone.png")
    for name in ("a.gif", "b.gif", "c.svg", "README"):
        (mixed / name).write_bytes(b"x")
    (mixed / "more").mkdir()
    expected = "not read in my photos: 2 .gif, 1 .svg, 1 .txt, 1 folder, 1 hidden, 1 without"
    arguments = ("run", "--noise", "0.1", "--methods", "identity", "--no-tune")
    result = bench(*arguments, "--dataset", f"folder:{mixed}", "--name", "r")
    assert result.code == 0
    assert "z.png is left out: it is a link to what is not there" in result.err
    assert expected in result.err
    assert bench("report", "results/r").code == 0
    assert expected in next(Path("reports").glob("*/report.md")).read_text()
    # Of another set's training images likewise.
    save(tmp_path / "t" / "train" / "a.png", GREY)
    save(tmp_path / "t" / "test" / "a.png", GREY)
    save(tmp_path / "t" / "b.png", GREY)
    (tmp_path / "t" / "train" / "b.tif").write_text("x")
    (tmp_path / "t" / "old").mkdir()
    trained = bench(
        *arguments, "--dataset", "digits", "--limit", "2", "--name", "u",
        "--train-dataset", f"folder:{tmp_path / 't'}",
    )  # fmt: skip
    assert "b.tif is left out: it is no image" in trained.err
    assert "not read in t: 1 .png, 1 folder" in trained.err
    (mixed / "test").mkdir()
    for name in ("val", "validation"):
        save(mixed / name / "a.png", GREY)
    with pytest.raises(DataError, match="there are val and validation: keep one"):
        datasets.load(f"folder:{mixed}", Path("nowhere"))


def test_a_tiny_training_image_that_makes_all_patches_tiny_is_named(tmp_path):
    sizes = {"a": (90, 120), "b": (200, 190), "icon": (6, 6), "d": (80, 100)}
    for name, shape in sizes.items():
        save(tmp_path / "set" / "train" / f"{name}.png", np.zeros(shape, np.uint8))
    save(tmp_path / "set" / "test" / "a.png", GREY)

    def warned():
        return datasets.load(f"folder:{tmp_path / 'set'}", Path("nowhere")).training_warnings

    (line,) = warned()
    assert line.startswith("training images are cut into patches of 6 pixels a side, the size of i")
    (tmp_path / "set" / "train" / "icon.png").unlink()
    assert warned() == ()


# -- named sets ------------------------------------------------------------------------------


def fill(folder, count, shape=(6, 6)):
    for number in range(count):
        save(folder / f"{number:03}.png", RNG.integers(0, 256, shape, np.uint8))


def test_bsd68_has_train400s_images_to_learn_from_where_they_are(tmp_path):
    fill(tmp_path / "BSD68", 68)
    alone = datasets.load("bsd68", tmp_path)
    assert alone.sizes == {"train": 0, "validation": 0, "test": 68}
    fill(tmp_path / "train400", 400)
    both = datasets.load("bsd68", tmp_path)
    assert both.sizes == {"train": 360, "validation": 40, "test": 68}
    assert both.fingerprint == alone.fingerprint
    assert both.training == "train400"
    train = datasets.load("train400", tmp_path)
    assert train.sizes == {"train": 360, "validation": 40, "test": 0}
    assert both.training_fingerprint == train.fingerprint
    last = read_image(tmp_path / "train400" / "399.png")
    np.testing.assert_array_equal(contents(both, "validation")[39], last)


def test_a_set_that_is_not_complete_or_not_itself_is_named(tmp_path):
    fill(tmp_path / "Set12", 11)
    with pytest.raises(DataError, match="holds 11 images, not the 12 of set12"):
        datasets.load("set12", tmp_path)
    save(tmp_path / "Set12" / "zebra.png", RGB)
    with pytest.raises(DataError, match=r"zebra\.png is left out: it has 3 channels, not 1"):
        datasets.load("set12", tmp_path)


def test_without_an_address_one_line_says_what_to_put_where(tmp_path, fails):
    line = fails("run", "--dataset", "cbsd68", "--data-dir", tmp_path, code=5)
    assert f"put its 68 RGB PNG files into {tmp_path / 'CBSD68'}" in line


def test_the_list_says_which_sets_can_be_downloaded(tmp_path, bench):
    listed = bench("datasets", "--data-dir", tmp_path).out
    assert f"to be downloaded: there is no folder BSD68 in {tmp_path}" in listed
    assert f"to be put there: there is no folder CBSD68 in {tmp_path}" in listed


def test_bsd68_itself(data_dir):
    dataset = natural.SETS["bsd68"].open(data_dir)
    assert {group.images.shape[1:] for group in dataset.groups("test")} == {
        (1, 321, 481), (1, 481, 321),
    }  # fmt: skip


def test_a_run_is_not_taken_up_with_other_images(tmp_path, bench, fails):
    folder = tmp_path / "photos"
    for number in range(3):
        save(folder / f"{number}.png", RNG.integers(0, 256, (12, 14), np.uint8))
    command = ("run", "--dataset", f"folder:{folder}", "--noise", "0.1", "--methods", "identity")
    assert bench(*command, "--name", "r").code == 0
    before = open_run("results/r").records()
    save(folder / "1.png", RNG.integers(0, 256, (12, 14), np.uint8))
    line = fails(*command, "--name", "r", code=2)
    assert "was made with other images" in line
    assert "--name" in line
    assert "--fresh" in line
    assert open_run("results/r").records().equals(before)
    assert bench(*command, "--name", "r", "--fresh").code == 0
    assert not open_run("results/r").records().equals(before)


def test_lists_say_what_can_be_downloaded_and_what_of_each_set_there_is(tmp_path, bench):
    entry = natural.SETS["train400"]
    for number in range(entry.count):
        save(tmp_path / "Train400" / f"{number:03}.png", GREY)
    listed = bench("datasets", "--data-dir", tmp_path).out
    examined = bench("doctor", "--data-dir", tmp_path).out
    for name, how in (("cbsd68", "to be put there"), ("set12", "to be downloaded")):
        assert how in listed.split(f"\n{name} ")[1].split("\n\n")[0].split("\nkodak24")[0]
    assert "cbsd68: there is no folder CBSD68" in examined
    assert ": put it there" in examined.split("cbsd68: ")[1].split("\n")[0]
    assert "it is downloaded when it is asked for" in examined.split("set12: ")[1].split("\n")[0]
    assert "train400: whole, 360 train, 40 validation images" in examined


def test_doctor_downloads_nothing_and_names_a_set_that_is_not_whole(tmp_path, bench, monkeypatch):
    monkeypatch.setattr("bench.datasets.natural.fetch", None)
    monkeypatch.setattr("bench.datasets.idx.fetch", None)
    save(tmp_path / "BSD68" / "test001.png", GREY)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in idx.FILES:
        (raw / name).write_bytes(b"others")
    examined = bench("doctor", "--data-dir", tmp_path)
    assert examined.code == 9
    wrong = [line for line in examined.out.splitlines() if line.startswith("WRONG")]
    assert "is damaged or not MNIST's" in wrong[0]
    assert "holds 1 images, not the 68 of bsd68" in wrong[1]
    listed = bench("datasets", "--data-dir", tmp_path).out
    assert "incomplete: " in listed.split("\nbsd68 ")[1].split("\nset12")[0]


def test_frames_that_are_numbered_behind_the_point_are_one_kind(tmp_path):
    for number in range(300):
        (tmp_path / f"frame.{number:05}").write_text("")
    save(tmp_path / "a.png", GREY)
    data = datasets.load(f"folder:{tmp_path}", tmp_path)
    assert data.left_out == (f"not read in {tmp_path.name}: 300 without suffix",)
