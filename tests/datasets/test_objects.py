"""Data sets from Python: arrays, tensors, torch's data sets, lists, and `bench.Dataset`."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

import bench
from bench import datasets
from bench.core import DataError, StorageError, UsageError
from bench.datasets import arrays, items

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 16, 17), np.uint8)
RGB = RNG.integers(0, 256, (5, 3, 16, 17), np.uint8)


def images(data, split="test"):
    """Images by position."""
    found = {}
    for group in data.groups(split):
        found |= dict(zip(group.positions.tolist(), group.clean, strict=True))
    return [found[position] for position in sorted(found)]


class Rows(torch.utils.data.Dataset):
    """Of (image, label), as torchvision's are."""

    def __init__(self, made):
        self.made = made

    def __len__(self):
        return len(RGB)

    def __getitem__(self, index):
        return self.made(RGB[index]), index % 2


@pytest.mark.parametrize(
    "given",
    [
        RGB,
        np.moveaxis(RGB, 1, -1),
        np.asfortranarray(RGB),
        torch.from_numpy(RGB),
        torch.from_numpy(RGB).requires_grad_(False).permute(0, 2, 3, 1),
        list(RGB),
        [Image.fromarray(np.moveaxis(image, 0, -1)) for image in RGB],
        TensorDataset(torch.from_numpy(RGB), torch.arange(5)),
        Rows(torch.from_numpy),
        Rows(lambda image: Image.fromarray(np.moveaxis(image, 0, -1))),
    ],
    ids=lambda given: type(given).__name__,
)
def test_the_same_images_are_the_same_data_set_whatever_holds_them(given):
    data = bench.Dataset(given)
    np.testing.assert_array_equal(images(data), RGB / np.float32(255))
    labels = None if data.labels is None else data.labels("test")
    assert data.fingerprint == bench.Dataset(RGB, labels=labels).fingerprint
    assert dict(data.sizes) == {"train": 0, "validation": 0, "test": 5}


def test_arrays_and_paths_are_the_same_data_set_as_a_folder(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, image in enumerate(GREY):
        Image.fromarray(image).save(folder / f"{number}.png")
    paths = sorted(folder.iterdir())
    known = datasets.load(f"folder:{folder}", Path("nowhere"))
    for given in (GREY, paths, list(map(str, paths))):
        assert bench.Dataset(given).fingerprint == known.fingerprint
    np.testing.assert_array_equal(images(bench.Dataset(paths)), images(known))


@pytest.fixture
def colour(tmp_path):
    """Paths of arrays of which it is noted that they were taken for colour."""
    for number in range(2):
        np.save(tmp_path / f"{number}.npy", RGB[number])
    return sorted(tmp_path.iterdir())


def test_what_a_reader_notes_is_said_of_paths(colour):
    (said,) = bench.Dataset(colour).warnings
    assert said.startswith("array, test image 0 (counted from 0) and 1 more images: its shape")
    assert "is taken for one image in colour" in said
    (noisy,) = bench.Dataset(list(RGB[2:4]), noisy=colour).warnings
    assert noisy == said


def test_the_unit_that_files_say_is_the_ranges():
    pydicom = pytest.importorskip("pydicom")
    scan = Path(pydicom.__file__).parent / "data" / "test_files" / "CT_small.dcm"
    data = bench.Dataset([scan], range=(-1024, 3071))
    assert data.range.unit == "HU"
    array = data.range.stored(images(data)[0]).astype("f4")
    mixed = bench.Dataset([scan, array], range=(-1024, 3071))
    assert mixed.range.unit == ""


def test_memory_is_checked_before_a_large_file_is_decoded(colour, monkeypatch):
    monkeypatch.setattr(items, "LARGE", 100)
    data = bench.Dataset(colour)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1000))
    assert len(images(data)) == 2  # it was there when they were gone through
    with pytest.raises(DataError, match=r"0\.npy has 17x16 pixels: to measure it takes"):
        bench.Dataset(colour)


