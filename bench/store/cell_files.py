"""The files of a run's cells, and how they are held to their digests: see `bench.store.run`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pydantic

from bench.core import RESERVED, Record, StorageError
from bench.store import columns
from bench.store.cell_meta import CellMeta, Digests
from bench.store.files import (
    LARGEST,
    commit,
    digest_of,
    opened,
    packed,
    read_arrays,
    read_bytes,
    readable,
)
from bench.store.json_model import Count, Score, misfit
from bench.store.outputs import KeptOutputs, outputs_path, read_outputs

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from bench.store.manifest import Manifest

#: Of one cell, by name: an entry a row.
Columns = dict[str, "npt.NDArray[Any]"]
_SAMPLES = ("clean", "noisy", "restored", "deviation")
#: Rows (epoch, split, term, value).
_HISTORY = pydantic.TypeAdapter(
    list[tuple[Count, str, str, Score]], config=pydantic.ConfigDict(strict=True)
)


class CellFiles:
    """The files of the cells in a run's folder.

    Args:
        path: the run's folder.
        manifest: the run's; it says what columns hold.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self._format, self._protocol = manifest.format, manifest.protocol
        self._digests = manifest.format > 1
        self._metrics = manifest.metrics
        self._images = getattr(manifest.dataset.sizes, manifest.settings.split)

    def read(self, key: str) -> tuple[CellMeta, pa.Table | None]:
        """A cell's metadata, and its rows; no rows where it is not done.

        Among the columns may be those of metrics that the run does not have: left by whoever
        began to add them.
        """
        path = self._cell_path(key)
        with (
            readable(path),
            opened(path) as source,
            pq.ParquetFile(source, page_checksum_verification=True) as file,
        ):
            meta = self._parsed(file.schema_arrow.metadata, key)
            if meta.status != "done":
                return meta, None
            table = self._rows(file, meta)
            if self._is_signed(meta) and meta.digests.rows != columns.rows_digest(table):
                raise ValueError("its rows are not those that were written")
            return meta, table

    def columns(self, key: str) -> tuple[CellMeta, Columns]:
        """A cell's metadata, and the columns of `Run.images`."""
        meta, table = self.read(key)
        if table is None:
            return meta, {}
        there = {name: table[name].to_numpy() for name in table.column_names}
        nothing = np.full(len(table), np.nan, np.float32)
        by_its_code = columns.measured(meta, table.column_names, self._metrics)
        metrics = {
            label: there[label] if label in by_its_code else nothing for label in self._metrics
        }
        others = {name: there[name] for name in RESERVED if name in there and name != "image"}
        return meta, {"image": there["image"], **metrics, **others}

    def metadata(self, key: str) -> CellMeta:
        """All that is one value of a cell."""
        path = self._cell_path(key)
        with readable(path), opened(path) as source, pq.ParquetFile(source) as file:
            return self._parsed(file.schema_arrow.metadata, key)

    def says_of_outputs(self, key: str) -> bool:
        """Whether a cell is done, and its rows say what its restored images were."""
        path = self._cell_path(key)
        with readable(path), opened(path) as source, pq.ParquetFile(source) as file:
            names = file.schema_arrow.names
            return (
                "restored" in names
                and self._parsed(file.schema_arrow.metadata, key).status == "done"
            )

    def history(self, key: str) -> pd.DataFrame:
        """See `Run.history`."""
        import pandas as pd

        path = self.path / "history" / f"{key}.json"
        data = self._beside(path, key)
        with readable(path, self._again(key)):
            rows = _HISTORY.validate_json(data) if data else []
            return pd.DataFrame(rows, columns=["epoch", "split", "term", "value"])

    def samples(self, key: str) -> dict[str, list[Any]]:
        """See `Run.samples`."""
        path = self.path / "samples" / f"{key}.npz"
        result: dict[str, list[Any]] = {"image": [], **{name: [] for name in _SAMPLES}}
        data = self._beside(path, key)
        if not data:
            return result
        with readable(path, self._again(key)):
            arrays = read_arrays(data)
            result["image"] = [int(position) for position in arrays["image"]]
            for name in _SAMPLES:
                if f"{name}_0" in arrays or name not in ("clean", "deviation"):
                    result[name] = [arrays[f"{name}_{i}"] for i in range(len(result["image"]))]
            kept = [result[name] for name in _SAMPLES if result[name]]
            for clean, *others in zip(*kept, strict=True):
                if not all(_is_image(image, clean.shape) for image in (clean, *others)):
                    raise ValueError("what it holds are no images")
            _, table = self.read(key)
            if table is not None and not np.isin(result["image"], table["image"]).all():
                raise ValueError("it shows an image that was not measured")
        return result

    def write(self, record: Record) -> Record:
        """Keep a cell's record, see `Run.write`.

        Raises:
            StorageError: the folder cannot be written.
        """
        try:
            meta = CellMeta.of(record)
            _HISTORY.validate_json(json.dumps(record.history))
        except pydantic.ValidationError as error:
            reason = f"what came of it cannot be kept: {misfit(error)}"
            record = Record(record.cell, "failed", reason=reason)
            meta = CellMeta.of(record)
        key = record.cell.key
        digests = {}
        for folder, name, data in self._files_beside(record):
            path = self.path / folder / name
            _check_readable(len(data), f"its {folder}")
            commit(path, data)
            digests[folder] = digest_of(data)
        table = self._table(record, meta)
        _check_readable(table.nbytes, f"the {len(table):,} rows of a cell")
        codes = {label: metric.code for label, metric in self._metrics.items() if metric.code}
        meta.codes = {label: codes[label] for label in table.column_names if label in codes}
        if self._digests:
            meta.digests = Digests(rows=columns.rows_digest(table), **digests)
        self._commit(key, table, meta.as_dict())
        return record

    def add_columns(
        self,
        key: str,
        metrics: Mapping[str, npt.NDArray[Any]],
        unmeasured: Mapping[str, str],
        codes: Mapping[str, str],
    ) -> None:
        """See `Run.add_columns`."""
        path = self._cell_path(key)
        meta, table = self.read(key)
        with readable(path), opened(path) as source, pq.ParquetFile(source) as file:
            # As it stands there: names that are not UTF-8 are part of what the key is made of.
            entries = json.loads(file.schema_arrow.metadata[b"bench"])
            if table is None:
                table = file.read(use_threads=False).replace_schema_metadata(None)
        kept, beyond = columns.as_float32(metrics)
        for label, values in kept.items():
            if len(values) != len(table):
                raise ValueError(f"{label} has {len(values)} values for {len(table)} rows")
        before = meta.codes
        # What was measured by the same code is worth more than the reason why it is not again.
        other = {label for label in unmeasured if before.get(label, "") != codes.get(label, "")}
        known = {name: table[name] for name in table.column_names if name not in other}
        reasons = {**meta.unmeasured, **unmeasured, **beyond}
        entries["unmeasured"] = {
            label: reason for label, reason in reasons.items() if label not in {*kept, *known}
        }
        entries["codes"] = {
            label: code for label, code in {**before, **{k: codes.get(k, "") for k in kept}}.items()
            if code and label in {*kept, *known}
        }  # fmt: skip
        rows = {**known, **{label: pa.array(values) for label, values in kept.items()}}
        names = columns.in_order(rows)
        table = pa.table([rows[name] for name in names], schema=columns.schema_of(names))
        _check_readable(table.nbytes, f"the {len(table):,} rows of a cell")
        if meta.status == "done":
            columns.check_values(table, {}, self._images)
        entries["digests"] = {**self._digests_beside(key), "rows": columns.rows_digest(table)}
        self._commit(key, table, entries, digest=True)

    def outputs(self, key: str) -> Iterator[KeptOutputs]:
        """See `Run.outputs`."""
        meta, table = self.read(key)
        path = outputs_path(self.path, key)
        if table is None or "restored" not in table.column_names:
            raise StorageError(f"{path} cannot be held to the records: these say of no restored "
                               "image what it was")  # fmt: skip
        seed = (meta.cell.noise_seeds or [meta.cell.noise_seed])[0]
        seeds = np.full(len(table), seed)
        if "noise_seed" in table.column_names:
            seeds = table["noise_seed"].to_numpy()
        return read_outputs(path, table["image"].to_numpy(), seeds, table["restored"].to_numpy())

    def _rows(self, file: pq.ParquetFile, meta: CellMeta) -> pa.Table:
        """The rows of a cell that is done; raises what `readable` catches."""
        columns.check_size(file)
        names = file.schema_arrow.names
        table = file.read(names, use_threads=False).cast(columns.schema_of(names))
        labels = columns.measured(meta, names, self._metrics)
        scales = {label: self._metrics[label].scale for label in labels}
        columns.check_values(table, scales, self._images)
        return table

    def _table(self, record: Record, meta: CellMeta) -> pa.Table:
        """The rows of a record; what cannot be kept of them is noted in `meta`."""
        found = record.images
        kept, beyond = columns.as_float32({n: v for n, v in found.items() if n not in RESERVED})
        meta.unmeasured |= beyond
        rows = {**{name: found[name] for name in found if name in RESERVED}, **kept}
        names = columns.in_order(rows or ("image", "digest"))
        if self._format < 3:
            names = [name for name in columns.EARLY if name in names]
        return pa.table(
            {name: rows.get(name, np.empty(0)) for name in names}, schema=columns.schema_of(names)
        )

    def _digests_beside(self, key: str) -> dict[str, str]:
        """Of a cell's history and samples, where it has them."""
        found = {"history": f"{key}.json", "samples": f"{key}.npz"}
        contents = {
            folder: self._beside(self.path / folder / found[folder], key) for folder in found
        }
        return {folder: digest_of(data) for folder, data in contents.items() if data}

    def _commit(
        self, key: str, table: pa.Table, entries: dict[str, Any], *, digest: bool = False
    ) -> None:
        """Write a cell's file, with a digest of its metadata from format 2 on."""
        content = columns.file_of(table, json.dumps(entries), signed=digest or self._digests)
        commit(self._cell_path(key), content)

    def _files_beside(self, record: Record) -> Iterator[tuple[str, str, bytes]]:
        """Folder, name and content of what is written before a cell."""
        key = record.cell.key
        if record.history:
            yield "history", f"{key}.json", json.dumps(record.history).encode()
        if record.samples.get("image"):
            arrays = {"image": np.array(record.samples["image"])}
            for name in _SAMPLES:
                for index, image in enumerate(record.samples.get(name, ())):
                    arrays[f"{name}_{index}"] = image
            _check_readable(sum(array.nbytes for array in arrays.values()), "its samples")
            yield "samples", f"{key}.npz", packed(arrays)

    def _parsed(self, metadata: Mapping[bytes, bytes] | None, key: str) -> CellMeta:
        """What a file's metadata hold; raises what `readable` catches."""
        metadata = metadata or {}
        text = metadata.get(b"bench", b"")
        written = metadata.get(b"digest", b"" if self._digests else None)
        if written is not None and written != digest_of(text).encode():
            raise ValueError("its metadata are not those that were written")
        return CellMeta.parse(text, key, self._protocol)

    def _beside(self, path: Path, key: str) -> bytes:
        """The history or the samples of a cell; empty where there are none."""
        meta = self.metadata(key)
        signed, written = self._is_signed(meta), getattr(meta.digests, path.parent.name)
        if signed and not written:
            return b""  # left by a process that was killed before it wrote the cell
        with readable(path, self._again(key)):
            try:
                data = read_bytes(path)
            except FileNotFoundError:
                if written:
                    raise StorageError(f"{path} is missing: {self._again(key)}") from None
                return b""
            if signed and digest_of(data) != written:
                raise ValueError("it is not what was written")
            return data

    def _is_signed(self, meta: CellMeta) -> bool:
        """Whether a cell has digests: all have since format 2, and whatever was added to."""
        return self._digests or bool(meta.digests.rows)

    def _again(self, key: str) -> str:
        """What to do where a file beside a cell is damaged: without its own, it is computed."""
        return f"delete {self._cell_path(key)}, and the same `bench run` computes the cell again"

    def _cell_path(self, key: str) -> Path:
        return self.path / "cells" / f"{key}.parquet"


def _check_readable(size: int, what: str) -> None:
    """Raise `StorageError` before something is written that would not be read again."""
    if size > LARGEST:
        raise StorageError(f"{what} take {size:,} bytes: more than {LARGEST:,} are not read again")


def _is_image(array: npt.NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Whether it is one that a report can show, of the shape of the others."""
    return (
        array.shape == shape
        and len(shape) == 3
        and shape[0] in (1, 3)
        and array.size > 0
        and array.dtype.kind == "f"
        and bool(np.isfinite(array).all())
    )
