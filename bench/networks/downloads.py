"""Published files of weights: downloaded once, and the same from then on."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path

from bench.core import Unsupported, cache_folder, system_reason, without_home

#: What a system says of a file that changes with what the file holds.
Stamp = tuple[int, int, int, int]


def file_stamp(path: Path) -> Stamp:
    """What tells a file from another one in its place: times of change, size and number.

    Raises:
        OSError: there is none.
    """
    found = path.stat()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def downloaded(address: str) -> Path:
    """The file of an address, downloaded if it is not there, in bench's folder `weights`.

    It lies there under its own name, in a folder that is named by the whole address, and beside
    it its SHA-256 as it was when it was first used.

    Raises:
        Unsupported: it cannot be downloaded, or has changed since.
    """
    name = address.rpartition("/")[2]
    folder = cache_folder() / "weights" / hashlib.sha256(address.encode()).hexdigest()[:16]
    path = folder / name
    try:
        if not path.exists():
            import torch

            folder.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(address, str(path), progress=False)
        stamp = file_stamp(path)
    except OSError as error:
        reason = system_reason(error) or " ".join(str(error).split())[:300]
        raise Unsupported(
            f"the weights {name} cannot be downloaded from {address} ({reason}): go online once, "
            f"or put that file at {without_home(str(path))}"
        ) from error
    _check_unchanged(path, stamp)
    return path


@functools.lru_cache(maxsize=32)
def _check_unchanged(path: Path, stamp: Stamp) -> None:
    """That a file holds what it held when it was first used, so that its name says what it is."""
    beside = path.with_name(f"{path.name}.sha256")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not beside.exists():
            unfinished = beside.with_name(f"{beside.name}.{os.getpid()}")
            unfinished.write_text(f"{digest}  {path.name}\n", "utf-8")  # as sha256sum writes it
            unfinished.replace(beside)
        known = beside.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = system_reason(error) or str(error)
        raise Unsupported(f"{without_home(str(path))}: {reason}") from error
    if known.split()[:1] != [digest]:
        raise Unsupported(
            f"{without_home(str(path))} has changed since it was first used: delete it to have it "
            f"downloaded again, and if these weights are meant, {beside.name} beside it too"
        )
