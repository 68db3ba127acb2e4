"""Reading and writing files so that a reader sees a whole file or none, and errors are one line.

What is read may be a stranger's: regular files only, no links, and no more than memory has room
for. What is said of it tells a file that is damaged from one that the system did not let be read.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import secrets
import stat
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.lib import format as npy
from safetensors import SafetensorError

from bench.core import StorageError, printable, system_reason

COMPUTE_AGAIN = "delete it, and the same `bench run` computes it again"

#: Bytes that a file may take in memory: no run's comes near, and what is larger is a mistake or a
#: trap ("zip bomb").
LARGEST = 2**30
#: What stands in each other of a JSON file, at most.
_DEEPEST = 64
#: What reading something raises that does not hold what it should.
_CONTENT_ERRORS = (
    OSError,  # of libraries, without one of the system's numbers
    pa.ArrowException,
    SafetensorError,
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    EOFError,
    RuntimeError,  # nesting without an end, encryption, compression of other kinds
)
#: Of a link, and of a socket, which cannot be opened so.
_NO_FILE = (errno.ELOOP, errno.ENXIO)
#: The name of what `commit` leaves when it is killed.
UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")


# -- reading ---------------------------------------------------------------------------------


@contextlib.contextmanager
def readable(path: Path, remedy: str = COMPUTE_AGAIN) -> Iterator[None]:
    """Turns what reading a file raises into one line: that it is damaged, or why it cannot be read.

    Raises:
        StorageError: of either.
    """
    try:
        yield
    except (*_CONTENT_ERRORS, MemoryError) as error:
        if reason := system_reason(error):
            line = f"cannot read {path}: {reason}"
        else:
            line = f"{path} is damaged ({_one_line(error)})" + (f": {remedy}" if remedy else "")
        raise StorageError(line) from error


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file to be read: no link is followed, no pipe waited for.

    Raises:
        StorageError: it is something else.
        OSError: the system does not let it be read.
    """
    flags = [getattr(os, f"O_{name}", 0) for name in ("NOFOLLOW", "NONBLOCK", "CLOEXEC", "BINARY")]
    try:
        descriptor = os.open(path, os.O_RDONLY | sum(flags))
    except OSError as error:
        if error.errno in _NO_FILE:
            raise no_file(path) from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise no_file(path)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def no_file(path: Path) -> StorageError:
    """What is said of a link, a pipe, a device or a folder where a file of a run should be."""
    return StorageError(
        f"{path} is a link, a pipe or the like, and these are not followed: put the file itself "
        "there"
    )


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """A whole regular file, unless it is too large; raises what `readable` catches."""
    with opened(path) as file:
        if os.fstat(file.fileno()).st_size > largest:
            raise ValueError(f"it has more than {largest:,} bytes")
        return file.read()


def read_json(path: Path, remedy: str = COMPUTE_AGAIN) -> Any:
    """What a JSON file holds; raises `StorageError`."""
    with readable(path, remedy):
        value = json.loads(read_bytes(path))
        level = [value]
        for _ in range(_DEEPEST):
            level = [
                child
                for node in level
                if isinstance(node, (dict, list))
                for child in (node.values() if isinstance(node, dict) else node)
            ]
            if not level:
                return value
        raise ValueError(f"it is nested more than {_DEEPEST} deep")


def digest_of(data: bytes) -> str:
    """What tells damaged bytes from those that were written."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def sha256_of(file: BinaryIO) -> str:
    """SHA-256 of the rest of a file, as `sha256sum` shows it."""
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def packed(arrays: Mapping[str, Any]) -> bytes:
    """Arrays by name as a compressed .npz."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def read_arrays(data: bytes) -> dict[str, Any]:
    """The arrays of an .npz; raises what `readable` catches.

    Our own in place of `np.load`, which takes from a header how much memory it asks for, and gives
    bytes where an entry is no array.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        size = sum(entry.file_size for entry in entries)
        if size > LARGEST:
            raise ValueError(f"it unpacks to {size:,} bytes")
        if not {entry.compress_type for entry in entries} <= {0, zipfile.ZIP_DEFLATED}:
            raise ValueError("it is packed in another way")
        return {
            entry.filename.removesuffix(".npy"): _read_array(io.BytesIO(archive.read(entry)))
            for entry in entries
        }


def _read_array(file: io.BytesIO) -> Any:
    if npy.read_magic(file) != (1, 0):
        raise ValueError("its arrays are of another version")
    shape, columns_first, dtype = npy.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("it holds more than numbers")
    values = np.frombuffer(file.read(), dtype)
    return values.reshape(shape, order="F" if columns_first else "C")


# -- writing ---------------------------------------------------------------------------------


@contextlib.contextmanager
def writable(path: Path) -> Iterator[None]:
    """Turns what writing to a full or closed folder raises into one line."""
    try:
        yield
    except (OSError, pa.ArrowException, SafetensorError) as error:
        raise StorageError(
            f"cannot write {path}: {_one_line(error)}; make room or choose another folder: what "
            "was computed so far is safe"
        ) from error


def commit(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write aside, flush to the disk, rename: the file is there whole or not at all.

    The name aside cannot be foreseen, and a link in the file's place is replaced, so that nothing
    is written elsewhere.

    Args:
        path: of the file.
        content: its bytes.
        flush: wait for the disk; without, a machine that loses its power may lose the file.

    Raises:
        StorageError: it cannot be written.
    """
    with written_aside(path, flush=flush) as file:
        file.write(content)


@contextlib.contextmanager
def written_aside(path: Path, *, flush: bool = True) -> Iterator[BinaryIO]:
    """`commit` of what is written within the block, as it comes; an error leaves nothing."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with writable(path):
        try:
            with aside.open("xb") as file:
                yield file
                if flush:
                    file.flush()
                    os.fsync(file.fileno())
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all; raises `StorageError`."""
    with writable(path):
        path = path.resolve()  # a link stays one
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            raise StorageError(f"cannot write {path}: it is no file; choose another")
    commit(path, text.encode())


def remove_unfinished(folder: Path, seconds: float = 0.0) -> None:
    """Remove what processes left of `commit` that were killed, so many seconds ago or more."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if UNFINISHED.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    if time.time() - path.lstat().st_mtime >= seconds:
                        path.unlink()


def _one_line(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return printable(text) or type(error).__name__
