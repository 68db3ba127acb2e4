"""The images that cells kept, image by image: every method's of one, with its scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.report.content.rows import Column
from bench.report.content.samples import Samples, kept_samples

if TYPE_CHECKING:
    from bench.report.content.section import Section


@dataclass(frozen=True)
class Restored:
    """A method's image.

    Attributes:
        label: of the method.
        pixels: float32 (C, H, W), clamped; of a large image the middle.
        scores: metric -> value of the whole image; NaN where there is none.
    """

    label: str
    pixels: Any
    scores: Mapping[str, float]


@dataclass(frozen=True)
class SampleImage:
    """A test image under one noise.

    Attributes:
        position: in the split.
        column: the noise.
        clean, noisy: float32 (C, H, W); clean is None without ground truth.
        restored: by every method that kept it, in the section's order.
    """

    position: int
    column: Column
    clean: Any | None
    noisy: Any
    restored: Sequence[Restored]


def sample_images(section: Section, most: int) -> dict[int, list[SampleImage]]:
    """Position -> the image under each noise: those that most methods kept, `most` of them.

    Cells keep some images by position, the same of every method, and those that are their own
    best and worst, which stand beside nobody's.
    """
    kept: dict[Column, dict[str, Samples]] = {}
    for label, column, samples in kept_samples(section):
        kept.setdefault(column, {})[label] = samples
    counts = Counter(
        position
        for by_label in kept.values()
        for samples in by_label.values()
        for position in dict.fromkeys(samples["image"])
    )
    # The cells that kept anything, of which an image of all has most.
    enough = max(counts.values(), default=0) / 2
    chosen = sorted(counts, key=lambda position: (-counts[position], position))
    positions = sorted(one for one in chosen[:most] if counts[one] > enough)
    scores = _scores(section, positions)
    images: dict[int, list[SampleImage]] = {position: [] for position in positions}
    for column, by_label in kept.items():
        for position in positions:
            image = _image(position, column, by_label, scores)
            if image is not None:
                images[position].append(image)
    return {position: each for position, each in images.items() if each}


def _image(
    position: int,
    column: Column,
    by_label: Mapping[str, Samples],
    scores: Mapping[tuple[str, Column, int], Mapping[str, float]],
) -> SampleImage | None:
    """An image under one noise; None where no method kept it."""
    restored, clean, noisy = [], None, None
    for label, samples in by_label.items():
        if position in samples["image"]:
            at = samples["image"].index(position)
            if noisy is None:
                noisy = samples["noisy"][at]
                clean = samples["clean"][at] if samples["clean"] else None
            of_image = scores.get((label, column, position), {})
            restored.append(Restored(label, samples["restored"][at], of_image))
    return SampleImage(position, column, clean, noisy, restored) if restored else None


def _scores(
    section: Section, positions: Sequence[int]
) -> dict[tuple[str, Column, int], dict[str, float]]:
    """What was measured of images: of several seeds the first's, as the images kept are."""
    found: dict[tuple[str, Column, int], dict[str, float]] = {}
    for (noise, level, label), part in section.scores.by("noise", "level", "label"):
        columns = next(iter(part))
        if section.draws > 1:
            first = columns["noise_seed"] == columns["noise_seed"][0]
            columns = {name: values[first] for name, values in columns.items()}
        rows = {int(position): row for row, position in enumerate(columns["image"])}
        for position in positions:
            if position in rows:
                found[label, (noise, level), position] = {
                    metric: float(np.float64(columns[metric][rows[position]]))
                    for metric in section.scales
                }
    return found
