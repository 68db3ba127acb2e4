"""Runs on disk.

A run is a folder:

    manifest.json             settings, versions, hardware, protocol, the keys of its cells
    cells/KEY.parquet         a row an image; its metadata holds the cell and all that is one
                              value a cell. A failed cell is a file without rows.
    history/KEY.json          loss terms per epoch, of what was trained
    samples/KEY.npz           the images that reports show

Every file is written aside, flushed and renamed. A cell's Parquet comes last: where it
stands, the cell is finished, and resuming looks at names only.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.core import MATCHED, Record, canonical_json, noise_name, noise_text
from bench.store.files import commit, read_json, readable, write_arrays

if TYPE_CHECKING:
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
_SAMPLES = ("clean", "noisy", "restored", "deviation")
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
    "peak_memory_bytes",
]


class Run:
    """A run on disk. `bench.open_run(path)` opens one.

    Attributes:
        path: its folder.
        manifest: every setting after defaults, protocol and conventions, versions, git
            commit, hardware, data fingerprint, times.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
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
        return {path.stem for path in (self.path / "cells").glob("*.parquet")}

    def cells(self) -> pd.DataFrame:
        """A row a finished cell, in the plan's order.

        Columns: key, dataset, method, params, chosen (canonical JSON), chosen_score (mean
        validation PSNR in dB), noise, clip, level, train, regime, seed, status (done, failed or
        skipped), reason, fit_seconds, tune_seconds, images_per_second, parameters,
        peak_memory_bytes.

        Raises:
            StorageError: a cell's file is damaged.
        """
        import pandas as pd

        rows = []
        for meta in self.metadata():
            cell = meta["cell"]
            rows.append({**meta, **_identity(cell), "chosen": canonical_json(meta["chosen"])})
        frame = pd.DataFrame(rows, columns=_CELL_COLUMNS)
        for name in ("seed", "parameters", "peak_memory_bytes"):
            frame[name] = frame[name].astype("Int64")
        for name in ("chosen_score", "fit_seconds", "tune_seconds", "images_per_second"):
            frame[name] = frame[name].astype("float64")
        return frame

    def records(self, keys: Collection[str] | None = None) -> pd.DataFrame:
        """A row an image and cell, of the cells that are done, in the plan's order.

        With `keys` only the cells of those keys are read.

        Columns: dataset, method, params (typed ones, canonical JSON), noise, clip, level,
        train (noise trained on, or missing), regime (why on that: "matched", "blind" or a level,
        or missing), seed (missing where nothing is random), image
        (position in the test split), mse, psnr (dB), ssim, digest (uint64).

        Raises:
            StorageError: a cell's file is damaged.
        """
        import pandas as pd

        frames = []
        for key in self._finished_in_order():
            if keys is not None and key not in keys:
                continue
            path = self._cell_path(key)
            meta = _metadata(path)
            if meta["status"] != "done":
                continue
            with readable(path):
                frame = pq.read_table(
                    path, schema=_ROWS, page_checksum_verification=True
                ).to_pandas()
            for name, value in _identity(meta["cell"]).items():
                frame[name] = pd.Series([value], dtype=_DTYPES.get(name)).repeat(len(frame)).array
            frames.append(frame)
        if not frames:
            frames = [pd.DataFrame(columns=_RECORD_COLUMNS)]
        return pd.concat(frames, ignore_index=True)[_RECORD_COLUMNS].astype(
            {"mse": "float64", "psnr": "float64", "ssim": "float64"}
        )

    def metadata(self) -> Iterator[dict[str, Any]]:
        """All that is one value a cell, of each finished cell in the plan's order."""
        for key in self._finished_in_order():
            yield {"key": key, **_metadata(self._cell_path(key))}

    def history(self, key: str) -> pd.DataFrame:
        """Loss terms of the training behind a cell: epoch, split, term, value (per image)."""
        import pandas as pd

        path = self.path / "history" / f"{key}.json"
        rows = read_json(path) if path.is_file() else []
        return pd.DataFrame(rows, columns=["epoch", "split", "term", "value"])

    def samples(self, key: str) -> dict[str, list[Any]]:
        """The images kept of a cell: lists `image` (positions), `clean`, `noisy`, `restored`.

        And `deviation`, each pixel's predicted standard deviation, where the method gives one.
        Images are float32 (C, H, W); noisy ones may leave [0, 1]. Empty lists where none are
        kept.
        """
        path = self.path / "samples" / f"{key}.npz"
        result: dict[str, list[Any]] = {"image": [], **{name: [] for name in _SAMPLES}}
        if not path.is_file():
            return result
        with readable(path), np.load(path, allow_pickle=False) as arrays:
            result["image"] = [int(position) for position in arrays["image"]]
            for name in _SAMPLES:
                if f"{name}_0" in arrays or name != "deviation":
                    result[name] = [arrays[f"{name}_{i}"] for i in range(len(result["image"]))]
        return result

    def _finished_in_order(self) -> list[str]:
        finished = self.finished()
        return [key for key in dict.fromkeys(self.manifest["cells"]) if key in finished]

    def _cell_path(self, key: str) -> Path:
        return self.path / "cells" / f"{key}.parquet"

    # Writing --------------------------------------------------------------------------------

    def update_manifest(self, **values: Any) -> None:
        """Set entries of the manifest and write it."""
        self.manifest.update(values)
        text = json.dumps(self.manifest, indent=2) + "\n"
        commit(self.path / "manifest.json", lambda path: path.write_text(text))

    def write(self, record: Record) -> None:
        """Keep a cell's record: from its last rename on, the cell is finished.

        Raises:
            StorageError: the folder cannot be written.
        """
        key = record.cell.key
        if record.history:
            rows = json.dumps(record.history)
            commit(self.path / "history" / f"{key}.json", lambda path: path.write_text(rows))
        if record.samples.get("image"):
            arrays = {"image": np.array(record.samples["image"])}
            for name in _SAMPLES:
                for index, image in enumerate(record.samples.get(name, ())):
                    arrays[f"{name}_{index}"] = image
            commit(
                self.path / "samples" / f"{key}.npz",
                lambda path: write_arrays(path, arrays),
            )
        meta = {
            name: value
            for name, value in vars(record).items()
            if name not in ("images", "history", "samples")
        }
        meta["cell"] = record.cell.as_dict()
        columns = {name: record.images.get(name, np.empty(0)) for name in _ROWS.names}
        table = pa.table(columns, schema=_ROWS)
        table = table.replace_schema_metadata({"bench": json.dumps(meta)})
        commit(
            self._cell_path(key),
            # Measured values hardly repeat, so a dictionary of them only takes room.
            lambda path: pq.write_table(
                table, path, compression="zstd", use_dictionary=False, write_page_checksum=True
            ),
        )


