"""What a drawn figure is, and the grid that figures of several panels stand in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bench.report.figures.typesetting import WIDTH

if TYPE_CHECKING:
    from bench.core import Scale

T = TypeVar("T")

#: Title of the figures of predicted deviations; the page adds a table to them.
UNCERTAINTY = "Uncertainty"
#: Noise levels side by side, and images of each level, in a figure of pictures.
LEVELS = 3
IMAGES = 4
#: Pixels a side that are shown of larger images, from the middle: noise is to be seen.
DETAIL = 128


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its file's stem and what it shows."""

    name: str
    title: str
    caption: str


#: Figures with their canvases.
Drawn = list[tuple[Figure, Any]]


def spread(items: Sequence[T], number: int) -> list[T]:
    """So many of the items that there are, evenly from the first to the last one.

    >>> spread("abcdefg", 3), spread("ab", 3), spread("abc", 1)
    (['a', 'd', 'g'], ['a', 'b'], ['b'])
    """
    if len(items) <= number:
        return list(items)
    if number == 1:
        return [items[len(items) // 2]]
    return [items[round(at * (len(items) - 1) / (number - 1))] for at in range(number)]


def within_bounds(axes: Any, scale: Scale) -> None:
    """Keep the axis of a metric, whose marks are drawn, within the values that it can have."""
    low, high = axes.get_ylim()
    if low < scale.least or high > scale.most:
        axes.set_ylim(max(low, scale.least), min(high, scale.most))
        for line in axes.lines:  # a marker on the bound is drawn whole
            line.set_clip_on(False)


def panel_grid(
    panels: int, height: float, columns: int = 3, width: float = WIDTH, **subplots: Any
) -> tuple[Any, Any]:
    """Canvas and axes (rows, columns) of panels of a height in inches, some side by side."""
    import matplotlib.pyplot as plt

    columns = min(columns, panels)
    rows = -(-panels // columns)
    canvas, grid = plt.subplots(
        rows,
        columns,
        figsize=(width, rows * height),
        squeeze=False,
        layout="constrained",
        **subplots,
    )
    for axes in grid.flat[panels:]:
        axes.set_visible(False)
    return canvas, grid
