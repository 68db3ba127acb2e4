"""Data sets from elsewhere: a folder by its path alone, npz:, torchvision: and hf:."""

import io
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from bench import datasets
from bench.core import DataError, Range, UsageError
from bench.datasets import hugging_face, torchvision_sets

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (20, 16, 17), np.uint8)
RGB = RNG.integers(0, 256, (20, 3, 32, 32), np.uint8)


def load(typed, folder="nowhere", **options):
    return datasets.load(typed, Path(folder), **options)


def clean(data, split="test"):
    return np.concatenate([group.clean for group in data.groups(split)])


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, image in enumerate(GREY[:3]):
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder


def test_the_path_of_a_folder_will_do(photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    known = load(f"folder:{photos}")
    for typed in ("photos", "./photos", str(photos), "../" + photos.parent.name + "/photos"):
        data = load(typed)
        assert (data.name, data.fingerprint) == ("folder:photos", known.fingerprint)
    monkeypatch.setenv("HOME", str(photos.parent))
    assert load("~/photos").fingerprint == known.fingerprint


def test_a_name_of_the_catalogue_is_no_folder(photos, monkeypatch):
    photos.rename(photos.with_name("digits"))
    monkeypatch.chdir(photos.parent)
    assert load("digits").name == "digits"
    assert load("./digits").name == "folder:digits"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("./nowhere", "folder:nowhere: there is no such folder"),
        ("~/nowhere", "there is no such folder"),
        ("digts", "did you mean digits"),
        ("images.npz", "is a file: write npz:images.npz"),
        ("photo:x", "unknown data set 'photo:x'"),
    ],
)
def test_what_is_no_data_set_gets_one_line(typed, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("images.npz", GREY)
    with pytest.raises((UsageError, DataError), match=said):
        load(typed)


# -- npz ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_has_the_splits_that_its_names_say(tmp_path, save):
    path = tmp_path / "cells.npz"
    save(path, clean=GREY[:5], labels=np.arange(5), train_clean=GREY[5:15], units=np.arange(5) // 2)
    data = load(f"npz:{path}")
    assert data.name == "npz:cells"
    assert dict(data.sizes) == {"train": 10, "validation": 0, "test": 5}
    np.testing.assert_array_equal(clean(data)[:, 0], GREY[:5] / np.float32(255))
    assert data.labels("test").tolist() == [0, 1, 2, 3, 4]
    assert data.units("test").tolist() == [0, 0, 1, 1, 2]


def test_a_single_array_is_the_test_images(tmp_path):
    np.save(tmp_path / "one.npy", GREY)
    np.savez(tmp_path / "one.npz", whatever=GREY)
    one, other = load(f"npz:{tmp_path}/one.npy"), load(f"npz:{tmp_path}/one.npz")
    assert one.sizes["test"] == 20
    assert one.fingerprint == other.fingerprint


def test_arrays_that_are_not_compressed_are_mapped(tmp_path):
    from bench.datasets import npz

    np.savez(tmp_path / "a.npz", clean=np.asfortranarray(GREY), noisy=GREY)
    found = npz._arrays(tmp_path / "a.npz")
    assert all(isinstance(array, np.memmap) for array in found.values())
    np.testing.assert_array_equal(found["test", "clean"], GREY)
    np.savez_compressed(tmp_path / "b.npz", clean=GREY)
    np.testing.assert_array_equal(npz._arrays(tmp_path / "b.npz")["test", "clean"], GREY)


def test_noisy_ones_come_with_clean_ones_and_a_range_may_be_stated(tmp_path):
    floats = GREY.astype("f4") / 255
    noisy = floats + RNG.normal(0, 0.1, GREY.shape).astype("f4")
    np.savez(tmp_path / "a.npz", clean=floats, noisy=noisy)
    data = load(f"npz:{tmp_path}/a.npz", stated=Range(0, 1))
    assert (data.given, data.frames, data.truth) == (True, 1, True)
    with pytest.raises(UsageError, match="state their range"):
        load(f"npz:{tmp_path}/a.npz")


def test_two_arrays_in_one_npy_are_refused(tmp_path):
    with (tmp_path / "two.npy").open("wb") as file:
        np.save(file, GREY)
        np.save(file, GREY)
    with pytest.raises(DataError, match="more than one array: save each to a file"):
        load(f"npz:{tmp_path}/two.npy")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_member_shorter_than_its_header_says_is_refused(tmp_path, save):
    path = tmp_path / "short.npz"
    content = io.BytesIO()
    np.save(content, GREY)
    packed = zipfile.ZIP_STORED if save is np.savez else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr("clean.npy", content.getvalue()[:-900])
        archive.writestr("notes.txt", bytes(2000))  # what lies behind it
    with pytest.raises(DataError, match=r"clean\.npy is not as long as it says"):
        load(f"npz:{path}")


def test_a_changed_byte_of_what_is_mapped_is_found(tmp_path):
    path = tmp_path / "changed.npz"
    np.savez(path, clean=GREY)
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="CRC"):
        load(f"npz:{path}")


def test_names_and_memory_are_checked_before_anything_is_decompressed(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "names.npz", a=GREY, clean=GREY)
    np.savez_compressed(tmp_path / "large.npz", clean=GREY)

    def read(*_, **__):
        raise AssertionError("it is decompressed")

    monkeypatch.setattr(np.lib.format, "read_array", read)
    with pytest.raises(UsageError, match="one is 'a'"):
        load(f"npz:{tmp_path}/names.npz")
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1000))
    with pytest.raises(DataError, match="decoded at once"):
        load(f"npz:{tmp_path}/large.npz")


