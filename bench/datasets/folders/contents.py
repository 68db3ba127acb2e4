"""What lies in a folder: the files that are images by their names, its splits, and all else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.core import DataError, Split
from bench.datasets.folders.description import DESCRIPTION
from bench.datasets.formats import SUFFIXES

#: Kinds of files that are counted by name.
_KINDS = 6
_SPLITS: Mapping[Split, tuple[str, ...]] = {
    "train": ("train",), "validation": ("val", "validation"), "test": ("test",),
}  # fmt: skip


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


def split_folders(folder: Path, form: str) -> dict[Split, Path]:
    """The folder of each split: those in it where one is `test`, else it is itself the test split.

    Args:
        folder: of the data set.
        form: how it was typed, for messages.

    Raises:
        DataError: there is no such folder, or two of one split.
    """
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "no such folder"
        raise DataError(f"{form}:{folder}: there is {what}; give the path of a folder of images")
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


def counted(folder: Path, others: Iterable[Path]) -> list[str]:
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
    return counted(folder, others)


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
