"""A data set's images in files, for processes that cannot have what it is read from.

As the harness has them, float32, so that they are mapped and not read. They are no archive: who
writes them removes them.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import SPLITS, DataError, Dataset, Group, Range, Split, StorageError

if TYPE_CHECKING:
    from bench.core import Labels

_FACTS, _OWN = "dataset.json", "own"
#: What is told of a data set beside its range and its images.
_TOLD = (
    "name", "fingerprint", "sizes", "samples", "note", "left_out", "warnings",
    "training_warnings", "largest", "largest_pixels",
    "training", "training_fingerprint", "frames", "truth",
)  # fmt: skip


def write(dataset: Dataset, folder: Path) -> None:
    """Write a data set into an empty folder.

    Raises:
        StorageError: the folder cannot be written, or there is no room.
        DataError: the data set cannot be read.
    """
    try:
        counts = {split: _write_groups(dataset, split, folder) for split in SPLITS}
        for name in ("labels", "units"):
            for split in SPLITS:
                _write_values(dataset, name, split, folder)
        if dataset.own:
            (folder / _OWN).mkdir()
            write(dataset.own, folder / _OWN)
        told = {name: getattr(dataset, name) for name in _TOLD}
        told |= {"sizes": dict(dataset.sizes), "range": dataset.range.as_dict()}
        facts = json.dumps({"told": told, "groups": counts})
        (folder / _FACTS).write_text(facts, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"cannot write {dataset.name} into {folder}, where other processes are to read it: "
            f"{error.strerror}; use jobs=0, or another TMPDIR"
        ) from error


def open_copy(folder: Path) -> Dataset:
    """A data set that `write` has written; its arrays may be written into, and no file changes.

    Raises:
        DataError: it is not there (any more).
    """
    try:
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"the images that were given as objects are not in {folder}: a cluster's workers on "
            "other machines need a data set that has a name"
        ) from error
    told: dict[str, Any] = facts["told"]
    for name in ("samples", "left_out", "warnings", "training_warnings"):
        told[name] = tuple(told[name])

    def read(split: Split) -> Iterator[Group]:
        for number in range(facts["groups"][split]):
            parts = (
                np.load(path, mmap_mode="c") if path.exists() else None
                for path in _files(folder, split, number)
            )
            yield Group(*(part if part is None else np.asarray(part) for part in parts))  # type: ignore[arg-type]

    def values(name: str) -> Any:
        def of(split: Split) -> Labels:
            path = folder / f"{split}-{name}.npy"
            if not path.exists():
                raise DataError(f"not all {split} images of {told['name']} have {name}")
            return np.load(path)

        return of if (folder / f"test-{name}.npy").exists() else None

    known = told | {
        "range": Range(**told["range"]),
        "own": open_copy(folder / _OWN) if (folder / _OWN).is_dir() else None,
    }
    return Dataset(read=read, labels=values("labels"), units=values("units"), **known)


def _files(folder: Path, split: Split, number: int) -> tuple[Path, Path, Path]:
    """Of a group: positions, clean images and frames."""
    start = folder / f"{split}-{number}"
    names = ("positions", "clean", "frames")
    positions, clean, frames = (start.with_name(f"{start.name}-{name}.npy") for name in names)
    return positions, clean, frames


def _write_groups(dataset: Dataset, split: Split, folder: Path) -> int:
    """How many there are of a split, once they are written."""
    count = 0
    for count, group in enumerate(dataset.groups(split), start=1):
        _look_for_room(dataset, group, folder)
        for path, part in zip(_files(folder, split, count - 1), group, strict=True):
            if part is not None:
                np.save(path, part)
    return count


def _write_values(dataset: Dataset, name: str, split: Split, folder: Path) -> None:
    give = getattr(dataset, name)
    if give is None:
        return
    try:
        values = give(split)
    except (DataError, StorageError):
        if split == "test":  # without them it would seem to have none
            raise
        return
    np.save(folder / f"{split}-{name}.npy", values)


def _look_for_room(dataset: Dataset, group: Group, folder: Path) -> None:
    """Raise `StorageError` where a group would fill the disk."""
    takes = sum(part.nbytes for part in group if part is not None)
    free = shutil.disk_usage(folder).free
    if takes + 2**26 > free:
        pixels = math.prod(group.shape) * 4 * sum(dataset.sizes.values())
        raise StorageError(
            f"other processes are to read {dataset.name} from {folder}, where it takes about "
            f"{pixels / 2**20:,.0f} MiB and {free / 2**20:,.0f} are free: use jobs=0, or another "
            "TMPDIR"
        )