def test_a_labelled_torch_data_set_has_labels():
    assert bench.Dataset(Rows(torch.from_numpy)).labels("test").tolist() == [0, 1, 0, 1, 0]
    assert bench.Dataset(GREY).labels is None
    assert bench.Dataset(GREY, labels=torch.arange(5)).labels("test").tolist() == [0, 1, 2, 3, 4]


def test_labels_are_part_of_the_fingerprint():
    """Else a metric that learns them is served what it learned of others."""
    given = [None, [0, 1, 0, 1, 0], [1, 0, 1, 0, 1]]
    tested = {bench.Dataset(GREY, labels=labels).fingerprint for labels in given}
    trained = {
        bench.Dataset(GREY, train={"clean": GREY, "labels": labels}).fingerprint for labels in given
    }
    assert (len(tested), len(trained)) == (3, 3)


def test_images_of_several_shapes_are_grouped():
    several = [np.zeros((8, 9), np.uint8), RGB[0], np.full((8, 9), 255, np.uint8)]
    data = bench.Dataset(several)
    groups = {group.shape: group.positions.tolist() for group in data.groups("test")}
    assert groups == {(1, 8, 9): [0, 2], (3, 16, 17): [1]}
    assert data.largest == 3 * 16 * 17
    assert data.largest_pixels == 16 * 17


def test_few_images_are_in_memory_at_a_time(monkeypatch):
    monkeypatch.setattr(arrays, "READ_AT_ONCE", 3 * 16 * 17)
    groups = list(bench.Dataset(GREY).groups("test"))
    assert [len(group.positions) for group in groups] == [4, 1]


def test_a_range_scales_what_is_stored():
    counts = RNG.integers(0, 4096, (2, 8, 9)).astype(np.uint16)
    data = bench.Dataset(counts, range=(0, 4095))
    np.testing.assert_allclose(np.concatenate(images(data)), counts / 4095, rtol=1e-6)
    assert (data.range.low, data.range.high, data.warnings) == (0, 4095, ())
    unstated = bench.Dataset(counts)
    assert unstated.range.high == 65535
    assert "in Python as range=(LOW, HIGH)" in unstated.warnings[0]
    assert unstated.fingerprint != data.fingerprint


def test_floating_point_says_no_range():
    with pytest.raises(UsageError, match=r"least is -0\.5 .* greatest 2 .*range=\("):
        bench.Dataset(np.array([[[-0.5, 2.0]]]))
    data = bench.Dataset(np.array([[[-0.5, 2.0]]], np.float32), range=(-0.5, 2))
    assert images(data)[0].tolist() == [[[0, 1]]]


def test_noisy_frames_come_with_or_without_truth():
    clean = RNG.random((4, 8, 9))
    frames = clean[:, None, None] + RNG.normal(0, 0.1, (4, 2, 1, 8, 9))
    data = bench.Dataset(clean, noisy=frames, range=(0, 1), units=["a", "b", "a", "b"])
    (group,) = data.groups("test")
    assert (data.given, data.frames, data.truth) == (True, 2, True)
    np.testing.assert_array_equal(group.frames, frames.astype("f4"))
    assert data.units("test").tolist() == [0, 1, 0, 1]
    blind = bench.Dataset(noisy=frames, range=(0, 1))
    assert next(blind.groups("test")).clean is None
    assert (blind.truth, blind.frames) == (False, 2)
    single = bench.Dataset(clean, noisy=frames[:, 0, 0], range=(0, 1))
    assert single.frames == 1


def test_training_images_are_given_beside_them():
    train = {"clean": GREY[:3, None], "labels": [0, 1, 2]}
    data = bench.Dataset(GREY, labels=[0] * 5, train=train, validation=GREY[3:])
    assert dict(data.sizes) == {"train": 3, "validation": 2, "test": 5}
    assert data.labels("train").tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="not all validation images"):
        data.labels("validation")


