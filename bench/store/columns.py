"""The columns of a cell's file: their types, and what may stand in them.

A row is an image, or an image and noise seed where a cell has several of these:

    image                  int64, its position in the split
    unit                   int64, the unit that it belongs to; where the data set has units
    the metrics            float32 each, under their labels: `psnr`, `ssim[sigma=1.0]`
    digest                 uint64, of the noisy pixels
    restored               uint64, of the finished restored pixels; since format 3
    noise_seed             int64; this and the next two where there are several noise seeds
    bias2, variance        float64, of the image over all noise seeds
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.core import RESERVED, Scale
from bench.store.files import LARGEST, digest_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.store.cell_meta import CellMeta
    from bench.store.manifest import RecordedMetric

#: Columns that are no metric's, as they stand in a file: metrics come behind the first.
_TYPES = {
    "image": pa.int64(),
    "unit": pa.int64(),
    "digest": pa.uint64(),
    "restored": pa.uint64(),
    "noise_seed": pa.int64(),
    "bias2": pa.float64(),
    "variance": pa.float64(),
}
REPLICATES = ("noise_seed", "bias2", "variance")
#: What the files of formats 1 and 2 hold, and in this order.
EARLY = ("image", "mse", "psnr", "ssim", "digest", *REPLICATES)
#: Metrics that every image has; others may be undefined (NaN), as SSIM of a tiny image.
_ALWAYS_DEFINED = ("mse", "psnr")
#: An unbiased estimate of a squared bias may fall below 0.
_PLAIN = Scale("", least=-1, most=1)
#: Rounding to float32 may lead a little beyond a bound.
_ROUNDING = 1e-3


#: What they mean, for those who read files without bench.
_MEANINGS = {
    "image": "its position in the split",
    "unit": "the unit that it belongs to, where the data set has units",
    "digest": "a number that names the noisy pixels: equal ones have equal numbers",
    "restored": "the same of the finished restored pixels: their XXH3, seeded with the shape",
    "noise_seed": "of the noise, where there are several",
    "bias2": "squared bias of the image over all noise seeds",
    "variance": "variance of the image over all noise seeds",
}


def described() -> dict[str, dict[str, str]]:
    """Type and meaning of the columns that are no metric's."""
    return {name: {"type": str(kind), "meaning": _MEANINGS[name]} for name, kind in _TYPES.items()}


def schema_of(names: Iterable[str]) -> pa.Schema:
    """Of a file with these columns, in this order."""
    return pa.schema([(name, _TYPES.get(name, pa.float32())) for name in names])


def file_of(table: pa.Table, metadata: str, signed: bool) -> bytes:
    """A cell's Parquet file.

    Args:
        table: its rows.
        metadata: JSON of all that is one value of it.
        signed: with a digest of that.
    """
    about = {"bench": metadata}
    if signed:
        about["digest"] = digest_of(metadata.encode())
    file = pa.BufferOutputStream()
    # Measured values hardly repeat, so a dictionary of them only takes room; and nobody asks
    # for their ranges. Positions ascend, and scores share their first bytes.
    pq.write_table(
        table.replace_schema_metadata(about),
        file,
        compression="zstd",
        use_dictionary=False,
        column_encoding={field.name: _encoding(field) for field in table.schema},
        write_statistics=False,
        write_page_checksum=True,
    )
    return bytes(file.getvalue().to_pybytes())


def _encoding(field: pa.Field) -> str:
    """How a column is laid out, so that it compresses: digests, which are random, do not."""
    if pa.types.is_floating(field.type):
        return "BYTE_STREAM_SPLIT"
    return "DELTA_BINARY_PACKED" if pa.types.is_signed_integer(field.type) else "PLAIN"


def in_order(names: Iterable[str]) -> list[str]:
    """Columns as they stand in a file of the newest format."""
    names = list(names)
    metrics = [name for name in names if name not in RESERVED]
    first = [name for name in ("image", "unit") if name in names]
    return [*first, *metrics, *(name for name in list(_TYPES)[2:] if name in names)]


