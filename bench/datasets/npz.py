"""Images that NumPy saved: `npz:FILE`, an .npy or .npz file.

One array is the test images. Else their names say it: `clean`, `noisy`, `labels` and `units` of the
test split, with `train_` or `validation_` before them of the others, as `bench.Dataset` takes them.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import DataError, Dataset, Range, UsageError, expanded, nearest, system_reason
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


def open_npz(typed: str, folder: Path, stated: Range | None, download: bool = True) -> Dataset:
    """The data set of a file; the data folder plays no part, and nothing is downloaded.

    Raises:
        DataError: it is not there, or damaged.
        UsageError: its arrays are no images, or their range has to be stated.
    """
    path = expanded(typed)
    name = f"npz:{path.resolve().stem}"
    if not path.is_file():
        what = "no file" if path.is_dir() else "no such file"
        raise DataError(f"npz:{path}: there is {what}; give the path of an .npz or .npy file")
    try:
        arrays = _arrays(path)
    except Exception as error:  # whatever NumPy comes upon
        reason = system_reason(error) or " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"cannot read {path}: {reason}") from error
    if len(arrays) == 1 and not set(arrays) & set(_NAMES):
        arrays = {"clean": next(iter(arrays.values()))}
    parts: dict[str, dict[str, Any]] = {}
    for key, array in arrays.items():
        if key not in _NAMES:
            raise UsageError(
                f"{path} has several arrays, of which one is {key!r}: {nearest(key, _NAMES)}"
            )
        split, part = _NAMES[key]
        parts.setdefault(split, {})[part] = array
    return of_parts(name, parts, stated)


def _arrays(path: Path) -> dict[str, Array]:
    """Its arrays by name; those that are not compressed stay on the disk until they are read."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            np.lib.format.read_magic(file)  # or it is broken, or another kind of file
        return {"": np.load(path, mmap_mode="r", allow_pickle=False)}
    with zipfile.ZipFile(path) as members, np.load(path, allow_pickle=False) as arrays:
        infos = {info.filename.removesuffix(".npy"): info for info in members.infolist()}
        mapped = {name: _mapped(path, infos.get(name)) for name in arrays.files}
        return {name: arrays[name] if at is None else at for name, at in mapped.items()}


def _mapped(path: Path, member: zipfile.ZipInfo | None) -> Any:
    """An array that lies in the file as it is, mapped; None where it is compressed."""
    if member is None or member.compress_type != zipfile.ZIP_STORED or not member.file_size:
        return None
    with path.open("rb") as file:
        file.seek(member.header_offset)
        lengths = np.frombuffer(file.read(_HEADER)[_LENGTHS], "<u2")
        file.seek(int(lengths.sum()), 1)
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            return None
        if dtype.hasobject or 0 in shape:
            return None
        order = "F" if by_columns else "C"
        return np.memmap(path, dtype, "r", file.tell(), shape, order)  # type: ignore[call-overload]
