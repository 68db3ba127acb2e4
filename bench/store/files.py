"""Reading and writing files so that a reader sees a whole file or none, and errors are one line."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from safetensors import SafetensorError

from bench.core import StorageError

COMPUTE_AGAIN = "delete it, and the same `bench run` computes it again"


#: Bytes that a file may take in memory: no run's comes near, and what is larger is a mistake or a
#: trap ("zip bomb").
LARGEST = 2**30


def read_json(path: Path, remedy: str = COMPUTE_AGAIN) -> Any:
    """What a JSON file holds; raises `StorageError`."""
    with readable(path, remedy):
        return json.loads(read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """A whole file, unless it is too large; raises `ValueError`."""
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    return path.read_bytes()


def digest_of(data: bytes) -> str:
    """What tells damaged bytes from those that were written."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def read_arrays(data: bytes) -> dict[str, Any]:
    """The arrays of an .npz; raises what `readable` catches."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > LARGEST:
        raise ValueError(f"it unpacks to {size:,} bytes")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return dict(arrays)


@contextlib.contextmanager
def readable(path: Path, remedy: str = COMPUTE_AGAIN) -> Iterator[None]:
    """Turns what reading a damaged file raises into one line."""
    try:
        yield
    except (
        OSError,
        pa.ArrowException,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        MemoryError,
        RecursionError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise StorageError(f"{path} is damaged ({_one_line(error)}): {remedy}") from error


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


def _one_line(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split()) or type(error).__name__


def commit(path: Path, content: bytes | Callable[[Path], object]) -> None:
    """Write aside, flush to the disk, rename: the file is there whole or not at all.

    Args:
        path: of the file.
        content: its bytes, or what writes them to the path that it is given.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with writable(path):
        try:
            if not isinstance(content, bytes):
                content(aside)
            with aside.open("ab") as file:
                if isinstance(content, bytes):
                    file.write(content)
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


def packed(arrays: Mapping[str, Any]) -> bytes:
    """Arrays by name as a compressed .npz."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()
