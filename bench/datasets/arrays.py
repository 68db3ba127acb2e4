"""Images that are handed over one by one, from wherever they come -> a data set.

They are gone through once, for sizes, shapes, range and fingerprint, and again whenever they are
read; what is then other than it was is an error. No more than a few are in memory at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import SAMPLE_SIDE, DataError, Dataset, Group, Range, Split
from bench.datasets.items import Item
from bench.datasets.survey import Source, Survey, digest_of, largest, largest_pixels, meaning
from bench.datasets.survey import survey as surveyed

if TYPE_CHECKING:
    from bench.core import Labels

#: Pixels that are in memory at a time, before those of one shape are handed on.
READ_AT_ONCE = 2**24
#: Reports show the first images: at most so many, and so many pixels.
_SHOWN, _SHOWN_PIXELS = 10, 2**19
_SAME = "a data set has to give the same images, in the same order, whenever it is read"


def dataset_of(
    source: Source,
    *,
    stated: Range | None = None,
    training_only: bool = False,
    survey: Survey | None = None,
) -> Dataset:
    """Images as a data set.

    Args:
        source: gives them.
        stated: the range of the stored values; needed where their type does not say it.
        training_only: there need not be test images.
        survey: what was found in them before.

    Raises:
        DataError: there is no test image, or one that cannot be taken.
        UsageError: the range has to be stated.
    """
    found = survey or surveyed(source, stated, training_only=training_only)
    known = found.known
    every = [each for each in known.values() if each.shapes]

    def labels(split: Split) -> Labels:
        if None in known[split].labels:
            raise DataError(f"not all {split} images of {source.name} have a label")
        return np.array(known[split].labels, np.int64)

    return Dataset(
        source.name,
        found.fingerprint,
        {split: len(each.shapes) for split, each in known.items()},
        lambda split: _groups(source, split, found, stated),
        samples=samples_of(known["test"].shapes),
        warnings=found.warnings,
        largest=largest(every),
        largest_pixels=largest_pixels(every),
        labels=None if None in every[-1].labels else labels,
        range=found.scale.range,
        frames=min(min(each.frames) for each in every),
        truth=found.truth,
        units=(lambda split: known[split].numbered_units())
        if any(unit is not None for each in every for unit in each.units)
        else None,
    )


def _groups(source: Source, split: Split, found: Survey, stated: Range | None) -> Iterator[Group]:
    """A split's images by shape, handed on as soon as there are many.

    Raises:
        DataError: they are not those that were found.
    """
    waiting: dict[Any, list[tuple[int, Item]]] = {}
    pixels, position, digests = 0, -1, found.known[split].digests
    for position, (where, item) in enumerate(source.items(split, again=True)):
        if position >= len(digests) or digest_of(item) != digests[position]:
            raise DataError(f"{where}: it is another image than before: {_SAME}")
        alike = waiting.setdefault((item.images[0].shape, len(item.frames)), [])
        alike.append((position, item))
        pixels += sum(math.prod(image.shape[1:]) for image in item.images)
        if pixels > READ_AT_ONCE:
            yield from (_group(each, stated) for each in waiting.values())
            waiting, pixels = {}, 0
    if position + 1 < len(digests):
        raise DataError(
            f"{source.name} gave {len(digests)} {split} images at first, and now {position + 1}: "
            f"{_SAME}"
        )
    yield from (_group(each, stated) for each in waiting.values())


def _group(items: list[tuple[int, Item]], stated: Range | None) -> Group:
    """Images of one shape, scaled."""
    positions = np.array([position for position, _ in items], np.int64)
    first = items[0][1]
    clean = frames = None
    if first.clean is not None:
        clean = np.stack([_scaled(item, item.clean, stated) for _, item in items])
    if first.frames:
        frames = np.stack([[_scaled(item, f, stated) for f in item.frames] for _, item in items])
    return Group(positions, clean, frames)


def _scaled(item: Item, image: Any, stated: Range | None) -> Any:
    scale = meaning(item.white, stated)
    assert scale is not None  # or the survey had ended in an error
    return scale.scaled(image)


def samples_of(shapes: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Positions of the images that reports show: the first is always one of them.

    >>> samples_of([(1, 512, 512)] * 5), samples_of([])
    ((0, 1), ())
    """
    sides = [[min(side, SAMPLE_SIDE) for side in shape[1:]] for shape in list(shapes)[:_SHOWN]]
    pixels = np.cumsum([height * width for height, width in sides])
    return tuple(range(max(1, int((pixels <= _SHOWN_PIXELS).sum())))) if sides else ()
