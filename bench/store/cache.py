"""What lies in the cache folder, and how it is cleaned.

fits/     fitted models, states of unfinished fits, images of interrupted cells: all of it is
          made again where it is missed
weights/  published files of weights, downloaded
data/     data sets, downloaded, where no other folder is named for them
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from bench.core import StorageError, UsageError
from bench.store.files import UNFINISHED, writable
from bench.store.fit_cache import FitCache
from bench.store.overview import size_of

Content = Literal["fit", "unfinished", "weights", "data"]

#: Seconds for which a state of an unfinished fit, or an unfinished file, may be somebody's.
_IN_USE = 3600.0
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Cached:
    """A file or folder of the cache.

    Attributes:
        content: what it is: a fitted model, what an interrupted cell goes on from, downloaded
            weights, or downloaded images.
        name: of the method, the file or the data set.
        path: where it lies.
        size: in bytes.
        used: when it was read or written last, in seconds since 1970.
    """

    content: Content
    name: str
    path: Path
    size: int
    used: float

    @property
    def unused_days(self) -> float:
        """Days since it was used."""
        return max(0.0, time.time() - self.used) / 86400


def cached(folder: Path) -> Iterator[Cached]:
    """What lies in a cache folder, fitted models first; files that are none of bench's are not."""
    about = dict(FitCache(folder / "fits").descriptions())
    for path in _within(folder / "fits"):
        if path.suffix == ".safetensors":
            whole = re.fullmatch(r"[0-9a-f]+", path.stem) is not None
            said = about.get(path.stem, {})
            name = (said.get("restored") or said).get("method") or said.get("metric") or "unknown"
            yield _cached("fit" if whole else "unfinished", str(name), path)
        elif UNFINISHED.fullmatch(path.name):
            yield _cached("unfinished", "file of a process that was killed", path)
    for path in _within(folder / "weights"):
        for file in _within(path):
            if file.suffix != ".sha256":
                yield _cached("weights", file.name, path)
                break
    for path in _within(folder / "data"):
        yield _cached("data", path.name, path)


def cleanable(
    entries: Iterable[Cached], older_than: timedelta, *, downloads: bool = False
) -> list[Cached]:
    """Of what lies in the cache, what may be removed.

    Args:
        entries: see `cached`.
        older_than: what was used within that time is kept.
        downloads: weights and images too, which have to be downloaded again.
    """
    now = time.time()
    chosen = []
    for entry in entries:
        least = older_than.total_seconds()
        if entry.content == "unfinished":
            least = max(least, _IN_USE)
        if (downloads or entry.content in ("fit", "unfinished")) and now - entry.used >= least:
            chosen.append(entry)
    return chosen


def remove(entry: Cached) -> None:
    """Remove a file or folder of the cache; raises `StorageError`."""
    import shutil

    with writable(entry.path):
        if entry.path.is_dir() and not entry.path.is_symlink():
            shutil.rmtree(entry.path)
        else:
            entry.path.unlink(missing_ok=True)


def age(text: str) -> timedelta:
    """A time that is typed as `30d`, `12h` or `2w`.

    Raises:
        UsageError: it is none.

    >>> age("30d").days
    30
    """
    found = re.fullmatch(r"(\d{1,5})([hdw])", text.strip().lower(), re.ASCII)
    if not found:
        raise UsageError(f"--older-than {text}: give hours, days or weeks, as 12h, 30d or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _within(folder: Path) -> list[Path]:
    """What lies in a folder; raises `StorageError` where that may not be read."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StorageError(f"cannot read {folder}: {error.strerror or error}") from error


def _cached(content: Content, name: str, path: Path) -> Cached:
    used = 0.0
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    for file in files:
        with contextlib.suppress(OSError):
            found = file.lstat()
            # `FitCache` notes of a model that it was used; to list it its head is read, too.
            read = found.st_atime if content in ("weights", "data") and file.is_file() else 0.0
            used = max(used, read, found.st_mtime)
    return Cached(content, name, path, size_of(path), used)
