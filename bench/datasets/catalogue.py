"""The data sets that have a name, and the folder that they lie in.

Nothing is ever fitted, tuned or stopped on the test split.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import (
    DataError,
    Dataset,
    Group,
    Range,
    Split,
    StorageError,
    UsageError,
    expanded,
    nearest,
)
from bench.datasets import idx, natural
from bench.datasets.digits import open_digits
from bench.datasets.flat import open_flat
from bench.datasets.folders import FORMS
from bench.datasets.hugging_face import open_hugging_face
from bench.datasets.npz import open_npz
from bench.datasets.torchvision_sets import open_torchvision

if TYPE_CHECKING:
    from bench.core import Labels, Units


@dataclass(frozen=True)
class Entry:
    """A data set of the catalogue.

    Attributes:
        name, summary, reference: as `bench datasets` shows them.
        open: the data set, given the data folder and whether it may be downloaded.
        missing: why it is not whole in the data folder; empty if it is.
        lies_in: whether it is in the data folder, whole or not.
        has_download: it can be downloaded; else the user has to put it there.
        labelled: its images have labels.
    """

    name: str
    summary: str
    reference: str
    open: Callable[[Path, bool], Dataset]
    missing: Callable[[Path], str]
    lies_in: Callable[[Path], bool]
    has_download: bool = True
    labelled: bool = False


def data_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """`given`, else `$BENCH_DATA_DIR`, else the user's cache folder.

    >>> data_folder("data").name
    'data'
    """
    if given is not None:
        return expanded(given)
    if os.environ.get("BENCH_DATA_DIR"):
        return expanded(os.environ["BENCH_DATA_DIR"])
    import platformdirs

    return platformdirs.user_cache_path("denoise-bench") / "data"


def load(
    name: str,
    folder: Path,
    *,
    download: bool = True,
    stated: Range | None = None,
    others: Iterable[str] = (),
) -> Dataset:
    """The data set of that name, downloaded into `folder` where it has to be and may be.

    `folder:PATH`, `pairs:PATH` and `frames:PATH` are folders of images, wherever they lie, or, of
    `folder:`, a file with pages or an array in it, as `folder:series.h5::entry/data`; where no data
    set has that name, the path alone will do. `npz:FILE`, `torchvision:NAME` and
    `hf:NAME` are opened by `COLLECTIONS`.

    Args:
        name: as typed.
        folder: of the data sets.
        download: whether it may be.
        stated: the range of the stored values, where the user gave it.
        others: names of data sets that might have been meant, beside those that there are.

    Raises:
        UsageError: there is no such data set, or its range is known and not to be stated.
        DataError: it is not there and cannot be downloaded, or is damaged.
        StorageError: `folder` cannot be written.

    >>> digits = load("digits", data_folder())
    >>> dict(digits.sizes)
    {'train': 1197, 'validation': 200, 'test': 400}
    >>> next(digits.groups("test", limit=5)).images.shape
    (5, 1, 28, 28)
    """
    if name in CATALOGUE:
        data = CATALOGUE[name].open(folder, download)
        if stated not in (None, data.range):
            raise UsageError(f"--range {stated.low:g},{stated.high:g}: that of {name} is known")
        return data
    kind, colon, rest = name.partition(":")
    if colon and kind in FORMS:
        return FORMS[kind].open(expanded(rest), stated)
    if colon and kind in COLLECTIONS:
        return COLLECTIONS[kind](rest, folder, stated, download)
    path = expanded(name)
    if path.is_dir() or _is_path(name):
        return FORMS["folder"].open(_existing(path), stated)
    raise UsageError(
        f"unknown data set {name!r}: {nearest(name, [*CATALOGUE, *others])}; a folder of that name "
        "is not here either"
    )


def _is_path(name: str) -> bool:
    """Whether it was typed as a path: only a path has such a beginning."""
    return name.startswith((".", "~", "/")) or Path(name.partition("::")[0]).is_file()


def _existing(path: Path) -> Path:
    """A path that is no folder's is said to be none where a folder is opened; files elsewhere."""
    if path.suffix in (".npz", ".npy") and path.is_file():
        raise UsageError(f"{path} is a file: write npz:{path}")
    return path


def load_default(folder: Path) -> Dataset:
    """MNIST if it is on disk or can be downloaded, otherwise `digits` with a note that says so.

    Raises:
        DataError: MNIST is there but damaged: that is no reason to fall back.
    """
    missing = CATALOGUE["mnist"].missing(folder)
    try:
        return load("mnist", folder)
    except (DataError, StorageError) as error:
        if not missing:
            raise
        digits = load("digits", folder)
        note = f"digits (embedded, 8x8 enlarged) stands in for MNIST: {error}"
        return replace(digits, note=note)


