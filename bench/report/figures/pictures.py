"""Clean images, where there are some, noisy and restored ones side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import IDENTITY, middle, noise_text
from bench.report.content import style
from bench.report.content.rows import Column
from bench.report.content.samples import Samples, common_positions, kept_samples
from bench.report.figures.figure import DETAIL, IMAGES, LEVELS, Drawn, Figure

if TYPE_CHECKING:
    from bench.report.content.section import Section


def examples(section: Section) -> Drawn:
    """Clean, noisy and restored images, a few a level."""
    done = section.cells[section.cells["status"] == "done"]
    columns = list(dict.fromkeys(zip(done["noise"], done["level"], strict=True)))
    result = []
    for start in range(0, len(columns), LEVELS):
        shown = columns[start : start + LEVELS]
        samples = {(label, column): kept for label, column, kept in kept_samples(section, shown)}
        if not samples:
            continue
        number = f"-{start // LEVELS + 1}" if len(columns) > LEVELS else ""
        levels = "; ".join(noise_text(*column) for column in shown)
        clean = "clean, " if _clean_there(samples) else ""
        caption = (
            f"The same {section.split} images at {levels}: {clean}noisy (`identity`), and as each "
            "method restores them. They are chosen by position, not by result."
        )
        image = next(iter(samples.values()))["noisy"][0]
        if middle(image, DETAIL).shape != image.shape:
            caption += f" Details from the middle, {DETAIL} pixels a side."
        labels = [label for label in section.labels if label in set(done["label"])]
        canvas = _examples(samples, labels, shown)
        result.append((Figure(f"examples{number}", "Examples", caption), canvas))
    return result


def _examples(
    samples: dict[tuple[str, Column], Samples], labels: Sequence[str], columns: Sequence[Column]
) -> Any:
    """The figure's canvas: rows clean (if any), noisy and methods, at each noise a few images."""
    shown = min(IMAGES, len(common_positions(samples.values())))
    rows = ["clean"] * _clean_there(samples)
    rows += ["noisy", *(label for label in labels if label != IDENTITY)]
    image = next(iter(samples.values()))["noisy"][0]
    canvas, grid = image_grid(columns, shown, [1] * len(rows), (len(rows), 1), image)
    for index, name in enumerate(rows):
        name_row(grid[index, 0], name)
        for block, column in enumerate(columns):
            images = _row(samples, labels, name, column)
            for number, axes in enumerate(grid[index, block * (shown + 1) :][:shown]):
                if number < len(images):
                    show(axes, images[number])
    return canvas


def _clean_there(samples: dict[tuple[str, Column], Samples]) -> bool:
    """Whether there is ground truth to be shown."""
    return all(kept["clean"] for kept in samples.values())


def _row(
    samples: dict[tuple[str, Column], Samples], labels: Sequence[str], name: str, column: Column
) -> list[Any]:
    """The images of one row of the grid at one level."""
    if name in ("clean", "noisy"):
        kept = [samples[label, column] for label in labels if (label, column) in samples]
        return kept[0][name] if kept else []
    return samples[name, column]["restored"] if (name, column) in samples else []


def image_grid(
    columns: Sequence[Column],
    shown: int,
    height_ratios: Sequence[float],
    size: tuple[int, float],
    image: Any,
) -> tuple[Any, Any]:
    """Canvas and empty axes for images, of which `shown` stand side by side at each noise.

    Args:
        columns: the noises, whose names stand above; a gap parts them.
        shown: images at each noise.
        height_ratios: of the rows, an image's being 1.
        size: number of groups of rows, and height of each in images.
        image: one of them (C, H, W).
    """
    import matplotlib.pyplot as plt

    across = shown * len(columns)
    side = min(style.WIDTH / across, 1.5)  # of an image, in inches
    groups, height = size
    high, wide = middle(image, DETAIL).shape[-2:]
    canvas, grid = plt.subplots(
        len(height_ratios),
        across + len(columns) - 1,
        figsize=(side * across, 0.9 * side * groups * height * high / wide),
        squeeze=False,
        gridspec_kw={
            "wspace": 0.04,
            "hspace": 0.04,
            "width_ratios": ([1] * shown + [0.25]) * (len(columns) - 1) + [1] * shown,
            "height_ratios": height_ratios,
        },
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for block, column in enumerate(columns):
        axes = grid[0, block * (shown + 1) + (shown - 1) // 2]
        axes.set_title(noise_text(*column), x=0.5 if shown % 2 else 1.02)
    return canvas, grid


def name_row(axes: Any, name: str) -> None:
    """Write what a row of images shows to the left of its first."""
    axes.text(-0.12, 0.5, name, ha="right", va="center", transform=axes.transAxes)


def show(axes: Any, image: Any) -> None:
    """One image (C, H, W), of a large one the middle, shown from 0 to 1."""
    pixels = np.clip(np.moveaxis(middle(image, DETAIL), 0, -1), 0, 1)
    if pixels.shape[-1] == 1:
        axes.imshow(pixels[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        axes.imshow(pixels, interpolation="nearest")
