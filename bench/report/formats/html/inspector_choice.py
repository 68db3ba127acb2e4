"""Which images the inspector shows, under each noise: how many, of which, and how much of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.report.content.rows import Column
from bench.report.formats.html.inspector_samples import Sampled

if TYPE_CHECKING:
    from bench.report.content.section import Section
    from bench.report.formats.html.inspector_outputs import KeptAll
    from bench.report.formats.html.inspector_scores import ImageScores

#: Sizes that are tried until all fits: images with every method's, and pixels a side of each.
SIZES = (
    (400, 512), (200, 512), (100, 512), (48, 512), (24, 512), (16, 512), (16, 384), (12, 384),
    (12, 320), (10, 256), (10, 224), (10, 192), (8, 192), (8, 160), (6, 160), (6, 128), (5, 128),
    (4, 128), (4, 96), (4, 64), (2, 48), (1, 32),
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """The images of one noise, the most important ones first.

    Attributes:
        labels: of the methods that were measured.
        full: positions of the images of which all is there that methods made of them.
        partly: positions of those that only methods kept to which they are a case, and how many.
        cases: label -> positions of its worst, median and best image.
        shapes: of the images by position (channels, height, width), where known before they are
            read.
        layers: of an image of which all is there.
    """

    labels: list[str]
    full: list[int]
    partly: dict[int, int]
    cases: dict[str, list[int]]
    shapes: Mapping[int, tuple[int, ...]]
    layers: int

    def positions(self, images: int) -> list[int]:
        """So many images of which all is there, and the others' cases."""
        chosen = self.full[:images]
        return [*chosen, *(one for one in self.partly if one not in chosen)]

    def values(self, images: int, side: int) -> int:
        """What their pixels take, before they are packed."""
        chosen = set(self.full[:images])
        return sum(
            (self.layers if position in chosen else self.partly[position] + 2)
            * channels * min(height, side) * min(width, side)
            for position in self.positions(images)
            for channels, height, width in [self.shapes[position]]
        )  # fmt: skip


def choices(
    section: Section,
    samples: Mapping[Column, Sampled],
    outputs: KeptAll,
    scores: ImageScores,
) -> dict[Column, Choice]:
    """What may be shown under each noise.

    Images that were chosen by position come first. Where all restored images were kept, those
    follow that are a method's worst, median or best, and those on which methods differ most.
    """
    chosen = {}
    for column in section.columns:
        if column not in samples and column not in outputs.columns:
            continue
        sampled = samples.get(column, Sampled({}, []))
        known, full = sampled.pictures, sampled.common
        labels = scores.labels(column)
        cases = {label: scores.cases(column, label) for label in labels}
        shapes = {position: one.noisy.shape for position, one in known.items()}
        layers = 2 + max(
            (len(one.restored) + len(one.deviation) for one in known.values()), default=0
        )
        if column in outputs.columns:
            full = _of_all(full, cases, column, scores)[: SIZES[0][0]]
            shapes |= outputs.shapes(full)
            layers = max(layers, 2 + len(outputs.columns[column]))
        partly = {
            position: len(one.restored) + len(one.deviation)
            for position, one in known.items()
            if position not in sampled.common
        }
        chosen[column] = Choice(labels, full, partly, cases, shapes, layers)
    return chosen


def _of_all(
    common: list[int], cases: Mapping[str, list[int]], column: Column, scores: ImageScores
) -> list[int]:
    """All images: half of those chosen by position, cases, the others, then what differs most."""
    positions = scores.positions(column)
    by_rank = [one[rank] for rank in (0, 2, 1) for one in cases.values() if len(one) > rank]
    differing = positions[np.argsort(-scores.spread(column, positions), kind="stable")]
    half = len(common) // 2
    return [
        int(position)
        for position in dict.fromkeys([*common[:half], *by_rank, *common[half:], *differing])
    ]
