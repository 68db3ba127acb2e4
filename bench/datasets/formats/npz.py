"""NumPy's npz files: of several arrays `file.npz::name` names one (`axes` says what its axes are).

Arrays in them are compressed as a whole: the one that was read last is kept, so that its pages
are not decoded anew for each.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

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


class Member(NamedTuple):
    """An array of an archive: its header, how long that is, and what the archive says of it."""

    shape: tuple[int, ...]
    fortran: bool
    kind: np.dtype[Any]
    start: int
    info: zipfile.ZipInfo


def members(path: Path) -> dict[str, Member]:
    """The arrays of an archive by name, each as long as its header says; none is decoded.

    Raises:
        UnusableImage: one is encrypted, broken, of objects, or of another's name.
        ValueError, BadZipFile: it is no archive of arrays.
    """
    found: dict[str, Member] = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name == info.filename:
                continue
            if info.flag_bits & _ENCRYPTED:
                raise UnusableImage("it is encrypted: save it without a password")
            if name in found:
                raise UnusableImage(f"it holds two arrays named {name}: save it anew")
            with archive.open(info) as file:
                member = Member(*npy_header(file), file.tell(), info)  # type: ignore[arg-type]
            size = math.prod(member.shape) * member.kind.itemsize + member.start
            stored = info.compress_type == zipfile.ZIP_STORED
            if size != info.file_size or (stored and size != info.compress_size):
                raise UnusableImage(f"it is broken: {info.filename} is not as long as it says")
            found[name] = member
    return found


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
    found = members(path)
    name = chosen({name: member.shape for name, member in found.items()}, inner)
    return name, found[name].shape, found[name].kind


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
