"""What a report says of a data set's images: how many, their range, where their noise came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.core import UNIT_RANGE, counted, level_text, noise_text
from bench.report.content.metrics import plain

if TYPE_CHECKING:
    from bench.report.content.section import Section


def images(section: Section) -> str:
    """How many images of which split, and of how many units: `1,000 test images of 40 units`."""
    text = counted(section.images, f"{section.split} image")
    return text + of_units(section.images, section.units)


def noises(section: Section) -> list[str]:
    """The noises that were tested on, as tables name them."""
    return list(dict.fromkeys(noise_text(*column) for column in section.columns))


def of_units(images: int, units: int) -> str:
    """What is added to a number of images, of which several are of one unit; else "".

    >>> of_units(24, 8), of_units(24, 24)
    (' of 8 units', '')
    """
    return f" of {counted(units, 'unit')}" if units < images else ""


def sampled(section: Section) -> str:
    """What was drawn independently, over which intervals are made."""
    return "units" if section.units < section.images else "images"


def conditions(section: Section) -> list[str]:
    """What the numbers depend on: the stored values' range, and noise that came with the images.

    Sentences; none of images whose values are stored as they are used, under noise that is drawn.
    """
    return [*_range(section), *_given(section)]


def remarks(section: Section) -> list[str]:
    """The same, and what else a reader must know of the images."""
    sentences = conditions(section)
    if not section.dataset.truth:
        sentences.append(
            "There is no ground truth: all scores are estimates from the noisy images alone, each "
            "as its metric's description says."
        )
    if section.units < section.images:
        sentences.append(
            "Images of one unit (a field, a patient, a file) are no independent samples: intervals "
            "and tests resample units."
        )
    return sentences


def _range(section: Section) -> list[str]:
    stored = section.dataset.range.range
    if stored == UNIT_RANGE:
        return []
    limited = "are limited to that range" if stored.clamp else "are not limited to that range"
    return [f"Values {plain(str(stored))} are 0 to 1; outputs {limited}."]


def _given(section: Section) -> list[str]:
    if not section.dataset.given:
        return []
    stated = [level_text(level) for _, level in section.columns if level]
    estimated = ["what is estimated from each image"] * (len(stated) < len(section.columns))
    told = " or ".join([*estimated, *stated])
    return [
        "The noise came with the images, and none was drawn; methods were told its standard "
        f"deviation, {told}."
    ]
