"""Data sets of Hugging Face's library: `hf:NAME` of its hub, or `hf:PATH` of this disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.core import DataError, Dataset, MissingPackage, Range, UsageError, expanded, nearest
from bench.datasets.objects import of_parts, with_validation

#: Between a name and the column of its images.
_COLUMN = "::"
_NAMES = {"val": "validation", "valid": "validation", "dev": "validation"}
_HINT = "open it in Python and give it to bench.run(dataset=bench.Dataset(...))"


def open_hugging_face(typed: str, folder: Path, stated: Range | None) -> Dataset:
    """The data set of a name, from the local cache where it is there; or of a folder.

    A folder is one that `save_to_disk` has made, or files that `load_dataset` takes: images, with
    their labels as folders, or Parquet. The images' column is the one of images, or the one that
    `NAME::column` says; labels are the class labels beside it. A single split is the test split.
    The last tenth of the training images validates where there are no others.

    Raises:
        MissingPackage: the library is not installed.
        UsageError: it has no such column, several of images, or no test split among several.
        DataError: it cannot be had.
    """
    name, _, column = typed.partition(_COLUMN)
    tables = _tables(name)
    if len(tables) == 1:
        tables = {"test": next(iter(tables.values()))}
    named = {_NAMES.get(split, split): table for split, table in tables.items()}
    if "test" not in named:
        raise UsageError(
            f"hf:{name} has the splits {', '.join(tables)}, and none is called test: {_HINT}"
        )
    parts = {
        split: _Rows(table, *_columns(name, table, column))
        for split, table in named.items()
        if split in ("train", "validation", "test")
    }
    path = expanded(name)
    known_as = path.resolve().name if path.is_dir() else name
    return of_parts(f"hf:{known_as}", with_validation(parts), stated)


class _Rows(Sequence[Any]):
    """Rows of a table, as items."""

    def __init__(self, table: Any, images: str, labels: str | None) -> None:
        self._table, self._images, self._labels = table, images, labels

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, position: Any) -> Any:
        row = self._table[position]
        if self._labels is None:
            return row[self._images]
        return row[self._images], row[self._labels]


def _tables(name: str) -> Mapping[str, Any]:
    """Its splits by name."""
    try:
        import datasets
    except ImportError as error:
        raise MissingPackage(
            "hf: needs the package datasets: pip install 'denoise-bench[hf]'"
        ) from error
    path = expanded(name)
    try:
        with _quiet(datasets):
            if (path / "dataset_dict.json").exists() or (path / "state.json").exists():
                found = datasets.load_from_disk(str(path))
            else:
                found = _loaded(datasets, str(path) if path.exists() else name)
    except Exception as error:  # of the network, the disk, or of what it is given
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"hf:{name} cannot be had: {reason[:300]}") from error
    return found if isinstance(found, Mapping) else {"test": found}


def _loaded(datasets: Any, name: str) -> Any:
    """From the cache, or else from the hub."""
    try:
        return datasets.load_dataset(
            name, download_config=datasets.DownloadConfig(local_files_only=True)
        )
    except Exception:  # it is not in the cache, says one of several errors
        return datasets.load_dataset(name)


@contextlib.contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Without bars: what it prints is not bench's."""
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _columns(name: str, table: Any, typed: str) -> tuple[str, str | None]:
    """The column of images, and the one of labels, if there is one.

    Raises:
        UsageError: there is none of images, or several.
    """
    kinds = {column: type(feature).__name__ for column, feature in table.features.items()}
    images: Sequence[str] = [column for column, kind in kinds.items() if kind == "Image"]
    if typed and typed not in images:
        raise UsageError(f"hf:{name} has no column of images {typed!r}: {nearest(typed, images)}")
    if not typed and len(images) != 1:
        what = f"the columns of images {', '.join(images)}" if images else "no column of images"
        write = f"write hf:{name}{_COLUMN}{images[0]}" if images else _HINT
        raise UsageError(f"hf:{name} has {what}: {write}")
    labels = [column for column, kind in kinds.items() if kind == "ClassLabel"]
    return typed or images[0], labels[0] if len(labels) == 1 else None