def test_what_changes_between_two_readings_is_found():
    class Restless(Rows):
        def __getitem__(self, index):
            return RNG.integers(0, 256, (8, 8), np.uint8)

    data = bench.Dataset(Restless(None))
    with pytest.raises(DataError, match=r"test image 0 .* another image than before"):
        list(data.groups("test"))
    growing = list(GREY[:2])
    data = bench.Dataset(growing)
    growing.pop()
    with pytest.raises(DataError, match="2 test images at first, and now 1"):
        list(data.groups("test"))


MASK = TensorDataset(torch.from_numpy(RGB), torch.from_numpy(RGB))


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        (3, {}, "an array or tensor"),
        ({"a": GREY}, {}, "an array or tensor"),
        ((image for image in GREY), {}, "can be gone through once only: give a list"),
        (GREY[0], {}, r"array\[None\]"),
        (RGB[..., :3], {}, r"\(5, 3, 16, 3\) the second and the last axis"),
        (np.zeros((2, 4, 8, 8), np.uint8), {}, "C = 1 or 3"),
        (np.zeros((20, 24, 3), np.uint8), {}, r"may be one image .* array\[None\] .*\[:, None\]"),
        (torch.zeros((3, 20, 24), dtype=torch.uint8), {}, r"array\[None\] of a single image"),
        (np.zeros((20, 24, 1), np.uint8), {}, r"array\[None\] of a single image"),
        (GREY, {"train": GREY[:3]}, r"array\[:, None\] of grey ones"),
        (None, {"noisy": GREY[:3]}, r"noisy of shape .* array\[None\]"),
        (GREY > 9, {}, "are bool: give uint8"),
        (GREY.astype(np.int64), {}, "least is 0 .* greatest 255"),
        (GREY.astype("f4") + np.inf, {}, "NaN or infinite"),
        (GREY[:0], {}, "no test image"),
        ([], {}, "no test image"),
        ([GREY[0], GREY[0].astype("f4")], {}, "test image 1 .* float32, and those before"),
        ([GREY[0], GREY[0].astype(np.uint16)], {}, "test image 1 .* uint16, and those before"),
        ([1, 2], {}, "test image 0 .* it is 1: give an array"),
        ([Path("nowhere.png")], {}, "nowhere.png"),
        ([Image.new("RGBA", (8, 8))], {}, "mode RGBA: convert"),
        (MASK, {}, "its label is an array"),
        (GREY, {"labels": [1]}, "5 clean, 1 labels"),
        (GREY, {"labels": [0.5] * 5}, r"its label is 0\.5"),
        (GREY, {"units": [None, 1.5, 1, 1, 1]}, r"its unit is 1\.5"),
        (GREY, {"noisy": GREY}, "two of its images are equal"),
        (GREY, {"noisy": GREY[:, :8]}, "not of one shape"),
        (GREY, {"range": (0, 100)}, "outside the range 0 to 100"),
        (GREY, {"range": 3}, "range is 3"),
        (GREY, {"range": (5, 5)}, "least and the greatest"),
        (GREY, {"train": {"images": GREY}}, "train has 'images'"),
        (GREY, {"name": 3}, "a data set's name is a text"),
        (None, {}, "there are no test images"),
    ],
)
def test_what_is_no_images_gets_one_line(given, options, said):
    with pytest.raises((UsageError, DataError), match=said) as error:
        bench.Dataset(given, **options)
    assert "\n" not in str(error.value)


# -- in a run ----------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path):
    def made(dataset, **options):
        options = {"methods": "identity,median", "noise": 0.2, "tune": False} | options
        return bench.run(dataset, out=tmp_path / "out", **options)

    return made


def psnr(run):
    return run.records().groupby("method")["psnr"].mean().to_dict()


