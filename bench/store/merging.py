"""Several runs as one: its manifest, and which run each of its cells is of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bench.core import UsageError
from bench.store import conditions
from bench.store.cell_meta import CellMeta
from bench.store.manifest import MERGED, Manifest, RecordedSettings
from bench.store.run import Run

K = TypeVar("K")
V = TypeVar("V")

#: Settings of which a merged run has those of all; of the others it has the newest run's.
_LISTS = ("methods", "noise", "train_noise", "seeds")


@dataclass(frozen=True)
class Merged:
    """Runs of one data set, as one.

    Attributes:
        runs: the newest first.
        manifest: of all.
        cells: key of each finished cell -> its metadata and its run.
        notes: what was left out of which run, a sentence each.
    """

    runs: Sequence[Run]
    manifest: Manifest
    cells: Mapping[str, tuple[CellMeta, Run]]
    notes: Sequence[str]

    @classmethod
    def of(cls, runs: Sequence[Run], remedy: str) -> Merged:
        """Merge runs, or take one as it is.

        What several measured is taken once, see `conditions.shown`.

        Args:
            runs: one or several.
            remedy: what to do where they cannot be merged.

        Raises:
            UsageError: their numbers cannot stand in one table, or are of several data sets.
            StorageError: a run is damaged.
        """
        runs = conditions.newest_first(runs)
        conditions.check_comparable(runs, remedy)
        for run in runs[1:]:
            names = [each.manifest.dataset.name for each in (runs[0], run)]
            if names[0] != names[1]:
                raise UsageError(
                    f"{runs[0].path} and {run.path} are of different data sets "
                    f"({names[0]} and {names[1]}): {remedy}"
                )
        found = [(meta, number) for number, run in enumerate(runs) for meta in run.metadata()]
        kept, conflicts = conditions.shown(
            [meta for meta, _ in found], [number for _, number in found], runs
        )
        cells = {
            meta.key: (meta, runs[number])
            for (meta, number), keep in zip(found, kept, strict=True)
            if keep
        }
        dropped = {meta.key for meta, _ in found} - set(cells)
        notes = [*conflicts, *conditions.metrics_that_differ(runs)]
        return cls(runs, _manifest(runs, dropped), cells, notes)


def _manifest(runs: Sequence[Run], dropped: set[str]) -> Manifest:
    """Of runs, the newest first, but for some cells."""
    newest, *others = (run.manifest for run in runs)
    if not others:
        return newest
    every = [newest, *others]
    settings, differing = _settings([each.settings for each in every])
    names = " and ".join(run.name for run in runs)
    note = f"{MERGED} {names}"
    if differing:
        note += f", which differ in {', '.join(differing)}: each cell has its own"
    changed: dict[str, Any] = {
        # Cells of later formats can be read in earlier ones, which ask for fewer digests.
        "format": min(each.format for each in every),
        "settings": settings,
        "methods": _united(each.methods for each in every),
        "metrics": _united(each.metrics for each in every),
        "plugins": _united(each.plugins for each in every),
        "files": _united(each.files for each in every),
        "notes": list(dict.fromkeys([note, *(note for each in every for note in each.notes)])),
        "cells": [
            key for key in dict.fromkeys(key for each in every for key in each.cells)
            if key not in dropped
        ],
        "earlier": [
            *(s for each in others[::-1] for s in [*each.earlier, each.session()]),
            *newest.earlier,
        ],
    }  # fmt: skip
    return newest.model_copy(update=changed)


def _settings(every: Sequence[RecordedSettings]) -> tuple[RecordedSettings, list[str]]:
    """Settings of all, the newest's first; and the names of those in which they differ."""
    newest = every[0]
    lists = {
        name: list(dict.fromkeys(value for each in every for value in getattr(each, name)))
        for name in _LISTS
    }
    values = [each.model_dump(by_alias=True) for each in every]
    united = {name.replace("_", "-") for name in _LISTS}
    differing = [
        name for name in dict.fromkeys(name for each in values for name in each)
        if name not in united and any(each.get(name) != values[0].get(name) for each in values)
    ]  # fmt: skip
    return newest.model_copy(update=lists), differing


def _united(mappings: Iterable[Mapping[K, V]]) -> dict[K, V]:
    """The entries of all; of one key the first."""
    united: dict[K, V] = {}
    for mapping in mappings:
        for key, value in mapping.items():
            united.setdefault(key, value)
    return united
