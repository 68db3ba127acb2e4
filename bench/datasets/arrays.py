"""Images that are handed over one by one, from wherever they come -> a data set.

They are gone through once, for sizes, shapes, range and fingerprint, and again whenever they are
read; what is then other than it was is an error. No more than a few are in memory at a time.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from xxhash import xxh3_64_intdigest

from bench.core import SAMPLE_SIDE, DataError, Dataset, Group, Range, Split, UsageError
from bench.datasets.formats import UnusableImage
from bench.datasets.items import Item, items_of

if TYPE_CHECKING:
    from bench.core import Array, Labels
    from bench.core.dataset import Units

#: Gives the images of a split, each time anew: see `items.items_of` for what one may be.
Images = Callable[[Split], Iterable[Any]]

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
#: Pixels that are in memory at a time, before those of one shape are handed on.
READ_AT_ONCE = 2**24
#: Reports show the first images: at most so many, and so many pixels.
_SHOWN, _SHOWN_PIXELS = 10, 2**19
#: Ranges that the fingerprint says nothing of: so it is the same whatever an image is stored as.
_USUAL = ((0, 1), (0, 255), (0, 65535))
#: Data in 16 bits that use less than this share of them have hardly 16.
_USED = 0.25


def dataset_of(
    name: str,
    images: Images,
    *,
    stated: Range | None = None,
    explain: Callable[[BaseException], str] | None = None,
    training_only: bool = False,
) -> Dataset:
    """Images as a data set.

    Args:
        name: the data set's.
        images: gives those of a split, in the same order whenever it is called.
        stated: the range of the stored values; needed where their type does not say it.
        explain: why giving images fails, of any exception; without it exceptions pass.
        training_only: there need not be test images.

    Raises:
        DataError: there is no test image, or one that cannot be taken.
        UsageError: the range has to be stated.
    """
    return _Survey(name, images, stated, explain, training_only).dataset()


@dataclass
class _Known:
    """What is kept of the images of a split: a value each."""

    shapes: list[tuple[int, int, int]] = field(default_factory=list)
    digests: list[int] = field(default_factory=list)
    labels: list[int | None] = field(default_factory=list)
    units: list[Hashable | None] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)

    def add(self, item: Item) -> None:
        channels, height, width = item.images[0].shape
        self.shapes.append((channels, height, width))
        self.digests.append(_digest(item))
        self.labels.append(item.label)
        self.units.append(item.unit)
        self.frames.append(len(item.frames))


class _Survey:
    """The first pass over all images, and those after it.

    Args: see `dataset_of`.
    """

    def __init__(
        self,
        name: str,
        images: Images,
        stated: Range | None,
        explain: Callable[[BaseException], str] | None,
        training_only: bool,
    ) -> None:
        self._name, self._images, self._explain = name, images, explain
        self._training_only = training_only
        self.range, self._stated = stated, stated is not None
        self.known: dict[Split, _Known] = {split: _Known() for split in SPLITS}
        self._kind, self._truth = "", True
        self._low, self._high = math.inf, -math.inf
        self._hash = hashlib.sha256()

    def dataset(self) -> Dataset:
        """See `dataset_of`."""
        for split in SPLITS:
            for where, item in self._items(split):
                self._add(split, where, item)
        test, every = self.known["test"], [known for known in self.known.values() if known.shapes]
        if not (test.shapes or (every and self._training_only)):
            raise DataError(f"{self._name} has no test image: there is nothing to measure")
        if self.range is None:
            raise UsageError(
                f"{self._name} has {self._kind} values, here from {self._low:.6g} to "
                f"{self._high:.6g}: state those that are black and white, as --range 0,4095 or "
                "range=(0, 4095)"
            )
        if (self.range.low, self.range.high) not in _USUAL:
            self._hash.update(f"range {self.range.low!r} {self.range.high!r}".encode())
        return Dataset(
            self._name,
            self._hash.hexdigest()[:16],
            {split: len(known.shapes) for split, known in self.known.items()},
            self._read,
            samples=samples_of(test.shapes),
            warnings=tuple(self._warnings()),
            largest=max(math.prod(shape) for known in every for shape in known.shapes),
            labels=self._labels if self._all_have("labels", every[-1]) else None,
            range=self.range,
            frames=min(min(known.frames) for known in every),
            truth=self._truth,
            units=self._units if any(any(u is not None for u in k.units) for k in every) else None,
        )

    # -- the first pass ------------------------------------------------------------------------

    def _add(self, split: Split, where: str, item: Item) -> None:
        if not self._kind:
            self._kind, self._truth = item.kind, item.clean is not None
            if self.range is None and item.white is not None:
                self.range = Range(0, item.white)
        elif item.kind != self._kind and not self._stated:
            raise DataError(
                f"{where}: it is {item.kind}, and those before it are {self._kind}: convert them, "
                "or state one range for all"
            )
        if (item.clean is not None) != self._truth:
            raise DataError(f"{where}: of some images there are clean pixels, and of others none")
        known = self.known[split]
        known.add(item)
        if any(bool(known.frames[-1]) != bool(one.frames[0]) for one in self._begun()):
            raise DataError(f"{where}: some images came noisy, and others not")
        for image in item.images:
            self._low = min(self._low, float(image.min()))
            self._high = max(self._high, float(image.max()))
        if self.range is not None:
            self._hash.update(f"{split} {known.shapes[-1]} ".encode())
            for image in item.images:
                self._hash.update(self.range.scaled(image).astype("<f4", copy=False).data)
            if item.clean is not None:
                self._check(where, item.clean, self.range)

    def _begun(self) -> Iterator[_Known]:
        return (known for known in self.known.values() if known.frames)

    def _check(self, where: str, clean: Array, given: Range) -> None:
        """Clean values lie in the range."""
        low, high = float(clean.min()), float(clean.max())
        if low < given.low or high > given.high:
            raise DataError(
                f"{where}: its values go from {low:.6g} to {high:.6g}, beyond the range {given}: "
                "state one that holds them"
            )

    def _warnings(self) -> Iterator[str]:
        """What is hardly meant so."""
        if self._kind == "uint16" and not self._stated and self._high < _USED * 65535:
            yield (
                f"{self._name} has 16-bit values up to {self._high:.0f}, and 65535 is taken for "
                f"white: state the range if it is another, as --range 0,{_next_power(self._high)}"
            )

    @staticmethod
    def _all_have(what: str, known: _Known) -> bool:
        return all(value is not None for value in getattr(known, what))

    # -- the passes after it -------------------------------------------------------------------

    def _read(self, split: Split) -> Iterator[Group]:
        """The split's groups, each as soon as there are many of a shape."""
        assert self.range is not None
        waiting: dict[Any, list[tuple[int, Item]]] = {}
        pixels, position = 0, -1
        known = self.known[split]
        for position, (where, item) in enumerate(self._items(split)):
            if position >= len(known.digests) or _digest(item) != known.digests[position]:
                raise DataError(f"{where}: it is another image than before: {_SAME}")
            alike = waiting.setdefault((item.images[0].shape, len(item.frames)), [])
            alike.append((position, item))
            pixels += sum(math.prod(image.shape[1:]) for image in item.images)
            if pixels > READ_AT_ONCE:
                for alike in waiting.values():
                    yield _group(alike, self.range)
                waiting, pixels = {}, 0
        if position + 1 < len(known.digests):
            raise DataError(
                f"{self._name} gave {len(known.digests)} {split} images at first, and now "
                f"{position + 1}: {_SAME}"
            )
        for alike in waiting.values():
            yield _group(alike, self.range)

    def _items(self, split: Split) -> Iterator[tuple[str, Item]]:
        """The images of a split, each with words for where it stands."""
        position = 0
        for given in self._given(split):
            try:
                for item in items_of(given):
                    yield self._where(split, position), item
                    position += 1
            except UnusableImage as error:
                raise DataError(f"{self._where(split, position)}: {error}") from error

    def _given(self, split: Split) -> Iterator[Any]:
        """What is handed over; what goes wrong there is explained."""
        if self._explain is None:
            yield from self._images(split)
            return
        try:
            yield from self._images(split)
        except (Exception, SystemExit) as error:
            raise DataError(f"{self._name}, {split} images: {self._explain(error)}") from error

    def _where(self, split: Split, position: int) -> str:
        return f"{self._name}, {split} image {position} (counted from 0)"

    def _labels(self, split: Split) -> Labels:
        known = self.known[split]
        if not self._all_have("labels", known):
            raise DataError(f"not all {split} images of {self._name} have a label")
        return np.array(known.labels, np.int64)

    def _units(self, split: Split) -> Units:
        """Numbers of units, in the order of their first image; one of none is one by itself."""
        numbers: dict[Any, int] = {}
        every = enumerate(self.known[split].units)
        keys = [("alone", position) if unit is None else unit for position, unit in every]
        return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


