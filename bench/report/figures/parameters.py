"""A metric over a parameter of which several values were typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.core import noise_text
from bench.report.content.parameters import (
    MOST_NAMED,
    PARAMETERS_TITLE,
    Curves,
    Panel,
    Point,
    parameter_caption,
    parameter_curves,
)
from bench.report.content.style import looks
from bench.report.figures.figure import Drawn, Figure, panel_grid
from bench.report.figures.typesetting import WIDTH

if TYPE_CHECKING:
    from bench.report.content.section import Section


# Inches from which on panels stand side by side.
_SIDE_BY_SIDE = 5.0


def parameters(section: Section) -> Drawn:
    """The first metric over each swept parameter, a panel a noise."""
    drawn = []
    for number, curves in enumerate(parameter_curves(section), 1):
        name = "parameters" if number == 1 else f"parameters-{number}"
        figure = Figure(name, PARAMETERS_TITLE, parameter_caption(section, curves))
        drawn.append((figure, curve_figure(curves)))
    return drawn


def curve_figure(curves: Curves, width: float = WIDTH) -> Any:
    """The canvas of a parameter's curves; in a column panels stand below each other."""
    side_by_side = width >= _SIDE_BY_SIDE
    colours = _colours(curves)
    columns = 3 if side_by_side else 1
    canvas, grid = panel_grid(len(curves.panels), 3.0 if side_by_side else 2.4, columns, width)
    for axes, (column, panel) in zip(grid.flat, curves.panels.items(), strict=False):
        _panel(axes, curves, panel, colours)
        axes.set(title=noise_text(*column), xlabel=curves.parameter)
    for axes in grid[:, 0]:
        axes.set_ylabel(curves.scale.heading)
    if len(colours) > 1:
        # Under one noise lines may be missing that others have.
        found = {
            label: handle
            for axes in grid.flat
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        named = [name for name in colours if name in found]
        handles = [found[name] for name in named]
        canvas.legend(
            handles,
            named,
            loc="outside lower center",
            ncols=4 if side_by_side else 2,
            frameon=False,
        )
    return canvas


def _colours(curves: Curves) -> dict[str, Any]:
    """Of each line; of a single one the method's own."""
    import seaborn as sns

    names = dict.fromkeys(name for panel in curves.panels.values() for name in panel.lines)
    if len(names) == 1:
        return dict.fromkeys(names, looks([curves.method])[curves.method].colour)
    return dict(zip(names, sns.color_palette("viridis", len(names)), strict=True))


def _panel(axes: Any, curves: Curves, panel: Panel, colours: Mapping[str, Any]) -> None:
    """The lines under one noise, and the references within their range or named at its edge."""
    from matplotlib.ticker import NullLocator

    for name, line in panel.lines.items():
        _line(axes, name, line, colours[name])
    low, high = panel.range()
    axes.set_ylim(low, high)
    if curves.logarithmic:
        axes.set_xscale("log")
    if len(curves.ticks) <= MOST_NAMED:
        axes.set_xticks(list(curves.ticks), list(curves.ticks.values()))
        axes.xaxis.set_minor_locator(NullLocator())
    elif curves.logarithmic:
        axes.xaxis.set_major_formatter("{x:g}")
    _references(axes, panel, low, high, curves.scale.decimals)


def _line(axes: Any, name: str, line: list[Point], colour: Any) -> None:
    """Its points, each with its interval and what the tests say of it."""
    axes.errorbar(
        [point.value for point in line],
        [point.mean for point in line],
        [[p.mean - p.low for p in line], [p.high - p.mean for p in line]],
        color=colour,
        linewidth=1.4,
        elinewidth=1,
        capsize=2,
        label=name,
    )
    for point in line:
        axes.plot(
            [point.value],
            [point.mean],
            color=colour,
            marker="o",
            markersize=7 if point.best or point.near else 3,
            markerfacecolor="white" if point.near else colour,
            zorder=3,
        )


def _references(axes: Any, panel: Panel, low: float, high: float, decimals: int) -> None:
    """Dotted lines with their names; of those beyond the range only the names, at its edges."""
    style_of_text = {
        "transform": axes.get_yaxis_transform(),
        "color": "#444444",
        "fontsize": "small",
    }
    within = {label: mean for label, mean in panel.references.items() if low <= mean <= high}
    lowest = min(within.values(), default=0)
    for label, mean in within.items():
        axes.axhline(mean, color="#666666", linestyle=":", linewidth=1.2, zorder=1)
        # Names of two lines close to each other stand on either side of them.
        side = "top" if len(within) > 1 and mean == lowest else "bottom"
        axes.text(0.99, mean, label, ha="right", va=side, **style_of_text)
    for edge, side, arrow in ((high, "top", "↑"), (low, "bottom", "↓")):
        beyond = [
            f"{label} {mean:.{decimals}f}"
            for label, mean in panel.references.items()
            if label not in within and (mean > high) == (side == "top")
        ]
        if beyond:
            text = f" {arrow} {', '.join(beyond)}"
            axes.text(0.01, edge, text, ha="left", va=side, **style_of_text)
