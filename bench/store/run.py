"""Runs on disk.

A run is a folder:

    manifest.json             settings, versions, hardware, protocol, the keys of its cells
    cells/KEY.parquet         a row an image; its metadata holds the cell and all that is one
                              value a cell. A failed cell is a file without rows.
    history/KEY.json          loss terms per epoch, of what was trained
    samples/KEY.npz           the images that reports show
    progress.json             how far it has come, while it is worked on
    .lock                     held by the process that writes

Since format 2 a cell's metadata hold digests of its rows, its history and its samples, and stand
beside a digest of themselves; what is read is held to them. Files of format 1 have none.

Every file is written aside, flushed and renamed. A cell's Parquet comes last: where it
stands, the cell is finished, and resuming looks at names only.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import Record, StorageError, canonical_json, noise_name, noise_text
from bench.store.cell_files import CellFiles
from bench.store.files import commit, read_bytes, readable
from bench.store.progress import PROGRESS, RunProgress

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from bench.store.cell_meta import CellMeta, RecordedCell
    from bench.store.manifest import Manifest

_CELL_FILE = ".parquet"
_RECORD_COLUMNS = [
    "dataset",
    "method",
    "params",
    "noise",
    "clip",
    "level",
    "train",
    "regime",
    "seed",
    "image",
    "mse",
    "psnr",
    "ssim",
    "digest",
]
#: Of cells with several noise seeds.
_REPLICATE_COLUMNS = ["noise_seed", "bias2", "variance"]
_CELL_COLUMNS = [
    "key",
    "dataset",
    "method",
    "params",
    "chosen",
    "chosen_score",
    "noise",
    "clip",
    "level",
    "train",
    "regime",
    "seed",
    "status",
    "reason",
    "fit_seconds",
    "tune_seconds",
    "images_per_second",
    "parameters",
    "memory_growth_bytes",
    "peak_memory_bytes",
]


class Run:
    """A run on disk. `bench.open_run(path)` opens one.

    Attributes:
        path: its folder.
        manifest: every setting after defaults, protocol and conventions, versions, git
            commit, hardware, data fingerprint, times. Printed, it shows as on disk.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    # Reading --------------------------------------------------------------------------------

    def finished(self) -> set[str]:
        """Keys of the cells that have a result, whatever its status; reads names only."""
        folder, names = self.path / "cells", list[str]()
        with (
            readable(folder, "put the folder of the cells' files there"),
            contextlib.suppress(FileNotFoundError),
            os.scandir(folder) as entries,  # a fifth of the time of `Path.glob`
        ):
            names = [entry.name for entry in entries]
        return {name.removesuffix(_CELL_FILE) for name in names if name.endswith(_CELL_FILE)}

    def progress(self) -> RunProgress | None:
        """How far the run has come, as the process that works on it said last.

        Of the cells that it said are running those are left out that have ended since. None where
        it said nothing, or that was damaged.
        """
        path = self.path / PROGRESS
        try:
            said = RunProgress.model_validate_json(read_bytes(path))
            when = path.stat().st_mtime_ns
        except (OSError, ValueError, StorageError):
            return None
        said.running = [cell for cell in said.running if not self._ended_since(when, cell.key)]
        return said

    def _ended_since(self, when: int, key: str) -> bool:
        """Whether a cell has had a result since a time in nanoseconds."""
        try:
            return (self.path / "cells" / f"{key}.parquet").stat().st_mtime_ns > when
        except (OSError, ValueError):
            return False

    def failed(self) -> set[str]:
        """Keys of the finished cells that failed; reads their files."""
        return {meta.key for meta in self.metadata() if meta.status == "failed"}

    def cells(self) -> pd.DataFrame:
        """A row a finished cell, in the plan's order.

        Columns: key, dataset, method, params, chosen (canonical JSON), chosen_score (mean
        validation PSNR in dB), noise, clip, level, train, regime, seed, status (done, failed or
        skipped), reason, fit_seconds, tune_seconds, images_per_second, parameters,
        memory_growth_bytes (of the process in a denoise call), peak_memory_bytes (of the process;
        in older runs only).

        Raises:
            StorageError: a cell's file is damaged.
        """
        return cells_frame(self.metadata())

    def records(self, keys: Collection[str] | None = None) -> pd.DataFrame:
        """A row an image and cell, of the cells that are done, in the plan's order.

        With `keys` only the cells of those keys are read.

        Columns: dataset, method, params (typed ones, canonical JSON), noise, clip, level,
        train (noise trained on, or missing), regime (why on that: "matched", "blind" or a level,
        or missing), seed (missing where nothing is random), image
        (position in the split), mse, psnr (dB), ssim, digest (uint64). With several noise seeds
        there is a row for each of them, and noise_seed, bias2 and variance, see `bench.Record`.

        Raises:
            StorageError: a cell's file is damaged.
        """
        import pandas as pd

        frames = []
        for key in self._finished_in_order():
            if keys is not None and key not in keys:
                continue
            meta, table = self._files.read(key)
            if table is None:
                continue
            frame = table.to_pandas(use_threads=False)
            for name, value in _identity(meta.cell).items():
                frame[name] = pd.Series([value], dtype=_DTYPES.get(name)).repeat(len(frame)).array
            frames.append(frame)
        if not frames:
            frames = [pd.DataFrame(columns=_RECORD_COLUMNS)]
        whole = pd.concat(frames, ignore_index=True)
        columns = _RECORD_COLUMNS + [name for name in _REPLICATE_COLUMNS if name in whole]
        return whole[columns].astype({"mse": "float64", "psnr": "float64", "ssim": "float64"})

    def images(self, key: str) -> dict[str, npt.NDArray[Any]]:
        """The columns of `records` that a cell has an entry an image in, as arrays: image, mse, ...

        So that more records can be gone through than fit into memory, a cell at a time. Empty
        where the cell is not done.

        Raises:
            StorageError: the cell's file is damaged, or there is none.
        """
        _, table = self._files.read(key)
        if table is None:
            return {}
        return {name: table[name].to_numpy() for name in table.column_names}

    def metadata(self) -> Iterator[CellMeta]:
        """All that is one value a cell, of each finished cell in the plan's order.

        Raises:
            StorageError: a cell's file is damaged.
        """
        files = self._files
        return (files.metadata(key) for key in self._finished_in_order())

    def history(self, key: str) -> pd.DataFrame:
        """Loss terms of the training behind a cell: epoch, split, term, value (per image)."""
        return self._files.history(key)

    def samples(self, key: str) -> dict[str, list[Any]]:
        """The images kept of a cell: lists `image` (positions), `clean`, `noisy`, `restored`.

        And `deviation`, each pixel's predicted standard deviation, where the method gives one.
        Images are float32 (C, H, W); noisy ones may leave [0, 1]. Empty lists where none are
        kept.
        """
        return self._files.samples(key)

    def verify(self, key: str) -> None:
        """Read all files of a cell, and compare them with their digests.

        Raises:
            StorageError: something of it is damaged or missing.
        """
        self._files.read(key)
        self._files.history(key)
        self._files.samples(key)

    def _finished_in_order(self) -> list[str]:
        finished = self.finished()
        return [key for key in dict.fromkeys(self.manifest.cells) if key in finished]

    # Writing --------------------------------------------------------------------------------

    def update_manifest(self, **values: Any) -> None:
        """Set entries of the manifest, if any are given, and write it."""
        self.manifest = self.manifest.model_copy(update=values)
        commit(self.path / "manifest.json", f"{self.manifest}\n".encode())

    def write_progress(self, progress: RunProgress) -> None:
        """Write how far the run has come, for `progress`; no error where that cannot be written."""
        with contextlib.suppress(StorageError):
            commit(self.path / PROGRESS, str(progress).encode(), flush=False)

    def write(self, record: Record) -> Record:
        """Keep a cell's record: from its last rename on, the cell is finished.

        Returns:
            What is kept: a failed record where it holds what no reader would take.

        Raises:
            StorageError: the folder cannot be written.
        """
        return self._files.write(record)

    @property
    def _files(self) -> CellFiles:
        manifest = self.manifest
        return CellFiles(
            self.path,
            protocol=manifest.protocol,
            digests=manifest.format > 1,
            images=getattr(manifest.dataset.sizes, manifest.settings.split),
        )


