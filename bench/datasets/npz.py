"""Images that NumPy saved: `npz:FILE`, an .npy or .npz file.

One array is the test images. Else their names say it: `clean`, `noisy`, `labels` and `units` of the
test split, with `train_` or `validation_` before them of the others, as `bench.Dataset` takes them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from numpy.lib.format import MAGIC_PREFIX

from bench.core import DataError, Dataset, Range, UsageError, expanded, nearest
from bench.datasets.formats import UnusableImage
from bench.datasets.formats.files import check_room, reading
from bench.datasets.formats.npy import whole_header
from bench.datasets.formats.npz import Member, members
from bench.datasets.objects import PARTS, of_parts

if TYPE_CHECKING:
    from bench.core import Array

_NAMES = {
    f"{prefix}{part}": (split, part)
    for split, prefix in (("test", ""), ("train", "train_"), ("validation", "validation_"))
    for part in PARTS
}
#: What comes before the names in a member's local header, in which their lengths stand.
_HEADER, _LENGTHS = 30, slice(26, 30)
#: Bytes that are read at a time to compare a checksum.
_CHUNK = 2**20


def open_npz(typed: str, folder: Path, stated: Range | None, download: bool = True) -> Dataset:
    """The data set of a file; the data folder plays no part, and nothing is downloaded.

    Raises:
        DataError: it is not there, or damaged, or larger than memory where it is compressed.
        UsageError: its arrays are no images, or their range has to be stated.
    """
    path = expanded(typed)
    name = f"npz:{path.resolve().stem}"
    if not path.is_file():
        what = "no file" if path.is_dir() else "no such file"
        raise DataError(f"npz:{path}: there is {what}; give the path of an .npz or .npy file")
    try:
        with reading(path):
            arrays = _arrays(path)
    except UnusableImage as error:
        raise DataError(f"cannot read {path}: {error}") from error
    parts: dict[str, dict[str, Any]] = {}
    for (split, part), array in arrays.items():
        parts.setdefault(split, {})[part] = array
    return of_parts(name, parts, stated)


def _arrays(path: Path) -> dict[tuple[str, str], Array]:
    """Its arrays by split and part; those that are not compressed stay on the disk until read."""
    with path.open("rb") as file:
        alone = file.read(len(MAGIC_PREFIX)) == MAGIC_PREFIX
    if alone:
        return {_NAMES["clean"]: _mapped(path, *whole_header(path))}
    found = members(path)
    single = len(found) == 1 and not found.keys() & _NAMES.keys()
    for key in () if single else found.keys() - _NAMES.keys():
        raise UsageError(
            f"{path} has several arrays, of which one is {key!r}: {nearest(key, _NAMES)}"
        )
    packed = [each.info for each in found.values() if each.info.compress_type != ZIP_STORED]
    check_room(path, sum(info.file_size for info in packed))
    return {
        _NAMES["clean" if single else key]: _array(path, member) for key, member in found.items()
    }


def _array(path: Path, member: Member) -> Array:
    """That of a member of an archive, held to the archive's checksum."""
    with ZipFile(path) as archive, archive.open(member.info) as file:
        if member.info.compress_type != ZIP_STORED:
            return np.lib.format.read_array(file, allow_pickle=False)
        while file.read(_CHUNK):  # to its end, where the checksum is compared
            pass
    with path.open("rb") as plain:
        plain.seek(member.info.header_offset)
        lengths = np.frombuffer(plain.read(_HEADER)[_LENGTHS], "<u2")
        start = plain.tell() + int(lengths.sum()) + member.start
    return _mapped(path, member.shape, member.fortran, member.kind, start)


def _mapped(
    path: Path, shape: tuple[int, ...], fortran: bool, kind: np.dtype[Any], start: int
) -> Array:
    if 0 in shape:
        return np.empty(shape, kind)  # nothing can be mapped
    order: Literal["C", "F"] = "F" if fortran else "C"
    return np.memmap(path, kind, "r", start, shape, order)
