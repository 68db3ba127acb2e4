"""A cell's file for strangers: the texts of its failures told otherwise, samples left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench.store import columns
from bench.store.files import opened, readable

#: Entries of a cell's metadata that say what went wrong: in words, by metric or by parameters.
_TEXTS = ("reason", "traceback", "unmeasured", "failed_trials")


def retold(path: Path, tell: Callable[[str], str], *, samples: bool = True) -> bytes | None:
    """The file of a cell with other texts; None where nothing changes.

    The key and the rows stay what they are, and a digest of the metadata is made anew where there
    was one.

    Args:
        path: of the cell's file.
        tell: gives what is to be said for a text.
        samples: the cell still has the samples that it had.

    Raises:
        StorageError: the file cannot be read.
    """
    with readable(path), opened(path) as source, pq.ParquetFile(source) as file:
        metadata = file.schema_arrow.metadata
        entries, told = json.loads(metadata[b"bench"]), dict[str, Any]()
        for name in _TEXTS:
            value = entries.get(name)
            if isinstance(value, str):
                told[name] = tell(value)
            elif isinstance(value, dict):
                told[name] = {label: tell(reason) for label, reason in value.items()}
            elif value:
                told[name] = [[params, tell(reason)] for params, reason in value]
        digests = entries.get("digests") or {}
        if not samples and digests.get("samples"):
            told["digests"] = {name: digests[name] for name in digests if name != "samples"}
        if all(entries[name] == value for name, value in told.items()):
            return None
        table = file.read(use_threads=False).replace_schema_metadata(None)
        return columns.file_of(table, json.dumps({**entries, **told}), b"digest" in metadata)
