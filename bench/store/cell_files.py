"""The files of a run's cells, and how they are held to their digests: see `bench.store.run`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pydantic

from bench.core import PSNR_CAP, Record, StorageError
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

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

_ROWS = pa.schema(
    [
        ("image", pa.int64()),
        ("mse", pa.float32()),
        ("psnr", pa.float32()),
        ("ssim", pa.float32()),
        ("digest", pa.uint64()),
    ]
)
#: Where a cell has several noise seeds: a row an image and seed.
_REPLICATED_ROWS = pa.schema(
    [*_ROWS, ("noise_seed", pa.int64()), ("bias2", pa.float64()), ("variance", pa.float64())]
)
#: Between which values lie, on [0, 1] images; rounding to float32 may lead a little beyond.
_BOUNDS = {
    "image": (0, math.inf),
    "mse": (0, 1),
    "psnr": (0, PSNR_CAP),
    "ssim": (-1, 1),
    "bias2": (0, 1),
    "variance": (0, 1),
}
_ROUNDING = 1e-3
_SAMPLES = ("clean", "noisy", "restored", "deviation")
#: Rows (epoch, split, term, value).
_HISTORY = pydantic.TypeAdapter(
    list[tuple[Count, str, str, Score]], config=pydantic.ConfigDict(strict=True)
)


class CellFiles:
    """The files of the cells in a run's folder.

    Args:
        path: the run's folder.
        protocol: of the run, which its keys are made with.
        digests: whether they have digests: since format 2.
        images: number of them that there are to measure.
    """

    def __init__(self, path: Path, *, protocol: int, digests: bool, images: int) -> None:
        self.path, self._protocol, self._digests = path, protocol, digests
        self._images = images

    def read(self, key: str) -> tuple[CellMeta, pa.Table | None]:
        """A cell's metadata, and its rows; no rows where it is not done."""
        path = self._cell_path(key)
        with (
            readable(path),
            opened(path) as source,
            pq.ParquetFile(source, page_checksum_verification=True) as file,
        ):
            meta = self._parsed(file.schema_arrow.metadata, key)
            if meta.status != "done":
                return meta, None
            replicated = "noise_seed" in file.schema_arrow.names
            schema = _REPLICATED_ROWS if replicated else _ROWS
            _check_size(file, schema)
            table = file.read(schema.names, use_threads=False).select(schema.names).cast(schema)
            _check_values(table)
            if table["image"].to_numpy().max() >= self._images:
                raise ValueError(f"it holds an image that is none of the {self._images:,}")
            if self._digests and meta.digests.rows != _rows_digest(table):
                raise ValueError("its rows are not those that were written")
            if _repeats(table["image"].to_numpy(), table["noise_seed"] if replicated else None):
                raise ValueError("it holds an image twice")
            return meta, table

    def metadata(self, key: str) -> CellMeta:
        """All that is one value of a cell."""
        path = self._cell_path(key)
        with readable(path), opened(path) as source, pq.ParquetFile(source) as file:
            return self._parsed(file.schema_arrow.metadata, key)

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
                if f"{name}_0" in arrays or name != "deviation":
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
        schema = _REPLICATED_ROWS if "noise_seed" in record.images else _ROWS
        columns = {name: record.images.get(name, np.empty(0)) for name in schema.names}
        table = pa.table(columns, schema=schema)
        _check_readable(table.nbytes, f"the {len(table):,} rows of a cell")
        if self._digests:
            meta.digests = Digests(rows=_rows_digest(table), **digests)
        text = json.dumps(meta.as_dict())
        table = table.replace_schema_metadata(
            {"bench": text, **({"digest": digest_of(text.encode())} if self._digests else {})}
        )
        file = pa.BufferOutputStream()
        # Measured values hardly repeat, so a dictionary of them only takes room; and nobody asks
        # for their ranges.
        pq.write_table(
            table,
            file,
            compression="zstd",
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
        )
        commit(self._cell_path(key), file.getvalue().to_pybytes())
        return record

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
        if self._digests and metadata.get(b"digest") != digest_of(text).encode():
            raise ValueError("its metadata are not those that were written")
        return CellMeta.parse(text, key, self._protocol)

    def _beside(self, path: Path, key: str) -> bytes:
        """The history or the samples of a cell; empty where there are none."""
        written: str | None = None
        if self._digests:
            written = getattr(self.metadata(key).digests, path.parent.name)
        if self._digests and not written:
            return b""  # left by a process that was killed before it wrote the cell
        with readable(path, self._again(key)):
            try:
                data = read_bytes(path)
            except FileNotFoundError:
                if written:
                    raise StorageError(f"{path} is missing: {self._again(key)}") from None
                return b""
            if self._digests and digest_of(data) != written:
                raise ValueError("it is not what was written")
            return data

    def _again(self, key: str) -> str:
        """What to do where a file beside a cell is damaged: without its own, it is computed."""
        return f"delete {self._cell_path(key)}, and the same `bench run` computes the cell again"

    def _cell_path(self, key: str) -> Path:
        return self.path / "cells" / f"{key}.parquet"


def _check_readable(size: int, what: str) -> None:
    """Raise `StorageError` before something is written that would not be read again."""
    if size > LARGEST:
        raise StorageError(f"{what} take {size:,} bytes: more than {LARGEST:,} are not read again")


def _check_size(file: pq.ParquetFile, schema: pa.Schema) -> None:
    """Refuse rows that are no numbers, or more than memory has room for, before they are read."""
    kinds = [file.schema_arrow.field(name).type for name in schema.names]
    if len(set(file.schema_arrow.names)) < len(file.schema_arrow.names):
        raise ValueError("it holds a column twice")
    if not all(map(pa.types.is_primitive, kinds)):
        raise ValueError("its rows are no numbers")
    groups = range(file.metadata.num_row_groups)
    packed_size = sum(file.metadata.row_group(group).total_byte_size for group in groups)
    # A column of one value again and again takes next to nothing until it is unpacked.
    size = max(packed_size, file.metadata.num_rows * sum(kind.bit_width for kind in kinds) // 8)
    if size > LARGEST:
        raise ValueError(f"it unpacks to {size:,} bytes")


def _check_values(table: pa.Table) -> None:
    """Refuse rows that cannot have been measured."""
    if not len(table) or any(column.null_count for column in table.columns):
        raise ValueError("rows or values are missing")
    for name, (least, most) in _BOUNDS.items():
        if name in table.column_names:
            values = table[name].to_numpy()
            fine = (values >= least - _ROUNDING) & (values <= most + _ROUNDING)
            if name == "ssim":  # of images that are too small there is none
                fine |= np.isnan(values)
            if not fine.all():
                raise ValueError(f"{name} is {values[~fine][0]}, and lies from {least} to {most}")


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


def _rows_digest(table: pa.Table) -> str:
    """Of the values of a table's columns, in their order."""
    return digest_of(b"".join(table[name].to_numpy().tobytes() for name in table.column_names))


def _repeats(images: npt.NDArray[np.int64], noise_seeds: pa.ChunkedArray | None) -> bool:
    """Whether an image stands in two rows, under one noise seed where there are several."""
    if noise_seeds is not None:
        return np.unique([images, noise_seeds.to_numpy()], axis=1).shape[1] < len(images)
    increasing = (images[1:] > images[:-1]).all()  # as they are written
    return not increasing and len(np.unique(images)) < len(images)
