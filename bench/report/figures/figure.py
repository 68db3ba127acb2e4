"""What a drawn figure is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Title of the figures of predicted deviations; the page adds a table to them.
UNCERTAINTY = "Uncertainty"
#: Noise levels side by side, and images of each level, in a figure of pictures.
LEVELS = 3
IMAGES = 4
#: Of larger images so many pixels a side are shown, from the middle: noise is to be seen.
DETAIL = 128


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its file's stem and what it shows."""

    name: str
    title: str
    caption: str


#: Figures with their canvases.
Drawn = list[tuple[Figure, Any]]
