"""Predicted deviations: their maps, and how they compare with the errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import middle, noise_text
from bench.report.content import style
from bench.report.content.chart_data import (
    CALIBRATION_RANGE,
    calibration_bins,
    calibration_caption,
)
from bench.report.content.rows import Column
from bench.report.content.samples import (
    DEVIATION_SHOWN,
    Samples,
    common_positions,
    kept_samples,
)
from bench.report.figures.figure import (
    DETAIL,
    IMAGES,
    LEVELS,
    UNCERTAINTY,
    Drawn,
    Figure,
    panel_grid,
)
from bench.report.figures.pictures import image_grid, name_row, show

if TYPE_CHECKING:
    from bench.report.content.section import Section

# Height of the space between two methods, in images.
_GAP = 0.3


def uncertainty(section: Section) -> Drawn:
    """Where methods say how uncertain they are: restored, error and predicted deviation."""
    samples = {
        (label, column): kept
        for label, column, kept in kept_samples(section)
        if kept["deviation"] and kept["clean"]
    }
    if not samples:
        return []
    caption = (
        "Restored images, the size of their error, and the standard deviation that the method "
        "predicts for it, over draws of its code. One scale for errors and deviations. The same "
        "images as under Examples."
    )
    return [(Figure("uncertainty", UNCERTAINTY, caption), _maps(samples))]


def _maps(samples: dict[tuple[str, Column], Samples]) -> Any:
    """The figure's canvas: for each method a row of restored images, of errors, of deviations."""
    labels = list(dict.fromkeys(label for label, _ in samples))
    columns = list(dict.fromkeys(column for _, column in samples))[:LEVELS]
    shown = min(IMAGES, len(common_positions(samples.values())))
    image = next(iter(samples.values()))["clean"][0]
    heights = ([1, 1, 1, _GAP] * len(labels))[:-1]
    canvas, grid = image_grid(columns, shown, heights, (len(labels), 3 + _GAP), image)
    scale = None
    for number, label in enumerate(labels):
        rows = grid[4 * number : 4 * number + 3]
        for axes, name in zip(rows[:, 0], (label, "error", "predicted"), strict=True):
            name_row(axes, name)
        for block, column in enumerate(columns):
            if (label, column) not in samples:
                continue
            kept = samples[label, column]
            for index in range(shown):
                restored, *maps = rows[:, block * (shown + 1) + index]
                show(restored, kept["restored"][index])
                error = np.abs(kept["restored"][index] - kept["clean"][index])
                for axes, values in zip(maps, (error, kept["deviation"][index]), strict=True):
                    pixels = middle(values, DETAIL).mean(axis=0)
                    scale = axes.imshow(pixels, cmap="magma", vmin=0, vmax=DEVIATION_SHOWN)
    canvas.colorbar(scale, ax=grid, shrink=0.4, pad=0.02, label="error, deviation")
    return canvas


def calibration(section: Section) -> Drawn:
    """Observed error against predicted deviation, a panel a level."""
    panels = calibration_bins(section)
    if not panels:
        return []
    colours, markers = style.assign(section.labels)
    canvas, grid = panel_grid(len(panels), 3.2, sharex=True, sharey=True)
    for axes, (column, lines) in zip(grid.flat, panels.items(), strict=False):
        axes.axline((0.1, 0.1), (0.2, 0.2), color="black", linewidth=0.8, linestyle="--")
        for label, bins in lines.items():
            predicted, observed, _ = zip(*bins, strict=True)
            axes.plot(
                predicted,
                observed,
                color=colours[label],
                marker=markers[label],
                markersize=5,
                label=label,
            )
        axes.set(xscale="log", yscale="log", xlim=CALIBRATION_RANGE, ylim=CALIBRATION_RANGE)
        style.powers(axes.xaxis)
        style.powers(axes.yaxis)
        axes.set(title=noise_text(*column), xlabel="predicted deviation")
    for axes in grid[:, 0]:
        axes.set_ylabel("observed error (RMS)")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False)
    return [(Figure("calibration", UNCERTAINTY, calibration_caption(section)), canvas)]
