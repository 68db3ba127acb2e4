"""Predicted deviations: their maps, and how they compare with the errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import noise_text
from bench.report.content import style
from bench.report.figures.figure import IMAGES, LEVELS, UNCERTAINTY, Drawn, Figure
from bench.report.figures.pictures import common, detail, show

if TYPE_CHECKING:
    from bench.report.content.section import Section

CALIBRATION = (
    "Calibration: the pixels of up to 1,000 test images, sorted by the deviation that the method "
    "predicts for them and cut into 15 bins of equal size. On the dashed line the prediction is "
    "right; above it the method is too sure of itself. Of several seeds the first is drawn."
)
# Errors and deviations are shown on a scale that ends here.
_DEVIATION_SHOWN = 0.5


def uncertainty(section: Section) -> Drawn:
    """Where methods say how uncertain they are: restored, error and predicted deviation."""
    import matplotlib.pyplot as plt

    done = section.cells[section.cells["status"] == "done"]
    samples = {}
    for cell in done.drop_duplicates(["label", "noise", "level"]).itertuples():
        kept = section.samples(cell)
        if kept["deviation"]:
            samples[str(cell.label), (str(cell.noise), float(cell.level))] = kept
    if not samples:
        return []
    labels = list(dict.fromkeys(label for label, _ in samples))
    levels = list(dict.fromkeys(level for _, level in samples))[:LEVELS]
    shown = min(IMAGES, len(common(samples.values())))
    across = shown * len(levels)
    names = ["restored", "error", "predicted"]
    side = min(style.WIDTH / across, 1.5)
    height, width = detail(next(iter(samples.values()))["clean"][0]).shape[-2:]
    canvas, grid = plt.subplots(
        len(labels) * (len(names) + 1) - 1,
        across + len(levels) - 1,
        figsize=(side * across, 0.9 * side * len(labels) * (len(names) + 0.3) * height / width),
        squeeze=False,
        gridspec_kw={
            "wspace": 0.04,
            "hspace": 0.04,
            "width_ratios": ([1] * shown + [0.25]) * (len(levels) - 1) + [1] * shown,
            "height_ratios": ([1] * len(names) + [0.3]) * (len(labels) - 1) + [1] * len(names),
        },
    )
    for axes in grid.flat:
        axes.set_axis_off()
    scale = None
    for block, level in enumerate(levels):
        offset = block * (shown + 1)
        middle = grid[0, offset + (shown - 1) // 2]
        middle.set_title(noise_text(*level), x=0.5 if shown % 2 else 1.02)
        for number, label in enumerate(labels):
            if (label, level) not in samples:
                continue
            kept = samples[label, level]
            for image in range(shown):
                rows = grid[number * (len(names) + 1) :, offset + image]
                show(rows[0], kept["restored"][image])
                error = np.abs(kept["restored"][image] - kept["clean"][image])
                for axes, values in zip(rows[1:], (error, kept["deviation"][image]), strict=False):
                    scale = axes.imshow(
                        detail(values).mean(axis=0), cmap="magma", vmin=0, vmax=_DEVIATION_SHOWN
                    )
    for number, label in enumerate(labels):
        for row, name in enumerate((label, "error", "predicted")):
            axes = grid[number * (len(names) + 1) + row, 0]
            axes.text(-0.12, 0.5, name, ha="right", va="center", transform=axes.transAxes)
    canvas.colorbar(scale, ax=grid, shrink=0.4, pad=0.02, label="error, deviation")
    caption = (
        "Restored images, the size of their error, and the standard deviation that the method "
        "predicts for it, over draws of its code. One scale for errors and deviations. The same "
        "images as under Examples."
    )
    return [(Figure("uncertainty", UNCERTAINTY, caption), canvas)]


def calibration(section: Section) -> Drawn:
    """Observed error against predicted deviation, a panel a level."""
    import matplotlib.pyplot as plt

    panels = calibration_bins(section)
    if not panels:
        return []
    colours, markers = style.assign(section.labels)
    columns = min(LEVELS, len(panels))
    rows = -(-len(panels) // columns)
    canvas, grid = plt.subplots(
        rows,
        columns,
        figsize=(style.WIDTH, 3.2 * rows),
        squeeze=False,
        sharex=True,
        sharey=True,
        layout="constrained",
    )
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes, (level, lines) in zip(grid.flat, panels.items(), strict=False):
        axes.axline((0.1, 0.1), (0.2, 0.2), color="black", linewidth=0.8, linestyle="--")
        for label, bins in lines:
            predicted, observed, _ = zip(*bins, strict=True)
            axes.plot(
                predicted,
                observed,
                color=colours[label],
                marker=markers[label],
                markersize=5,
                label=label,
            )
        # Below a step of eight bits no error is seen.
        axes.set(xscale="log", yscale="log", xlim=(1 / 255, 0.6), ylim=(1 / 255, 0.6))
        style.powers(axes.xaxis)
        style.powers(axes.yaxis)
        axes.set(title=noise_text(*level), xlabel="predicted deviation")
    for axes in grid[:, 0]:
        axes.set_ylabel("observed error (RMS)")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False)
    return [(Figure("calibration", UNCERTAINTY, CALIBRATION), canvas)]


def calibration_bins(
    section: Section,
) -> dict[tuple[str, float], list[tuple[str, list[Any]]]]:
    """(Noise, level) -> methods with their bins of predicted and observed, see `metrics`."""
    panels: dict[tuple[str, float], list[tuple[str, list[Any]]]] = {}
    known = set()
    for cell, meta in zip(section.cells.itertuples(), section.metadata, strict=True):
        point = (str(cell.label), str(cell.noise), float(cell.level))
        if meta.get("calibration") and point not in known:  # of several seeds the first
            known.add(point)
            panels.setdefault(point[1:], []).append((point[0], meta["calibration"]))
    return panels
