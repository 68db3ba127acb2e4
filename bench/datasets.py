"""Data sets: what there is, where it lies, and how it is split.

MNIST and its kin: the training split is the first 55,000 images of the training file,
validation its last 5,000, test the 10,000 of the test file. `digits` (embedded): the first
1,197 of scikit-learn's 1,797 handwritten digits, the next 200, the last 400.
Nothing is ever fitted, tuned or stopped on the test split.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import os
import queue
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import DataError, Dataset, Group, Split, StorageError, UsageError, nearest

if TYPE_CHECKING:
    from bench.core import Array

#: Whether a download is possible is decided within this time, in seconds.
PROBE_SECONDS = 8.0
#: A download that stands still for so long, in seconds, has failed.
STALL_SECONDS = 30.0
_DISK_ERRORS = {
    errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.ENOTDIR,
    errno.EPERM, errno.EROFS,
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A data set that can be asked for by name.

    Attributes:
        name, summary, reference: as `bench datasets` shows them.
        open: the data set, given the data folder; may download it.
        missing: why it cannot be used right now without a download; empty if it can.
    """

    name: str
    summary: str
    reference: str
    open: Callable[[Path], Dataset]
    missing: Callable[[Path], str]


def data_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """`given`, else `$BENCH_DATA_DIR`, else the user's cache folder."""
    if given is not None:
        return Path(given).expanduser()
    if os.environ.get("BENCH_DATA_DIR"):
        return Path(os.environ["BENCH_DATA_DIR"]).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("denoise-bench") / "data"


def load(name: str, folder: Path) -> Dataset:
    """The data set of that name, downloaded into `folder` where it has to be.

    Raises:
        UsageError: there is no such data set.
        DataError: it is not there and cannot be downloaded, or is damaged.
        StorageError: `folder` cannot be written.
    """
    if name not in SOURCES:
        raise UsageError(f"unknown data set {name!r}: {nearest(name, SOURCES)}")
    return SOURCES[name].open(folder)


def load_default(folder: Path) -> Dataset:
    """MNIST if it is on disk or can be downloaded, otherwise `digits` with a note that says so.

    Raises:
        DataError: MNIST is there but damaged: that is no reason to fall back.
    """
    absent = SOURCES["mnist"].missing(folder)
    try:
        return load("mnist", folder)
    except (DataError, StorageError) as error:
        if not absent:
            raise
        digits = load("digits", folder)
        note = f"digits (embedded, 8x8 enlarged) stands in for MNIST: {error}"
        return replace(digits, note=note)


# -- digits --------------------------------------------------------------------------------


def _digits() -> Array:
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    small = load_digits().images.astype(np.float64) / 16.0
    # grid_mode: pixels are areas, so that the enlarged image covers what the small one did.
    large = zoom(small, (1, 3.5, 3.5), order=3, mode="nearest", grid_mode=True)
    return np.clip(large, 0, 1).astype(np.float32)[:, None]


def _open_digits(folder: Path) -> Dataset:
    images = _digits()
    cuts: dict[Split, slice] = {
        "train": slice(0, 1197),
        "validation": slice(1197, 1397),
        "test": slice(1397, 1797),
    }

    def read(split: Split) -> Iterator[Group]:
        part = images[cuts[split]]
        yield Group(np.arange(len(part)), part)

    fingerprint = hashlib.sha256(images.tobytes()).hexdigest()[:16]
    sizes: dict[str, int] = {split: cut.stop - cut.start for split, cut in cuts.items()}
    return Dataset("digits", fingerprint, sizes, read)


# -- MNIST and its kin ---------------------------------------------------------------------

_IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_MNIST_MD5 = (
    "6bbc9ace898e44ae57da46a324031adb",
    "a25bea736e30d166cdddb491f175f624",
    "2646ac647ad5339dbf082846283269ea",
    "27ae3e4e09519cfbb04c329615203637",
)
#: The first test image of each class, 0 to 9.
_MNIST_SAMPLES = (3, 2, 1, 18, 4, 8, 11, 0, 61, 7)