def test_an_array_a_torchvision_data_set_and_a_list_of_paths_are_run_alike(run, tmp_path):
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import Grayscale

    folder = tmp_path / "all" / "class"
    folder.mkdir(parents=True)
    for number, image in enumerate(GREY):
        Image.fromarray(image).save(folder / f"{number}.png")
    shown = ImageFolder(folder.parent, Grayscale())
    runs = [run(given) for given in (GREY, shown, sorted(folder.iterdir()))]
    assert psnr(runs[0]) == psnr(runs[1]) == psnr(runs[2])
    assert runs[0].path == runs[2].path != runs[1].path  # with labels it is another data set
    assert runs[0].manifest.dataset.name == "array"
    assert run(GREY[::-1]).path != runs[0].path
    assert psnr(run(folder, name="folder")) != {}


def test_workers_have_the_same_images(run):
    import tempfile

    before = set(Path(tempfile.gettempdir()).glob("bench-images-*"))
    options = {"train_dataset": GREY, "methods": "identity,lmmse"}
    here = run(bench.Dataset(RGB[:, 0], name="mine"), name="here", **options)
    there = run(bench.Dataset(RGB[:, 0], name="mine"), name="there", jobs=1, sealed=True, **options)
    assert psnr(here) == psnr(there)
    assert there.manifest.dataset.name == "mine"
    assert there.manifest.dataset.training == "array"
    assert set(Path(tempfile.gettempdir()).glob("bench-images-*")) <= before


def test_a_finished_run_is_scored_with_the_images_given_again(run):
    made = run(RGB)
    records = made.score("mae", dataset=RGB).records()
    assert np.isfinite(records["mae"]).all()
    with pytest.raises(DataError, match="other data than the run was measured on"):
        made.score("gmsd", dataset=RGB[:3])
    with pytest.raises(UsageError, match="in Python dataset= takes arrays"):
        made.score("gmsd")


def test_floating_point_images_are_scored_again(run):
    made = run((RGB / 255).astype("f4"), range=(0, 1))
    assert np.isfinite(made.score("mae", dataset=(RGB / 255).astype("f4")).records()["mae"]).all()


@pytest.mark.parametrize("option", ["dataset", "train_dataset"])
def test_a_wrong_data_set_gets_one_line_of_run(option, run):
    with pytest.raises(UsageError, match="a data set is given by its name, or as an array"):
        run(**{"dataset": "digits", option: 3.5})
    with pytest.raises(DataError, match="no such folder"):
        run(**{"dataset": "digits", option: Path("nowhere")})


@pytest.mark.parametrize("suffix", ["png", "tif", "ppm"])
@pytest.mark.parametrize("decoded", [False, True])
def test_pillow_images_that_were_cut_to_8_bits_are_refused(tmp_path, suffix, decoded):
    codecs, tifffile = pytest.importorskip("imagecodecs"), pytest.importorskip("tifffile")
    deep, path = np.full((8, 9, 3), 4660, np.uint16), tmp_path / f"deep.{suffix}"
    if suffix == "png":
        path.write_bytes(codecs.png_encode(deep))
    elif suffix == "tif":
        tifffile.imwrite(path, deep, photometric="rgb")
    else:
        path.write_bytes(b"P6 9 8 65535\n" + deep.astype(">u2").tobytes())
    try:
        image = Image.open(path)
    except OSError:
        pytest.skip("this Pillow does not open it")
    if decoded:
        image.load()
    with pytest.raises(DataError, match="cuts the 16 bits of its file to 8: give the path"):
        datasets.Dataset([image])
    image.close()


def test_pillow_images_of_8_bits_are_taken_from_their_files(tmp_path):
    Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(tmp_path / "a.png")
    assert datasets.Dataset([Image.open(tmp_path / "a.png")]).sizes["test"] == 1


def test_a_copy_on_a_full_disk_gets_one_line(tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    data = datasets.Dataset(GREY)
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(
        StorageError, match="No space left on device; use jobs=0, or another TMPDIR"
    ):
        datasets.write_copy(data, tmp_path)
