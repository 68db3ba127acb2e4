import dataclasses
import hashlib
import json
import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import make_interp_spline
from sklearn.datasets import load_digits

from bench import datasets
from bench.core import DataError, Dataset, Group, Unsupported, UsageError
from bench.datasets import idx
from bench.datasets.training_images import labelled_split, split_array

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "datasets.json").read_text())
FILES = idx.FILES


def only_group(dataset, split):
    (group,) = dataset.groups(split)
    return group


# -- digits --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits", Path("nowhere"))


def test_digits_splits_have_their_sizes_shape_range_and_positions(digits):
    assert digits.sizes == {"train": 1197, "validation": 200, "test": 400}
    for split, size in digits.sizes.items():
        positions, images, _ = only_group(digits, split)
        assert images.shape == (size, 1, 28, 28)
        assert images.dtype == np.float32
        assert images.flags.c_contiguous  # the last bits of sums depend on the order in memory
        assert (images.min(), images.max()) == (0, 1)
        np.testing.assert_array_equal(positions, np.arange(size))


def test_digits_splits_are_scikit_learns_images_in_order_without_overlap(digits):
    """Spline interpolation of the 8x8 pixels as areas, by another of SciPy's modules."""
    small = load_digits().images[::9] / 16
    small = np.pad(small, ((0, 0), (20, 20), (20, 20)), mode="edge")
    centres = (np.arange(28) + 0.5) / 3.5 - 0.5
    for axis in (1, 2):
        spline = make_interp_spline(np.arange(48) - 20, small, k=3, axis=axis)
        small = spline(centres)
    images = np.concatenate([only_group(digits, s).images for s in digits.sizes])
    assert len(images) == 1797
    np.testing.assert_allclose(images[::9, 0], np.clip(small, 0, 1), rtol=0, atol=1e-5)


def test_digits_keep_the_mean_of_the_small_images(digits):
    small = load_digits().images[:1197].mean() / 16
    assert only_group(digits, "train").images.mean() == pytest.approx(small, abs=0.01)


def test_digits_have_their_golden_fingerprint(digits):
    assert digits.fingerprint == GOLDEN["digits"]


def test_digits_need_no_file_and_no_network(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *a: pytest.fail("connected"))
    assert datasets.CATALOGUE["digits"].missing(Path("nowhere")) == ""
    assert only_group(datasets.load("digits", Path("nowhere")), "test").images.size


# -- a data set's groups -------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(limit=st.integers(0, 12), first=st.integers(0, 10))
def test_a_limit_keeps_the_positions_below_it_with_their_images(limit, first):
    positions = np.random.default_rng(first).permutation(10)
    parts = [part for part in (positions[:first], positions[first:]) if len(part)]
    groups = [
        Group(part, np.full((len(part), 1, 4, side), part[:, None, None, None], np.float32))
        for side, part in enumerate(parts, 3)
    ]
    dataset = Dataset("made-up", "", {"test": 10}, lambda split: groups)
    limited = list(dataset.groups("test", limit))
    assert sorted(p for group in limited for p in group.positions) == [*range(min(limit, 10))]
    for group in limited:
        assert len(group.positions) > 0
        np.testing.assert_array_equal(group.images[:, 0, 0, 0], group.positions)
    assert [len(group.images) for group in dataset.groups("test")] == [len(p) for p in parts]


# -- names and folders ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("mnits", "did you mean mnist"), ("digit", "did you mean digits"), ("xyz", "there is: mnist")],
)
def test_an_unknown_data_set_names_the_nearest_or_all(typed, hint):
    with pytest.raises(UsageError, match=f"unknown data set '{typed}': {hint}"):
        datasets.load(typed, Path("nowhere"))


def test_the_data_folder_is_the_given_one_else_the_environments(monkeypatch):
    monkeypatch.setenv("HOME", "/somebody")
    monkeypatch.setenv("BENCH_DATA_DIR", "~/there")
    assert datasets.data_folder("~/here") == Path("/somebody/here")
    assert datasets.data_folder(Path("here")) == Path("here")
    assert datasets.data_folder() == Path("/somebody/there")


