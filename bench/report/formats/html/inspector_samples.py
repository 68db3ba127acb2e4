"""The images that cells kept to be shown, put together by image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.core import IDENTITY
from bench.report.content.rows import Column
from bench.report.content.samples import (
    DEVIATION_SHOWN,
    Samples,
    common_positions,
    kept_samples,
)
from bench.report.formats.html.inspector_pixels import pixels

if TYPE_CHECKING:
    from bench.report.content.section import Section
    from bench.report.formats.html.inspector_pixels import Pixels


@dataclass
class Picture:
    """An image under one noise: as it is, noisy, and as methods restore it.

    Attributes:
        position: in the split.
        clean: None without ground truth.
        noisy: as `identity` gives it, which has no layer of its own for that.
        restored: by label.
        deviation: that methods predict, by label, on a scale from 0 to `DEVIATION_SHOWN`.
        unchanged: `identity` is among the methods.
    """

    position: int
    clean: Pixels | None
    noisy: Pixels
    restored: dict[str, Pixels] = field(default_factory=dict)
    deviation: dict[str, Pixels] = field(default_factory=dict)
    unchanged: bool = False

    def add(self, label: str, restored: Pixels, deviation: Pixels | None = None) -> None:
        """Add what a method makes of it."""
        if label == IDENTITY:
            self.unchanged = True
            return
        self.restored[label] = restored
        if deviation is not None:
            self.deviation[label] = deviation

    @classmethod
    def merged(cls, first: Picture, *others: Picture) -> Picture:
        """One of several of the same image; what an earlier one has counts."""
        restored, deviation = dict(first.restored), dict(first.deviation)
        for other in others:
            restored |= {
                label: each for label, each in other.restored.items() if label not in restored
            }
            deviation |= {
                label: each for label, each in other.deviation.items() if label not in deviation
            }
        unchanged = any(each.unchanged for each in (first, *others))
        return cls(first.position, first.clean, first.noisy, restored, deviation, unchanged)

    @property
    def methods(self) -> list[str]:
        """The labels of all that restored it."""
        return [*([IDENTITY] if self.unchanged else []), *self.restored]

    @property
    def layers(self) -> list[Pixels]:
        """All but the clean image, in the order in which the page finds them."""
        return [self.noisy, *self.restored.values(), *self.deviation.values()]


@dataclass(frozen=True)
class Sampled:
    """The samples under one noise.

    Attributes:
        pictures: by position.
        common: positions of those that all methods kept: chosen before any method was run.
    """

    pictures: dict[int, Picture]
    common: list[int]


def sampled(section: Section) -> dict[Column, Sampled]:
    """The samples of each noise."""
    found: dict[Column, dict[int, Picture]] = {}
    lists: dict[Column, list[Samples]] = {}
    for label, column, kept in kept_samples(section):
        pictures = found.setdefault(column, {})
        lists.setdefault(column, []).append({"image": kept["image"]})
        for index, position in enumerate(kept["image"]):
            if position not in pictures:
                clean = pixels(kept["clean"][index]) if kept["clean"] else None
                pictures[position] = Picture(position, clean, pixels(kept["noisy"][index]))
            predicted = kept["deviation"]
            pictures[position].add(
                label,
                pixels(kept["restored"][index]),
                pixels(predicted[index], DEVIATION_SHOWN) if predicted else None,
            )
    return {
        column: Sampled(pictures, common_positions(lists[column]))
        for column, pictures in found.items()
    }
