"""The charts of the page, as figures of plotly that its script draws when they come into view.

Traces bear the index of their method as `meta`, by which the page's filter hides them. Colours of
axes and text are the script's, since they follow the theme.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.core import noise_text
from bench.report.content import timing
from bench.report.content.chart_data import (
    calibration_bins,
    calibration_caption,
    calibration_range,
)
from bench.report.content.cost_points import cost_axes, cost_points, pareto
from bench.report.content.learning import unranked
from bench.report.content.losses import loss_range, loss_terms, losses_caption
from bench.report.content.metrics import title, unit
from bench.report.content.tuning import (
    TUNING_TITLE,
    geometric,
    shown_range,
    tuning_caption,
    tuning_curves,
)
from bench.report.formats.html.heatmaps import significance, transfer
from bench.report.formats.html.quality import quality, single_images
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
    from bench.report.content.section import Section


def charts(section: Section, styles: Styles, metrics: Sequence[str]) -> Iterator[Chart]:
    """All charts that there is data for, in the order of the page."""
    if len(section.summary):
        yield from quality(section, styles, metrics)
        yield from _speed(section, styles)
        yield from single_images(section, styles, metrics)
        yield from significance(section, styles, metrics)
    yield from _calibration(section, styles)
    yield from transfer(section, styles)
    yield from _losses(section, styles)
    yield from _tuning(section, styles)


def _speed(section: Section, styles: Styles) -> Iterator[Chart]:
    """The first metric against what an image costs, and the front that none beats in both."""
    figures = {}
    axes, metric = cost_axes(section), section.first_metric
    scale, seen = section.scales[metric], unranked(section)
    mean = f"%{{y:.{scale.decimals}f}}{safe(unit(scale))}"
    mark = dict.fromkeys(timing.disturbed(section), f" {timing.MARK}")
    for number, axis in enumerate(axes):
        for column, points in cost_points(section, axis, metric).items():
            traces = [
                scatter(
                    x=numbers([point.cost]),
                    y=numbers([point.quality]),
                    mode="markers",
                    hovertemplate=f"{mean}, %{{x:,.3r}} {axis.unit}{mark.get(point.label, '')}",
                    **styles.trace(point.label),
                )
                for point in points
            ]
            for trace, point in zip(traces, points, strict=True):
                trace["ranked"] = point.label not in seen
            ranked = [point for point in points if point.label not in seen]
            front = pareto(ranked, higher=scale.higher)
            line = scatter(
                x=numbers([point.cost for point in front]),
                y=numbers([point.quality for point in front]),
                mode="lines",
                line={"color": "#888888", "dash": "dot", "shape": "hv", "width": 1.5},
                name="Pareto front",
                front="higher" if scale.higher else "lower",
                hoverinfo="skip",
                showlegend=False,
            )
            name = noise_text(*column) + (f", by {axis.name}" if number else "")
            figures[name] = figure(
                [line, *traces],
                of={"columns": [styles.column(column)]},
                xaxis={"title": {"text": axis.title}, "type": "log"},
                yaxis=metric_axis(scale),
                hovermode="closest",
            )
    if figures:
        up = "up" if scale.higher else "down"
        against = " or ".join(axis.meaning for axis in axes)
        caption = (
            f"Mean {title(scale)} against {against}; {up} and to the left is better. The dotted "
            "line is the Pareto front of the methods shown: none is both cheaper and better."
            + (" What has seen the images is left out of it." if seen else "")
            + f" {timing.notes(section)}"
        )
        key = "dotted: the Pareto front of what is shown"
        name = "Quality against speed"
        yield Chart(name, caption, figures, 420, wide=False, key=key, labels="beside")


def _calibration(section: Section, styles: Styles) -> Iterator[Chart]:
    figures = {}
    panels = calibration_bins(section)
    low, high = ends = calibration_range(panels)
    for column, lines in panels.items():
        ideal = scatter(
            x=list(ends),
            y=list(ends),
            mode="lines",
            line={"color": "#888888", "dash": "dash", "width": 1},
            hoverinfo="skip",
            showlegend=False,
        )
        traces = [
            scatter(
                x=[max(row[0], low) for row in bins],
                y=[max(row[1], low) for row in bins],
                customdata=[row[:2] for row in bins],
                mode="lines+markers",
                hovertemplate="predicted %{customdata[0]:.3g}, observed %{customdata[1]:.3g}",
                **styles.trace(label),
            )
            for label, bins in lines.items()
        ]
        step = "D2" if high / low < 1000 else 1
        axis = {"type": "log", "dtick": step, "range": [np.log10(end) for end in ends]}
        figures[noise_text(*column)] = figure(
            [ideal, *traces],
            of={"columns": [styles.column(column)]},
            xaxis={"title": {"text": "predicted deviation"}, **axis},
            yaxis={"title": {"text": "observed error (RMS)"}, **axis},
        )
    if figures:
        key = "dashed: predicted as observed"
        name, caption = "Predicted uncertainty", calibration_caption(section)
        yield Chart(name, caption, figures, wide=False, key=key, labels="ends")


def _losses(section: Section, styles: Styles) -> Iterator[Chart]:
    figures = {}
    data = loss_terms(section)
    for (label, term), part in data.groupby(["label", "term"], sort=False):
        trained = list(dict.fromkeys(part["trained"]))
        traces = []
        named = set()
        for (train, _, split), line in part.groupby(
            ["trained", "seed", "split"], sort=False, dropna=False
        ):
            traces.append(
                scatter(
                    x=numbers(line["epoch"]),
                    y=numbers(line["value"]),
                    mode="lines",
                    name=f"{safe(str(train))}, {safe(str(split))}",
                    legendgroup=f"{safe(str(train))} {safe(str(split))}",
                    showlegend=(train, split) not in named,
                    line={
                        "color": SHADES[trained.index(train) % len(SHADES)],
                        "width": 1.5,
                        "dash": "solid" if split == "train" else "dash",
                    },
                )
            )
            named.add((train, split))
        figures[f"{label}: {term}"] = figure(
            traces,
            of={"methods": [styles.index[str(label)]]},
            xaxis={"title": {"text": "epoch"}},
            yaxis={"title": {"text": part["axis"].iloc[0]}, "range": list(loss_range(part))},
            legend={"orientation": "h", "y": -0.25},
        )
    if figures:
        yield Chart("Training", losses_caption(data), figures, 420, key="one line a training")


def _tuning(section: Section, styles: Styles) -> Iterator[Chart]:
    """Means on validation images over each tuned parameter, with the values that were chosen."""
    figures = {}
    columns = section.columns
    for (label, parameter), curves in tuning_curves(section).items():
        traces = []
        for curve in curves:
            colour = SHADES[columns.index(curve.column) % len(SHADES)]
            chosen = [value == curve.chosen for value in curve.values]
            edge = "circle-open" if curve.at_edge else "circle"
            traces.append(
                scatter(
                    x=numbers(curve.values),
                    y=numbers(curve.differences),
                    mode="lines+markers",
                    name=safe(noise_text(*curve.column)),
                    columns=styles.column(curve.column),
                    line={"color": colour, "width": 1.5},
                    marker={
                        "color": colour,
                        "size": [12 if is_chosen else 5 for is_chosen in chosen],
                        "symbol": [edge if is_chosen else "circle" for is_chosen in chosen],
                    },
                    hovertemplate=f"%{{x}}: %{{y:.3f}}{safe_unit(curve.scale)}",
                )
            )
        scale = {"type": "log"} if geometric(curves) else {}
        figures[f"{label}: {parameter}"] = figure(
            traces,
            of={"methods": [styles.index[label]]} if label in styles.index else None,
            xaxis={"title": {"text": safe(parameter)}, **scale},
            yaxis={
                "title": {"text": safe(curves[0].axis)},
                "range": list(shown_range(curves)),
            },
            showlegend=True,
            legend={"orientation": "h", "y": -0.25},
        )
    if figures:
        yield Chart(TUNING_TITLE, tuning_caption(section), figures, wide=False)
