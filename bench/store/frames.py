"""Records and cells of a run as data frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bench.core import canonical_json, method_label, noise_name, noise_text
from bench.store.columns import REPLICATES

if TYPE_CHECKING:
    import pandas as pd

    from bench.store.cell_files import Columns
    from bench.store.cell_meta import CellMeta, RecordedCell

_IDENTITY = [
    "dataset",
    "method",
    "params",
    "label",
    "noise",
    "clip",
    "level",
    "train",
    "regime",
    "seed",
]
_CELL_COLUMNS = [
    "key",
    "dataset",
    "method",
    "params",
    "label",
    "chosen",
    "chosen_score",
    "regret",
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
    "milliseconds_per_megapixel",
    "multiply_adds",
    "parameters",
    "memory_growth_bytes",
    "peak_device_bytes",
    "peak_memory_bytes",
]
#: Of these, numbers of which some may be missing.
_WHOLE = (
    "seed", "multiply_adds", "parameters",
    "memory_growth_bytes", "peak_device_bytes", "peak_memory_bytes",
)  # fmt: skip
_REAL = (
    "chosen_score", "regret", "fit_seconds", "tune_seconds", "images_per_second",
    "milliseconds_per_megapixel",
)  # fmt: skip


def records_frame(
    cells: Iterable[tuple[CellMeta, Columns]], metrics: Sequence[str]
) -> pd.DataFrame:
    """The rows of `Run.records`, of cells that are done with their columns."""
    import pandas as pd

    frames = [_cell_frame(meta.cell, columns) for meta, columns in cells]
    first, last = ["image", "unit"], ["restored", *REPLICATES]
    if not frames:
        return pd.DataFrame(columns=[*_IDENTITY, "image", *metrics, "digest"])
    if not all("restored" in frame for frame in frames):  # whole numbers beside what is missing
        for frame in frames:
            if "restored" in frame:
                frame["restored"] = frame["restored"].astype("UInt64")
    whole = pd.concat(frames, ignore_index=True)
    first, last = ([name for name in names if name in whole] for names in (first, last))
    return whole[[*_IDENTITY, *first, *metrics, "digest", *last]].astype(
        dict.fromkeys(metrics, "float64")
    )


def _cell_frame(cell: RecordedCell, columns: Columns) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(dict(columns))
    for name, value in _identity(cell).items():
        frame[name] = pd.Series([value], dtype=_DTYPES.get(name)).repeat(len(frame)).array
    return frame


def cells_frame(metadata: Iterable[CellMeta]) -> pd.DataFrame:
    """The rows of `Run.cells`, of what `Run.metadata` gives."""
    import pandas as pd

    rows = [
        {**vars(meta), **_identity(meta.cell), "chosen": canonical_json(meta.chosen)}
        for meta in metadata
    ]
    frame = pd.DataFrame(rows, columns=_CELL_COLUMNS)
    for name in _WHOLE:
        frame[name] = frame[name].astype("Int64")
    for name in _REAL:
        frame[name] = frame[name].astype("float64")
    return frame


_DTYPES: dict[str, Any] = {
    "dataset": "str",
    "method": "str",
    "params": "str",
    "label": "str",
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
        "label": method_label(cell.method, cell.params, train.regime if train else ""),
        "noise": noise.kind,
        "clip": noise.clip,
        "level": noise.level,
        "train": trained,
        "regime": train.regime if train else None,
        "seed": cell.seed,
    }
