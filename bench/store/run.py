"""Runs on disk.

A run is a folder:

    manifest.json             settings, versions, hardware, protocol, the keys of its cells
    cells/KEY.parquet         a row an image; its metadata holds the cell and all that is one
                              value a cell. A failed cell is a file without rows.
    history/KEY.json          loss terms per epoch, of what was trained
    samples/KEY.npz           the images that reports show
    outputs/KEY.images        all restored images, where they were to be kept
    progress.json             how far it has come, while it is worked on
    .lock                     held by the process that writes

Rows have the columns of `bench.store.columns`. Since format 3 a run may have any metrics, which its
manifest describes, and rows hold digests of the restored images, to which kept outputs are held,
see `bench.store.outputs`. Since format 2 a cell's metadata hold digests of its rows, its history
and its samples, and stand beside a digest of themselves; what is read is held to them. Files of
format 1 have none, but those that columns were added to.

Columns are added to a cell's file as a whole, the metrics to the manifest at the end: until then
readers pass the columns over.

Every file is written aside, flushed and renamed. A cell's Parquet comes last: where it
stands, the cell is finished, and resuming looks at names only.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import Record, StorageError
from bench.store.cell_files import CellFiles
from bench.store.columns import measured
from bench.store.files import commit, read_bytes, readable
from bench.store.frames import cells_frame, records_frame
from bench.store.manifest import FORMAT_VERSION
from bench.store.outputs import KeptOutputs, outputs_path
from bench.store.progress import PROGRESS, RunProgress

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from bench.store.cell_files import Columns
    from bench.store.cell_meta import CellMeta
    from bench.store.manifest import Manifest, RecordedMetric

_CELL_FILE = ".parquet"


class Run:
    """A run on disk. `bench.open_run(path)` opens one.

    Attributes:
        path: its folder.
        manifest: every setting after defaults, protocol and conventions, versions, git
            commit, hardware, data fingerprint, times. Printed, it shows as on disk.
        pack: the zip file that it was unpacked from, see `bench.store.pack`, or None.
    """

    def __init__(self, path: Path, manifest: Manifest, pack: Path | None = None) -> None:
        self.path = path
        self.manifest = manifest
        self.pack = pack

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @property
    def place(self) -> Path:
        """Where it lies, as a command takes it: its folder, or its pack."""
        return self.pack or self.path

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

        Columns: key, dataset, method, params, label, chosen (canonical JSON), chosen_score (mean
        over validation images of the metric that it was tuned by), regret (dB of PSNR, where it was
        chosen without clean images that were there), noise, clip, level, train,
        regime, seed, status (done, failed or skipped), reason, fit_seconds, tune_seconds,
        images_per_second (at the batch used), milliseconds_per_megapixel (of an image alone),
        multiply_adds (of an image), parameters, memory_growth_bytes (of the process in a denoise
        call), peak_device_bytes (on a GPU), peak_memory_bytes (of the process; in older runs
        only). Missing where not known.

        Raises:
            StorageError: a cell's file is damaged.
        """
        return cells_frame(self.metadata())

    def records(self, keys: Collection[str] | None = None) -> pd.DataFrame:
        """A row an image and cell, of the cells that are done, in the plan's order.

        With `keys` only the cells of those keys are read.

        Columns: dataset, method, params (typed ones, canonical JSON), label (the method as tables
        show it, with both: what to group by, or variants are averaged), noise, clip, level,
        train (noise trained on, or missing), regime (why on that: "matched", "blind" or a level,
        or missing), seed (missing where nothing is random), image
        (position in the split), the run's metrics under their labels in the manifest's order
        (psnr, ssim, ...; NaN where a cell has none, or it is not defined), digest (uint64, of the
        noisy image), restored (uint64, of the restored image; not in early runs). With several
        noise seeds there is a row for each of them, and noise_seed, bias2 and variance, see
        `bench.Record`.

        Raises:
            StorageError: a cell's file is damaged.
        """
        return records_frame(self._done(keys), list(self.manifest.metrics))

    def _done(self, keys: Collection[str] | None) -> Iterator[tuple[CellMeta, Columns]]:
        for key in self._finished_in_order():
            if keys is None or key in keys:
                meta, columns = self._files.columns(key)
                if columns:
                    yield meta, columns

    def images(self, key: str) -> dict[str, npt.NDArray[Any]]:
        """The columns of `records` that have an entry an image, of a cell: arrays, by name.

        So that more records can be gone through than fit into memory, a cell at a time. Empty
        where the cell is not done.

        Raises:
            StorageError: the cell's file is damaged, or there is none.
        """
        _, columns = self._files.columns(key)
        return columns

    def measured(self, key: str, metrics: Mapping[str, RecordedMetric] | None = None) -> list[str]:
        """Of the run's metrics those of which a cell has a column; none where it is not done.

        Args:
            key: the cell's.
            metrics: others, which the manifest need not name, by their labels.
        """
        meta, table = self._files.read(key)
        there = () if table is None else table.column_names
        return measured(meta, there, self.manifest.metrics if metrics is None else metrics)

    def has_outputs(self, key: str) -> bool:
        """Whether all restored images of a cell were kept; see `outputs`."""
        paths = outputs_path(self.path, key), self.path / "cells" / f"{key}{_CELL_FILE}"
        return all(map(os.path.lexists, paths)) and self._files.says_of_outputs(key)

    def outputs(self, key: str) -> Iterator[KeptOutputs]:
        """The restored images of a cell, some MiB at a time, as they were scored and in that order.

        They are held to the digests of its records.

        Raises:
            StorageError: they were not kept, or are damaged.
        """
        return self._files.outputs(key)

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
        if self.has_outputs(key):
            for _ in self.outputs(key):
                pass

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

    def add_columns(
        self,
        key: str,
        columns: Mapping[str, npt.NDArray[Any]],
        unmeasured: Mapping[str, str] | None = None,
        codes: Mapping[str, str] | None = None,
    ) -> None:
        """Put further metrics into a finished cell's file, in place of what it had of them.

        Readers pass them over until `add_metrics` has said of the run that it has them. The cell
        has digests from then on, in runs of format 1 too. The caller holds the run.

        Args:
            key: of the cell.
            columns: label -> a value a row, in the order of `images`; as float32.
            unmeasured: label -> why the cell has no such column; one by the same code stays.
            codes: label -> `RecordedMetric.code`, where there is one.

        Raises:
            StorageError: the cell is damaged, or the folder cannot be written.
        """
        self._files.add_columns(key, columns, unmeasured or {}, codes or {})

    def add_metrics(self, metrics: Mapping[str, RecordedMetric]) -> None:
        """Say that the run has these metrics, whose columns its cells have by now.

        It has the newest format then. In format 1 there were no digests: cells that have none as
        yet, such as failed ones, get them before the manifest says so, so that whatever ends this
        early leaves a run that can be read. The caller holds the run.

        Args:
            metrics: label -> what it says of itself; in place of what the run had of that label.

        Raises:
            StorageError: a cell is damaged, or the folder cannot be written.
        """
        if self.manifest.format == 1:
            for meta in self.metadata():
                if not meta.digests.rows:
                    self.add_columns(meta.key, {})
        known = self.manifest.metrics
        self.update_manifest(format=FORMAT_VERSION, metrics={**known, **metrics})

    @property
    def _files(self) -> CellFiles:
        return CellFiles(self.path, self.manifest)
