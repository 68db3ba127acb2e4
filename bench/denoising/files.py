"""The files that are to be denoised, what their values mean, and how what is restored is stored."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from bench.core import (
    BenchError,
    DataError,
    Range,
    StorageError,
    UsageError,
    expanded,
    shown,
    system_reason,
)
from bench.datasets import formats
from bench.datasets.folders import contents
from bench.datasets.folders.contents import tally
from bench.datasets.folders.scenes import look, pages_of
from bench.datasets.formats import Stored, UnusableImage
from bench.datasets.formats.files import parted
from bench.datasets.formats.kinds import kind_of
from bench.datasets.value_scale import Extremes, Found, ValueScale, value_scale
from bench.denoising.meaning import Stated, little_used, stated_range

if TYPE_CHECKING:
    from bench.core import Array

#: Formats that are only read -> the suffix that is written instead.
_INSTEAD = {"JPEG": ".png", "camera raw": ".tif"}
#: Of values so many may lie further out of a range than it is wide, a share.
_FAR = 0.25
#: Values that are rounded at a time: in float64 they are twice as large.
_BLOCK = 2**20


@dataclass(frozen=True)
class Source:
    """A file to be denoised.

    Attributes:
        path: of it.
        target: what is written; where it was seen that it cannot be taken, as it is named.
        instead: the format that it is of, where another one is written.
        fault: why it cannot be taken; empty where that is not known yet.
    """

    path: Path
    target: Path
    instead: str = ""
    fault: str = ""


def paths(images: Any) -> list[str | os.PathLike[str]]:
    """What somebody gave as files and folders; raises `UsageError` where it is none."""
    given = [images] if isinstance(images, (str, os.PathLike)) else images
    if not isinstance(given, Iterable):
        raise UsageError(f"give an array, or files and folders by their paths; not {shown(images)}")
    found = list(given)
    for path in found:
        if not isinstance(path, (str, os.PathLike)):
            raise UsageError(f"give files and folders by their paths; not {shown(path)}")
    return found


def sources(images: Iterable[str | os.PathLike[str]], out: Path) -> tuple[list[Source], list[str]]:
    """The files that are meant, those of a folder by their names; and lines that say what is not.

    Raises:
        UsageError: two would be written to one file, or one to itself.
        DataError: a folder cannot be read, or holds no image.
    """
    found: list[Source] = []
    lines: list[str] = []
    for given in images:
        path = expanded(given)
        if path.is_dir() and path.suffix.lower() != ".zarr":
            inside = contents(path)
            lines += tally(path, [*inside.folders, *inside.others])
            if not inside.images:
                raise DataError(f"no image in {path}{f' ({lines[-1]})' if lines else ''}")
            found += [_source(file, out) for file in inside.images]
        else:
            found.append(_source(path, out))
    if not found:
        raise UsageError("no image given: name files or folders")
    by_target: dict[Path, Path] = {}
    for source in found:
        other = by_target.setdefault(source.target, source.path)
        if other is not source.path:
            raise UsageError(
                f"{other} and {source.path} would both be written to {source.target}: denoise them "
                "into folders of their own"
            )
        if source.target.resolve() == parted(source.path)[0].resolve():
            raise UsageError(f"{source.path} would be written to itself: choose another --out")
    return found, lines


def _source(path: Path, out: Path) -> Source:
    file, inner = parted(path)
    stem = f"{file.stem}-{inner.replace('/', '-')}" if inner else file.stem
    try:
        kind = kind_of(file).name
    except UnusableImage as error:
        there = os.path.lexists(file)  # or it never was
        fault = str(error) if there else "there is no such file"
        return Source(path, out / f"{stem}{file.suffix}", fault=fault)
    except OSError as error:
        return Source(path, out / f"{stem}{file.suffix}", fault=system_reason(error) or str(error))
    suffix = _INSTEAD.get(kind, file.suffix)
    return Source(path, out / f"{stem}{suffix}", kind if kind in _INSTEAD else "")


def left_to_do(out: Path, found: list[Source], overwrite: bool, skip: bool) -> list[Source]:
    """The files that are to be denoised, once it is sure that they can be written.

    Args:
        out: folder that they are written to.
        found: all of them.
        overwrite: those that are there may be replaced.
        skip: those that are there are left as they are.

    Raises:
        UsageError: files are there, and nobody said what is to become of them.
        StorageError: nothing can be written.
    """
    there = [source for source in found if os.path.lexists(source.target)]
    if there and overwrite == skip:
        more = f" and {len(there) - 1} more files" if len(there) > 1 else ""
        raise UsageError(
            f"{there[0].target}{more} would be overwritten: choose another --out, or give "
            "--overwrite, or --skip to leave what is there"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise StorageError(f"cannot write into {out}: {error.strerror}") from error
    return [source for source in found if source not in there] if skip else found


class Opened:
    """A file with what its values mean, whose pages are read one after the other.

    Args:
        path: of the file.
        said: the range that was typed, and that of a run; `dataset.toml` beside or above the file
            is looked for, and what its format says holds where nothing else does.

    Attributes:
        range: what its values mean.
        told: lines that say why, where that is not plain.

    Raises:
        UnusableImage, DataError: it cannot be read.
        UsageError: its range has to be stated; or is stated twice.
    """

    def __init__(self, path: Path, said: Stated) -> None:
        self.path = path
        self.stored: Stored = formats.open_image(path)
        folder = parted(path)[0].parent
        stated, by = stated_range(folder, said.typed)
        where = "" if by is None else str(by)
        self._of_run = False
        if stated is None and self.stored.white != 1:
            stated = said.of_run(self.stored.white)
            self._of_run = stated is not None
            where = said.name if self._of_run else ""
        self._scale: ValueScale = value_scale(path.name, folder, stated, [(path, self.stored)])
        self._found: list[Found] = []
        meaning = self._scale.of(self.stored)
        if meaning is None:
            for page in pages_of(path, self.stored):
                self._found.append(Found(path, look(page, None).extremes, noisy=True))
            self._scale.check(self._found)
            raise AssertionError  # it says what is to be stated
        self.range: Range = meaning
        self.told = said.told(meaning, self.stored.white, where)

    def pages(self) -> Iterator[Array]:
        """Of each page its values in [0, 1], float32 (C, H, W)."""
        for page in pages_of(self.path, self.stored):
            seen = look(page, self.range)
            self._found.append(Found(self.path, seen.extremes, noisy=True))
            assert seen.values is not None
            if self.range.clamp:
                check_near(seen.values, self.range)
            yield seen.values

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of it: of its reader, and of its values once all were read."""
        if self._scale.stated is None:
            return (*self.stored.notes, *self._scale.check(self._found))
        low = min(found.extremes.low for found in self._found)
        high = max(found.extremes.high for found in self._found)
        dark = little_used(high, self.range) if self._of_run else []
        return (*self.stored.notes, *beyond(low, high, self.range), *dark)


