"""NumPy's npz files: of several arrays `file.npz::name` names one (`axes` says what its axes are).

Arrays in them are compressed as a whole: the one that was read last is kept, so that its pages
are not decoded anew for each.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.datasets.formats.arrays import chosen
from bench.datasets.formats.axes import check_kind, layout_of, white_of
from bench.datasets.formats.files import check_room
from bench.datasets.formats.npy import npy_header
from bench.datasets.formats.stored import Stored, UnusableImage

if TYPE_CHECKING:
    from bench.core import Array

_ENCRYPTED = 1
#: What was read last, and of which file, array and version of it.
_LAST: dict[tuple[Path, str, tuple[int, int]], Array] = {}
_LOCK = Lock()


def open_file(path: Path, inner: str) -> Stored:
    """The headers of its arrays."""
    name, shape, stored_kind = _chosen(path, inner)
    kind, layout = check_kind(stored_kind), layout_of(shape)

    def read(page: int) -> Array:
        status = path.stat()
        array = _whole(path, name, (status.st_mtime_ns, status.st_size))
        return layout.page(array, page).astype(kind, copy=False)

    notes = (layout.note,) if layout.note else ()
    return Stored(layout.shape, layout.pages, kind, white_of(kind), read, notes=notes)


def save(target: Path, pages: np.ndarray[Any, Any], like: Path, inner: str) -> None:
    """The array under its name of `like`, alone, compressed if it is there."""
    name, shape, _ = _chosen(like, inner)
    with zipfile.ZipFile(like) as archive:
        compression = archive.getinfo(f"{name}.npy").compress_type
    array = np.ascontiguousarray(layout_of(shape).array(pages))
    with (
        zipfile.ZipFile(target, "w", compression) as archive,
        archive.open(f"{name}.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array(member, array, allow_pickle=False)


def _chosen(path: Path, inner: str) -> tuple[str, tuple[int, ...], np.dtype[Any]]:
    headers = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                continue
            if member.flag_bits & _ENCRYPTED:
                raise UnusableImage("it is encrypted: save it without a password")
            with archive.open(member) as file:
                shape, _, kind = npy_header(file)  # type: ignore[arg-type]
                size = math.prod(shape) * kind.itemsize + file.tell()
            if size != member.file_size:
                raise UnusableImage(f"it is broken: {member.filename} is not as long as it says")
            headers[member.filename.removesuffix(".npy")] = shape, kind
    name = chosen({name: shape for name, (shape, _) in headers.items()}, inner)
    return name, *headers[name]


def _whole(path: Path, name: str, changed: tuple[int, int]) -> Array:
    """An array, decoded by one thread at a time: others would take as much memory again."""
    asked = path, name, changed
    with _LOCK:
        if asked not in _LAST:
            _LAST.clear()
            with zipfile.ZipFile(path) as archive:
                check_room(path, archive.getinfo(f"{name}.npy").file_size)
                with archive.open(f"{name}.npy") as file:
                    _LAST[asked] = np.lib.format.read_array(file, allow_pickle=False)
        return _LAST[asked]
