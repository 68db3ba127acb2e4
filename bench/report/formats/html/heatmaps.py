"""Heat maps: who can be told apart, and trained on one noise, tested on another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis import MOST_COMPARED, rowwise
from bench.core import level_text, method_label, noise_text
from bench.report.content.chart_data import (
    TRANSFER_TITLE,
    transfer_axis,
    transfer_below,
    transfer_caption,
    transfer_span,
    transfer_tables,
)
from bench.report.content.metrics import amount
from bench.report.content.overall import p_text
from bench.report.formats.html.traces import (
    Chart,
    Styles,
    figure,
    heatmap,
    numbers,
    safe,
    safe_unit,
)

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content.section import Section


def significance(section: Section, styles: Styles, metrics: Sequence[str]) -> Iterator[Chart]:
    """Row less column, coloured where the two can be told apart."""
    figures, most = {}, 0
    for metric in metrics:
        scale = section.scales[metric]
        for column, pairs in section.compared(metric).items():
            compared = Counter(label for pair in pairs for label in (pair.a, pair.b))
            # Of very many methods most are compared with the noisy image only.
            least = 2 if len(compared) > MOST_COMPARED + 1 else 1
            labels = [label for label in section.labels if compared[label] >= least]
            index = {label: number for number, label in enumerate(labels)}
            pairs = [pair for pair in pairs if pair.a in index and pair.b in index]
            colour = np.full((len(labels), len(labels)), np.nan)
            text = [["" for _ in labels] for _ in labels]
            for pair in (*pairs, *(pair.reversed for pair in pairs)):
                row, other = index[pair.a], index[pair.b]
                # Blue where the row is better.
                size = 1 if pair.better else 0.5
                colour[row, other] = {pair.a: size, pair.b: -size}.get(pair.told, 0)
                text[row][other] = (
                    f"{safe(amount(scale, pair.difference, pair.low, pair.high))}, "
                    f"p {p_text(pair.p).removeprefix('p ')}, corrected"
                    + (" (as trained here)" if pair.told and not pair.better else "")
                )
            names = [safe(label) for label in labels]
            heat = heatmap(
                methods=[styles.index[label] for label in labels],
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
            most = max(most, len(labels))
            figures[f"{scale.title}, {noise_text(*column)}"] = figure(
                [heat],
                of={"columns": [styles.column(column)]},
                xaxis={"side": "top", "tickangle": -45, "type": "category", "showgrid": False},
                yaxis={"autorange": "reversed", "type": "category", "showgrid": False},
                margin={"t": 130},
            )
    if figures:
        caption = (
            "Blue: the row's method is better than the column's; orange: it is worse; pale: as "
            "trained here, of fewer than four trainings; grey: they cannot be told apart. Point at "
            "a square for the difference of means (row less column), its 95% interval and p."
        )
        height = 200 + 26 * most
        key = "row less column; blue: better, orange: worse, grey: not told apart"
        yield Chart("Who can be told apart", caption, figures, height, wide=False, key=key)


def transfer(section: Section, styles: Styles) -> Iterator[Chart]:
    """The first metric by noise trained on and noise tested on."""
    figures = {}
    tables = transfer_tables(section)
    scale = section.scales[section.first_metric]
    span = transfer_span(section, tables.values())
    axis = safe(transfer_axis(section)).replace(" the column", " the<br>column")
    for (method, noise), table in tables.items():
        below = transfer_below(section, table)
        heat = heatmap(
            z=_grid(below),
            x=[level_text(float(level)) for level in table.columns],
            y=[safe(str(train)) for train in table.index],
            text=[
                [f"{v:.{scale.decimals}f}" if v is not None else "" for v in row]
                for row in _grid(table)
            ],
            texttemplate="%{text}",
            hovertemplate="trained on %{y}, tested on %{x}: %{text}"
            f"{safe_unit(scale)}<extra></extra>",
            colorscale="Viridis",
            zmin=-span,
            zmax=0,
            xgap=1,
            ygap=1,
            colorbar={
                "title": {"text": axis.replace(" the column", " the<br>column")},
                "thickness": 12,
            },
        )
        figures[f"{method}, {noise}"] = figure(
            [heat],
            of={
                "columns": [styles.column((noise, float(level))) for level in table.columns],
                "methods": _trained(section, styles, method),
            },
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
        yield Chart(TRANSFER_TITLE, transfer_caption(section), figures)


def _trained(section: Section, styles: Styles, method: str) -> list[int]:
    """The indices of a method's trainings, each of which is a method of the page."""
    cells = section.cells
    names = rowwise(method_label, cells["method"], cells["params"])
    return [styles.index[label] for label in dict.fromkeys(cells["label"][names == method])]


def _grid(table: pd.DataFrame) -> list[list[float | None]]:
    return [numbers(row) for row in table.to_numpy()]