def check_near(values: Array, meaning: Range) -> None:
    """Make sure that a range is meant for such values: noise leads some of them out of it.

    Args:
        values: of an image, in [0, 1] but for its noise.
        meaning: what is 0 and 1 of them.

    Raises:
        UsageError: many lie further out of the range than it is wide.
    """
    far = 1 - float(((values >= -1) & (values <= 2)).mean())
    if far > _FAR:
        low, high = (float(meaning.stored(x)) for x in (values.min(), values.max()))
        raise UsageError(
            f"{far:.0%} of its values, which go from {low:.6g} to {high:.6g}, lie far outside the "
            f"range {meaning}: state the range that they have"
        )


def beyond(low: float, high: float, meaning: Range) -> list[str]:
    """A line where values lie outside the range."""
    if not meaning.clamp or (low >= meaning.low and high <= meaning.high):
        return []
    return [
        f"its values go from {low:.6g} to {high:.6g}, beyond the range {meaning}: the method is "
        "given them as they are, and what it restores is limited to the range"
    ]


def check_values(images: np.ndarray[Any, Any], said: Stated, warn: Callable[[str], None]) -> Range:
    """What the values of an array mean, as those of a file would.

    Raises:
        UsageError: that has to be stated.
    """
    white = float(np.iinfo(images.dtype).max) if images.dtype in (np.uint8, np.uint16) else None
    of_run = said.of_run(white) if said.typed is None else None
    stated = said.typed or of_run
    scale = ValueScale("the array", None, stated, frozenset({white}))
    extremes = Extremes(float(images.min()), float(images.max()))
    if stated is not None:
        lines = beyond(*extremes, stated)
        lines += little_used(extremes.high, stated) if of_run else []
    else:
        lines = [*scale.check([Found(Path(), extremes, noisy=True)])]
    meaning = stated or Range(0, white or 1)
    for line in [*said.told(meaning, white, said.name if of_run else ""), *lines]:
        warn(line)
    return meaning


