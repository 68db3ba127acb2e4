"""One pass over all images of a data set: sizes, shapes, digests, what their values mean.

It holds no image, and can be sent to another process, which need not look again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from xxhash import xxh3_64_intdigest

from bench.core import SPLITS, DataError, Range, Split
from bench.core.value_range import UNIT_RANGE
from bench.datasets.formats import UnusableImage
from bench.datasets.items import Item, items_of
from bench.datasets.value_scale import Extremes, Found, ValueScale

if TYPE_CHECKING:
    from bench.core import Array, Units

#: Gives the images of a split, each time anew: see `items.items_of` for what one may be.
Images = Callable[[Split], Iterable[Any]]
#: Of an exception: what went wrong, in one line.
Explain = Callable[[BaseException], str]


@dataclass(frozen=True)
class Source:
    """What gives a data set's images.

    Attributes:
        name: the data set's.
        images: gives those of a split, in the same order whenever it is called.
        explain: why giving images fails, of any exception; without it exceptions pass.
    """

    name: str
    images: Images
    explain: Explain | None = None

    def items(self, split: Split, *, again: bool = False) -> Iterator[tuple[str, Item]]:
        """The images of a split, each with words for where it stands.

        Args:
            split: whose.
            again: they were gone through before, with the memory that they need.

        Raises:
            DataError: one cannot be taken, or giving them fails.
        """
        position = 0
        for given in self._given(split):
            try:
                for item in items_of(given, again=again):
                    yield self.where(split, position), item
                    position += 1
            except UnusableImage as error:
                raise DataError(f"{self.where(split, position)}: {error}") from error

    def where(self, split: Split, position: int) -> str:
        """Words for where an image stands."""
        return f"{self.name}, {split} image {position} (counted from 0)"

    def _given(self, split: Split) -> Iterator[Any]:
        """What is handed over; what goes wrong there is explained."""
        if self.explain is None:
            yield from self.images(split)
            return
        try:
            yield from self.images(split)
        except (Exception, SystemExit) as error:
            raise DataError(f"{self.name}, {split} images: {self.explain(error)}") from error


@dataclass
class Known:
    """What is kept of the images of a split: a value each."""

    shapes: list[tuple[int, int, int]] = field(default_factory=list)
    digests: list[int] = field(default_factory=list)
    labels: list[int | None] = field(default_factory=list)
    units: list[Hashable | None] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)

    def add(self, item: Item) -> None:
        """The next image."""
        channels, height, width = item.images[0].shape
        self.shapes.append((channels, height, width))
        self.digests.append(digest_of(item))
        self.labels.append(item.label)
        self.units.append(item.unit)
        self.frames.append(len(item.frames))

    def numbered_units(self) -> Units:
        """Numbers of units, in the order of their first image; one of none is one by itself."""
        numbers: dict[Any, int] = {}
        keys = [
            ("alone", position) if unit is None else unit
            for position, unit in enumerate(self.units)
        ]
        return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


@dataclass(frozen=True)
class Survey:
    """What was found.

    Attributes:
        fingerprint: of the images, and of their units and labels where they have some; of clean
            images alone that of a folder with the same ones.
        known: of each split.
        scale: what the stored values mean.
        truth: there are clean images.
        warnings: what is hardly meant so.
    """

    fingerprint: str
    known: dict[Split, Known]
    scale: ValueScale
    truth: bool
    warnings: tuple[str, ...]


def survey(source: Source, stated: Range | None = None, *, training_only: bool = False) -> Survey:
    """Go through all images once.

    Args:
        source: gives them.
        stated: the range of the stored values; needed where their type does not say it.
        training_only: there need not be test images.

    Raises:
        DataError: there is no test image, or one that cannot be taken.
        UsageError: the range has to be stated.
    """
    return _Pass(source, stated).survey(training_only)


class _Pass:
    """See `survey`."""

    def __init__(self, source: Source, stated: Range | None) -> None:
        self._source, self._stated = source, stated
        self._known: dict[Split, Known] = {split: Known() for split in SPLITS}
        self._first: Item | None = None
        self._whites: set[float | None] = set()
        self._units: set[str] = set()
        self._notes: dict[str, list[str]] = {}
        self._found: list[Found] = []
        self._hash = hashlib.sha256()

    def survey(self, training_only: bool) -> Survey:
        """See `survey`."""
        for split in SPLITS:
            for where, item in self._source.items(split):
                self._add(split, where, item)
        if self._first is None or not (training_only or self._known["test"].shapes):
            raise DataError(f"{self._source.name} has no test image: there is nothing to measure")
        scale = self._scale()
        warnings = [*self._words(), *scale.check(self._found)]
        units = [known.numbered_units().tolist() for known in self._known.values()]
        if any(len(set(each)) < len(each) for each in units):
            self._hash.update(repr(units).encode())
        labels = [known.labels for known in self._known.values()]
        if any(label is not None for each in labels for label in each):
            self._hash.update(f"labels {labels}".encode())  # metrics learn from them
        return Survey(
            self._hash.hexdigest()[:16],
            self._known,
            scale,
            self._first.clean is not None,
            tuple(warnings),
        )

    def _add(self, split: Split, where: str, item: Item) -> None:
        self._whites.add(item.white)
        self._units.add(item.values_unit)
        for note in item.notes:
            self._notes.setdefault(note, []).append(where)
        if self._first is None:
            self._first = item
            self._hash.update(self._scale().identity().encode())
        self._check(where, item, self._first)
        known = self._known[split]
        known.add(item)
        scale = meaning(item.white, self._stated)
        kind = f" {len(item.frames)} noisy of {item.clean is not None}" if item.frames else ""
        self._hash.update(f"{split} {known.shapes[-1]}{kind} ".encode())
        for image in item.images:
            extremes = Extremes(float(image.min()), float(image.max()))
            place = Path(f"{split} image {len(known.shapes) - 1}")
            self._found.append(Found(place, extremes, image is not item.clean))
            if scale is not None:
                self._hash.update(np.ascontiguousarray(scale.scaled(image), "<f4").data)

    def _check(self, where: str, item: Item, first: Item) -> None:
        """It is an image as those before it."""
        floating = item.images[0].dtype.kind == "f"
        depths = self._whites - {1.0}
        if floating != (first.images[0].dtype.kind == "f") or (
            len(depths) > 1 and self._stated is None
        ):
            raise DataError(
                f"{where}: it is {item.kind}, and those before it are {first.kind}: convert them, "
                "or of whole numbers state one range for all"
            )
        if (item.clean is None) != (first.clean is None):
            raise DataError(f"{where}: of some images there are clean pixels, and of others none")
        if bool(item.frames) != bool(first.frames):
            raise DataError(f"{where}: some images came noisy, and others not")
        if item.frames and len({pixels_digest(image) for image in item.images}) < len(item.images):
            raise DataError(
                f"{where}: two of its images are equal, which noisy ones never are: is one a copy?"
            )

    def _words(self) -> Iterator[str]:
        """What readers did or left: a line each, and of how many images."""
        for note, places in self._notes.items():
            more = f" and {len(places) - 1} more images" if len(places) > 1 else ""
            yield f"{places[0]}{more}: {note}"

    def _scale(self) -> ValueScale:
        whites = frozenset(self._whites)
        as_usual = is_unit(self._stated) and whites <= {1, 255}
        stated = None if as_usual else self._stated
        if stated is not None and not stated.unit and len(self._units) == 1:
            stated = replace(stated, unit=next(iter(self._units)))
        return ValueScale(self._source.name, None, stated, whites)


def meaning(white: float | None, stated: Range | None) -> Range | None:
    """What an image's stored values mean; None where it is not known.

    Args:
        white: the value that is white by their type.
        stated: the range of all. That of [0, 1] says of 8 bits what is so anyway.

    >>> meaning(255.0, None), meaning(None, None)
    (Range(low=0, high=255.0, unit='', clamp=True), None)
    """
    if white == 1:
        return UNIT_RANGE
    if stated is not None and not (is_unit(stated) and white == 255):
        return stated
    return None if white is None else Range(0, white)


def is_unit(stated: Range | None) -> bool:
    """Whether a range is that of [0, 1], whatever its unit is and whether outputs are limited."""
    return stated is not None and (stated.low, stated.high) == (UNIT_RANGE.low, UNIT_RANGE.high)


def digest_of(item: Item) -> int:
    """Of an item's stored pixels."""
    digest = 0
    for image in item.images:
        digest = pixels_digest(image, digest)
    return digest


def pixels_digest(image: Array, before: int = 0) -> int:
    """Of stored pixels, with their shape and type."""
    digest = xxh3_64_intdigest(np.ascontiguousarray(image).data, before)
    return xxh3_64_intdigest(f"{image.shape} {image.dtype.str}".encode(), digest)


def largest(known: Iterable[Known]) -> int:
    """Values of the largest image."""
    return max((math.prod(shape) for each in known for shape in each.shapes), default=0)


def largest_pixels(known: Iterable[Known]) -> int:
    """Pixels of the image with the most of them."""
    return max((math.prod(shape[1:]) for each in known for shape in each.shapes), default=0)
