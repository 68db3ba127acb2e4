"""The folder of a site: what is written there, and what of a former site is taken away.

A file marks it, and names what bench wrote there. So nothing else is ever removed, pages that are
no more go, and a folder that holds something else is refused.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from bench.core import StorageError
from bench.store import commit
from bench.store.files import opened, read_json, writable, written_aside

MARKER = ".bench-site.json"
_VERSION = 1


def write(folder: Path, files: Mapping[str, bytes | Path]) -> None:
    """Write a site in place of what stands there of a former one.

    Args:
        folder: an empty or new one, or that of a former site. Files that are not a site's stay.
        files: path in the folder, with slashes -> content, or the file to copy.

    Raises:
        StorageError: the folder holds something else, or cannot be written.
    """
    before = _former(folder)
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # Should this be ended early, the next one knows of all that either has written.
        _mark(folder, sorted({*before, *files}))
        for name, content in files.items():
            _write(folder, name, content)
        for name in sorted(set(before) - set(files)):
            _remove(folder, name)
        _mark(folder, sorted(files))


def check(folder: Path) -> None:
    """Refuse a folder that holds something else than a site, before any work is done for it.

    Raises:
        StorageError: it does.
    """
    _former(folder)


def _former(folder: Path) -> list[str]:
    """The files of the former site in a folder."""
    try:
        names = {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(
            f"cannot write a site into {folder}: {error.strerror}; choose another --out"
        ) from error
    if MARKER not in names:
        if names - {".git"}:
            raise StorageError(
                f"{folder} holds something else than a site of bench's (it has no {MARKER}): "
                "choose another --out, or an empty folder"
            )
        return []
    said = read_json(folder / MARKER, "remove the site's folder, and make it anew")
    if not isinstance(said, dict) or said.get("bench-site") != _VERSION:
        raise StorageError(
            f"{folder / MARKER} is not of this version of bench: remove the site's folder, and "
            "make it anew"
        )
    files = said.get("files")
    return [name for name in files if _within(name)] if isinstance(files, list) else []


def _within(name: object) -> bool:
    """Whether a name leads nowhere but into the folder."""
    if not isinstance(name, str) or not name or "\\" in name or "\0" in name:
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and ":" not in name


def _mark(folder: Path, files: Sequence[str]) -> None:
    said = {"bench-site": _VERSION, "files": list(files)}
    commit(folder / MARKER, f"{json.dumps(said, indent=1)}\n".encode(), flush=False)


def _write(folder: Path, name: str, content: bytes | Path) -> None:
    path = _inside(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        commit(path, content, flush=False)
        return
    with opened(content) as source, written_aside(path, flush=False) as target:
        shutil.copyfileobj(source, target)


def _remove(folder: Path, name: str) -> None:
    """Remove a file, and the folders that it leaves empty."""
    path = _inside(folder, name)
    if path.is_symlink() or path.is_file():
        path.unlink()
    for parent in path.parents:
        if parent == folder:
            break
        with contextlib.suppress(OSError):
            parent.rmdir()


def _inside(folder: Path, name: str) -> Path:
    """A file of the site, no folder on whose way leads elsewhere; raises `StorageError`."""
    path = folder / name
    for parent in path.parents:
        if parent == folder:
            return path
        if parent.is_symlink():
            raise StorageError(f"{parent} is a link, and a site's folders are not: remove it")
    raise StorageError(f"{name} is no file of a site")
