"""What methods always get wrong, and what noise passes: of runs with several noise seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.core import level_text
from bench.report.content.rows import Column

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content.section import Section


@dataclass(frozen=True)
class ErrorParts:
    """The root mean squared error, root of `bias`^2 + `noise`^2, in its parts; in [0, 1] units.

    Attributes:
        bias: what is wrong with the mean of what is restored of an image under all noise.
        noise: how far the restored image moves with the draw of noise.
    """

    bias: float
    noise: float


def error_parts(section: Section) -> dict[str, dict[Column, ErrorParts]]:
    """Label -> noise -> the parts, over images and training seeds; empty with one noise seed."""
    by_label: dict[str, dict[Column, ErrorParts]] = {}
    if section.draws > 1:
        for (label, noise, level), cells in section.scores.by("label", "noise", "level"):
            means = [[cell[name].mean() for name in ("bias2", "variance")] for cell in cells]
            # An image's bias is estimated without bias: where there is none, it may fall below 0.
            bias, spread = (math.sqrt(max(0.0, value)) for value in np.mean(means, axis=0))
            by_label.setdefault(label, {})[noise, level] = ErrorParts(bias, spread)
    return by_label


def texts(
    section: Section, parts: Mapping[str, Mapping[Column, ErrorParts]]
) -> dict[str, dict[Column, str]]:
    """The parts as tables show them: `0.041, 0.032`; over 255 where the levels are."""
    scale, decimals = (255, 2) if _over_255(section) else (1, 4)
    return {
        label: {
            column: f"{scale * of.bias:.{decimals}f}, {scale * of.noise:.{decimals}f}"
            for column, of in columns.items()
        }
        for label, columns in parts.items()
    }


def caption(section: Section) -> str:
    """What the table says."""
    unit = "on the 0-255 scale" if _over_255(section) else "with white = 1"
    return (
        "Root mean squares over pixels and images: of what a method always gets wrong (bias), and "
        f"of the noise that passes through it (variance), {unit}. Their squares add up to the mean "
        f"squared error. Each image was restored under {section.draws} draws of its noise."
    )


def _over_255(section: Section) -> bool:
    return any(level_text(level).endswith("/255") for _, level in section.columns)


def frame(parts: Mapping[str, Mapping[Column, ErrorParts]]) -> pd.DataFrame:
    """Columns label, noise, level, bias and noise_passed: root mean squares in [0, 1] units."""
    import pandas as pd

    return pd.DataFrame(
        [
            (label, noise, level, of.bias, of.noise)
            for label, columns in parts.items()
            for (noise, level), of in columns.items()
        ],
        columns=["label", "noise", "level", "bias", "noise_passed"],
    )
