"""The charts of the page, as figures of plotly that its script draws when they come into view.

Traces bear the index of their method as `meta`, by which the page's filter hides them. Colours of
axes and text are the script's, since they follow the theme.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis import METRICS, UNITS
from bench.core import level_text, noise_text
from bench.report.figures.curves import LOSSES, loss_terms
from bench.report.figures.uncertainty import CALIBRATION, calibration_bins
from bench.report.formats.html.heatmaps import significance, transfer
from bench.report.formats.html.traces import Chart, Styles, figure, numbers, safe

if TYPE_CHECKING:
    from bench.report.content.section import Section

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


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


def _quality(section: Section, styles: Styles, metrics: Sequence[str]) -> Iterator[Chart]:
    """A metric over the levels of each kind of noise, or under kinds of one level each."""
    import plotly.graph_objects as go

    data = section.summary
    for metric in metrics:
        figures = {}
        part = data[data["metric"] == metric]
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
                            "color": styles.colours[label],
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
            f"Mean {UNITS[metric]} over the test images; bars are 95% confidence intervals (often "
            f"smaller than the marker). {'Higher' if METRICS[metric] else 'Lower'} is better. "
            "`identity` is the noisy image itself: on its wrong side a method does harm."
        )
        yield Chart(f"{metric.upper()} over noise level", caption, figures, wide=False)


def _speed(section: Section, styles: Styles) -> Iterator[Chart]:
    """PSNR against images a second, with the front of those that none beats in both."""
    import plotly.graph_objects as go

    cells = section.cells
    timed = cells[(cells["status"] == "done") & (cells["method"] != "identity")]
    if timed.empty:
        return
    psnr = section.summary[section.summary["metric"] == "psnr"]
    speeds = timed.groupby(["label", "noise", "level"], sort=False)["images_per_second"].median()
    points = psnr.join(speeds, on=["label", "noise", "level"]).dropna(subset="images_per_second")
    figures = {}
    for (noise, level), part in points.groupby(["noise", "level"], sort=False):
        traces = [
            go.Scatter(
                x=[row.images_per_second],
                y=[row.mean],
                mode="markers",
                hovertemplate="%{y:.2f} dB, %{x:,.0f} images/s",
                **styles.trace(str(row.label)),
            )
            for row in part.itertuples()
        ]
        front = pareto(part["images_per_second"].to_numpy(), part["mean"].to_numpy())
        line = go.Scatter(
            x=numbers(part["images_per_second"].iloc[front]),
            y=numbers(part["mean"].iloc[front]),
            mode="lines",
            line={"color": "#888888", "dash": "dot", "shape": "hv", "width": 1.5},
            name="Pareto front",
            hoverinfo="skip",
            showlegend=False,
        )
        figures[noise_text(noise, level)] = figure(
            [line, *traces],
            xaxis={"title": {"text": "images per second"}, "type": "log"},
            yaxis={"title": {"text": UNITS["psnr"]}},
            hovermode="closest",
        )
    caption = (
        "Mean PSNR against the speed of the denoise call alone; up and to the right is better. The "
        "dotted line is the Pareto front: for its methods none is both faster and better."
    )
    yield Chart("Quality against speed", caption, figures, wide=False)


def pareto(speed: Any, quality: Any) -> list[int]:
    """Indices of the points that none beats in both, by falling speed."""
    best, front = -np.inf, []
    for index in np.lexsort((-quality, -speed)):
        if quality[index] > best:
            best = quality[index]
            front.append(int(index))
    return front


def _distributions(section: Section, styles: Styles, metrics: Sequence[str]) -> Iterator[Chart]:
    """Quantiles of the images' values; the values themselves would make the page too large."""
    import plotly.graph_objects as go

    from bench.analysis import with_labels

    shown = [metric for metric in metrics if metric != "mse"] or list(metrics)
    grouped = with_labels(section.records).groupby(["noise", "level", "label"], sort=False)
    values = grouped[shown].quantile(list(_QUANTILES)).unstack()
    means = section.summary.pivot(
        index=["noise", "level", "label"], columns="metric", values="mean"
    )
    for metric in shown:
        figures = {}
        for (noise, level), part in values[metric].groupby(level=["noise", "level"], sort=False):
            traces = []
            for place, quantiles in part.iterrows():
                label = str(place[2])
                ends = dict(
                    zip(
                        ("lowerfence", "q1", "median", "q3", "upperfence"),
                        ([value] for value in quantiles),
                        strict=True,
                    )
                )
                shared = styles.trace(label)
                traces.append(
                    go.Box(
                        y=[shared["name"]],
                        mean=[means.loc[place, metric]],
                        orientation="h",
                        line={"color": styles.colours[label], "width": 1.5},
                        **ends,
                        **{k: shared[k] for k in ("name", "meta", "showlegend")},
                    )
                )
            figures[noise_text(noise, level)] = figure(
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
            x=[1 / 255, 0.6],
            y=[1 / 255, 0.6],
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
            for label, bins in lines
        ]
        axis = {"type": "log", "dtick": "D2", "range": [np.log10(1 / 255), np.log10(0.6)]}
        figures[noise_text(*column)] = figure(
            [ideal, *traces],
            xaxis={"title": {"text": "predicted deviation"}, **axis},
            yaxis={"title": {"text": "observed error (RMS)"}, **axis},
        )
    if figures:
        yield Chart("Predicted uncertainty", CALIBRATION, figures, wide=False)


def _losses(section: Section, styles: Styles) -> Iterator[Chart]:
    import plotly.graph_objects as go

    figures = {}
    data = loss_terms(section)
    shades = ("#440154", "#3b528b", "#21918c", "#5ec962", "#b8860b", "#d55e00", "#cc78bc")
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
                        "color": shades[trained.index(train) % len(shades)],
                        "width": 1.5,
                        "dash": "solid" if split == "train" else "dash",
                    },
                )
            )
            named.add((train, split))
        late = part[part["epoch"] > part["epoch"].max() * 0.05]["value"]
        room = 0.05 * (late.max() - late.min()) or 1.0
        figures[f"{label}: {term}"] = figure(
            traces,
            xaxis={"title": {"text": "epoch"}},
            yaxis={
                "title": {"text": "loss per image"},
                "range": [late.min() - room, late.max() + room],
            },
            legend={"orientation": "h", "y": -0.25},
        )
    if figures:
        yield Chart("Training", LOSSES, figures, 420)