def test_npz_that_cannot_be_taken_gets_one_line(tmp_path):
    np.savez(tmp_path / "names.npz", a=GREY, clean=GREY)
    np.savez(tmp_path / "labels.npz", labels=np.arange(3))
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "pickled.npy").write_bytes(pickle.dumps(GREY))
    np.save(tmp_path / "objects.npy", np.array([{}, 1], object), allow_pickle=True)
    whole = tmp_path / "cut.npz"
    np.savez(whole, clean=GREY)
    whole.write_bytes(whole.read_bytes()[:2000])
    for name, said in {
        "names.npz": "one is 'a'",
        "labels.npz": "there are no test images",
        "text.npz": "cannot read",
        "pickled.npy": "cannot read",
        "objects.npy": "cannot read",
        "cut.npz": "cannot read",
        "none.npz": "there is no such file",
        "": "there is no file",
    }.items():
        with pytest.raises((UsageError, DataError), match=said) as error:
            load(f"npz:{tmp_path}/{name}")
        assert "\n" not in str(error.value)


# -- torchvision -------------------------------------------------------------------------------


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """CIFAR10 of twenty training images and four test images, as torchvision keeps it."""
    from torchvision.datasets import CIFAR10

    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    sums = {}
    for part, images in (("train", RGB), ("test", RGB[:4])):
        rows = {"data": images.reshape(len(images), -1), "labels": [3] * len(images)}
        (folder / part).write_bytes(pickle.dumps(rows))
        sums[part] = None
    (folder / "meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    monkeypatch.setattr(CIFAR10, "train_list", [["train", None]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test", None]])
    monkeypatch.setattr(CIFAR10, "meta", {"filename": "meta", "key": "label_names", "md5": None})
    return tmp_path


def test_a_set_of_torchvision_that_is_here(cifar):
    data = load("torchvision:CIFAR10", cifar)
    assert data.name == "torchvision:CIFAR10"
    assert dict(data.sizes) == {"train": 18, "validation": 2, "test": 4}
    np.testing.assert_array_equal(clean(data), RGB[:4] / np.float32(255))
    np.testing.assert_array_equal(clean(data, "validation"), RGB[18:] / np.float32(255))
    assert data.labels("test").tolist() == [3] * 4


def test_a_set_of_torchvision_that_names_its_splits(tmp_path, monkeypatch):
    from torchvision import datasets as sets

    class SVHN(list):
        def __init__(self, root, split="train", transform=None, download=False):
            if split not in ("train", "test", "extra"):
                raise ValueError(f"unknown split {split}")
            super().__init__((image, 1) for image in GREY[: 10 if split == "train" else 3])

    monkeypatch.setattr(sets, "SVHN", SVHN)
    data = load("torchvision:SVHN", tmp_path)
    assert dict(data.sizes) == {"train": 9, "validation": 1, "test": 3}


def test_a_set_of_torchvision_that_cannot_be_had_gets_one_line(tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    def offline(self):
        raise OSError("<urlopen error no route to host>")

    monkeypatch.setattr(CIFAR10, "download", offline)
    with pytest.raises(DataError, match=r"CIFAR10 is not in .*no route to host") as error:
        load("torchvision:CIFAR10", tmp_path)
    assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="did you mean CIFAR10"):
        load("torchvision:CIFAR1", tmp_path)
    with pytest.raises(UsageError, match="no test split: open it in Python"):
        load("torchvision:EMNIST", tmp_path)


