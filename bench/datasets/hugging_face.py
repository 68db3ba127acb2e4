"""Data sets of Hugging Face's library: `hf:NAME` of its hub, or `hf:PATH` of this disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.core import DataError, Dataset, MissingPackage, Range, UsageError, expanded, nearest
from bench.datasets.formats import Encoded
from bench.datasets.objects import of_parts, with_validation

#: Between a name and the column of its images.
_COLUMN = "::"
_SPLITS = ("train", "validation", "test")
_NAMES = {"val": "validation", "valid": "validation", "dev": "validation"}
#: The label that the hub gives images which have none.
_UNLABELLED = -1
#: Seconds that the hub may take to answer at all.
_ANSWER = 8
_HINT = "open it in Python and give it to bench.run(dataset=bench.Dataset(...))"


def open_hugging_face(
    typed: str, folder: Path, stated: Range | None, download: bool = True
) -> Dataset:
    """The data set of a name, from the local cache where it is there; or of a folder.

    A folder is one that `save_to_disk` has made, or files that `load_dataset` takes: images, with
    their labels as folders, or Parquet. The images' column is the one of images, or the one that
    `NAME::column` says; labels are the class labels beside it. A single split is the test split.
    The last tenth of the training images validates where there are no others.

    Raises:
        MissingPackage: the library is not installed.
        UsageError: it has no such column, several of images, no test split among several, or
            several to validate on.
        DataError: it cannot be had.
    """
    name, _, column = typed.partition(_COLUMN)
    tables = _tables(name, download)
    if len(tables) == 1:
        tables = {"test": next(iter(tables.values()))}
    named = _named(name, tables)
    parts, left_out = {}, []
    for split, table in named.items():
        if split not in _SPLITS:
            left_out.append(f"split {split}, {len(table):,} rows: not train, validation or test")
            continue
        images, labels, why = _columns(name, table, column)
        if labels and set(table.unique(labels)) <= {_UNLABELLED, None}:
            labels, why = None, f"labels of {split}: all of {labels} are {_UNLABELLED}, unlabelled"
        left_out += [why] if why else []
        parts[split] = _Rows(split, table, images, labels)
    path = expanded(name)
    known_as = path.resolve().name if path.is_dir() else name
    data = of_parts(f"hf:{known_as}", with_validation(parts), stated)
    return replace(data, left_out=(*data.left_out, *dict.fromkeys(left_out)))


def _named(name: str, tables: Mapping[str, Any]) -> dict[str, Any]:
    """Its splits by the names that they have here.

    Raises:
        UsageError: none is called test, or two have one name here.
    """
    called: dict[str, str] = {}
    for split in tables:
        other = called.setdefault(_NAMES.get(split, split), split)
        if other != split:
            raise UsageError(
                f"hf:{name} has the splits {other} and {split}, both to validate on: {_HINT}"
            )
    if "test" not in called:
        raise UsageError(
            f"hf:{name} has the splits {', '.join(tables)}, and none is called test: {_HINT}"
        )
    return {here: tables[split] for here, split in called.items()}


class _Rows(Sequence[Any]):
    """Rows of a table, as items; files as they are, for Pillow would cut 16 bits to 8."""

    def __init__(self, split: str, table: Any, images: str, labels: str | None) -> None:
        from datasets import Image

        self._table = table.cast_column(images, Image(decode=False))
        self._split, self._images, self._labels = split, images, labels

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, position: Any) -> Any:
        row = self._table[position]
        image = self._image(row[self._images], position)
        return image if self._labels is None else (image, row[self._labels])

    def _image(self, held: Any, position: int) -> Any:
        """A file by its path, or what is in it; None where the row has none."""
        if held is None:
            return None
        path, data = held["path"], held["bytes"]
        if data is None:
            return path
        return Encoded(f"{self._split} row {position}", data, Path(path or "").suffix)


def _tables(name: str, download: bool) -> Mapping[str, Any]:
    """Its splits by name, downloaded where they have to be and may be."""
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
                found = _loaded(datasets, str(path) if path.exists() else name, download)
    except DataError:
        raise
    except Exception as error:  # of the network, the disk, or of what it is given
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"hf:{name} cannot be had: {reason[:300]}") from error
    return found if isinstance(found, Mapping) else {"test": found}


def _loaded(datasets: Any, name: str, download: bool) -> Any:
    """From this disk or the cache, or else from the hub where it may be."""
    import requests

    try:
        with _offline(datasets):
            return datasets.load_dataset(name)
    except Exception:  # it is neither, says one of several errors
        if expanded(name).exists() or datasets.config.HF_HUB_OFFLINE:
            raise
        if not download:
            raise DataError(
                f"hf:{name} is neither a folder nor in the local cache, and is not to be "
                "downloaded: allow it"
            ) from None
    # Without it the library tries for half a minute.
    endpoint = datasets.config.HF_ENDPOINT
    try:
        requests.head(endpoint, timeout=_ANSWER)
    except requests.RequestException as error:
        raise DataError(
            f"hf:{name} is neither a folder nor in the local cache, and {endpoint} cannot be "
            "reached: try again with a connection"
        ) from error
    return datasets.load_dataset(name)


@contextlib.contextmanager
def _offline(datasets: Any) -> Iterator[None]:
    """No request is made."""
    import huggingface_hub

    places: tuple[Any, ...] = (datasets.config, huggingface_hub.constants)
    before = [place.HF_HUB_OFFLINE for place in places]
    try:
        for place in places:
            place.HF_HUB_OFFLINE = True
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.HF_HUB_OFFLINE = value


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


def _columns(name: str, table: Any, typed: str) -> tuple[str, str | None, str]:
    """The column of images, the one of labels if there is one, and why there is none of several.

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
    several = f"labels: there are several columns of them, {', '.join(labels)}"
    if len(labels) > 1:
        return typed or images[0], None, several
    return typed or images[0], labels[0] if labels else None, ""
