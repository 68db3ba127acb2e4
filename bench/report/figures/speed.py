"""Quality against speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.core import noise_text
from bench.report.content import timing
from bench.report.content.cost_points import cost_axes, cost_points
from bench.report.content.costs import device_text
from bench.report.content.metrics import title
from bench.report.content.style import looks
from bench.report.figures import direct_labels
from bench.report.figures.figure import Drawn, Figure, spread, within_bounds
from bench.report.figures.typesetting import HIGHEST, WIDTH, powers

if TYPE_CHECKING:
    from bench.report.content.section import Section

# Inches: room at the left, at the right, below and above a panel; how high it is, at most.
_LEFT, _RIGHT, _BELOW, _ABOVE, _HEIGHT = 0.55, 0.12, 0.25, 0.25, 2.2
# Inches for the title of the axis below them all.
_TITLE = 0.2
# Panels, of the first, the middle and the last noise.
_PANELS = 3


def speed(section: Section) -> Drawn:
    """The first metric against what an image costs, a panel a level, one below the other."""
    import matplotlib.pyplot as plt

    axes_known = cost_axes(section)
    if not axes_known:
        return []
    axis, metric = axes_known[0], section.first_metric
    scale = section.scales[metric]
    known = cost_points(section, axis, metric)
    panels = spread(list(known.items()), _PANELS)
    look = looks(section.labels)
    row = min(_HEIGHT + _BELOW + _ABOVE, (HIGHEST - _TITLE) / len(panels))
    height, width = row - _BELOW - _ABOVE, WIDTH - _LEFT - _RIGHT
    whole = row * len(panels) + _TITLE
    canvas = plt.figure(figsize=(WIDTH, whole))
    shared = None
    for number, (column, points) in enumerate(panels, 1):
        bottom = whole - number * row + _BELOW
        place = (_LEFT / WIDTH, bottom / whole, width / WIDTH, height / whole)
        axes = shared = canvas.add_axes(place, sharex=shared)
        for point in points:
            own = look[point.label]
            axes.plot(point.cost, point.quality, own.marker, color=own.colour, markersize=5)
        axes.set(xscale="log", title=noise_text(*column), ylabel=scale.heading)
        axes.margins(x=0.08, y=0.12)
        within_bounds(axes, scale)
    axes.set_xlabel(axis.title)
    powers(axes.xaxis)
    for axes, (_, points) in zip(canvas.axes, panels, strict=True):
        names = [
            direct_labels.Name(point.label, look[point.label].colour, point.cost, point.quality)
            for point in sorted(points, key=lambda point: -point.quality)
        ]
        direct_labels.beside(axes, names, (width, height))
    where = "; ".join(
        sorted({device_text(meta) for meta in section.metadata if meta.conditions.device})
    )
    up = "Up" if scale.higher else "Down"
    caption = (
        f"Mean {title(scale)} against {axis.meaning} ({where}). {up} and to the left is better."
    )
    if len(panels) < len(known):
        caption += f" {len(panels)} of {len(known)} noises: the first, middle and last."
    caption = f"{caption} {timing.notes(section)}".strip()
    return [(Figure("speed", "Quality against speed", caption), canvas)]