def test_a_set_of_torchvision_is_not_downloaded_where_it_is_not_to_be(tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    asked = []
    monkeypatch.setattr(CIFAR10, "download", lambda self: asked.append(self))
    with pytest.raises(DataError, match="allow it to be downloaded"):
        load("torchvision:CIFAR10", tmp_path, download=False)
    assert not asked


def test_helpers_of_torchvision_are_no_data_sets():
    from torchvision import datasets as sets

    assert set(torchvision_sets._NONE) <= set(sets.__all__)


# -- Hugging Face ------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The library without a network, and with a cache of its own."""
    made = pytest.importorskip("datasets")
    monkeypatch.setattr(made.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(made.config, "HF_HUB_OFFLINE", True)
    return made


def table(hub, count, **columns):
    features = {"image": hub.Image(), "label": hub.ClassLabel(names=["cat", "dog"])}
    rows = {
        "image": [Image.fromarray(image) for image in GREY[:count]],
        "label": [number % 2 for number in range(count)],
    }
    return hub.Dataset.from_dict(rows | columns, hub.Features(features | {
        name: hub.Image() for name in columns}))  # fmt: skip


def test_a_data_set_that_was_saved_to_disk(hub, tmp_path):
    splits = {"train": table(hub, 20), "test": table(hub, 4)}
    hub.DatasetDict(splits).save_to_disk(tmp_path / "pets")
    data = load(f"hf:{tmp_path}/pets")
    assert data.name == "hf:pets"
    assert dict(data.sizes) == {"train": 18, "validation": 2, "test": 4}
    np.testing.assert_array_equal(clean(data)[:, 0], GREY[:4] / np.float32(255))
    assert data.labels("test").tolist() == [0, 1, 0, 1]
    table(hub, 3).save_to_disk(tmp_path / "single")
    assert load(f"hf:{tmp_path}/single").sizes["test"] == 3


def test_a_folder_of_images_and_a_parquet_file(hub, tmp_path):
    for split, count in (("train", 4), ("test", 2)):
        for kind in ("cat", "dog"):
            folder = tmp_path / "pictures" / split / kind
            folder.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(GREY[number]).save(folder / f"{number}.png")
    data = load(f"hf:{tmp_path}/pictures")
    assert data.sizes["test"] == 4
    assert data.labels("test").tolist() == [0, 0, 1, 1]
    (tmp_path / "rows").mkdir()
    table(hub, 4).to_parquet(tmp_path / "rows" / "test.parquet")
    rows = load(f"hf:{tmp_path}/rows")
    np.testing.assert_array_equal(clean(rows)[:, 0], GREY[:4] / np.float32(255))


def test_the_column_of_images_is_named_where_there_are_several(hub, tmp_path):
    blurred = [Image.fromarray(255 - image) for image in GREY[:3]]
    table(hub, 3, other=blurred).save_to_disk(tmp_path / "pairs")
    with pytest.raises(UsageError, match=r"columns of images image, other: write hf:.*::image"):
        load(f"hf:{tmp_path}/pairs")
    data = load(f"hf:{tmp_path}/pairs::other")
    np.testing.assert_array_equal(clean(data)[:, 0], (255 - GREY[:3]) / np.float32(255))
    with pytest.raises(UsageError, match="no column of images 'label'"):
        load(f"hf:{tmp_path}/pairs::label")


def test_what_cannot_be_had_of_the_hub_gets_one_line(hub, tmp_path):
    with pytest.raises(DataError, match="hf:nobody/nothing cannot be had") as error:
        load("hf:nobody/nothing")
    assert "\n" not in str(error.value)
    hub.DatasetDict({"a": table(hub, 3), "b": table(hub, 2)}).save_to_disk(tmp_path / "ab")
    with pytest.raises(UsageError, match="the splits a, b, and none is called test"):
        load(f"hf:{tmp_path}/ab")


def test_the_cache_is_looked_at_before_the_hub(hub, monkeypatch):
    import huggingface_hub
    import requests

    asked = []

    def load_dataset(name):
        asked.append((hub.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE))
        if all(asked[-1]):
            raise hub.exceptions.DatasetNotFoundError("not in the cache")
        return table(hub, 3)

    def head(url, timeout):
        assert url == hub.config.HF_ENDPOINT
        if unreachable:
            raise requests.ConnectionError("no route to host")

    monkeypatch.setattr(hub, "load_dataset", load_dataset)
    monkeypatch.setattr(hub.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(requests, "head", head)
    unreachable = True
    with pytest.raises(DataError, match="hf:some/pets is neither a folder nor in the local cache"):
        load("hf:some/pets")
    assert asked == [(True, True)]
    unreachable = False
    assert load("hf:some/pets").sizes["test"] == 3
    assert asked[1:] == [(True, True), (False, False)]


def test_without_the_library_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(UsageError, match=r"pip install 'denoise-bench\[hf\]'"):
        hugging_face.open_hugging_face("x", Path(), None)
