"""Scenes: an image with what there is of it, clean, noisy or both; and how all are read, once."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.core import DataError, Range
from bench.datasets.formats import Stored, UnusableImage, check_memory, open_image
from bench.datasets.value_scale import Extremes

if TYPE_CHECKING:
    from bench.core import Array

#: Pixels of images that are in memory at a time.
READ_AT_ONCE = 2**24
#: Pixels that wait for who asks: of large images one is enough, or they would fill the memory.
READ_AHEAD = 2**22
#: Values of an image from which on there may not be the memory to measure it.
_LARGE = 2**22
#: Decoders leave Python's lock to others: more threads than these wait for the disk.
_THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Page:
    """One image of a file."""

    path: Path
    stored: Stored = field(repr=False)
    number: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.stored.shape

    @property
    def name(self) -> str:
        """For messages: its file, and which page of it where there are several."""
        page = f", page {self.number + 1}" if self.stored.pages > 1 else ""
        return f"{self.path.name}{page}"

    @property
    def place(self) -> str:
        """The same with the folder that the file lies in."""
        return f"{self.path.parent.name}/{self.name}"


@dataclass(frozen=True)
class Scene:
    """What there is of one image.

    Attributes:
        clean: the ground truth, where there is some.
        noisy: noisy images of it.
    """

    clean: Page | None
    noisy: tuple[Page, ...] = ()

    @property
    def pages(self) -> tuple[Page, ...]:
        """All of it, the clean one first."""
        return self.noisy if self.clean is None else (self.clean, *self.noisy)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of its images."""
        return self.pages[0].shape


@dataclass(frozen=True)
class Entry:
    """What is taken or left out as a whole, and of one unit: the scenes of a file, say.

    Attributes:
        name: of the file or folder, by which units are told.
        scenes: of one shape each.
    """

    name: str
    scenes: tuple[Scene, ...]


class Look(NamedTuple):
    """A page as it was read: its values in [0, 1] where the range is known, and its extremes."""

    values: Array | None
    extremes: Extremes


def opened(paths: Sequence[Path]) -> list[Stored | UnusableImage]:
    """What each file holds, or why it cannot be taken."""

    def attempt(path: Path) -> Stored | UnusableImage:
        try:
            return open_image(path)
        except UnusableImage as error:
            return error

    return list(ahead(attempt, paths, lambda path: 1, at_once=64))


def pages_of(path: Path, stored: Stored) -> list[Page]:
    """The images of a file."""
    return [Page(path, stored, number) for number in range(stored.pages)]


def look(page: Page, meaning: Range | None) -> Look:
    """Read a page, and find it finite.

    Raises:
        UnusableImage: it is broken, or holds what is no number.
        DataError: the system cannot read it.
    """
    if math.prod(page.shape) > _LARGE:
        check_memory(page.path, page.shape)
    values = page.stored.read(page.number)
    low, high = float(values.min()), float(values.max())  # NaN where there is one
    if not np.isfinite([low, high]).all():
        count = int((~np.isfinite(values)).sum())
        raise UnusableImage(f"{count:,} of its values are NaN or infinite")
    return Look(None if meaning is None else meaning.scaled(values), Extremes(low, high))


def read_again(page: Page, meaning: Range) -> Array:
    """A page that was read before, float32 (C, H, W).

    Raises:
        DataError: it is not what it was.
    """
    try:
        values = page.stored.read(page.number)
    except UnusableImage as error:
        raise DataError(f"{page.path} has changed while it was in use: {error}") from error
    if values.shape != page.shape:
        raise DataError(f"{page.path} has changed while it was in use: start again")
    return meaning.scaled(values)


def ahead(
    call: Callable[[Any], Any],
    items: Iterable[Any],
    size: Callable[[Any], int],
    at_once: int | None = None,
) -> Generator[Any]:
    """The results of `call`, in order, made by several threads a little ahead of who asks.

    Args:
        call: made of each item.
        items: one after the other.
        size: of what `call` gives, such as pixels.
        at_once: of all results that wait at a time, but for one; by default `READ_AHEAD`.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    most = READ_AHEAD if at_once is None else at_once
    waiting: deque[tuple[Future[Any], int]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            for item in items:
                if size(item) > most:  # by who asks, since several would fill the memory
                    while waiting:
                        yield waiting.popleft()[0].result()
                    yield call(item)
                    continue
                waiting.append((pool.submit(call, item), size(item)))
                while len(waiting) > 4 * _THREADS or sum(each for _, each in waiting) > most:
                    yield waiting.popleft()[0].result()
            while waiting:
                yield waiting.popleft()[0].result()
        finally:
            for future, _ in waiting:
                future.cancel()