def cells_frame(metadata: Iterable[CellMeta]) -> pd.DataFrame:
    """The rows of `Run.cells`, of what `Run.metadata` gives."""
    import pandas as pd

    rows = [
        {**vars(meta), **_identity(meta.cell), "chosen": canonical_json(meta.chosen)}
        for meta in metadata
    ]
    frame = pd.DataFrame(rows, columns=_CELL_COLUMNS)
    for name in ("seed", "parameters", "memory_growth_bytes", "peak_memory_bytes"):
        frame[name] = frame[name].astype("Int64")
    for name in ("chosen_score", "fit_seconds", "tune_seconds", "images_per_second"):
        frame[name] = frame[name].astype("float64")
    return frame


_DTYPES: dict[str, Any] = {
    "dataset": "str",
    "method": "str",
    "params": "str",
    "noise": "str",
    "train": "str",
    "regime": "str",
    "seed": "Int64",
}


def _identity(cell: RecordedCell) -> dict[str, Any]:
    """What tells a cell's rows from another's, as columns."""
    noise, train = cell.noise, cell.train
    trained = None
    if train:
        trained = noise_text(noise_name(train.kind, train.clip), train.level, train.lowest)
    return {
        "dataset": cell.dataset,
        "method": cell.method,
        "params": cell.params,
        "noise": noise.kind,
        "clip": noise.clip,
        "level": noise.level,
        "train": trained,
        "regime": train.regime if train else None,
        "seed": cell.seed,
    }