@dataclass(frozen=True)
class _Torchvision:
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
        return folder / self.title / "raw"

    def missing(self, folder: Path) -> str:
        absent = [name for name in _IDX_FILES if not (self.raw(folder) / name).is_file()]
        return f"{absent[0]} is not in {self.raw(folder)}" if absent else ""

    def open(self, folder: Path) -> Dataset:
        if self.missing(folder):
            self._download(folder)
        raw = self.raw(folder)
        sums = []
        for index, name in enumerate(_IDX_FILES):
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
        if not _reachable([f"{mirror}{_IDX_FILES[0]}.gz" for mirror in self.mirrors]):
            mirrors = " or ".join(self.mirrors)
            raise DataError(
                f"{where} and cannot be downloaded: no answer from {mirrors} "
                f"within {PROBE_SECONDS:g} s; go online, or put its four files into "
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
                with _socket_timeout(STALL_SECONDS):
                    source(aside, download=True)
                self.raw(folder).mkdir(parents=True, exist_ok=True)
                for name in _IDX_FILES:
                    (self.raw(Path(aside)) / name).replace(self.raw(folder) / name)
        except (RuntimeError, OSError, EOFError, http.client.HTTPException) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            # Connections break with the same type of error as disks.
            if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
                raise StorageError(
                    f"cannot write {self.title} into {folder}: {reason}; choose another --data-dir"
                ) from error
            raise DataError(f"{where} and its download failed: {reason}; try again") from error


def _read_idx_images(path: Path, count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """An IDX file of `count` 28x28 images (16 bytes of header, then the pixels)."""
    try:
        values = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    expected = 16 + count * 28 * 28
    if len(values) != expected or bytes(values[:4]) != b"\x00\x00\x08\x03":
        raise DataError(
            f"{path} is damaged: {len(values)} bytes, not the {expected} of {count} 28x28 images; "
            "delete it, and the next run downloads it anew"
        )
    return values[16:].reshape(count, 28, 28)


def _md5(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; mend its permissions") from error


def _reachable(urls: Sequence[str]) -> bool:
    """Whether any address answers in time."""
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def ask(url: str) -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
                answers.put(True)
        except urllib.error.HTTPError:
            answers.put(True)  # somebody is there; whether it has the file, the download tells
        except (OSError, ValueError, http.client.HTTPException):
            answers.put(False)

    # Threads, because looking a host's name up knows no timeout.
    for url in urls:
        threading.Thread(target=ask, args=(url,), daemon=True).start()
    deadline = time.monotonic() + PROBE_SECONDS
    with contextlib.suppress(queue.Empty):
        for _ in urls:
            if answers.get(timeout=max(0.0, deadline - time.monotonic())):
                return True
    return False


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Sockets opened within give up after so many seconds of silence."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _source(files: _Torchvision, summary: str, reference: str) -> Source:
    return Source(files.name, summary, reference, files.open, files.missing)


_SOURCES = (
    _source(
        _Torchvision(
            "mnist",
            "MNIST",
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "http://yann.lecun.com/exdb/mnist/",
            ),
            md5=_MNIST_MD5,
            samples=_MNIST_SAMPLES,
        ),
        "70,000 handwritten digits, 28x28 grey",
        "LeCun, Bottou, Bengio and Haffner 1998",
    ),
    _source(
        _Torchvision(
            "fashion-mnist",
            "FashionMNIST",
            ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        ),
        "70,000 pieces of clothing, 28x28 grey",
        "Xiao, Rasul and Vollgraf 2017",
    ),
    _source(
        _Torchvision("kmnist", "KMNIST", ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)),
        "70,000 cursive Japanese characters, 28x28 grey",
        "Clanuwat et al. 2018",
    ),
    Source(
        "digits",
        "1,797 handwritten digits, embedded, 8x8 enlarged to 28x28 grey",
        "Alpaydin and Kaynak 1998, as in scikit-learn",
        _open_digits,
        lambda folder: "",
    ),
)
SOURCES = {source.name: source for source in _SOURCES}
