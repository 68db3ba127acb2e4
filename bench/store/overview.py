"""What lies in the folder of the runs: how far each is, and how much room it takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.core import StorageError
from bench.store.folders import is_run, open_run, run_folders
from bench.store.lock import is_held

State = Literal["finished", "unfinished", "running", "damaged"]


@dataclass(frozen=True)
class RunOverview:
    """A run, at a glance; its cells' files are not read.

    Attributes:
        path: its folder.
        state: "damaged" where the manifest cannot be read; `bench doctor` reads every file.
        size: bytes of all its files.
        dataset, methods, date: as the manifest says; empty where it is damaged. The date is the
            day on which it was started last.
        done, cells: how many cells have a result, of how many.
        why: it is damaged.
    """

    path: Path
    state: State
    size: int
    dataset: str = ""
    methods: list[str] = field(default_factory=list)
    date: str = ""
    done: int = 0
    cells: int = 0
    why: str = ""


def overview(results: Path) -> Iterator[RunOverview]:
    """The runs of a folder, the one that was worked on last first; of a run's folder that run.

    Raises:
        StorageError: the folder may not be read.
    """
    here = [results] if is_run(results) else run_folders(results)
    for path in reversed(here):
        size = size_of(path)
        try:
            run = open_run(path)
            cells = set(run.manifest.cells)
            done = len(run.finished() & cells)
        except StorageError as error:
            yield RunOverview(path, "damaged", size, why=str(error))
            continue
        settings = run.manifest.settings
        state: State = "finished" if done == len(cells) else "unfinished"
        yield RunOverview(
            path,
            "running" if is_held(path) else state,
            size,
            run.manifest.dataset.name,
            settings.methods,
            run.manifest.started[:10],
            done,
            len(cells),
        )


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder; links, and what may not be read, count none."""
    size = 0
    waiting = [path]
    while waiting:
        found = waiting.pop()
        try:
            if found.is_symlink():
                continue
            if found.is_dir():
                waiting += [Path(entry.path) for entry in os.scandir(found)]
            else:
                size += found.stat().st_size
        except OSError:
            continue
    return size
