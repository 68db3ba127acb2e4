"""NumPy's npy files: one array, whose pages are read where they lie (`axes` says which they are).

Files that hold Python objects are refused: reading them would run code.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np

from bench.datasets.formats.axes import check_kind, layout_of, white_of
from bench.datasets.formats.stored import Stored, UnusableImage

if TYPE_CHECKING:
    from bench.core import Array


def npy_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether it is in Fortran's order, and type of an array, at whose beginning a file is.

    Raises:
        UnusableImage: it holds objects.
        ValueError: it is no header.
    """
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise UnusableImage(f"it is of npy version {version[0]}.{version[1]}, for tables")
    shape, fortran, kind = read(file)
    if kind.hasobject:
        raise UnusableImage("it holds Python objects, which are not read: save numbers")
    return shape, fortran, kind


def whole_header(path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """What `npy_header` gives of a file that holds one array as a whole, and where values begin.

    Raises:
        UnusableImage: it holds objects, is cut short, or holds more than one array.
        ValueError: it has no header.
    """
    with path.open("rb") as file:
        shape, fortran, kind = npy_header(file)
        start = file.tell()
    size = math.prod(shape) * kind.itemsize
    there = path.stat().st_size - start
    if there < size:
        raise UnusableImage(f"it is cut short: {there} bytes of values are there, not {size}")
    if there > size:
        raise UnusableImage("it holds more than one array: save each to a file")
    return shape, fortran, kind, start


def open_file(path: Path, inner: str) -> Stored:
    """An array's header; its pages are mapped."""
    if inner:
        raise UnusableImage(f"it holds one array, and none named {inner}")
    shape, fortran, stored_kind, start = whole_header(path)
    kind, layout = check_kind(stored_kind), layout_of(shape)

    def read(page: int) -> Array:
        order: Literal["C", "F"] = "F" if fortran else "C"
        array = np.memmap(path, stored_kind, "r", start, shape, order)
        return layout.page(array, page).astype(kind, copy=False)

    notes = (layout.note,) if layout.note else ()
    return Stored(layout.shape, layout.pages, kind, white_of(kind), read, notes=notes)


def save(target: Path, pages: np.ndarray[Any, Any], like: Path, inner: str) -> None:
    """An array with its axes as those of `like`."""
    with like.open("rb") as file:
        shape, *_ = npy_header(file)
    with target.open("wb") as written:
        np.save(written, np.ascontiguousarray(layout_of(shape).array(pages)), allow_pickle=False)
