"""Losses over the epochs of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.report.content.losses import loss_range, loss_terms, losses_caption
from bench.report.figures.figure import Drawn, Figure, panel_grid

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content.section import Section

# Panels of a figure, which fit a page.
_PANELS = 12
_HEIGHT = 1.75


def losses(section: Section) -> Drawn:
    """Loss terms over the epochs, a panel for each method and term."""
    import seaborn as sns

    data = loss_terms(section)
    if data.empty:
        return []
    noises = list(dict.fromkeys(data["trained"]))
    colours = dict(zip(noises, sns.color_palette("viridis", len(noises)), strict=True))
    panels = [
        (f"{label}\n{term}", part)
        for (label, term), part in data.groupby(["label", "term"], sort=False)
    ]
    drawn: Drawn = []
    for start in range(0, len(panels), _PANELS):
        canvas = _canvas(panels[start : start + _PANELS], colours)
        name = f"training-{len(drawn) + 1}" if drawn else "training"
        drawn.append((Figure(name, "Training", losses_caption(data)), canvas))
    return drawn


def _canvas(panels: list[tuple[str, pd.DataFrame]], colours: dict[str, Any]) -> Any:
    """Some of the panels, with a legend of what was trained on."""
    from matplotlib.lines import Line2D

    canvas, grid = panel_grid(len(panels), _HEIGHT)
    for axes, (title, part) in zip(grid.flat, panels, strict=False):
        lines = part.groupby(["trained", "seed", "split"], sort=False, dropna=False)
        for (trained, _, split), line in lines:
            dash = "-" if split == "train" else (0, (3, 1.5))
            axes.plot(
                line["epoch"],
                line["value"],
                color=colours[str(trained)],
                linestyle=dash,
                linewidth=1,
                marker="." if len(line) == 1 else "",
            )
        axes.set(title=title, xlabel="epoch", ylabel=part["axis"].iloc[0], ylim=loss_range(part))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=False)
    shown = dict.fromkeys(trained for _, part in panels for trained in part["trained"])
    handles = [Line2D([], [], color=colours[str(trained)], label=trained) for trained in shown]
    handles += [
        Line2D([], [], color="#444444", label="training"),
        Line2D([], [], color="#444444", linestyle=(0, (3, 1.5)), label="validation"),
    ]
    canvas.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return canvas