def to_stored(
    restored: Array, meaning: Range, kind: np.dtype[Any], out: np.ndarray[Any, Any]
) -> int:
    """What was restored, in the unit, depth and type of stored values.

    Args:
        restored: in [0, 1], any shape.
        meaning: what stored values are 0 and 1; where it clamps, nothing beyond is stored.
        kind: of the stored values: whole numbers are rounded to the nearest.
        out: of the shape of `restored`; it is written to.

    Returns:
        How many values were clipped: to the range, and to what `kind` can hold.

    >>> restored, out = np.float32([-0.2, 0.25, 0.5, 1.5]), np.empty(4, np.uint8)
    >>> to_stored(restored, Range(0, 100), np.dtype("u1"), out), out.tolist()
    (2, [0, 25, 50, 100])
    """
    whole = kind.kind in "iu"
    low, high = (meaning.low, meaning.high) if meaning.clamp else (-np.inf, np.inf)
    if whole:
        limits = np.iinfo(kind)
        low, high = max(np.ceil(low), limits.min), min(np.floor(high), limits.max)
    clipped = 0
    source, target = restored.reshape(-1), out.reshape(-1)
    assert np.shares_memory(target, out)
    for start in range(0, source.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        values = meaning.stored(source[part])
        if whole:
            values = np.rint(values)
        limited = np.clip(values, low, high)
        clipped += int((values != limited).sum())
        target[part] = limited
    return clipped


def save(source: Source, pages: np.ndarray[Any, Any]) -> None:
    """Write pages (N, C, H, W) of stored values to a source's target.

    Raises:
        UsageError: its format cannot hold them.
        StorageError: the system cannot write it.
    """
    if not source.instead:
        formats.save(source.target, pages, source.path)
        return
    pixels = np.moveaxis(pages, 1, -1)
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    partial = source.target.with_name(f".{uuid4().hex[:8]}{source.target.suffix}")
    try:
        if source.target.suffix == ".png":
            from PIL import Image

            Image.fromarray(np.ascontiguousarray(pixels[0])).save(partial, "PNG")
        else:
            from tifffile import imwrite

            colour = "rgb" if pages.shape[1] == 3 else "minisblack"
            imwrite(partial, pixels[0] if len(pixels) == 1 else pixels, photometric=colour)
        partial.replace(source.target)
    except OSError as error:
        raise StorageError(f"cannot write {source.target}: {system_reason(error)}") from error
    finally:
        partial.unlink(missing_ok=True)


def reason(error: Exception) -> str:
    """Why a file could not be denoised, if that is the file's fault; else the error is raised."""
    if isinstance(error, StorageError) or not isinstance(error, (BenchError, UnusableImage)):
        raise error
    return str(error)
