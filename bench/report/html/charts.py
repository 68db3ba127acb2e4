"""The charts of the page, as figures of plotly that its script draws when they come into view.

Traces bear the index of their method as `meta`, by which the page's filter hides them. Colours of
axes and text are the script's, since they follow the theme.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import level_text, noise_text, printable
from bench.report import style
from bench.report.figures.curves import LOSSES, loss_terms
from bench.report.figures.transfer import CAPTION as TRANSFER
from bench.report.figures.transfer import TITLE as TRANSFER_TITLE
from bench.report.figures.transfer import transfer_tables
from bench.report.figures.uncertainty import CALIBRATION, calibration_bins
from bench.report.findings import amount, p_text
from bench.summary import METRICS, UNITS

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.contents import Contents

#: matplotlib's markers -> plotly's, and a sign of the same form for text.
SYMBOLS = {
    "X": ("x", "✖"), "o": ("circle", "●"), "s": ("square", "■"), "^": ("triangle-up", "▲"),
    "v": ("triangle-down", "▼"), "D": ("diamond", "◆"), "P": ("cross", "✚"),
    "<": ("triangle-left", "◀"), "*": ("star", "★"), "h": ("hexagon", "⬢"),
    ">": ("triangle-right", "▶"), "d": ("diamond-tall", "♦"), "p": ("pentagon", "⬟"),
    "H": ("hexagon2", "⬣"), "8": ("octagon", "◉"),
}  # fmt: skip
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Chart:
    """A chart with its choices, one of which is shown.

    Attributes:
        title: of its section.
        caption: what it shows; backticks enclose code.
        figures: choice -> plotly's data and layout.
        height: in pixels.
    """

    title: str
    caption: str
    figures: Mapping[str, Mapping[str, Any]]
    height: int = 380
    wide: bool = field(default=True)


class Look:
    """Colour, marker and index of each method; the same in the whole page."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = list(labels)
        self.colours, self.markers = style.assign(labels)
        self.index = {label: index for index, label in enumerate(labels)}

    def sign(self, label: str) -> str:
        """Its marker as a sign of text."""
        return SYMBOLS[self.markers[label]][1]

    def trace(self, label: str) -> dict[str, Any]:
        """What all traces of a method share."""
        colour = self.colours[label]
        symbol = SYMBOLS[self.markers[label]][0]
        return {
            "name": safe(label),
            "meta": self.index[label],
            "marker": {"color": colour, "symbol": symbol, "size": 9},
            "line": {"color": colour, "width": 1.8},
            "showlegend": False,
        }


def safe(text: str) -> str:
    """Text from outside, of which plotly makes no markup."""
    return escape(printable(text), quote=False)


def charts(contents: Contents, look: Look, metrics: Sequence[str]) -> Iterator[Chart]:
    """All charts that there is data for, in the order of the page."""
    if len(contents.summary):
        yield from _quality(contents, look, metrics)
        yield from _speed(contents, look)
        yield from _distributions(contents, look, metrics)
        yield from _significance(contents, metrics)
    yield from _calibration(contents, look)
    yield from _transfer(contents)
    yield from _losses(contents, look)


def _figure(traces: Sequence[Any], **layout: Any) -> dict[str, Any]:
    import plotly.graph_objects as go

    return go.Figure(traces, layout=go.Layout(template="none", **layout)).to_plotly_json()


