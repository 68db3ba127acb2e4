"""What hf: makes of a table: its files' own pixels, its splits and its labels."""

import numpy as np
import pytest
from PIL import Image

from bench import datasets
from bench.core import DataError, UsageError

made = pytest.importorskip("datasets")
imagecodecs = pytest.importorskip("imagecodecs")
RNG = np.random.default_rng(0)
DEEP = RNG.integers(0, 65536, (3, 16, 17, 3), np.uint16)
GREY = RNG.integers(0, 256, (4, 16, 17), np.uint8)


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    monkeypatch.setattr(made.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(made.config, "HF_HUB_OFFLINE", True)


@pytest.fixture
def photos(tmp_path):
    """Files of 16 bits in colour."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, image in enumerate(DEEP):
        (folder / f"{number}.png").write_bytes(imagecodecs.png_encode(image))
    return folder


def load(typed, folder, **options):
    return datasets.load(typed, folder, **options)


def table(count, **columns):
    features = {name: made.ClassLabel(names=["cat", "dog"]) for name in columns}
    rows = {"image": [Image.fromarray(image) for image in GREY[:count]], **columns}
    return made.Dataset.from_dict(rows, made.Features({"image": made.Image(), **features}))


def saved(folder, **splits):
    made.DatasetDict(splits).save_to_disk(folder)
    return load(f"hf:{folder}", folder)


def test_files_of_16_bits_in_colour_are_read_as_a_folder_reads_them(photos, tmp_path):
    known = load(f"folder:{photos}", tmp_path)
    by_path = load(f"hf:{photos}", tmp_path)
    assert by_path.fingerprint == known.fingerprint
    assert by_path.range.high == known.range.high == 65535
    files = [{"bytes": path.read_bytes(), "path": None} for path in sorted(photos.iterdir())]
    rows = made.Dataset.from_dict({"image": files}, made.Features({"image": made.Image()}))
    (tmp_path / "rows").mkdir()
    rows.to_parquet(tmp_path / "rows" / "test.parquet")
    by_bytes = load(f"hf:{tmp_path}/rows", tmp_path)
    assert by_bytes.fingerprint == known.fingerprint
    (group,) = by_bytes.groups("test")
    expected = np.moveaxis(DEEP, -1, 1) / np.float32(65535)
    np.testing.assert_allclose(group.clean, expected, rtol=1e-6)


def test_pages_of_a_file_are_of_one_unit(tmp_path):
    import io

    import tifffile

    files = []
    for _ in range(2):
        tifffile.imwrite(file := io.BytesIO(), GREY[:3], photometric="minisblack")
        files.append({"bytes": file.getvalue(), "path": "stack.tif"})
    rows = made.Dataset.from_dict({"image": files}, made.Features({"image": made.Image()}))
    data = saved(tmp_path / "stacks", test=rows)
    assert data.sizes["test"] == 6
    assert data.units("test").tolist() == [0, 0, 0, 1, 1, 1]


def test_two_splits_to_validate_on_are_refused(tmp_path):
    with pytest.raises(UsageError, match="the splits val and dev, both to validate on") as error:
        saved(tmp_path / "a", val=table(2), dev=table(2), test=table(2))
    assert "\n" not in str(error.value)


def test_what_is_left_out_is_named(tmp_path):
    data = saved(
        tmp_path / "a",
        unsupervised=table(3, label=[-1] * 3),
        test=table(2, coarse=[0, 1], fine=[1, 1]),
    )
    assert data.labels is None
    assert data.left_out == (
        "split unsupervised, 3 rows: not train, validation or test",
        "labels: there are several columns of them, coarse, fine",
    )


def test_a_split_without_labels_is_taken_without(tmp_path):
    data = saved(tmp_path / "a", train=table(4, label=[0, 1, 0, 1]), test=table(2, label=[-1, -1]))
    assert data.labels is None
    assert data.left_out == ("labels of test: all of label are -1, unlabelled",)
    with pytest.raises(DataError, match="its label is -1"):
        saved(tmp_path / "b", test=table(2, label=[0, -1]))


def test_nothing_is_downloaded_where_it_is_not_to_be(tmp_path, monkeypatch):
    monkeypatch.setattr(made.config, "HF_HUB_OFFLINE", False)
    with pytest.raises(DataError, match="is not to be downloaded") as error:
        load("hf:nobody/nothing", tmp_path, download=False)
    assert "\n" not in str(error.value)
