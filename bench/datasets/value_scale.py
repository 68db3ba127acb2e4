"""What stored values mean: the range of a data set, which is stated or the format's, never guessed.

Of 8 bits 255 is white, of 16 bits 65535, unless the file says another (PGM, PPM, DICOM) or one is
stated; floating-point, signed and 32-bit values say nothing of it, and have to be stated. What was
found in the files is held to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from bench.core import DataError, Range, UsageError
from bench.core.value_range import UNIT_RANGE
from bench.datasets.formats import Stored

#: Where the values use less of what they are divided by, it is hardly meant.
_LITTLE = 1 / 4


class Extremes(NamedTuple):
    """The least and greatest stored value of a page."""

    low: float
    high: float


class Found(NamedTuple):
    """What a file's pages hold: its extremes, and whether they are noisy."""

    path: Path
    extremes: Extremes
    noisy: bool


@dataclass(frozen=True)
class ValueScale:
    """What the stored values of a data set mean.

    Attributes:
        name: of the data set, as typed.
        folder: in which `dataset.toml` would lie; None where there is none.
        stated: the range that somebody stated; None where the formats' own are taken.
        whites: the greatest value that is possible, by the formats of its files; None among them
            where one does not say it.
    """

    name: str
    folder: Path | None
    stated: Range | None
    whites: frozenset[float | None]

    @property
    def known(self) -> bool:
        """Whether it is known what the values mean."""
        return self.stated is not None or None not in self.whites

    def of(self, stored: Stored) -> Range | None:
        """Of one file; None where it is not known. Black and white images are of 0 and 1."""
        if stored.white == 1:
            return UNIT_RANGE
        if self.stated is not None:
            return self.stated
        return None if stored.white is None else Range(0, stored.white)

    @property
    def range(self) -> Range:
        """As the data set has it: 8 bits are as usual, and nobody need say it."""
        if self.stated is not None:
            same = self.stated == Range(0, 255) and self._eight_bits
            return UNIT_RANGE if same else self.stated
        deep = [white for white in self.whites if white and white > 255]
        return Range(0, deep[0]) if deep else UNIT_RANGE

    @property
    def _eight_bits(self) -> bool:
        return self.whites <= {1, 255}

    def identity(self) -> str:
        """What tells it from the formats' own range, for a fingerprint; empty where it is that."""
        if self.stated is None:
            return ""
        own = {Range(0, white) for white in self.whites if white and white != 1}
        bare = Range(self.stated.low, self.stated.high)
        if own <= {bare} and None not in self.whites and self.stated.clamp:
            return ""
        low, high = float(self.stated.low), float(self.stated.high)
        return f"range {low!r} {high!r} {self.stated.clamp} "

    def check(self, found: Iterable[Found]) -> tuple[str, ...]:
        """Hold what was found in the files to it; lines that say what is hardly meant so.

        Raises:
            UsageError: the range has to be stated, or white is more than a value can be.
            DataError: values lie outside of it.
        """
        found = list(found)
        if not self.known:
            raise UsageError(self._unknown(found))
        if self.stated is None:
            return tuple(self._little_used(found))
        self._check_possible(self.stated)
        lines = self._outside(found, self.stated), self._little_of(found, self.stated)
        return tuple(line for part in lines for line in part)

    def _check_possible(self, stated: Range) -> None:
        """Of whole numbers white can be no value that none of the files can hold."""
        most = max((white for white in self.whites if white is not None), default=0)
        most = max(255, most)
        if None not in self.whites and stated.high > most:
            where = "" if self.folder is None else f", or range in {self.folder / 'dataset.toml'}"
            raise UsageError(
                f"{self.name}: no value of its {round(math.log2(most + 1))} bits is more than "
                f"{most:.10g}, and the range {stated} calls {stated.high:.10g} white: give --range "
                f"LOW,HIGH{where}, the stored values of black and white, or leave it out, and "
                f"{most:.10g} is white"
            )

    def _unknown(self, found: list[Found]) -> str:
        least, most = _least_and_most(found)
        return (
            f"{self.name}: its values do not say what is black and what is white: the least is "
            f"{least.extremes.low:.6g}{_in(least.path)} and the greatest "
            f"{most.extremes.high:.6g}{_in(most.path)}; state their range, as --range "
            f"LOW,HIGH{self._or_else}, the values of black and white"
        )

    @property
    def _or_else(self) -> str:
        """Where else a range is stated."""
        if self.folder is None:
            return ", or in Python as range=(LOW, HIGH)"
        return f", or as range = [LOW, HIGH] in {self.folder / 'dataset.toml'}"

    def _little_used(self, found: list[Found]) -> Iterator[str]:
        """16 bits of which most are never used: 12 bits of a camera, it may be."""
        white = self.range.high
        largest = max(found, key=lambda one: one.extremes.high, default=None)
        if largest is None or white <= 255 or largest.extremes.high >= white * _LITTLE:
            return
        high = largest.extremes.high
        bits = max(1, math.ceil(math.log2(high + 1)))
        yield (
            f"{self.name}: the greatest value of all is {high:.10g}{_in(largest.path)}, as "
            f"of {bits} bits, and all are divided by {white:.10g}, so that the images are nearly "
            f"black and every level and number is of that range: if it is not meant so, state it, "
            f"as --range LOW,HIGH{self._or_else}, the values of black and white"
        )

    def _little_of(self, found: list[Found], stated: Range) -> Iterator[str]:
        """A stated range of which most is never used: a zero too many, it may be."""
        if not found:
            return
        least, most = _least_and_most(found)
        low, high = least.extremes.low, most.extremes.high
        if high - low >= (stated.high - stated.low) * _LITTLE:
            return
        yield (
            f"{self.name}: all values lie from {low:.6g}{_in(least.path)} to {high:.6g}"
            f"{_in(most.path)}, less than a quarter of the range {stated}, so that the images "
            "have hardly any contrast and every level and number is of that range: if it is not "
            "meant so, state the values of black and white that they have"
        )

    def _outside(self, found: list[Found], stated: Range) -> Iterator[str]:
        """Clean values must lie in the range; noise may lead out of it, but not anywhere."""
        beyond = [one for one in found if _is_outside(one.extremes, stated)]
        if not stated.clamp:
            return
        width = stated.high - stated.low
        wide = Range(stated.low - width, stated.high + width)
        lifted = "" if self.folder is None else ", or clamp = false in dataset.toml"
        for one in beyond:
            if not one.noisy or _is_outside(one.extremes, wide):
                raise DataError(
                    f"{self.name}: {one.path.name} holds values from {one.extremes.low:.6g} to "
                    f"{one.extremes.high:.6g}, outside the range {stated}: state the range that "
                    f"they have{lifted}"
                )
        if beyond:
            low = min(beyond, key=lambda one: one.extremes.low)
            high = max(beyond, key=lambda one: one.extremes.high)
            yield (
                f"{self.name}: values of {len(beyond)} noisy images lie outside the range {stated} "
                f"(from {low.extremes.low:.6g} in {low.path.name} to {high.extremes.high:.6g} in "
                f"{high.path.name}): methods are given them as they are, and what they restore is "
                "limited to the range"
            )


