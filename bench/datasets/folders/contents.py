"""What lies in a folder: the files that are images by their names, its splits, and all else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.core import DataError, Split
from bench.datasets.folders.description import DESCRIPTION
from bench.datasets.formats import SUFFIXES
from bench.datasets.formats.files import parted

#: Kinds of files that are counted by name.
_KINDS = 6
_SPLITS: Mapping[Split, tuple[str, ...]] = {
    "train": ("train",), "validation": ("val", "validation"), "test": ("test",),
}  # fmt: skip
#: No scenes of frames, in small letters.
_PAIRS = ("clean", "noisy")
_NO_SCENES = {*(name for names in _SPLITS.values() for name in names), "training", "testing"}
#: How others call a clean image, alone or at the end of a name.
_TRUTH = re.compile(r"(^|[-_. ])(clean|gt|ground[-_ ]?truth|truth|reference)$")


class Contents(NamedTuple):
    """What of a folder is an image by its name, its folders, and all else, each sorted by name."""

    images: list[Path]
    folders: list[Path]
    others: list[Path]


def contents(folder: Path) -> Contents:
    """What lies in a folder; hidden files are no images. A zarr folder is an image.

    Raises:
        DataError: the folder cannot be read.
    """
    found = Contents([], [], [])
    try:
        for path in sorted(folder.iterdir()):
            hidden = path.name.startswith(".")
            if path.suffix.lower() in SUFFIXES and not hidden and not _is_plain_folder(path):
                found.images.append(path)
            elif path.is_dir() and not hidden:
                found.folders.append(path)
            else:
                found.others.append(path)
    except OSError as error:
        raise DataError(f"cannot read {folder}: {error.strerror}") from error
    return found


def _is_plain_folder(path: Path) -> bool:
    return path.is_dir() and path.suffix.lower() != ".zarr"


def is_image(path: Path) -> bool:
    """Whether a path is that of one file of images, or of an array in one: `series.h5::entry`."""
    file = parted(path)[0]
    return file.suffix.lower() in SUFFIXES and file.exists() and not _is_plain_folder(file)


def check_scenes(form: str, folder: Path, scenes: Iterable[Path]) -> None:
    """Find no folder among scenes that is, by its name, one of pairs or of a split.

    Args:
        form: and the path of the data set, for messages.
        folder: that the scenes lie in.
        scenes: their folders.

    Raises:
        DataError: there is one.
    """
    for path in scenes:
        name = path.name.lower()
        if name in _PAIRS:
            advice = f"give pairs:{form.partition(':')[2]}, or call the scene otherwise"
            raise DataError(f"{form}: {path.name} in {folder} is half of pairs, no scene: {advice}")
        if name in _NO_SCENES:
            raise DataError(
                f"{form}: {path.name} in {folder} is a split by its name, no scene: splits are "
                "train, val and test, with test among them, at the top of the data set; call a "
                "scene otherwise"
            )


def is_truth(form: str, path: Path) -> bool:
    """Whether a file beside frames is the clean image, `clean` in small letters or large.

    Raises:
        DataError: by its name it is no frame, and not called so.
    """
    stem = path.stem.lower()
    if stem == "clean":
        return True
    if _TRUTH.search(stem):
        raise DataError(
            f"{form}: {path.parent.name}/{path.name} is no noisy frame by its name: if it is the "
            f"clean image call it clean{path.suffix}, and otherwise frame{path.suffix}, say"
        )
    return False


def split_folders(folder: Path, form: str) -> dict[Split, Path]:
    """The folder of each split: those in it where one is `test`, else it is itself the test split.

    Args:
        folder: of the data set.
        form: how it was typed, for messages.

    Raises:
        DataError: there is no such folder, or two of one split.
    """
    if not folder.is_dir():
        what = "no such folder; give the path of a folder of images"
        if parted(folder)[0].exists():
            what = "a file, not a folder; put it into a folder and give the path of that"
        raise DataError(f"{form}:{folder}: there is {what}")
    if not (folder / "test").is_dir():
        return {"test": folder}
    folders: dict[Split, Path] = {}
    for split, names in _SPLITS.items():
        there = [folder / name for name in names if (folder / name).is_dir()]
        if len(there) > 1:
            raise DataError(f"{form}:{folder}: there are {' and '.join(names)}: keep one")
        if there:
            folders[split] = there[0]
    return folders


def tally(folder: Path, others: Iterable[Path]) -> list[str]:
    """A line that counts what lies in a folder and is no part of the data set, if anything does."""
    kinds = Counter(_kind(path) for path in others if path.name != DESCRIPTION)
    shown = sorted(kinds.most_common(_KINDS))
    rest = kinds.total() - sum(number for _, number in shown)
    count = ", ".join(f"{number} {kind}" for kind, number in shown)
    count += f" and {rest} others" if rest else ""
    return [f"not read in {folder.resolve().name}: {count}"] if kinds else []


def beside_splits(folder: Path, folders: Mapping[Split, Path]) -> list[str]:
    """A line that counts what lies beside the folders of splits."""
    if folder in folders.values():
        return []
    found = contents(folder)
    others = [path for part in found for path in part if path not in folders.values()]
    return tally(folder, others)


def _kind(path: Path) -> str:
    if path.is_dir():
        return "folder"
    if path.name.startswith("."):
        return "hidden"
    suffix = path.suffix.lower()
    # The frames of a series may be numbered there.
    return "without suffix" if not suffix or suffix[1:].isdigit() or len(suffix) > 8 else suffix


def named(paths: Sequence[Path], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(path.name for path in paths[:most]) + more