def as_float32(
    metrics: Mapping[str, npt.NDArray[Any]],
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, str]]:
    """Metrics' columns as they are kept; and label -> reason of those that cannot be."""
    columns, unmeasured = {}, {}
    for label, values in metrics.items():
        with np.errstate(over="ignore"):
            column = np.asarray(values).astype(np.float32)
        if np.isinf(column).any():
            unmeasured[label] = "it gave a number that float32 cannot hold"
        else:
            columns[label] = column
    return columns, unmeasured


def measured(
    meta: CellMeta, names: Iterable[str], metrics: Mapping[str, RecordedMetric]
) -> list[str]:
    """Of these metrics those of which a cell has a column by the same code.

    Args:
        meta: the cell's.
        names: of its columns.
        metrics: by their labels.
    """
    there = set(names)
    return [
        label for label, metric in metrics.items()
        if label in there and meta.codes.get(label, "") == metric.code
    ]  # fmt: skip


def check_size(file: pq.ParquetFile) -> None:
    """Refuse rows that are no numbers, or more than memory has room for, before they are read.

    Raises:
        ValueError: of either.
    """
    schema = file.schema_arrow
    if len(set(schema.names)) < len(schema.names):
        raise ValueError("it holds a column twice")
    if not all(map(pa.types.is_primitive, schema.types)):
        raise ValueError("its rows are no numbers")
    groups = range(file.metadata.num_row_groups)
    packed_size = sum(file.metadata.row_group(group).total_byte_size for group in groups)
    # A column of one value again and again takes next to nothing until it is unpacked.
    row = sum(kind.bit_width for kind in schema.types) // 8
    size = max(packed_size, file.metadata.num_rows * row)
    if size > LARGEST:
        raise ValueError(f"it unpacks to {size:,} bytes")


def check_values(table: pa.Table, scales: Mapping[str, Scale], images: int) -> None:
    """Refuse rows that cannot have been measured.

    Args:
        table: the rows.
        scales: of the run's metrics; columns of others are not looked at.
        images: number of them that there are to measure.

    Raises:
        ValueError: what is wrong.
    """
    names = set(table.column_names)
    needed = {"image", "digest", *(REPLICATES if names.intersection(REPLICATES) else ())}
    if missing := sorted(needed - names):
        raise ValueError(f"it has no column {missing[0]}")
    if not len(table) or any(column.null_count for column in table.columns):
        raise ValueError("rows or values are missing")
    for name in table.column_names:
        if name in scales or name in ("bias2", "variance"):
            _check_column(name, table[name].to_numpy(), scales.get(name, _PLAIN))
    positions = table["image"].to_numpy()
    if positions.min() < 0 or positions.max() >= images:
        raise ValueError(f"it holds an image that is none of the {images:,}")
    if _repeats(positions, table["noise_seed"] if "noise_seed" in names else None):
        raise ValueError("it holds an image twice")


def _check_column(name: str, values: npt.NDArray[Any], scale: Scale) -> None:
    least, most = scale.least, scale.most
    slack = max([_ROUNDING, *(abs(end) * 1e-6 for end in (least, most) if math.isfinite(end))])
    fine = (values >= least - slack) & (values <= most + slack) & ~np.isinf(values)
    if name not in (*_ALWAYS_DEFINED, *REPLICATES):
        fine |= np.isnan(values)
    if not fine.all():
        raise ValueError(f"{name} is {values[~fine][0]}, and lies from {least:g} to {most:g}")


def rows_digest(table: pa.Table) -> str:
    """Of the values of a table's columns, in their order."""
    return digest_of(b"".join(table[name].to_numpy().tobytes() for name in table.column_names))


def _repeats(images: npt.NDArray[np.int64], noise_seeds: pa.ChunkedArray | None) -> bool:
    """Whether an image stands in two rows, under one noise seed where there are several."""
    if noise_seeds is not None:
        return np.unique([images, noise_seeds.to_numpy()], axis=1).shape[1] < len(images)
    increasing = (images[1:] > images[:-1]).all()  # as they are written
    return not increasing and len(np.unique(images)) < len(images)