def value_scale(
    name: str, folder: Path | None, stated: Range | None, files: Iterable[tuple[Path, Stored]]
) -> ValueScale:
    """What the values of these files mean.

    Args:
        name: of the data set, as typed.
        folder: in which `dataset.toml` would lie.
        stated: what somebody stated. That of [0, 1] says of 8-bit images what is so anyway.
        files: all of the data set.

    Raises:
        DataError: they are of several depths, so that no one range is of all.
    """
    first: dict[float | None, Path] = {}
    kinds: dict[str, Path] = {}
    units = set()
    for path, stored in files:
        units.add(stored.unit)
        first.setdefault(stored.white, path)
        kinds.setdefault("floating-point" if stored.dtype.kind == "f" else "whole", path)
    if len(kinds) > 1:
        (kind, one), (other_kind, other) = kinds.items()
        raise DataError(
            f"{name}: {one.name} holds {kind} numbers and {other.name} {other_kind} ones: store "
            "all alike"
        )
    depths = {white: path for white, path in first.items() if white != 1}
    whites = frozenset(first)
    if stated == UNIT_RANGE and whites <= {1, 255}:
        stated = None
    if stated is not None and not stated.unit and len(units) == 1:
        stated = replace(stated, unit=units.pop())
    if len(depths) > 1 and stated is None:
        (white, one), (other_white, other) = list(depths.items())[:2]
        raise DataError(
            f"{name}: of {one.name} white is {_white(white)} and of {other.name} "
            f"{_white(other_white)}: store all alike, or state the range that all have, as "
            "--range LOW,HIGH"
        )
    return ValueScale(name, folder, stated, whites)


def _in(path: Path) -> str:
    """Of which file a value is; nothing of what is no file, whose path is empty."""
    return f" (in {path.name})" if path.name else ""


def _white(white: float | None) -> str:
    return "unknown" if white is None else f"{white:.10g}"


def _is_outside(extremes: Extremes, stated: Range) -> bool:
    return extremes.low < stated.low or extremes.high > stated.high


def _least_and_most(found: list[Found]) -> tuple[Found, Found]:
    """Which hold the least and the greatest value of all."""
    least = min(found, key=lambda one: one.extremes.low)
    return least, max(found, key=lambda one: one.extremes.high)