def _quality(contents: Contents, look: Look, metrics: Sequence[str]) -> Iterator[Chart]:
    """A metric over the levels of each kind of noise, or under kinds of one level each."""
    import plotly.graph_objects as go

    data = contents.summary
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
                        y=_list(own["mean"]),
                        error_y={
                            "array": _list(own["high"] - own["mean"]),
                            "arrayminus": _list(own["mean"] - own["low"]),
                            "thickness": 1.2,
                            "width": 3,
                            "color": look.colours[label],
                        },
                        mode="markers" if alone else "lines+markers",
                        hovertemplate=f"%{{x}}: %{{y:.{5 if metric == 'mse' else 3}f}}",
                        **look.trace(str(label)),
                    )
                )
            levels = sorted(rows["level"].unique())
            ticks = (
                {} if alone else {"tickvals": levels, "ticktext": [level_text(x) for x in levels]}
            )
            title = "" if alone else f"{safe(name)} noise level"
            figures[name] = _figure(
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


def _speed(contents: Contents, look: Look) -> Iterator[Chart]:
    """PSNR against images a second, with the front of those that none beats in both."""
    import plotly.graph_objects as go

    cells = contents.cells
    timed = cells[(cells["status"] == "done") & (cells["method"] != "identity")]
    if timed.empty:
        return
    psnr = contents.summary[contents.summary["metric"] == "psnr"]
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
                **look.trace(str(row.label)),
            )
            for row in part.itertuples()
        ]
        front = pareto(part["images_per_second"].to_numpy(), part["mean"].to_numpy())
        line = go.Scatter(
            x=_list(part["images_per_second"].iloc[front]),
            y=_list(part["mean"].iloc[front]),
            mode="lines",
            line={"color": "#888888", "dash": "dot", "shape": "hv", "width": 1.5},
            name="Pareto front",
            hoverinfo="skip",
            showlegend=False,
        )
        figures[noise_text(noise, level)] = _figure(
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


def _distributions(contents: Contents, look: Look, metrics: Sequence[str]) -> Iterator[Chart]:
    """Quantiles of the images' values; the values themselves would make the page too large."""
    import plotly.graph_objects as go

    from bench.summary import with_labels

    shown = [metric for metric in metrics if metric != "mse"] or list(metrics)
    grouped = with_labels(contents.records).groupby(["noise", "level", "label"], sort=False)
    values = grouped[shown].quantile(list(_QUANTILES)).unstack()
    means = contents.summary.pivot(
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
                shared = look.trace(label)
                traces.append(
                    go.Box(
                        y=[shared["name"]],
                        mean=[means.loc[place, metric]],
                        orientation="h",
                        line={"color": look.colours[label], "width": 1.5},
                        **ends,
                        **{k: shared[k] for k in ("name", "meta", "showlegend")},
                    )
                )
            figures[noise_text(noise, level)] = _figure(
                traces,
                xaxis={"title": {"text": UNITS[metric]}},
                yaxis={"autorange": "reversed", "type": "category"},
            )
        caption = (
            f"{UNITS[metric]} of the single images: 5%, quartiles and 95%, the mean dashed. What "
            "the means hide: a method may be good on most images and fail on some."
        )
        height = 140 + 24 * len(contents.labels)
        yield Chart(f"{metric.upper()} of the single images", caption, figures, height, wide=False)


def _significance(contents: Contents, metrics: Sequence[str]) -> Iterator[Chart]:
    """Row less column, coloured where the two can be told apart."""
    import plotly.graph_objects as go

    figures = {}
    for metric in metrics:
        pairs = contents.pairs[contents.pairs["metric"] == metric]
        for (noise, level), part in pairs.groupby(["noise", "level"], sort=False):
            there = {*part["a"], *part["b"]}
            labels = [label for label in contents.labels if label in there]
            place = {label: index for index, label in enumerate(labels)}
            size = len(labels)
            colour = np.full((size, size), np.nan)
            text: list[list[str]] = [["" for _ in labels] for _ in labels]
            for pair in part.itertuples():
                a, b = place[pair.a], place[pair.b]
                # Blue where the row is better.
                won = {pair.a: 1, pair.b: -1}.get(pair.better, 0)
                colour[a, b], colour[b, a] = won, -won
                said = f"p {p_text(pair.p).removeprefix('p ')} after Holm"
                text[a][b] = f"{amount(metric, pair.difference, pair.low, pair.high)}, {said}"
                text[b][a] = f"{amount(metric, -pair.difference, -pair.high, -pair.low)}, {said}"
            names = [safe(label) for label in labels]
            heat = go.Heatmap(
                z=[[None if np.isnan(v) else v for v in row] for row in colour],
                x=names,
                y=names,
                customdata=text,
                hovertemplate="%{y} less %{x}: %{customdata}<extra></extra>",
                colorscale=[[0, "#d55e00"], [0.5, "#bbbbbb"], [1, "#0173b2"]],
                zmin=-1,
                zmax=1,
                xgap=1,
                ygap=1,
                showscale=False,
            )
            figures[f"{metric.upper()}, {noise_text(noise, level)}"] = _figure(
                [heat],
                xaxis={"side": "top", "tickangle": -45, "type": "category", "showgrid": False},
                yaxis={"autorange": "reversed", "type": "category", "showgrid": False},
                margin={"t": 130},
            )
    if figures:
        caption = (
            "Blue: the row's method is better than the column's; orange: it is worse; grey: they "
            "cannot be told apart. Point at a square for the difference of the means (row less "
            "column), its 95% interval and p."
        )
        height = 200 + 26 * len(contents.labels)
        yield Chart("Who can be told apart", caption, figures, height, wide=False)


def _transfer(contents: Contents) -> Iterator[Chart]:
    import plotly.graph_objects as go

    figures = {}
    for (method, noise), table in transfer_tables(contents).items():
        below = table - table.max()
        heat = go.Heatmap(
            z=_grid(below),
            x=[level_text(level) for level in table.columns],
            y=[safe(str(train)) for train in table.index],
            text=[[f"{v:.2f}" if v is not None else "" for v in row] for row in _grid(table)],
            texttemplate="%{text}",
            hovertemplate="trained on %{y}, tested on %{x}: %{text} dB<extra></extra>",
            colorscale="Viridis",
            zmin=-6,
            zmax=0,
            xgap=1,
            ygap=1,
            colorbar={"title": {"text": "dB below the<br>column's best"}, "thickness": 12},
        )
        figures[f"{method}, {noise}"] = _figure(
            [heat],
            xaxis={
                "title": {"text": f"tested on {safe(noise)}"},
                "type": "category",
                "showgrid": False,
            },
            yaxis={
                "title": {"text": "trained on"},
                "type": "category",
                "autorange": "reversed",
                "showgrid": False,
            },
        )
    if figures:
        yield Chart(TRANSFER_TITLE, TRANSFER, figures)


def _calibration(contents: Contents, look: Look) -> Iterator[Chart]:
    import plotly.graph_objects as go

    figures = {}
    for column, lines in calibration_bins(contents).items():
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
                **look.trace(label),
            )
            for label, bins in lines
        ]
        axis = {"type": "log", "dtick": "D2", "range": [np.log10(1 / 255), np.log10(0.6)]}
        figures[noise_text(*column)] = _figure(
            [ideal, *traces],
            xaxis={"title": {"text": "predicted deviation"}, **axis},
            yaxis={"title": {"text": "observed error (RMS)"}, **axis},
        )
    if figures:
        yield Chart("Predicted uncertainty", CALIBRATION, figures, wide=False)


def _losses(contents: Contents, look: Look) -> Iterator[Chart]:
    import plotly.graph_objects as go

    figures = {}
    data = loss_terms(contents)
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
                    x=_list(line["epoch"]),
                    y=_list(line["value"]),
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
        figures[f"{label}: {term}"] = _figure(
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


def _list(values: pd.Series) -> list[float | None]:
    """Plain numbers; JSON has no NaN. Six digits are more than a screen shows."""
    return [None if np.isnan(v) else float(f"{v:.6g}") for v in values.to_numpy(dtype=float)]


def _grid(table: pd.DataFrame) -> list[list[float | None]]:
    return [_list(row) for _, row in table.iterrows()]
