"""Trained on one noise, tested on another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.content.chart_data import (
    TRANSFER_TITLE,
    transfer_axis,
    transfer_below,
    transfer_caption,
    transfer_span,
    transfer_tables,
)
from bench.report.figures.figure import Drawn, Figure, panel_grid

if TYPE_CHECKING:
    from bench.report.content.section import Section


def transfer(section: Section) -> Drawn:
    """The first metric by noise trained on and tested on, for methods trained in several ways."""
    import seaborn as sns

    tables = transfer_tables(section)
    if not tables:
        return []
    decimals = section.scales[section.first_metric].decimals
    span = transfer_span(section, tables.values())
    trainings = list(next(iter(tables.values())).index)
    canvas, grid = panel_grid(len(tables), 1.1 + 0.42 * len(trainings))
    for axes, ((method, noise), table) in zip(grid.flat, tables.items(), strict=False):
        axes.grid(visible=False)
        sns.heatmap(
            transfer_below(section, table),
            annot=table.round(decimals),
            fmt=f".{decimals}f",
            cmap="viridis",
            vmin=-span,
            vmax=0,
            cbar=axes is grid[0, -1],
            cbar_kws={"label": transfer_axis(section)},
            linewidths=1,
            ax=axes,
        )
        axes.set(title=method, xlabel=f"tested on {noise}", ylabel="trained on")
        axes.tick_params(axis="y", rotation=0)
        if axes not in grid[:, 0]:
            axes.set(ylabel="", yticklabels=[])
    return [(Figure("transfer", TRANSFER_TITLE, transfer_caption(section)), canvas)]
