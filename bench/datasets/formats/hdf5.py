"""HDF5, read by h5py: of several data sets `file.h5::group/name` names one.

`axes` says what a data set's axes are. Pages are read where they lie. Data sets whose values lie in
other files are refused: what is missing there would be read as zeros.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.datasets.formats.arrays import chosen
from bench.datasets.formats.axes import check_kind, layout_of, white_of
from bench.datasets.formats.files import check_room, need
from bench.datasets.formats.stored import Stored, UnusableImage

if TYPE_CHECKING:
    from bench.core import Array


def open_file(path: Path, inner: str) -> Stored:
    """The shapes and types of its data sets."""
    with _dataset(path, inner) as dataset:
        name, kind, layout = dataset.name, check_kind(dataset.dtype), layout_of(dataset.shape)
        check_room(path, math.prod(dataset.chunks or ()) * kind.itemsize)  # each is decoded whole
        unit = dataset.attrs.get("units", "")

    def read(page: int) -> Array:
        import h5py

        with h5py.File(path, "r") as file:
            return layout.page(file[name], page).astype(kind, copy=False)

    notes = (layout.note,) if layout.note else ()
    said = unit if isinstance(unit, str) else ""
    return Stored(layout.shape, layout.pages, kind, white_of(kind), read, said, notes)


def save(target: Path, pages: np.ndarray[Any, Any], like: Path, inner: str) -> None:
    """The data set under its name, with its compression and attributes, alone in a file."""
    import h5py

    with _dataset(like, inner) as dataset:
        array = layout_of(dataset.shape).array(pages)
        chunks = dataset.chunks
        options: dict[str, Any] = {
            "compression": dataset.compression if chunks else None,
            "compression_opts": dataset.compression_opts if chunks else None,
            "shuffle": bool(dataset.shuffle) if chunks else None,
            "fletcher32": bool(dataset.fletcher32) if chunks else None,
            "chunks": chunks if chunks and len(chunks) == array.ndim else None,
        }
        attributes, name = dict(dataset.attrs), dataset.name
    with h5py.File(target, "w") as file:
        file.create_dataset(name, data=array, **options).attrs.update(attributes)


@contextmanager
def _dataset(path: Path, inner: str) -> Iterator[Any]:
    need("h5py", "hdf5", "HDF5 files")
    import h5py

    with h5py.File(path, "r") as file:
        dataset = file[chosen(_shapes(file), inner)]
        if dataset.external or dataset.is_virtual:
            raise UnusableImage("its values lie in other files: save them into one")
        if dataset.chunks and not all(
            h5py.h5z.filter_avail(dataset.id.get_create_plist().get_filter(number)[0])
            for number in range(dataset.id.get_create_plist().get_nfilters())
        ):
            raise UnusableImage("its compression is none of HDF5's own: save it with gzip")
        if _lacks(dataset):
            raise UnusableImage("it is not whole: some of its values were never written")
        yield dataset


def _lacks(dataset: Any) -> bool:
    """Whether values are not there, which would be read as the fill value."""
    if dataset.chunks is None:
        return bool(math.prod(dataset.shape)) and not dataset.id.get_storage_size()
    sides = zip(dataset.shape, dataset.chunks, strict=True)
    return dataset.id.get_num_chunks() < math.prod(math.ceil(side / own) for side, own in sides)


def _shapes(file: Any) -> dict[str, tuple[int, ...]]:
    """Of all data sets of numbers; links that lead out of the file are not followed."""
    import h5py

    shapes: dict[str, tuple[int, ...]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape and item.dtype.kind in "buifc":
            shapes[name] = item.shape

    file.visititems(visit)
    return shapes
