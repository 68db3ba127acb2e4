"""How a report writes the numbers of metrics, and what it calls their files.

Labels, titles and units come from manifests: they are text from outside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bench.core import Scale

#: Stems of the other files of a report.
_TAKEN = ("summary", "leaderboard", "cells", "costs", "bias-variance", "report")
_LONGEST = 60


def stems(labels: Iterable[str]) -> dict[str, str]:
    """What files, anchors and references of each metric are called: of a to z, digits, hyphens.

    >>> list(stems(["psnr", "ssim[sigma=1.0]", "ssim[sigma=1,0]", "..", "costs"]).values())
    ['psnr', 'ssim-sigma-1-0', 'ssim-sigma-1-0-3', 'metric', 'costs-5']
    """
    named: dict[str, str] = {}
    for number, label in enumerate(labels, 1):
        stem = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:_LONGEST] or "metric"
        taken = stem in _TAKEN or stem in named.values()
        named[label] = f"{stem}-{number}" if taken else stem
    return named


def title(scale: Scale, *, heading: bool = False) -> str:
    """A metric's title within a sentence; of a `heading` with its unit."""
    return plain(scale.heading if heading else scale.title)


def unit(scale: Scale) -> str:
    """The unit as it follows a number: " dB"; nothing of a range such as "[0, 1]"."""
    return "" if not scale.unit or "[" in scale.unit else f" {plain(scale.unit)}"


def number(scale: Scale, value: float) -> str:
    """A mean as tables show it, with its unit."""
    return f"{value:.{scale.decimals}f}{unit(scale)}"


def size(scale: Scale, value: float) -> str:
    """A difference, with so many decimals that it does not seem to be nothing: `0.05 dB`.

    >>> size(Scale("PSNR", "dB", decimals=2), 0.0004), size(Scale("SSIM"), 0.0123)
    ('0.0004 dB', '0.0123')
    """
    decimals = difference_decimals(scale)
    while value and decimals < 6 and float(f"{value:.{decimals}f}") == 0:
        decimals += 1
    return f"{value:.{decimals}f}{unit(scale)}"


def amount(scale: Scale, difference: float, low: float, high: float) -> str:
    """A difference with its interval: `1.94 dB [1.90, 1.99]`."""
    decimals = difference_decimals(scale)
    while decimals < 8 and round(min(abs(low), abs(high)), decimals) == 0:
        decimals += 1
    return f"{difference:.{decimals}f}{unit(scale)} [{low:.{decimals}f}, {high:.{decimals}f}]"


def plain(text: str) -> str:
    """Text from outside, that marks no code in a sentence."""
    return text.replace("`", "'")


def difference_decimals(scale: Scale) -> int:
    """Of a difference: of plain numbers, which are small, one more than means have, up to four."""
    return scale.decimals if unit(scale) else min(4, scale.decimals + 1)
