"""The charts of each metric: its means over the noises, and its values on the single images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis import prominent
from bench.core import IDENTITY, level_text, noise_text
from bench.report.content.chart_data import Distribution, distributions
from bench.report.content.metrics import title
from bench.report.content.rows import Column
from bench.report.formats.html.traces import (
    Chart,
    Styles,
    box,
    figure,
    metric_axis,
    numbers,
    safe,
    scatter,
)

if TYPE_CHECKING:
    import pandas as pd

    from bench.core import Scale
    from bench.report.content.section import Section

# Metrics that have charts of their own; further ones share one.
_OWN = 4
_BARS = "mean and its 95% confidence interval"
_QUANTILES = "5%, quartiles and 95% of the images; the mean dashed"
# Ratio of the means from which on an axis is logarithmic, of errors that may be 0.
_DECADE = 10


def quality(section: Section, styles: Styles, metrics: Sequence[str]) -> Iterator[Chart]:
    """Each metric over the levels of each kind of noise, or under kinds of one level each."""
    known = section.summary[section.summary["mean"].notna()]
    there = [metric for metric in metrics if metric in set(known["metric"])]
    harm = (
        "`identity` is the noisy image itself: on its wrong side a method does harm. Differences "
        "from it are paired, with intervals that hold together; those from the best have none."
    )
    for metric in there[:_OWN]:
        scale = section.scales[metric]
        caption = (
            f"Mean {title(scale, heading=True)} over the {section.split} images; bars are 95% "
            "confidence intervals (often smaller than the marker). "
            f"{scale.better.capitalize()} is better. {harm}"
        )
        figures = _means(section, metric, known[known["metric"] == metric], styles)
        height = _height(known)
        name = f"{scale.title} over noise level"
        yield Chart(name, caption, figures, height, wide=False, key=_BARS, labels="ends")
    others = {
        f"{scale.title}, {name} ({scale.better} is better)": drawn
        for metric in there[_OWN:]
        for scale in [section.scales[metric]]
        for rows in [known[known["metric"] == metric]]
        for name, drawn in _means(section, metric, rows, styles).items()
    }
    if others:
        caption = (
            f"Means of the other metrics over the {section.split} images; bars are 95% confidence "
            f"intervals. {harm}"
        )
        height = _height(known)
        name = "Other metrics over noise level"
        yield Chart(name, caption, others, height, wide=False, key=_BARS, labels="ends")


def _height(known: pd.DataFrame) -> int:
    """Of a chart whose lines are named at their ends, a line of text each."""
    return max(400, 110 + 17 * known["label"].nunique())


def _means(
    section: Section, metric: str, rows_of_metric: pd.DataFrame, styles: Styles
) -> dict[str, Any]:
    """A figure for each kind of noise, and one of all that have a single level."""
    figures = {}
    scale, over = section.scales[metric], _over_noisy(section, metric)
    kinds = list(dict.fromkeys(rows_of_metric["noise"]))
    levels_of = rows_of_metric.groupby("noise")["level"].nunique()
    single = [kind for kind in kinds if levels_of[kind] == 1]
    groups = [(kind, [kind]) for kind in kinds if kind not in single]
    groups += [("several noises" if len(single) > 1 else single[0], single)] if single else []
    for name, members in groups:
        rows = rows_of_metric[rows_of_metric["noise"].isin(members)]
        alone = members == single
        traces = []
        for label, own in rows.groupby("label", sort=False):
            at = [
                safe(noise_text(noise, level)) if alone else level
                for noise, level in zip(own["noise"], own["level"], strict=True)
            ]
            columns = list(zip(own["noise"], own["level"], strict=True))
            traces.append(
                scatter(
                    x=at,
                    columns=[styles.column(column) for column in columns],
                    dotted=label == IDENTITY,
                    over=[over.get((str(label), column)) for column in columns],
                    y=numbers(own["mean"]),
                    error_y={
                        "array": numbers(own["high"] - own["mean"]),
                        "arrayminus": numbers(own["mean"] - own["low"]),
                        "thickness": 1.2,
                        "width": 3,
                        "color": styles.looks[str(label)].colour,
                    },
                    mode="markers" if alone else "lines+markers",
                    hovertemplate=f"%{{x}}: %{{y:.{max(3, scale.decimals)}f}}",
                    **styles.trace(str(label)),
                )
            )
        levels = sorted(rows["level"].unique())
        ticks = {} if alone else {"tickvals": levels, "ticktext": [level_text(x) for x in levels]}
        figures[name] = figure(
            traces,
            of={"columns": sorted({at for trace in traces for at in trace["columns"]})},
            xaxis={"title": {"text": "" if alone else f"{safe(name)} noise level"}, **ticks},
            yaxis=metric_axis(scale, logarithmic=_logarithmic(scale, rows["mean"])),
            hovermode="closest",
        )
        figures[name]["metric"] = _against(scale, styles)
    return figures


def _against(scale: Scale, styles: Styles) -> dict[str, Any]:
    """What the page needs to show differences: names of the axes, and the noisy image's trace."""
    after = f" ({safe(scale.unit)})" if scale.unit else ""
    name = safe(scale.title)
    return {
        "name": name,
        "least": scale.least if np.isfinite(scale.least) else None,
        "most": scale.most if np.isfinite(scale.most) else None,
        "higher": scale.higher,
        "over": f"{name} less the noisy image's{after}",
        "below": f"{name} less that of the best shown{after}",
        "identity": styles.index.get(IDENTITY),
    }


