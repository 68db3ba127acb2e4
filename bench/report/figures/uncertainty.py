"""Predicted deviations: their maps, and how they compare with the errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import middle, noise_text
from bench.report.content.chart_data import (
    calibration_bins,
    calibration_caption,
    calibration_range,
)
from bench.report.content.rows import Column
from bench.report.content.samples import (
    DEVIATION_SHOWN,
    Samples,
    common_positions,
    kept_samples,
)
from bench.report.content.style import looks
from bench.report.figures import typesetting
from bench.report.figures.figure import (
    DETAIL,
    IMAGES,
    LEVELS,
    UNCERTAINTY,
    Drawn,
    Figure,
    panel_grid,
    spread,
)
from bench.report.figures.pictures import image_grid, show
from bench.report.figures.typesetting import WIDTH

if TYPE_CHECKING:
    from bench.report.content.section import Section

# Inches at the right for the scale of colours.
_SCALE = 0.7


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
    every = len({column for _, column in samples})
    if every > LEVELS:
        caption += f" Of {every} noises the first, the middle and the last."
    return [(Figure("uncertainty", UNCERTAINTY, caption), _maps(samples))]


def _columns(samples: Iterable[tuple[str, Column]]) -> list[Column]:
    """The noises that are shown: all of a few; of more the first, the middle and the last."""
    return spread(list(dict.fromkeys(column for _, column in samples)), LEVELS)


def _maps(samples: dict[tuple[str, Column], Samples]) -> Any:
    """The figure's canvas: for each method a row of restored images, of errors, of deviations."""
    labels = list(dict.fromkeys(label for label, _ in samples))
    columns = _columns(samples)
    shown = min(IMAGES, len(common_positions(samples.values())))
    image = next(iter(samples.values()))["clean"][0]
    names = [name for label in labels for name in (label, "error", "predicted", None)][:-1]
    canvas, grid = image_grid(columns, shown, names, image, right=_SCALE)
    scale = None
    for number, label in enumerate(labels):
        rows = grid[4 * number : 4 * number + 3]
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
    place = (1 - _SCALE / WIDTH + 0.02, 0.3, 0.015, 0.4)
    canvas.colorbar(scale, cax=canvas.add_axes(place), label="error, deviation")
    return canvas


def calibration(section: Section) -> Drawn:
    """Observed error against predicted deviation, a panel a level."""
    panels = calibration_bins(section)
    if not panels:
        return []
    look = looks(section.labels)
    ends = calibration_range(panels)
    canvas, grid = panel_grid(len(panels), 2.3, sharex=True, sharey=True)
    for axes, (column, lines) in zip(grid.flat, panels.items(), strict=False):
        axes.axline((0.1, 0.1), (0.2, 0.2), color="black", linewidth=0.8, linestyle="--")
        for label, bins in lines.items():
            predicted, observed, _ = np.maximum(np.array(bins), ends[0]).T
            own = look[label]
            axes.plot(
                predicted,
                observed,
                color=own.colour,
                linestyle=(0, own.dash) if own.dash else "-",
                marker=own.marker,
                label=label,
                clip_on=False,
            )
        axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
        typesetting.powers(axes.xaxis)
        typesetting.powers(axes.yaxis)
        axes.set(title=noise_text(*column), xlabel="predicted deviation")
    for axes in grid[:, 0]:
        axes.set_ylabel("observed error (RMS)")
    handles = {
        label: handle
        for axes in grid.flat
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    canvas.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False
    )
    return [(Figure("calibration", UNCERTAINTY, calibration_caption(section)), canvas)]
