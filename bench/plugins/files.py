"""Files that a plugin's numbers depend on beside its code: its own data, and what parameters name.

They count by what stands in them, not by their names.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path

#: Path -> what the system said of a file when it was read last, and the digest of its content.
_READ: dict[Path, tuple[tuple[int, ...], str]] = {}
#: Nanoseconds: a file that is younger may change once more without a word, by the clock's ticks.
_SETTLED = 100_000_000


def content_digest(path: Path) -> str:
    """SHA-256 of a file's content, as `sha256sum` shows it; read once until the file changes.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    path = path.absolute()
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    state = (
        found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns,
    )  # fmt: skip
    known, digest = _READ.get(path, ((), ""))
    if known != state:
        settled = time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) > _SETTLED
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        _READ[path] = state if settled else (), digest
    return digest


def still(path: str, digest: str) -> bool:
    """Whether a file holds what it held."""
    try:
        return content_digest(Path(path)) == digest
    except OSError:
        return False


def data_files(folder: Path, names: Iterable[str]) -> list[Path]:
    """The files that a plugin declares as its data.

    Args:
        folder: that its own file lies in.
        names: of files, or of folders, all of whose files count but hidden ones and compiled
            Python; or patterns, as `tables/*.npy`.

    Raises:
        FileNotFoundError: there is no such file.
    """
    files: set[Path] = set()
    for name in names:
        exact = folder / name
        places = [exact] if exact.exists() or Path(name).is_absolute() else folder.glob(name)
        found = {file for place in places for file in _files_in(place)}
        if not found:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(exact))
        files |= found
    return sorted(files)


def _files_in(place: Path) -> list[Path]:
    """A file, or all those of a folder."""
    if not place.is_dir():
        return [place] if place.exists() else []
    inside = (file.relative_to(place) for file in place.rglob("*") if not file.is_dir())
    return [
        place / file
        for file in inside
        if "__pycache__" not in file.parts and not any(part[0] == "." for part in file.parts)
    ]
