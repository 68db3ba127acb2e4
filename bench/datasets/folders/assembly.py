"""Scenes as a data set: every page is read once, for what it holds and for the fingerprint."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from xxhash import xxh3_128_digest

from bench.core import SPLITS, DataError, Dataset, Group, Split
from bench.datasets.arrays import samples_of
from bench.datasets.folders import scenes as reading
from bench.datasets.folders.scenes import Entry, Look, Page, Scene, ahead, look, read_again
from bench.datasets.folders.units import numbered
from bench.datasets.formats import UnusableImage
from bench.datasets.training_images import TILE
from bench.datasets.value_scale import Found, ValueScale

if TYPE_CHECKING:
    from bench.core import Array


def assembled(
    name: str,
    splits: Mapping[Split, Sequence[Entry]],
    scale: ValueScale,
    *,
    group: str | None = None,
    strict: bool = False,
    left_out: Sequence[str] = (),
    ignored: Sequence[str] = (),
) -> Dataset:
    """A data set of scenes, all of which have clean images, or none.

    The fingerprint depends on the images, their order, their units and what their values mean, not
    on names or formats.

    Args:
        name: the data set's.
        splits: what each holds, in order.
        scale: what stored values mean.
        group: the expression that tells units; None where each entry is one.
        strict: an entry that cannot be taken is an error; else it is left out and named.
        left_out: lines that say what was left out before.
        ignored: lines that say what lies there besides.

    Raises:
        UsageError: the range has to be stated.
        DataError: values lie outside the range, or no test image is left.
    """
    scan = _Scan(scale, strict)
    usable = scan.read(splits)
    warnings = scale.check(scan.found) if scan.found else ()
    lines = [*left_out, *scan.left_out]
    if splits.get("test") and not usable["test"]:
        raise DataError(f"{name}: no file can be used; {lines[0]}")
    units = {split: numbered(entries, group) for split, entries in usable.items()}
    grouped = any(len(set(each.tolist())) < len(each) for each in units.values())
    if grouped:
        scan.digest.update(repr([each.tolist() for each in units.values()]).encode())
    scenes = {s: [scene for e in entries for scene in e.scenes] for s, entries in usable.items()}
    every = [scene for part in scenes.values() for scene in part]

    def read(split: Split) -> Iterator[Group]:
        return _groups(scenes[split], scale)

    return Dataset(
        name,
        scan.digest.hexdigest()[:16],
        {split: len(part) for split, part in scenes.items()},
        read,
        samples=samples_of(scene.shape for scene in scenes["test"]),
        left_out=(*lines, *ignored),
        warnings=(*warnings, *_notes(every)),
        training_warnings=_patches(scenes["train"]),
        largest=max((math.prod(scene.shape) for scene in every), default=0),
        largest_pixels=max((math.prod(scene.shape[-2:]) for scene in every), default=0),
        range=scale.range,
        frames=min((len(scene.noisy) for scene in every), default=0),
        truth=all(scene.clean is not None for scene in every),
        units=units.__getitem__ if grouped else None,
    )


@dataclass
class _Scan:
    """One reading of all pages: what was found, what is left out, and the digest of the rest."""

    scale: ValueScale
    strict: bool
    found: list[Found] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)

    def read(self, splits: Mapping[Split, Sequence[Entry]]) -> dict[Split, list[Entry]]:
        """The entries that can be taken."""
        self.digest.update(self.scale.identity().encode())
        every = [entry for split in SPLITS for entry in splits.get(split, ())]
        pages = (page for entry in every for scene in entry.scenes for page in scene.pages)
        looks = ahead(self._attempt, pages, lambda page: math.prod(page.shape))
        usable: dict[Split, list[Entry]] = {}
        with contextlib.closing(looks):  # its threads end here, also where a file is refused
            for split in SPLITS:
                entries = splits.get(split, ())
                usable[split] = [entry for entry in entries if self._take(split, entry, looks)]
        return usable

    def _attempt(self, page: Page) -> Look | UnusableImage:
        try:
            return look(page, self.scale.of(page.stored))
        except UnusableImage as error:
            return error

    def _take(self, split: Split, entry: Entry, looks: Iterator[Look | UnusableImage]) -> bool:
        """Whether an entry can be taken; the digest is of those that can."""
        digest, found, fault = self.digest.copy(), [], ""
        for scene in entry.scenes:
            kind = f" {len(scene.noisy)} noisy of {scene.clean is not None}" if scene.noisy else ""
            digest.update(f"{split} {scene.shape}{kind} ".encode())
            seen: dict[bytes, Page] = {}
            for page in scene.pages:
                result = next(looks)  # of each page, whatever became of those before
                if isinstance(result, UnusableImage):
                    fault = fault or (
                        f"{page.place}: {result}" if self.strict
                        else f"{page.name} is left out: {result}"
                    )  # fmt: skip
                    continue
                if page.stored.white != 1:  # black and white are not of the range
                    found.append(Found(page.path, result.extremes, page is not scene.clean))
                if result.values is None or fault:
                    continue
                pixels = np.ascontiguousarray(result.values, "<f4")
                if not scene.noisy:
                    digest.update(pixels.data)
                    continue
                short = xxh3_128_digest(pixels.data)  # a tenth of the time
                digest.update(short)
                twin = seen.setdefault(short, page)
                fault = "" if twin is page else _equal(twin, page, scene)
        if not fault:
            self.digest = digest
            self.found += found
        elif self.strict:
            raise DataError(f"{self.scale.name}: {fault}")
        else:
            self.left_out.append(fault)
        return not fault


def _equal(one: Page, other: Page, scene: Scene) -> str:
    what = "two noisy images of one scene never are" if one is not scene.clean else (
        "without noise there is nothing to remove"
    )  # fmt: skip
    return f"{one.place} and {other.place} are equal: {what}; is one a copy?"


def _groups(scenes: Sequence[Scene], scale: ValueScale) -> Iterator[Group]:
    """Scenes of one shape and number of frames together, few enough to be in memory."""
    alike: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for position, scene in enumerate(scenes):
        alike.setdefault((scene.shape, len(scene.noisy)), []).append(position)
    for (shape, _), positions in alike.items():
        pages = len(scenes[positions[0]].pages)
        size = max(1, reading.READ_AT_ONCE // (shape[1] * shape[2] * pages))
        for start in range(0, len(positions), size):
            yield _group(scenes, positions[start : start + size], scale)


def _group(scenes: Sequence[Scene], positions: list[int], scale: ValueScale) -> Group:
    part = [scenes[position] for position in positions]
    first = part[0]
    clean: Array | None = None
    frames: Array | None = None
    if first.clean:
        clean = np.empty((len(part), *first.shape), np.float32)
    if first.noisy:
        frames = np.empty((len(part), len(first.noisy), *first.shape), np.float32)

    def read(page: Page) -> Array:
        meaning = scale.of(page.stored)
        assert meaning is not None  # or it would have been refused
        return read_again(page, meaning)

    pages = (page for scene in part for page in scene.pages)
    values = ahead(read, pages, lambda page: math.prod(page.shape))
    with contextlib.closing(values):
        for index, _ in enumerate(part):
            if clean is not None:
                clean[index] = next(values)
            for number in range(len(first.noisy)):
                assert frames is not None
                frames[index, number] = next(values)
    return Group(np.array(positions), clean, frames)


def _notes(scenes: Sequence[Scene]) -> Iterator[str]:
    """What readers did or left where another may be expected: a line, and how many files."""
    files = {page.path: page.stored for scene in scenes for page in scene.pages}
    by_note: dict[str, list[str]] = {}
    for path, stored in files.items():
        for note in stored.notes:
            by_note.setdefault(note, []).append(path.name)
    for note, names in by_note.items():
        more = f" and {len(names) - 1} more files" if len(names) > 1 else ""
        yield f"{names[0]}{more}: {note}"


def _patches(training: Sequence[Scene]) -> tuple[str, ...]:
    """What a training image makes of all others that is hardly meant."""
    if len({scene.shape for scene in training}) < 2:
        return ()
    sides = [min(*scene.shape[1:], TILE) for scene in training]
    if 2 * min(sides) > median(sides):
        return ()
    smallest = training[sides.index(min(sides))]
    return (
        f"training images are cut into patches of {min(sides)} pixels a side, the size of "
        f"{smallest.pages[0].path.name}: leave it out, and they are larger",
    )
