"""Trained on one noise, tested on another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis import rowwise
from bench.core import method_label
from bench.report.content import style
from bench.report.figures.figure import Drawn, Figure

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content.section import Section

TITLE = "Trained on one noise, tested on another"
CAPTION = (
    "Mean PSNR (dB) of one method by the noise that it was trained on (rows; a range is training "
    "on levels drawn evenly from it) and the level that it is tested on (columns). Colours compare "
    "the trainings at one test level."
)


def transfer(section: Section) -> Drawn:
    """PSNR by noise trained on and noise tested on, for methods trained in several ways."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    tables = transfer_tables(section)
    if not tables:
        return []
    trainings = list(next(iter(tables.values())).index)
    columns = min(3, len(tables))
    rows = -(-len(tables) // columns)
    canvas, grid = plt.subplots(
        rows,
        columns,
        figsize=(style.WIDTH, rows * (1.1 + 0.42 * len(trainings))),
        squeeze=False,
        layout="constrained",
    )
    for axes in grid.flat[len(tables) :]:
        axes.set_visible(False)
    for axes, ((method, noise), table) in zip(grid.flat, tables.items(), strict=False):
        axes.grid(visible=False)
        sns.heatmap(
            table - table.max(),  # the levels' own differences would drown all others
            annot=table.round(2),
            fmt=".2f",
            cmap="viridis",
            vmin=-6,
            vmax=0,
            cbar=axes is grid.flat[min(columns, len(tables)) - 1],
            cbar_kws={"label": "dB below the column's best"},
            linewidths=1,
            ax=axes,
        )
        axes.set(title=method, xlabel=f"tested on {noise}", ylabel="trained on")
        axes.tick_params(axis="y", rotation=0)
        if axes not in grid[:, 0]:
            axes.set(ylabel="", yticklabels=[])
    return [(Figure("transfer", TITLE, CAPTION), canvas)]


def transfer_tables(section: Section) -> dict[tuple[str, str], pd.DataFrame]:
    """(Method, noise) -> mean PSNR: rows what it was trained on, columns levels tested on.

    All have the same rows. Only methods that were trained in several ways.
    """
    cells = section.cells[(section.cells["status"] == "done") & section.cells["train"].notna()]
    psnr = section.summary[section.summary["metric"] == "psnr"]
    if cells.empty:
        return {}
    data = cells.merge(psnr, on=["dataset", "label", "noise", "level"])
    data = data.assign(method=rowwise(method_label, data["method"], data["params"]))
    # A level asked for by name and as the matched one is one training.
    data = data.drop_duplicates(["method", "train", "noise", "level"])
    tables = {}
    for (method, noise), part in data.groupby(["method", "noise"], sort=False):
        table = part.pivot(index="train", columns="level", values="mean")
        if len(table) > 1 and table.notna().sum(axis=1).max() > 1:
            tables[method, noise] = table
    trainings = sorted(
        {str(train) for table in tables.values() for train in table.index},
        key=lambda train: (" to " in train, _highest(train)),
    )
    return {place: table.reindex(trainings) for place, table in tables.items()}


def _highest(train: str) -> float:
    return float(train.rsplit(" ", 1)[1])