_SAME = "a data set has to give the same images, in the same order, whenever it is read"


def _group(items: list[tuple[int, Item]], scale: Range) -> Group:
    """Images of one shape, scaled."""
    positions = np.array([position for position, _ in items], np.int64)
    first = items[0][1]
    clean = frames = None
    if first.clean is not None:
        clean = np.stack([scale.scaled(item.clean) for _, item in items])
    if first.frames:
        frames = np.stack([[scale.scaled(one) for one in item.frames] for _, item in items])
    return Group(positions, clean, frames)


def _digest(item: Item) -> int:
    """Of the stored pixels."""
    digest = 0
    for image in item.images:
        digest = xxh3_64_intdigest(np.ascontiguousarray(image).data, digest)
        digest = xxh3_64_intdigest(f"{image.shape} {image.dtype}".encode(), digest)
    return digest


def samples_of(shapes: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Positions of the images that reports show: the first is always one of them.

    >>> samples_of([(1, 512, 512)] * 5), samples_of([])
    ((0, 1), ())
    """
    sides = [[min(side, SAMPLE_SIDE) for side in shape[1:]] for shape in list(shapes)[:_SHOWN]]
    pixels = np.cumsum([height * width for height, width in sides])
    return tuple(range(max(1, int((pixels <= _SHOWN_PIXELS).sum())))) if sides else ()


def _next_power(value: float) -> int:
    """The greatest value of as many bits as a value takes.

    >>> _next_power(4000)
    4095
    """
    return 2 ** max(1, math.ceil(math.log2(value + 1))) - 1 if value > 0 else 1
