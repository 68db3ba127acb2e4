"""How much each tuned parameter matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.core import Scale, noise_text
from bench.report.content.tuning import (
    TUNING_TITLE,
    Curve,
    geometric,
    shown_range,
    tuning_caption,
    tuning_curves,
)
from bench.report.figures.figure import Drawn, Figure, panel_grid

if TYPE_CHECKING:
    from bench.report.content.section import Section

# Panels of a figure that fits a page; the interactive page has all.
_PANELS = 24
# Characters of a title that have room beside a panel; the caption says it whole.
_TITLE = 10


def tuning(section: Section) -> Drawn:
    """Mean on validation images over each tuned parameter, a line a noise."""
    import seaborn as sns

    panels = tuning_curves(section)
    if not panels:
        return []
    shown = list(panels.items())[:_PANELS]
    columns = dict.fromkeys(curve.column for _, curves in shown for curve in curves)
    colours = dict(zip(columns, sns.color_palette("viridis", len(columns)), strict=True))
    canvas, grid = panel_grid(len(shown), 2.1, columns=4)
    for axes, ((label, parameter), curves) in zip(grid.flat, shown, strict=False):
        _panel(axes, curves, colours)
        axes.set(title=label, xlabel=parameter)
    for axes, (curve, *_) in zip(grid.flat, panels.values(), strict=False):
        if axes in grid[:, 0]:
            axes.set_ylabel(_axis(curve.scale))
    handles = {
        handle.get_label(): handle
        for axes in grid.flat
        for handle in axes.get_legend_handles_labels()[0]
    }
    canvas.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=6, frameon=False
    )
    left_out = len(panels) - len(shown)
    more = f" {left_out} more are left out." if left_out else ""
    return [(Figure("tuning", TUNING_TITLE, tuning_caption(section) + more), canvas)]


def _axis(scale: Scale) -> str:
    """What a panel's differences are, shortly."""
    unit = f" ({scale.unit})" if scale.unit else ""
    title = scale.title if len(scale.title) <= _TITLE else "mean"
    first, second = (title, "chosen") if scale.higher else ("chosen", title)
    return f"{first} − {second}{unit}"


def _panel(axes: Any, curves: list[Curve], colours: dict[Any, Any]) -> None:
    """A parameter's curves, with the values that were chosen."""
    from matplotlib.ticker import LogLocator, NullLocator

    for curve in curves:
        colour = colours[curve.column]
        axes.plot(
            curve.values,
            curve.differences,
            color=colour,
            marker="o",
            markersize=2.5,
            linewidth=1.2,
            label=noise_text(*curve.column),
        )
        at = dict(zip(curve.values, curve.differences, strict=True)).get(curve.chosen, 0.0)
        axes.plot(
            [curve.chosen],
            [at],
            color=colour,
            marker="o",
            markersize=7,
            markerfacecolor="white" if curve.at_edge else colour,
            clip_on=False,
            zorder=3,
        )
    axes.set_ylim(*shown_range(curves))
    if geometric(curves):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