def with_training(dataset: Dataset, other: Dataset) -> Dataset:
    """The test images of `dataset`, with the training and validation images of `other`.

    Raises:
        DataError: `other` has no training images.
    """
    if not other.sizes["train"]:
        raise DataError(f"{other.name} has no training images: name another --train-dataset")

    def read(split: Split) -> Iterable[Group]:
        return (dataset if split == "test" else other).read(split)

    def labels(split: Split) -> Labels:
        labelled = dataset if split == "test" else other
        if labelled.labels is None:
            raise DataError(f"{labelled.name} has no labels")
        return labelled.labels(split)

    def units(split: Split) -> Units:
        of = dataset if split == "test" else other
        if of.units is None:
            import numpy as np

            return np.arange(of.sizes[split])
        return of.units(split)

    return replace(
        dataset,
        sizes={**other.sizes, "test": dataset.sizes["test"]},
        read=read,
        units=units if dataset.units or other.units else None,
        labels=None if dataset.labels is None else labels,
        own=dataset,
        other=other,
        training=other.name,
        training_fingerprint=other.fingerprint,
        left_out=tuple(dict.fromkeys((*dataset.left_out, *other.left_out))),
        warnings=tuple(dict.fromkeys((*dataset.warnings, *other.warnings))),
        training_warnings=other.training_warnings,
        largest=max(dataset.largest, other.largest),
        largest_pixels=max(dataset.largest_pixels, other.largest_pixels),
    )


def _idx(files: idx.IdxFiles, summary: str, reference: str) -> Entry:
    return Entry(
        files.name, summary, reference, files.open, files.missing, files.lies_in, labelled=True
    )


def _with_partner(dataset: Dataset, training: str, folder: Path, download: bool) -> Dataset:
    """With the images that the field trains on for it, where they lie in the data folder."""
    partner = natural.SETS.get(training)
    if partner is None or partner.lies_in(folder) is None:
        return dataset
    return with_training(dataset, partner.open(folder, download))


def _natural(name: str, summary: str, reference: str) -> Entry:
    images = natural.SETS[name]

    def open_set(folder: Path, download: bool) -> Dataset:
        return _with_partner(images.open(folder, download), images.training, folder, download)

    return Entry(
        name,
        summary,
        reference,
        open_set,
        images.missing,
        lambda folder: images.lies_in(folder) is not None,
        bool(images.urls),
    )


_ALL = (
    _idx(
        idx.MNIST,
        "70,000 handwritten digits, 28x28 grey",
        "LeCun, Bottou, Bengio and Haffner 1998",
    ),
    _idx(
        idx.FASHION_MNIST,
        "70,000 pieces of clothing, 28x28 grey",
        "Xiao, Rasul and Vollgraf 2017",
    ),
    _idx(
        idx.KMNIST,
        "70,000 cursive Japanese characters, 28x28 grey",
        "Clanuwat et al. 2018",
    ),
    Entry(
        "digits",
        "1,797 handwritten digits, embedded, 8x8 enlarged to 28x28 grey",
        "Alpaydin and Kaynak 1998, as in scikit-learn",
        lambda folder, download: open_digits(folder),
        lambda folder: "",
        lambda folder: True,
        labelled=True,
    ),
    Entry(
        "flat",
        "25 constant and evenly graded images, 256x256 grey, by formula; training and tuning on "
        "train400",
        "none",
        lambda folder, download: _with_partner(open_flat(), "train400", folder, download),
        lambda folder: "",
        lambda folder: True,
    ),
    _natural(
        "bsd68",
        "68 photographs, 481x321 grey, for testing; training and tuning on train400",
        "Martin et al. 2001; Roth and Black 2009",
    ),
    _natural(
        "set12",
        "12 classic test images, 256x256 and 512x512 grey; training and tuning on train400",
        "Zhang et al. 2017",
    ),
    _natural("cbsd68", "68 photographs, 481x321 RGB, for testing", "Martin et al. 2001"),
    _natural(
        "kodak24", "24 photographs, 500x500 RGB, for testing", "Franzen 1999; Zhang et al. 2018"
    ),
    _natural(
        "train400",
        "400 photographs, 180x180 grey, for training: the first 360, validation the last 40",
        "Chen and Pock 2017",
    ),
)
CATALOGUE = {entry.name: entry for entry in _ALL}
#: How a data set is typed that has no name -> what it is.
PLACES = {
    "npz:FILE": "arrays that NumPy saved, .npz or .npy: clean, noisy, labels, train_clean, ...",
    "torchvision:NAME": "a data set of torchvision's, such as CIFAR10",
    "hf:NAME": "a data set of Hugging Face's hub or cache, or hf:PATH; hf:NAME::column",
}
#: Before what names a data set elsewhere -> what opens it, given the data folder, the range of its
#: values where that was stated, and whether it may be downloaded.
COLLECTIONS: Mapping[str, Callable[[str, Path, Range | None, bool], Dataset]] = {
    "npz": open_npz,
    "torchvision": open_torchvision,
    "hf": open_hugging_face,
}