_DTYPES: dict[str, Any] = {
    "dataset": "str",
    "method": "str",
    "params": "str",
    "noise": "str",
    "train": "str",
    "regime": "str",
    "seed": "Int64",
}


def _identity(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What tells a cell's rows from another's, as columns."""
    noise, train = cell["noise"], cell["train"]
    return {
        "dataset": cell["dataset"],
        "method": cell["method"],
        "params": cell["params"],
        "noise": noise["kind"],
        "clip": noise["clip"],
        "level": noise["level"],
        "train": _noise_text(train) if train else None,
        "regime": train.get("regime", MATCHED) if train else None,
        "seed": cell["seed"],
    }


def _noise_text(noise: Mapping[str, Any]) -> str:
    return noise_text(noise_name(noise["kind"], noise["clip"]), noise["level"], noise.get("lowest"))


def _metadata(path: Path) -> dict[str, Any]:
    with readable(path):
        meta: dict[str, Any] = json.loads(
            pq.read_schema(path).metadata[b"bench"], object_hook=_encodable
        )
    return meta


def _encodable(found: dict[str, Any]) -> dict[str, Any]:
    """Names of files that are not UTF-8 with their bytes as codes: data frames take no others."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode()
        if isinstance(value, str)
        else value
        for name, value in found.items()
    }
