"""Opening and saving a file of any format."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from bench.core import BenchError, StorageError, UsageError, system_reason
from bench.datasets.formats.files import check_memory, check_pages, check_pixels, parted, reading
from bench.datasets.formats.kinds import Format, kind_of
from bench.datasets.formats.stored import Stored, UnusableImage

if TYPE_CHECKING:
    from bench.core import Array


def open_image(path: Path) -> Stored:
    """What a file holds, by what it says of itself; its pixels are decoded by `Stored.read`.

    A file is read as what its content is, whatever its suffix. Where a file holds several arrays
    (npz, HDF5, zarr), `path` names the one that is meant: `series.h5::entry/data`.

    Raises:
        UnusableImage: it is broken, too large, or of a kind that would have to be changed.
        DataError: the system cannot read it.
        MissingPackage: its format's library is not installed.
    """
    file, inner = parted(path)
    with reading(file):
        module = _module(kind_of(file))
        stored: Stored = module.open_file(file, inner)
        check_pixels(*stored.shape[1:])
        check_pages(stored.pages)

    def read(page: int) -> Array:
        if not 0 <= page < stored.pages:
            raise IndexError(f"{path} has {stored.pages} pages, none numbered {page}")
        with reading(file):
            values = np.ascontiguousarray(stored.read(page))
        if values.shape != stored.shape or values.dtype != stored.dtype:
            raise UnusableImage(
                f"it says {stored.dtype} {stored.shape} and holds {values.dtype} {values.shape}"
            )
        return values

    return replace(stored, read=read)


def read_image(path: Path, *, again: bool = False) -> Array:
    """A file's only image as float32 (C, H, W) in [0, 1]: stored values over the format's white.

    Args:
        path: of the file.
        again: it was read before, and the memory to measure it is taken or there.

    Raises:
        UnusableImage: as `open_image`; or it holds several images, or does not say what is white.
        DataError: the system cannot read it, or has no memory for it: that says nothing of it.
    """
    stored = open_image(path)
    if stored.pages > 1:
        raise UnusableImage(f"it holds {stored.pages} images: save each to a file")
    if stored.white is None:
        raise UnusableImage(f"its values are {stored.dtype}: say what is black and what is white")
    if not again:
        check_memory(path, stored.shape)
    values = np.array(stored.read(0), np.float32, order="C")
    values /= np.float32(stored.white)
    return values


def save(target: Path, values: np.ndarray[Any, Any], like: Path) -> None:
    """Writes images in the format of another file, with its layout, compression and metadata.

    The suffix of `target` should be that of `like`: the format is of the content of `like`. The
    file is written aside and then given its name, so that `target` is whole or as it was.

    Args:
        target: the file; of formats with several arrays, `file.h5::group/array` or only the file.
        values: (C, H, W), or (pages, C, H, W), as stored, in the dtype that is to be written.
        like: a file that `open_image` opens.

    Raises:
        UsageError: the format is only read (JPEG, camera raw), or cannot hold such values.
        UnusableImage: `like` cannot be opened.
        MissingPackage: the format's library is not installed.
        StorageError: the system cannot write it.
    """
    target, (source, inner) = parted(target)[0], parted(like)
    pages = values[None] if values.ndim == 3 else values
    if pages.ndim != 4 or pages.shape[1] not in (1, 3):
        raise UsageError(f"{target}: images are (C, H, W) or (pages, C, H, W), not {values.shape}")
    with reading(source):
        kind = kind_of(source)
        module = _module(kind)
        if not hasattr(module, "save"):
            raise UsageError(f"{target}: {kind.name} files cannot be written: save it as TIFF")
        try:
            with _aside(target, kind) as partial:
                module.save(partial, np.ascontiguousarray(pages), source, inner)
        except UsageError as error:
            raise type(error)(f"{target}: {error}") from error


@contextmanager
def _aside(target: Path, kind: Format) -> Iterator[Path]:
    """Where to write what becomes `target` when all of it is there."""
    partial = target.with_name(f".{uuid4().hex[:8]}{target.suffix}")
    try:
        yield partial
        if kind.folder and target.is_dir():
            shutil.rmtree(target)
        partial.replace(target)
    except (BenchError, UnusableImage):
        raise
    except (OSError, MemoryError) as error:
        raise StorageError(f"cannot write {target}: {system_reason(error) or error}") from error
    except Exception as error:  # whatever a library finds that its format cannot hold
        raise UsageError(f"it cannot be written as {kind.name} ({error})") from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        elif partial.exists():
            partial.unlink()


def _module(kind: Format) -> Any:
    return import_module(f"bench.datasets.formats.{kind.module}")
