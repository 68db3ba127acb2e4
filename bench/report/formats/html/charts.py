"""The charts of the page, as figures of plotly that its script draws when they come into view.

Traces bear the index of their method as `meta`, by which the page's filter hides them. Colours of
axes and text are the script's, since they follow the theme.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis import METRICS, UNITS
from bench.core import level_text, noise_text
from bench.report.content.chart_data import (
    CALIBRATION_RANGE,
    LOSSES_CAPTION,
    calibration_bins,
    calibration_caption,
    distributions,
    loss_range,
    loss_terms,
    pareto,
    speed_points,
)
from bench.report.content.tuning import (
    TUNING_CAPTION,
    TUNING_TITLE,
    geometric,
    shown_range,
    tuning_curves,
)
from bench.report.formats.html.heatmaps import significance, transfer
from bench.report.formats.html.traces import Chart, Styles, figure, numbers, safe

if TYPE_CHECKING:
    from bench.report.content.section import Section

# Of noises, from dark to light, and of what there are more of.
_SHADES = ("#440154", "#3b528b", "#21918c", "#5ec962", "#b8860b", "#d55e00", "#cc78bc")


def charts(section: Section, styles: Styles, metrics: Sequence[str]) -> Iterator[Chart]:
    """All charts that there is data for, in the order of the page."""
    if len(section.summary):
        yield from _quality(section, styles, metrics)
        yield from _speed(section, styles)
        yield from _distributions(section, styles, metrics)
        yield from significance(section, metrics)
    yield from _calibration(section, styles)
    yield from transfer(section)
    yield from _losses(section, styles)
    yield from _tuning(section)


def _quality(section: Section, styles: Styles, metrics: Sequence[str]) -> Iterator[Chart]:
    """A metric over the levels of each kind of noise, or under kinds of one level each."""
    import plotly.graph_objects as go

    data = section.summary
    for metric in metrics:
        figures = {}
        part = data[(data["metric"] == metric) & data["mean"].notna()]
        if part.empty:  # as SSIM of images that are smaller than its window
            continue
        kinds = list(dict.fromkeys(part["noise"]))
        single = [kind for kind in kinds if part["level"][part["noise"] == kind].nunique() == 1]
        groups = [(kind, [kind]) for kind in kinds if kind not in single]
        groups += [("several noises" if len(single) > 1 else single[0], single)] if single else []
        for name, members in groups:
            rows = part[part["noise"].isin(members)]
            alone = members == single
            traces = []
            for label, own in rows.groupby("label", sort=False):
                at = [
                    safe(noise_text(noise, level)) if alone else level
                    for noise, level in zip(own["noise"], own["level"], strict=True)
                ]
                traces.append(
                    go.Scatter(
                        x=at,
                        y=numbers(own["mean"]),
                        error_y={
                            "array": numbers(own["high"] - own["mean"]),
                            "arrayminus": numbers(own["mean"] - own["low"]),
                            "thickness": 1.2,
                            "width": 3,
                            "color": styles.colours[str(label)],
                        },
                        mode="markers" if alone else "lines+markers",
                        hovertemplate=f"%{{x}}: %{{y:.{5 if metric == 'mse' else 3}f}}",
                        **styles.trace(str(label)),
                    )
                )
            levels = sorted(rows["level"].unique())
            ticks = (
                {} if alone else {"tickvals": levels, "ticktext": [level_text(x) for x in levels]}
            )
            title = "" if alone else f"{safe(name)} noise level"
            figures[name] = figure(
                traces,
                xaxis={"title": {"text": title}, **ticks},
                yaxis={
                    "title": {"text": UNITS[metric]},
                    **({"type": "log", "dtick": "D2"} if metric == "mse" else {}),
                },
                hovermode="closest",
            )
        caption = (
            f"Mean {UNITS[metric]} over the {section.split} images; bars are 95% confidence "
            "intervals (often smaller than the marker). "
            f"{'Higher' if METRICS[metric] else 'Lower'} is better. `identity` is the noisy image "
            "itself: on its wrong side a method does harm."
        )
        yield Chart(f"{metric.upper()} over noise level", caption, figures, wide=False)


def _speed(section: Section, styles: Styles) -> Iterator[Chart]:
    """PSNR against images a second, with the front of those that none beats in both."""
    import plotly.graph_objects as go

    figures = {}
    for column, points in speed_points(section).items():
        traces = [
            go.Scatter(
                x=[point.speed],
                y=[point.psnr],
                mode="markers",
                hovertemplate="%{y:.2f} dB, %{x:,.0f} images/s",
                **styles.trace(point.label),
            )
            for point in points
        ]
        front = pareto(points)
        line = go.Scatter(
            x=numbers([point.speed for point in front]),
            y=numbers([point.psnr for point in front]),
            mode="lines",
            line={"color": "#888888", "dash": "dot", "shape": "hv", "width": 1.5},
            name="Pareto front",
            hoverinfo="skip",
            showlegend=False,
        )
        figures[noise_text(*column)] = figure(
            [line, *traces],
            xaxis={"title": {"text": "images per second"}, "type": "log"},
            yaxis={"title": {"text": UNITS["psnr"]}},
            hovermode="closest",
        )
    caption = (
        "Mean PSNR against the speed of the denoise call alone; up and to the right is better. The "
        "dotted line is the Pareto front: for its methods none is both faster and better."
    )
    if figures:
        yield Chart("Quality against speed", caption, figures, wide=False)


def _distributions(section: Section, styles: Styles, metrics: Sequence[str]) -> Iterator[Chart]:
    """Quantiles of the images' values; the values themselves would make the page too large."""
    import plotly.graph_objects as go

    shown = [metric for metric in metrics if metric != "mse"] or list(metrics)
    for metric, by_column in distributions(section, shown).items():
        figures = {}
        for column, methods in by_column.items():
            traces = []
            for method in methods:
                ends = ("lowerfence", "q1", "median", "q3", "upperfence")
                shared = styles.trace(method.label)
                traces.append(
                    go.Box(
                        y=[shared["name"]],
                        mean=[method.mean],
                        orientation="h",
                        line={"color": styles.colours[method.label], "width": 1.5},
                        **{end: [value] for end, value in zip(ends, method.quantiles, strict=True)},
                        **{key: shared[key] for key in ("name", "meta", "showlegend")},
                    )
                )
            figures[noise_text(*column)] = figure(
                traces,
                xaxis={"title": {"text": UNITS[metric]}},
                yaxis={"autorange": "reversed", "type": "category"},
            )
        caption = (
            f"{UNITS[metric]} of the single images: 5%, quartiles and 95%, the mean dashed. What "
            "the means hide: a method may be good on most images and fail on some."
        )
        height = 140 + 24 * len(section.labels)
        yield Chart(f"{metric.upper()} of the single images", caption, figures, height, wide=False)