def _over_noisy(section: Section, metric: str) -> dict[tuple[str, Column], list[float | None]]:
    """(Label, noise) -> how far its mean is above the noisy image's, and the interval's ends.

    They are those of the comparisons, which hold together.
    """
    found = {}
    for column, pairs in section.compared(metric).items():
        for pair in pairs:
            if IDENTITY in (pair.a, pair.b):
                pair = pair if pair.b == IDENTITY else pair.reversed
                found[pair.a, column] = numbers([pair.difference, pair.low, pair.high])
    return found


def _logarithmic(scale: Scale, means: pd.Series[float]) -> bool:
    """Whether the means are errors of several sizes, of which the small ones are to be seen."""
    error = not scale.higher and scale.least == 0
    return error and bool(means.min() > 0 and means.max() >= _DECADE * means.min())


def single_images(section: Section, styles: Styles, metrics: Sequence[str]) -> Iterator[Chart]:
    """Quantiles of the images' values; the values themselves would make the page too large."""
    height = 140 + 24 * len(section.labels)
    of_images = (
        "of the single images: 5%, quartiles and 95%, the mean dashed. What the means hide: a "
        "method may be good on most images and fail on some."
    )
    others: dict[str, Any] = {}
    by_metric = distributions(section, prominent(metrics))
    for number, (metric, by_column) in enumerate(by_metric.items()):
        scale = section.scales[metric]
        figures = _boxes(by_column, scale, styles)
        if number < _OWN:
            caption = f"{title(scale, heading=True)} {of_images}"
            name = f"{scale.title} of the single images"
            yield Chart(name, caption, figures, height, wide=False, key=_QUANTILES)
        else:
            others |= {f"{scale.title}, {name}": drawn for name, drawn in figures.items()}
    if others:
        caption = f"The other metrics {of_images}"
        name = "Other metrics of the single images"
        yield Chart(name, caption, others, height, wide=False, key=_QUANTILES)


def _boxes(
    by_column: Mapping[Column, Sequence[Distribution]], scale: Scale, styles: Styles
) -> dict[str, Any]:
    """A figure for each noise."""
    figures = {}
    for column, methods in by_column.items():
        traces = []
        for method in methods:
            ends = ("lowerfence", "q1", "median", "q3", "upperfence")
            shared = styles.trace(method.label)
            traces.append(
                box(
                    y=[shared["name"]],
                    mean=[method.mean],
                    orientation="h",
                    line={"color": styles.looks[method.label].colour, "width": 1.5},
                    **{end: [value] for end, value in zip(ends, method.quantiles, strict=True)},
                    **{key: shared[key] for key in ("name", "meta", "showlegend")},
                )
            )
        figures[noise_text(*column)] = figure(
            traces,
            of={"columns": [styles.column(column)]},
            xaxis=metric_axis(scale),
            yaxis={"autorange": "reversed", "type": "category"},
        )
    return figures