@pytest.mark.parametrize("variable", [None, ""])
def test_else_the_data_folder_lies_in_the_users_cache(variable, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: Path("/cache") / name)
    monkeypatch.delenv("BENCH_DATA_DIR", raising=False)
    if variable is not None:
        monkeypatch.setenv("BENCH_DATA_DIR", variable)
    assert datasets.data_folder() == Path("/cache/denoise-bench/data")


# -- MNIST's format, with images that are made up ------------------------------------------


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def put(stored, raw):
    """The files of one folder in another."""
    raw.mkdir(parents=True)
    for name in FILES:
        (raw / name).symlink_to(stored / name)


def replace(path, data):
    path.unlink()
    path.write_bytes(data)


def test_splits_are_cut_from_the_files_at_their_boundaries(made_up, stored, mnist_from, tmp_path):
    mnist_from(files=made_up)
    put(stored, tmp_path / "MNIST" / "raw")
    mnist = datasets.load("mnist", tmp_path)
    assert mnist.sizes == {"train": 55_000, "validation": 5_000, "test": 10_000}
    for split, start in (("train", 0), ("validation", 55_000), ("test", 0)):
        positions, images, _ = only_group(mnist, split)
        size = mnist.sizes[split]
        assert images.shape == (size, 1, 28, 28)
        assert images.dtype == np.float32
        np.testing.assert_array_equal(positions, np.arange(size))
        expected = (np.arange(start, start + size) % 251 / 255).astype(np.float32)
        np.testing.assert_allclose(images[:, 0, 0, 0], expected, rtol=1e-6)
        assert not images[:, 0, 1:].any()


def test_the_fingerprint_depends_on_the_content_alone(stored, tmp_path):
    for folder in ("here", "there"):
        put(stored, tmp_path / folder / "FashionMNIST" / "raw")
    here, there = (datasets.load("fashion-mnist", tmp_path / f) for f in ("here", "there"))
    assert here.fingerprint == there.fingerprint
    labels = tmp_path / "there" / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte"
    replace(labels, labels.read_bytes()[:-1] + b"\x01")
    assert datasets.load("fashion-mnist", tmp_path / "there").fingerprint != here.fingerprint


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"\x01" + data[1:]])
def test_a_damaged_file_without_a_known_md5_is_refused_when_it_is_read(stored, damage, tmp_path):
    raw = tmp_path / "KMNIST" / "raw"
    put(stored, raw)
    replace(raw / FILES[2], damage((raw / FILES[2]).read_bytes()))
    kmnist = datasets.load("kmnist", tmp_path)
    with pytest.raises(DataError, match=f"{raw / FILES[2]} is damaged"):
        only_group(kmnist, "test")


# -- MNIST itself --------------------------------------------------------------------------


def test_mnist_equals_what_torchvision_reads(mnist_dir):
    from torchvision.datasets import MNIST

    mnist = datasets.load("mnist", mnist_dir)
    train = MNIST(str(mnist_dir), train=True).data.numpy()
    test = MNIST(str(mnist_dir), train=False)
    for split, expected in (
        ("train", train[:55_000]),
        ("validation", train[55_000:]),
        ("test", test.data.numpy()),
    ):
        images = only_group(mnist, split).images
        assert np.array_equal(images[:, 0], expected / np.float32(255))
    labels = test.targets.numpy()
    assert mnist.samples == tuple(int(np.argmax(labels == digit)) for digit in range(10))


def test_mnist_has_its_golden_fingerprint(mnist_dir):
    assert datasets.load("mnist", mnist_dir).fingerprint == GOLDEN["mnist"]
    assert datasets.load_default(mnist_dir).name == "mnist"
    assert datasets.load_default(mnist_dir).note == ""


