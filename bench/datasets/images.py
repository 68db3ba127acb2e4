"""Folders of image files: any sizes, grey or RGB, in the order of their names.

Nothing is resized, cropped or turned from colour to grey. A file that cannot be taken as it is, is
left out and named, with the reason; files that are no images by their names are counted.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from bench.core import SAMPLE_SIDE, DataError, Dataset, Group, Split
from bench.datasets.formats import UnusableImage, read_image
from bench.datasets.training_images import TILE

if TYPE_CHECKING:
    from bench.core import Array

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
#: Pixels of images of one shape that are in memory at a time.
READ_AT_ONCE = 2**24
#: Kinds of files that are counted by name.
_KINDS = 6
#: Reports show the first images: at most so many, and so many pixels.
_SHOWN, _SHOWN_PIXELS = 10, 2**19
_SPLITS: Mapping[Split, tuple[str, ...]] = {
    "train": ("train",), "validation": ("val", "validation"), "test": ("test",),
}  # fmt: skip


@dataclass(frozen=True)
class _ImageFile:
    """An image file, and the shape (C, H, W) of what it holds."""

    path: Path
    shape: tuple[int, ...]


def open_folder(folder: Path) -> Dataset:
    """A folder of images as a data set: all of them the test split.

    Where there is a folder `test` in it, that is the test split, and `train` and `val` (or
    `validation`) are the others; they may be missing.

    Raises:
        DataError: there is no such folder, or no image in it that can be used.
    """
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "no such folder"
        raise DataError(f"folder:{folder}: there is {what}; give the path of a folder of images")
    folders = _split_folders(folder)
    files, ignored = {}, []
    for split, own in folders.items():
        files[split], others = _contents(own)
        ignored += _counted(own, others)
    if folder not in folders.values():
        images, others = _contents(folder)
        ignored += _counted(folder, [*images, *(set(others) - set(folders.values()))])
    if not files["test"]:
        raise DataError(
            f"folder:{folder}: no image in {folders['test']}: put PNG, JPEG or TIFF files "
            f"there{f' ({ignored[0]})' if ignored else ''}"
        )
    return dataset_of(f"folder:{folder.resolve().name}", files, ignored=ignored)


def _split_folders(folder: Path) -> dict[Split, Path]:
    if not (folder / "test").is_dir():
        return {"test": folder}
    folders: dict[Split, Path] = {}
    for split, names in _SPLITS.items():
        there = [folder / name for name in names if (folder / name).is_dir()]
        if len(there) > 1:
            raise DataError(f"folder:{folder}: there are {' and '.join(names)}: keep one")
        if there:
            folders[split] = there[0]
    return folders


def image_files(folder: Path) -> list[Path]:
    """What is an image in a folder by its name, in that order; hidden files are none.

    Raises:
        DataError: the folder cannot be read.
    """
    return _contents(folder)[0]


def _contents(folder: Path) -> tuple[list[Path], list[Path]]:
    """What is an image by its name, and all else that lies in a folder."""
    try:
        paths = sorted(folder.iterdir())
        named = {path for path in paths if _named_as_image(path) and not path.is_dir()}
    except OSError as error:
        raise DataError(f"cannot read {folder}: {error.strerror}") from error
    return sorted(named), [path for path in paths if path not in named]


def _named_as_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _counted(folder: Path, others: Sequence[Path]) -> list[str]:
    """A line that counts what lies in a folder and is no part of the data set, if anything does."""
    kinds = Counter(map(_kind, others))
    shown = sorted(kinds.most_common(_KINDS))
    rest = kinds.total() - sum(number for _, number in shown)
    count = ", ".join(f"{number} {kind}" for kind, number in shown)
    count += f" and {rest} others" if rest else ""
    return [f"not read in {folder.resolve().name}: {count}"] if kinds else []


def _kind(path: Path) -> str:
    if path.is_dir():
        return "folder"
    if path.name.startswith("."):
        return "hidden"
    suffix = path.suffix.lower()
    # The frames of a series may be numbered there.
    return "without suffix" if not suffix or suffix[1:].isdigit() or len(suffix) > 8 else suffix


def dataset_of(
    name: str,
    files: Mapping[Split, Sequence[Path]],
    channels: int | None = None,
    ignored: Sequence[str] = (),
) -> Dataset:
    """Image files as a data set; those that cannot be taken are left out and named.

    Every file is read once, for its shape and for the fingerprint, which depends on the images
    and their order alone, not on names or formats.

    Args:
        name: the data set's.
        files: of each split, in order.
        channels: that an image must have; None for any.
        ignored: lines that say what lies there besides.

    Raises:
        DataError: no test image is left of those that there were.
    """
    digest, left_out = hashlib.sha256(), []
    usable: dict[Split, list[_ImageFile]] = {}
    for split in _SPLITS:
        usable[split] = []
        for path in files.get(split, ()):
            try:
                image = read_image(path)
                if channels not in (None, len(image)):
                    raise UnusableImage(f"it has {len(image)} channels, not {channels}")
            except UnusableImage as error:
                left_out.append(f"{path.name} is left out: {error}")
                continue
            usable[split].append(_ImageFile(path, image.shape))
            digest.update(f"{split} {image.shape} ".encode())
            digest.update(np.ascontiguousarray(image, "<f4").data)
    if files.get("test") and not usable["test"]:
        raise DataError(f"{name}: no file can be used; {left_out[0]}")

    def read(split: Split) -> Iterator[Group]:
        return _groups(usable[split])

    sizes: dict[str, int] = {split: len(kept) for split, kept in usable.items()}
    return Dataset(
        name,
        digest.hexdigest()[:16],
        sizes,
        read,
        samples=_samples(usable["test"]),
        left_out=(*left_out, *ignored),
        warnings=_warnings(usable["train"]),
        largest=max((math.prod(f.shape) for part in usable.values() for f in part), default=0),
    )


def _groups(files: Sequence[_ImageFile]) -> Iterator[Group]:
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for position, file in enumerate(files):
        by_shape.setdefault(file.shape, []).append(position)
    for shape, positions in by_shape.items():
        size = max(1, READ_AT_ONCE // (shape[1] * shape[2]))
        for start in range(0, len(positions), size):
            part = positions[start : start + size]
            images = np.empty((len(part), *shape), np.float32)
            for image, index in zip(images, part, strict=True):
                image[:] = _read_again(files[index])
            yield Group(np.array(part), images)


def _read_again(file: _ImageFile) -> Array:
    try:
        image = read_image(file.path, again=True)
    except UnusableImage as error:
        raise DataError(f"{file.path} has changed while it was in use: {error}") from error
    if image.shape != file.shape:
        raise DataError(f"{file.path} has changed while it was in use: start again")
    return image


def _samples(files: Sequence[_ImageFile]) -> tuple[int, ...]:
    """Positions of the images that reports show: the first is always one of them."""
    sides = [[min(side, SAMPLE_SIDE) for side in file.shape[1:]] for file in files[:_SHOWN]]
    pixels = np.cumsum([height * width for height, width in sides])
    return tuple(range(max(1, int((pixels <= _SHOWN_PIXELS).sum())))) if files else ()


def _warnings(training: Sequence[_ImageFile]) -> tuple[str, ...]:
    """What a training image makes of all others that is hardly meant."""
    if len({file.shape for file in training}) < 2:
        return ()
    sides = [min(*file.shape[1:], TILE) for file in training]
    if 2 * min(sides) > median(sides):
        return ()
    smallest = training[sides.index(min(sides))]
    return (
        f"training images are cut into patches of {min(sides)} pixels a side, the size of "
        f"{smallest.path.name}: leave it out, and they are larger",
    )
