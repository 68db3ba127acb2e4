"""Clean, noisy and restored images side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import noise_text
from bench.report.content import style
from bench.report.figures.figure import DETAIL, IMAGES, LEVELS, Drawn, Figure

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content.section import Section


def examples(section: Section) -> Drawn:
    """Clean, noisy and restored images, a few a level."""
    done = section.cells[section.cells["status"] == "done"]
    columns = list(dict.fromkeys(zip(done["noise"], done["level"], strict=True)))
    result = []
    for start in range(0, len(columns), LEVELS):
        shown = columns[start : start + LEVELS]
        drawn = _example_grid(section, done, shown)
        if drawn is None:
            continue
        canvas, cut = drawn
        number = f"-{start // LEVELS + 1}" if len(columns) > LEVELS else ""
        levels = "; ".join(noise_text(*column) for column in shown)
        caption = (
            f"The same test images at {levels}: clean, noisy (`identity`), and as each method "
            "restores them. They are chosen by position, not by result."
        )
        if cut:
            caption += f" Details from the middle, {DETAIL} pixels a side."
        result.append((Figure(f"examples{number}", "Examples", caption), canvas))
    return result


def _example_grid(
    section: Section, done: pd.DataFrame, columns: Sequence[tuple[str, float]]
) -> tuple[Any, bool] | None:
    """The figure, and whether only a part of the images is shown; None without images."""
    import matplotlib.pyplot as plt

    labels = [label for label in section.labels if label in set(done["label"])]
    samples: dict[tuple[str, tuple[str, float]], dict[str, list[Any]]] = {}
    for cell in done.drop_duplicates(["label", "noise", "level"]).itertuples():
        point = (str(cell.label), (str(cell.noise), float(cell.level)))
        if point[1] in columns:
            samples[point] = section.samples(cell)
    first = next((s for s in samples.values() if s["image"]), None)
    if first is None:
        return None
    shown = min(IMAGES, len(common(samples.values())))
    rows = ["clean", "noisy", *(label for label in labels if label != "identity")]
    across = shown * len(columns)
    side = min(style.WIDTH / across, 1.5)  # of an image, in inches
    height, width = detail(first["clean"][0]).shape[-2:]
    canvas, grid = plt.subplots(
        len(rows),
        across + len(columns) - 1,
        figsize=(side * across, 0.9 * side * len(rows) * height / width),
        squeeze=False,
        gridspec_kw={
            "wspace": 0.04,
            "hspace": 0.04,
            "width_ratios": ([1] * shown + [0.25]) * (len(columns) - 1) + [1] * shown,
        },
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for block, column in enumerate(columns):
        offset = block * (shown + 1)
        middle = grid[0, offset + (shown - 1) // 2]
        middle.set_title(noise_text(*column), x=0.5 if shown % 2 else 1.02)
        for index, name in enumerate(rows):
            pick = _row(samples, labels, name, column)
            for image in range(shown):
                if pick is not None and image < len(pick):
                    show(grid[index, offset + image], pick[image])
    for index, name in enumerate(rows):
        grid[index, 0].text(
            -0.12, 0.5, name, ha="right", va="center", transform=grid[index, 0].transAxes
        )
    return canvas, detail(first["clean"][0]).shape != first["clean"][0].shape


def common(samples: Iterable[dict[str, list[Any]]]) -> list[int]:
    """The positions of the images that all have kept: chosen before any method was run.

    Each has them first; after them come images that a method's own scores chose.
    """
    lists = [kept["image"] for kept in samples if kept["image"]]
    return [places[0] for places in takewhile(_equal, zip(*lists, strict=False))]


def _equal(places: Sequence[int]) -> bool:
    return len(set(places)) == 1


def _row(
    samples: dict[tuple[str, tuple[str, float]], dict[str, list[Any]]],
    labels: Sequence[str],
    name: str,
    column: tuple[str, float],
) -> list[Any] | None:
    """The images of one row of the grid at one level."""
    if name in ("clean", "noisy"):
        for label in labels:
            if (label, column) in samples:
                return samples[label, column][name]
        return None
    found = samples.get((name, column))
    return found["restored"] if found else None


def detail(image: Any) -> Any:
    """The middle of a large image (C, H, W)."""
    top, left = (max(0, (size - DETAIL) // 2) for size in image.shape[-2:])
    return image[..., top : top + DETAIL, left : left + DETAIL]


def show(axes: Any, image: Any) -> None:
    """One image (C, H, W), of a large one the middle, shown from 0 to 1."""
    pixels = np.clip(np.moveaxis(detail(image), 0, -1), 0, 1)
    if pixels.shape[-1] == 1:
        axes.imshow(pixels[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        axes.imshow(pixels, interpolation="nearest")