@pytest.mark.parametrize("name", [FILES[0], FILES[2]])
@pytest.mark.parametrize("damage", ["cut", "altered"])
def test_a_damaged_mnist_file_is_named_with_its_md5(
    mnist_dir, mnist_from, nobody, name, damage, tmp_path
):
    mnist_from(nobody)
    raw = tmp_path / "MNIST" / "raw"
    put(mnist_dir / "MNIST" / "raw", raw)
    data = bytearray((raw / name).read_bytes())
    if damage == "cut":
        del data[-1]
    else:
        data[len(data) // 2] ^= 1
    replace(raw / name, data)

    for load in (lambda: datasets.load("mnist", tmp_path), lambda: datasets.load_default(tmp_path)):
        with pytest.raises(DataError, match="is damaged") as refused:
            load()
        assert str(raw / name) in str(refused.value)
        assert md5(data) in str(refused.value)
        assert "and cannot be downloaded" in str(refused.value)


# -- labels --------------------------------------------------------------------------------


def test_the_label_of_an_image_is_its_own_after_every_cut(made_up, stored, mnist_from, tmp_path):
    """Of made-up images the first pixel tells the label."""
    mnist_from(files=made_up)
    put(stored, tmp_path / "MNIST" / "raw")
    mnist = datasets.load("mnist", tmp_path)
    for split, size in mnist.sizes.items():
        images, labels = labelled_split(mnist, split)
        assert (labels.shape, labels.dtype) == ((size,), np.int64)
        first = np.rint(images[:, 0, 0, 0] * 255).astype(int)
        np.testing.assert_array_equal(labels, first % 10)
    for positions, images, _ in mnist.groups("test", limit=7):
        first = np.rint(images[:, 0, 0, 0] * 255).astype(int)
        np.testing.assert_array_equal(mnist.labels("test")[positions], first % 10)


def test_labels_go_with_images_that_come_in_another_order():
    positions = np.array([3, 0, 2, 1])
    images = positions.astype(np.float32)[:, None, None, None]
    groups = [Group(positions[:1], images[:1]), Group(positions[1:], images[1:])]
    data = Dataset(
        "made-up", "", {"train": 4}, lambda split: groups, labels=lambda split: np.arange(4)
    )
    labelled = labelled_split(data, "train")
    np.testing.assert_array_equal(labelled.labels, labelled.images[:, 0, 0, 0])


def test_digits_have_scikit_learns_labels(digits):
    labels = np.concatenate([digits.labels(split) for split in digits.sizes])
    np.testing.assert_array_equal(labels, load_digits().target)


def test_mnist_has_the_labels_that_torchvision_reads(mnist_dir):
    from torchvision.datasets import MNIST

    mnist = datasets.load("mnist", mnist_dir)
    train = MNIST(str(mnist_dir), train=True).targets.numpy()
    test = MNIST(str(mnist_dir), train=False).targets.numpy()
    np.testing.assert_array_equal(mnist.labels("train"), train[:55_000])
    np.testing.assert_array_equal(mnist.labels("validation"), train[55_000:])
    np.testing.assert_array_equal(mnist.labels("test"), test)


def test_the_catalogue_says_which_sets_have_labels(made_up, stored, tmp_path):
    for title in ("MNIST", "FashionMNIST", "KMNIST"):
        put(stored, tmp_path / title / "raw")
    labelled = {name for name, entry in datasets.CATALOGUE.items() if entry.labelled}
    assert labelled == {"mnist", "fashion-mnist", "kmnist", "digits"}
    for name in ("fashion-mnist", "kmnist", "digits"):
        assert datasets.load(name, tmp_path).labels is not None


def test_without_label_files_all_but_the_labels_can_be_had(
    made_up, stored, mnist_from, nobody, tmp_path
):
    mnist_from(nobody, files=made_up)
    raw = tmp_path / "MNIST" / "raw"
    put(stored, raw)
    whole = datasets.load("mnist", tmp_path)
    for name in idx.LABELS:
        (raw / name).unlink()
    assert datasets.CATALOGUE["mnist"].missing(tmp_path) == ""
    mnist = datasets.load("mnist", tmp_path)
    assert mnist.fingerprint == whole.fingerprint
    assert only_group(mnist, "test").images.size
    for split, name in (("train", FILES[1]), ("test", FILES[3])):
        with pytest.raises(DataError, match=f"{name} is not there: it holds the labels and cannot"):
            mnist.labels(split)
    offline = datasets.load("mnist", tmp_path, download=False)
    with pytest.raises(DataError, match=f"{FILES[3]} is not there: it holds the labels$"):
        offline.labels("test")


def test_a_label_file_without_a_known_md5_is_not_fetched_into_a_set_in_use(stored, tmp_path):
    """Its fingerprint would be another one from then on."""
    raw = tmp_path / "KMNIST" / "raw"
    put(stored, raw)
    for name in idx.LABELS:
        (raw / name).unlink()
    kmnist = datasets.load("kmnist", tmp_path)
    assert only_group(kmnist, "test").images.size
    with pytest.raises(DataError, match=f"{FILES[3]} is not there: it holds the labels; delete"):
        kmnist.labels("test")
    assert not (raw / FILES[3]).exists()


def test_a_label_file_that_is_not_mnists_is_named_when_it_is_read(
    made_up, stored, mnist_from, nobody, tmp_path
):
    mnist_from(nobody, files=made_up)
    raw = tmp_path / "MNIST" / "raw"
    put(stored, raw)
    replace(raw / FILES[1], made_up[FILES[1]][:-1] + b"\x09")
    mnist = datasets.load("mnist", tmp_path)
    assert mnist.labels("test").size
    with pytest.raises(DataError, match=f"{FILES[1]} is damaged or not MNIST's .its MD5 is"):
        mnist.labels("train")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[:-1], "60007 bytes, not the 60008 of 60000 labels"),
        (lambda data: data + b"\0", "60009 bytes, not the 60008"),
        (lambda data: b"", "0 bytes"),
        (lambda data: data[:3] + b"\x03" + data[4:], "its head is not that of 60000 labels"),
        (lambda data: data[:4] + bytes(4) + data[8:], "its head is not that of 60000 labels"),
        (lambda data: data[:-1] + b"\x0a", "it has the label 10, and labels go from 0 to 9"),
    ],
)
def test_damaged_labels_without_a_known_md5_are_refused(stored, damage, reason, tmp_path):
    raw = tmp_path / "KMNIST" / "raw"
    put(stored, raw)
    replace(raw / FILES[1], damage((raw / FILES[1]).read_bytes()))
    kmnist = datasets.load("kmnist", tmp_path)
    with pytest.raises(DataError, match=f"{FILES[1]} is damaged: {reason}.*delete it"):
        kmnist.labels("train")