def _calibration(section: Section, styles: Styles) -> Iterator[Chart]:
    import plotly.graph_objects as go

    figures = {}
    for column, lines in calibration_bins(section).items():
        ideal = go.Scatter(
            x=list(CALIBRATION_RANGE),
            y=list(CALIBRATION_RANGE),
            mode="lines",
            line={"color": "#888888", "dash": "dash", "width": 1},
            hoverinfo="skip",
            showlegend=False,
        )
        traces = [
            go.Scatter(
                x=[row[0] for row in bins],
                y=[row[1] for row in bins],
                mode="lines+markers",
                hovertemplate="predicted %{x:.3f}, observed %{y:.3f}",
                **styles.trace(label),
            )
            for label, bins in lines.items()
        ]
        axis = {"type": "log", "dtick": "D2", "range": [np.log10(end) for end in CALIBRATION_RANGE]}
        figures[noise_text(*column)] = figure(
            [ideal, *traces],
            xaxis={"title": {"text": "predicted deviation"}, **axis},
            yaxis={"title": {"text": "observed error (RMS)"}, **axis},
        )
    if figures:
        yield Chart("Predicted uncertainty", calibration_caption(section), figures, wide=False)


def _losses(section: Section, styles: Styles) -> Iterator[Chart]:
    import plotly.graph_objects as go

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
                go.Scatter(
                    x=numbers(line["epoch"]),
                    y=numbers(line["value"]),
                    mode="lines",
                    name=f"{safe(str(train))}, {safe(str(split))}",
                    legendgroup=f"{safe(str(train))} {safe(str(split))}",
                    showlegend=(train, split) not in named,
                    line={
                        "color": _SHADES[trained.index(train) % len(_SHADES)],
                        "width": 1.5,
                        "dash": "solid" if split == "train" else "dash",
                    },
                )
            )
            named.add((train, split))
        figures[f"{label}: {term}"] = figure(
            traces,
            xaxis={"title": {"text": "epoch"}},
            yaxis={"title": {"text": "loss per image"}, "range": list(loss_range(part))},
            legend={"orientation": "h", "y": -0.25},
        )
    if figures:
        yield Chart("Training", LOSSES_CAPTION, figures, 420)


def _tuning(section: Section) -> Iterator[Chart]:
    """Validation PSNR over each tuned parameter, with the values that were chosen."""
    import plotly.graph_objects as go

    figures = {}
    columns = section.columns
    for (label, parameter), curves in tuning_curves(section).items():
        traces = []
        for curve in curves:
            colour = _SHADES[columns.index(curve.column) % len(_SHADES)]
            chosen = [value == curve.chosen for value in curve.values]
            edge = "circle-open" if curve.at_edge else "circle"
            traces.append(
                go.Scatter(
                    x=numbers(curve.values),
                    y=numbers(curve.differences),
                    mode="lines+markers",
                    name=safe(noise_text(*curve.column)),
                    line={"color": colour, "width": 1.5},
                    marker={
                        "color": colour,
                        "size": [12 if is_chosen else 5 for is_chosen in chosen],
                        "symbol": [edge if is_chosen else "circle" for is_chosen in chosen],
                    },
                    hovertemplate="%{x}: %{y:.3f} dB",
                )
            )
        scale = {"type": "log"} if geometric(curves) else {}
        figures[f"{label}: {parameter}"] = figure(
            traces,
            xaxis={"title": {"text": safe(parameter)}, **scale},
            yaxis={
                "title": {"text": "PSNR less the chosen setting's (dB)"},
                "range": list(shown_range(curves)),
            },
            showlegend=True,
            legend={"orientation": "h", "y": -0.25},
        )
    if figures:
        yield Chart(TUNING_TITLE, TUNING_CAPTION, figures, wide=False)
