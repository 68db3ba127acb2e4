"""The charts of a metric over a parameter of which several values were typed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
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
from bench.report.formats.html.traces import (
    SHADES,
    Chart,
    Styles,
    figure,
    metric_axis,
    numbers,
    safe,
    safe_unit,
    scatter,
)

if TYPE_CHECKING:
    from bench.report.content.rows import Column
    from bench.report.content.section import Section


def parameters(section: Section, styles: Styles) -> Iterator[Chart]:
    """A chart for each swept parameter, with a choice of noises."""
    for curves in parameter_curves(section):
        figures = {
            noise_text(*column): _figure(curves, panel, column, styles)
            for column, panel in curves.panels.items()
        }
        name = f"{PARAMETERS_TITLE}: {curves.method}, {curves.parameter}"
        yield Chart(name, parameter_caption(section, curves), figures, 420, wide=False)


def _figure(curves: Curves, panel: Panel, column: Column, styles: Styles) -> dict[str, Any]:
    """The lines under one noise, and the references."""
    index = styles.index
    # Of many values few are named, the first among them; the others show theirs to a pointer.
    named = list(curves.ticks)[:: math.ceil(len(curves.ticks) / MOST_NAMED)]
    axis: dict[str, Any] = {
        "tickvals": named,
        "ticktext": [safe(curves.ticks[value]) for value in named],
    }
    if curves.logarithmic:
        axis["type"] = "log"
    ends = [min(curves.ticks), max(curves.ticks)]
    lines = [
        {
            **_line(curves, name, line, SHADES[number % len(SHADES)]),
            "methods": [index[point.label] for point in line],
        }
        for number, (name, line) in enumerate(panel.lines.items())
    ]
    return figure(
        [*_references(curves, panel, ends, index), *lines],
        of={
            "columns": [styles.column(column)],
            "methods": [index[point.label] for line in panel.lines.values() for point in line],
        },
        xaxis={"title": {"text": safe(curves.parameter)}, **axis},
        yaxis={**metric_axis(curves.scale), "range": list(panel.range())},
        showlegend=True,
        legend={"orientation": "h", "y": -0.25},
        hovermode="closest",
    )


def _line(curves: Curves, name: str, line: list[Point], colour: str) -> Any:
    decimals = max(3, curves.scale.decimals)
    return scatter(
        x=numbers([point.value for point in line]),
        y=numbers([point.mean for point in line]),
        error_y={
            "array": numbers([point.high - point.mean for point in line]),
            "arrayminus": numbers([point.mean - point.low for point in line]),
            "thickness": 1.2,
            "width": 3,
            "color": colour,
        },
        mode="lines+markers",
        name=safe(name),
        line={"color": colour, "width": 1.8},
        marker={
            "color": colour,
            "size": [11 if point.best or point.near else 5 for point in line],
            "symbol": ["circle-open" if point.near else "circle" for point in line],
        },
        text=[safe(point.text) for point in line],
        hovertemplate=f"%{{text}}: %{{y:.{decimals}f}}{safe_unit(curves.scale)}",
    )


def _references(
    curves: Curves, panel: Panel, ends: list[float], index: Mapping[str, int]
) -> list[Any]:
    """Dotted lines; the legend has their numbers, since the axis may end before them."""
    return [
        scatter(
            x=numbers(ends),
            y=numbers([mean, mean]),
            mode="lines",
            name=f"{safe(label)} {mean:.{curves.scale.decimals}f}",
            line={"color": "#888888", "dash": dash, "width": 1.5},
            hoverinfo="skip",
            methods=[index[label]] * 2,
        )
        for (label, mean), dash in zip(panel.references.items(), ("dot", "dash"), strict=False)
    ]