def test_training_images_of_another_set_bring_their_own_labels(made_up, stored, tmp_path, digits):
    put(stored, tmp_path / "KMNIST" / "raw")
    kmnist = datasets.load("kmnist", tmp_path)
    mixed = datasets.with_training(kmnist, digits)
    np.testing.assert_array_equal(mixed.labels("test"), kmnist.labels("test"))
    np.testing.assert_array_equal(mixed.labels("train"), digits.labels("train"))
    np.testing.assert_array_equal(split_array(mixed.own, "train"), split_array(kmnist, "train"))
    bare = dataclasses.replace(digits, labels=None)
    assert datasets.with_training(bare, kmnist).labels is None
    with pytest.raises(DataError, match="digits has no labels"):
        datasets.with_training(kmnist, bare).labels("train")
    with pytest.raises(Unsupported, match="digits has no labels"):
        labelled_split(bare, "train")


# -- what is taken where nothing is named --------------------------------------------------


def test_by_default_mnist_is_taken_where_it_can_be(made_up, stored, mnist_from, nobody, tmp_path):
    mnist_from(nobody, files=made_up)
    put(stored, tmp_path / "MNIST" / "raw")
    default = datasets.load_default(tmp_path)
    assert (default.name, default.note) == ("mnist", "")


def test_without_mnist_the_default_is_digits_with_a_note(mnist_from, nobody, tmp_path, digits):
    mnist_from(nobody)
    default = datasets.load_default(tmp_path)
    assert default.name == "digits"
    assert default.fingerprint == digits.fingerprint
    assert default.note.startswith("digits (embedded, 8x8 enlarged) stands in for MNIST: MNIST is")
    assert digits.note == ""


def test_a_damaged_mnist_is_no_reason_to_take_digits(stored, mnist_from, nobody, tmp_path):
    mnist_from(nobody)
    put(stored, tmp_path / "MNIST" / "raw")
    with pytest.raises(DataError, match="is damaged or not MNIST's"):
        datasets.load_default(tmp_path)
