"""Units: which images are of one field, patient or file, and which units are held out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.core import DataError, Split
from bench.datasets.folders.description import DESCRIPTION, Description
from bench.datasets.folders.scenes import Entry

if TYPE_CHECKING:
    from bench.core import Units


def unit_of(entry: Entry, group: str | None, where: Path | None = None) -> str:
    """The name of the unit that an entry's images belong to: by default it is one by itself.

    Raises:
        DataError: the expression does not match its name.
    """
    if group is None:
        return entry.name
    match = re.search(group, entry.name)
    if match is None or match[1] is None:
        place = f"{where / DESCRIPTION}: " if where else ""
        raise DataError(f"{place}group {group!r} does not match {entry.name}, so its unit is open")
    return match[1]


def held_out(
    entries: Sequence[Entry], description: Description, where: Path
) -> dict[Split, list[Entry]]:
    """Entries by split: as many units as `dataset.toml` says are held out, the others tested.

    Units that are held out lie evenly spread over all of them, in the order of their first images'
    names, whatever a sorted name stands for (cameras, days). No unit is cut in two.

    Raises:
        DataError: none would be left to be tested.
    """
    by_unit: dict[str, list[Entry]] = {}
    for entry in entries:
        by_unit.setdefault(unit_of(entry, description.group, where), []).append(entry)
    left = list(by_unit)
    wanted = description.train + description.validation
    if wanted >= len(left) and wanted:
        raise DataError(
            f"{where / DESCRIPTION}: {wanted} units are to be held out of {len(left)}, and none "
            "would be left to be tested"
        )
    chosen: dict[str, Split] = {}
    counts: tuple[tuple[Split, int], ...] = (
        ("validation", description.validation),
        ("train", description.train),
    )
    for split, count in counts:
        spread = [left[(2 * index + 1) * len(left) // (2 * count)] for index in range(count)]
        chosen |= dict.fromkeys(spread, split)
        left = [unit for unit in left if unit not in chosen]
    splits: dict[Split, list[Entry]] = {"train": [], "validation": [], "test": []}
    for entry in entries:
        unit = unit_of(entry, description.group, where)
        splits[chosen.get(unit, "test")].append(entry)
    return splits


def check_apart(splits: Mapping[Split, Sequence[Entry]], group: str | None, where: Path) -> None:
    """Find no unit in two splits.

    Raises:
        DataError: one is.
    """
    if group is None:
        return
    seen: dict[str, tuple[Split, str]] = {}
    for split, entries in splits.items():
        for entry in entries:
            other, name = seen.setdefault(unit_of(entry, group, where), (split, entry.name))
            if other != split:
                raise DataError(
                    f"{where}: {name} ({other}) and {entry.name} ({split}) are of one unit by "
                    f"group {group!r}: put all of a unit into one split"
                )


def numbered(entries: Sequence[Entry], group: str | None) -> Units:
    """Of each image of a split, by position, the number of its unit."""
    numbers: dict[str, int] = {}
    units = []
    for index, entry in enumerate(entries):
        key = str(index) if group is None else unit_of(entry, group)
        units += [numbers.setdefault(key, len(numbers))] * len(entry.scenes)
    return np.array(units, np.int64)
