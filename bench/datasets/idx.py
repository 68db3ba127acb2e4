"""MNIST and its kin: torchvision's folders, read by NumPy.

The training split is the first 55,000 images of the training file, validation its last 5,000,
test the 10,000 of the test file.
"""

from __future__ import annotations

import hashlib
import http.client
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.core import DataError, Dataset, Group, Split, StorageError
from bench.datasets import network

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
MNIST_MD5 = (
    "6bbc9ace898e44ae57da46a324031adb",
    "a25bea736e30d166cdddb491f175f624",
    "2646ac647ad5339dbf082846283269ea",
    "27ae3e4e09519cfbb04c329615203637",
)
#: The first test image of each class, 0 to 9.
MNIST_SAMPLES = (3, 2, 1, 18, 4, 8, 11, 0, 61, 7)


@dataclass(frozen=True)
class IdxFiles:
    """A data set of torchvision's in MNIST's format.

    torchvision downloads it. The files are read here, so that a run of classical methods
    does not wait for torch.
    """

    name: str
    title: str  # torchvision's class, and the folder's name
    mirrors: tuple[str, ...]
    md5: tuple[str, ...] | None = None
    samples: tuple[int, ...] = tuple(range(10))

    def raw(self, folder: Path) -> Path:
        """Where its files lie."""
        return folder / self.title / "raw"

    def missing(self, folder: Path) -> str:
        """Why it cannot be used without a download; empty if it can."""
        absent = [name for name in FILES if not (self.raw(folder) / name).is_file()]
        return f"{absent[0]} is not in {self.raw(folder)}" if absent else ""

    def open(self, folder: Path) -> Dataset:
        """The data set, downloaded if it has to be; raises `DataError`, `StorageError`."""
        if self.missing(folder):
            self._download(folder)
        raw = self.raw(folder)
        sums = []
        for index, name in enumerate(FILES):
            sums.append(_md5(raw / name))
            if self.md5 and sums[-1] != self.md5[index]:
                raise DataError(
                    f"{raw / name} is damaged or not {self.title}'s: its MD5 is {sums[-1]}, not "
                    f"{self.md5[index]}; delete it, and the next run downloads it anew"
                )
        fingerprint = hashlib.sha256(" ".join(sums).encode()).hexdigest()[:16]
        sizes = {"train": 55_000, "validation": 5_000, "test": 10_000}
        return Dataset(self.name, fingerprint, sizes, self._reader(raw), self.samples)

    def _reader(self, raw: Path) -> Callable[[Split], Iterator[Group]]:
        def read(split: Split) -> Iterator[Group]:
            prefix, count = ("t10k", 10_000) if split == "test" else ("train", 60_000)
            images = _read_idx_images(raw / f"{prefix}-images-idx3-ubyte", count)
            if split != "test":
                images = images[:55_000] if split == "train" else images[55_000:]
            yield Group(np.arange(len(images)), images.astype(np.float32)[:, None] / 255)

        return read

    def _download(self, folder: Path) -> None:
        """Into a folder aside, then renamed, so that a broken download leaves nothing behind."""
        begun = self.raw(folder).is_dir() and any(self.raw(folder).iterdir())
        where = self.missing(folder) if begun else f"{self.title} is not in {folder}"
        if not network.reachable([f"{mirror}{FILES[0]}.gz" for mirror in self.mirrors]):
            mirrors = " or ".join(self.mirrors)
            raise DataError(
                f"{where} and cannot be downloaded: no answer from {mirrors} "
                f"within {network.PROBE_SECONDS:g} s; go online, or put its four files into "
                f"{self.raw(folder)} (see --data-dir), or use --dataset digits"
            )
        import torchvision.datasets

        # torchvision names its folder after the class.
        source: Any = type(
            self.title, (getattr(torchvision.datasets, self.title),), {"mirrors": self.mirrors}
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as aside:
                with network.socket_timeout(network.STALL_SECONDS):
                    source(aside, download=True)
                self.raw(folder).mkdir(parents=True, exist_ok=True)
                for name in FILES:
                    (self.raw(Path(aside)) / name).replace(self.raw(folder) / name)
        except (RuntimeError, OSError, EOFError, http.client.HTTPException) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            # Connections break with the same type of error as disks.
            if isinstance(error, OSError) and error.errno in network.DISK_ERRORS:
                raise StorageError(
                    f"cannot write {self.title} into {folder}: {reason}; choose another --data-dir"
                ) from error
            raise DataError(f"{where} and its download failed: {reason}; try again") from error


def _read_idx_images(path: Path, count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """An IDX file of `count` 28x28 images (16 bytes of header, then the pixels)."""
    expected = 16 + count * 28 * 28
    try:
        size = path.stat().st_size  # before it is read: it may be too large for the memory
        values = np.fromfile(path, np.uint8) if size == expected else np.empty(0, np.uint8)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    if len(values) != expected or bytes(values[:4]) != b"\x00\x00\x08\x03":
        raise DataError(
            f"{path} is damaged: {size} bytes, not the {expected} of {count} 28x28 images; "
            "delete it, and the next run downloads it anew"
        )
    return values[16:].reshape(count, 28, 28)


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
    md5=MNIST_MD5,
    samples=MNIST_SAMPLES,
)
FASHION_MNIST = IdxFiles(
    "fashion-mnist",
    "FashionMNIST",
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
)
KMNIST = IdxFiles("kmnist", "KMNIST", ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",))
