"""MNIST and its kin: 28x28 grey images in IDX files, in the folders that torchvision makes.

The training split is the first 55,000 images of the training file, validation its last 5,000,
test the 10,000 of the test file. Labels lie in files of their own, which are looked at only when
they are asked for: a folder without them has the images all the same. Reading IDX is our own:
torchvision would load torch, for which a run of classical methods does not wait.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.core import DataError, Dataset, Group, Split
from bench.datasets.download import RemoteFile, fetch

if TYPE_CHECKING:
    from bench.core import Labels

_Bytes = npt.NDArray[np.uint8]
_ANEW = "delete it, and the next run downloads it anew"

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
IMAGES, LABELS = FILES[::2], FILES[1::2]
#: Classes of each of these data sets.
CLASSES = 10
#: The first test image of each class, 0 to 9.
MNIST_SAMPLES = (3, 2, 1, 18, 4, 8, 11, 0, 61, 7)


@dataclass(frozen=True)
class IdxFiles:
    """A data set in MNIST's format: four files, each of which lies packed at the mirrors.

    Attributes:
        name: as on the command line.
        title: torchvision's class, and the folder's name.
        mirrors: addresses of folders that hold the packed files.
        archive_md5: of the packed files, in the order of `FILES`, as torchvision publishes them.
        md5: of the unpacked ones; empty where they are not known.
        samples: positions of the test images that reports show.
    """

    name: str
    title: str
    mirrors: tuple[str, ...]
    archive_md5: tuple[str, ...]
    md5: tuple[str, ...] = ()
    samples: tuple[int, ...] = tuple(range(10))

    def raw(self, folder: Path) -> Path:
        """Where its files lie."""
        return folder / self.title / "raw"

    def missing(self, folder: Path) -> str:
        """Why it cannot be used without a download; empty if it can."""
        absent = [name for name in IMAGES if not (self.raw(folder) / name).is_file()]
        return f"{absent[0]} is not in {self.raw(folder)}" if absent else ""

    def lies_in(self, folder: Path) -> bool:
        """Whether its files are there, whole or not."""
        return not self.missing(folder)

    def open(self, folder: Path, download: bool = True) -> Dataset:
        """The data set, downloaded if it has to be and may be.

        Raises:
            DataError: it cannot be downloaded, or is damaged.
            StorageError: `folder` cannot be written.
        """
        raw = self.raw(folder)
        sums = {name: _md5(raw / name) for name in FILES if (raw / name).is_file()}
        known = dict(zip(FILES, self.md5, strict=True)) if self.md5 else sums
        lacking = [name for name in FILES if name not in sums or sums[name] != known[name]]
        images = [name for name in lacking if name in IMAGES]
        if images and not download:
            raise DataError(self._state(folder, images[0], sums.get(images[0], "")))
        if images:
            found = sums.get(images[0], "")
            self._download(folder, lacking, self._state(folder, images[0], found) if found else "")
            sums |= {name: _md5(raw / name) for name in lacking}
        content = " ".join(known.get(name, "") for name in FILES).encode()
        fingerprint = hashlib.sha256(content).hexdigest()[:16]
        sizes = {"train": 55_000, "validation": 5_000, "test": 10_000}
        return Dataset(
            self.name,
            fingerprint,
            sizes,
            self._reader(raw),
            self.samples,
            labels=lambda split: self._labels(folder, split, download),
        )

    def _labels(self, folder: Path, split: Split, download: bool) -> Labels:
        """The labels of a split; MNIST's file is downloaded if it has to be and may be."""
        prefix, count = ("t10k", 10_000) if split == "test" else ("train", 60_000)
        name = f"{prefix}-labels-idx1-ubyte"
        path = self.raw(folder) / name
        found = _md5(path) if path.is_file() else ""
        if not found or (self.md5 and found != self.md5[FILES.index(name)]):
            state = f"{self._state(folder, name, found)}: it holds the labels"
            if not self.md5:  # by a new file the fingerprint would change while it is in use
                raise DataError(f"{state}; delete {path.parent}, and the next run downloads it")
            if not download:
                raise DataError(state)
            self._download(folder, [name], state)
        return _cut(_read_idx_labels(path, count), split).astype(np.int64)

    def _reader(self, raw: Path) -> Callable[[Split], Iterator[Group]]:
        def read(split: Split) -> Iterator[Group]:
            prefix, count = ("t10k", 10_000) if split == "test" else ("train", 60_000)
            images = _read_idx_images(raw / f"{prefix}-images-idx3-ubyte", count)
            images = _cut(images, split)
            yield Group(np.arange(len(images)), images.astype(np.float32)[:, None] / 255)

        return read

    def _download(self, folder: Path, names: Sequence[str], state: str) -> None:
        """Fetch what is missing or not as it should be, which `state` says."""
        files = [
            RemoteFile(name, tuple(f"{mirror}{name}.gz" for mirror in self.mirrors), f"md5:{md5}")
            for name, md5 in zip(FILES, self.archive_md5, strict=True)
            if name in names
        ]
        raw = self.raw(folder)
        advice = f"put its four files into {raw} (see --data-dir), or use --dataset digits"
        fetch(self.title, files, raw, folder, advice, state=state)

    def _state(self, folder: Path, name: str, found: str) -> str:
        """What is the matter with a file, whose MD5 is that; "" where it is not there."""
        path = self.raw(folder) / name
        if not found:
            return f"{path} is not there"
        return f"{path} is damaged or not {self.title}'s (its MD5 is {found})"


def _cut(values: _Bytes, split: Split) -> _Bytes:
    """Of what a file holds, what belongs to the split."""
    return {"train": values[:55_000], "validation": values[55_000:], "test": values}[split]


def _read_idx_images(path: Path, count: int) -> _Bytes:
    """An IDX file of `count` 28x28 images: uint8 (N, 28, 28)."""
    return _read_idx(path, (count, 28, 28), f"{count} 28x28 images")


def _read_idx_labels(path: Path, count: int) -> _Bytes:
    """An IDX file of `count` labels: uint8 (N,)."""
    labels = _read_idx(path, (count,), f"{count} labels")
    if labels.max() >= CLASSES:
        raise DataError(
            f"{path} is damaged: it has the label {labels.max()}, and labels go from 0 to "
            f"{CLASSES - 1}; {_ANEW}"
        )
    return labels


def _read_idx(path: Path, shape: tuple[int, ...], what: str) -> _Bytes:
    """An IDX file of bytes: two zeros, their type, the number of axes, the axes, the bytes."""
    head = bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape)
    expected = len(head) + math.prod(shape)
    try:
        size = path.stat().st_size  # before it is read: it may be too large for the memory
        values = np.fromfile(path, np.uint8) if size == expected else np.empty(0, np.uint8)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    if len(values) != expected:
        raise DataError(f"{path} is damaged: {size} bytes, not the {expected} of {what}; {_ANEW}")
    if bytes(values[: len(head)]) != head:
        raise DataError(f"{path} is damaged: its head is not that of {what}; {_ANEW}")
    return values[len(head) :].reshape(shape)


def _md5(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; mend its permissions") from error


MNIST = IdxFiles(
    "mnist",
    "MNIST",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    archive_md5=(
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    md5=(
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
    samples=MNIST_SAMPLES,
)
FASHION_MNIST = IdxFiles(
    "fashion-mnist",
    "FashionMNIST",
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    archive_md5=(
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
)
KMNIST = IdxFiles(
    "kmnist",
    "KMNIST",
    ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    archive_md5=(
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    ),
)
