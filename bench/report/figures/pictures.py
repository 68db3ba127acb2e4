"""Clean images, where there are some, noisy and restored ones side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import IDENTITY, middle, noise_text
from bench.report.content.rows import Column
from bench.report.content.samples import Samples, common_positions, kept_samples
from bench.report.figures.figure import DETAIL, IMAGES, LEVELS, Drawn, Figure
from bench.report.figures.typesetting import HIGHEST, TEXT, WIDTH, text_width

if TYPE_CHECKING:
    from bench.report.content.section import Section

# Inches: between images, above them, and an image's most width.
_BETWEEN, _TOP, _WIDEST = 0.02, 0.25, 1.5
# Parts of an image: between two noises, and between two groups of rows.
_BLOCK, _GAP = 0.25, 0.3


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
    canvas, grid = image_grid(columns, shown, rows, image)
    for index, name in enumerate(rows):
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
    names: Sequence[str | None],
    image: Any,
    right: float = 0.0,
) -> tuple[Any, Any]:
    """Canvas and empty axes for images, of which `shown` stand side by side at each noise.

    Args:
        columns: the noises, whose names stand above; a gap parts them.
        shown: images at each noise.
        names: of the rows, which stand at the left; None is a gap.
        image: one of them (C, H, W).
        right: inches that stay free at the right.
    """
    import matplotlib.pyplot as plt

    widths = ([1.0] * shown + [_BLOCK]) * (len(columns) - 1) + [1.0] * shown
    heights = [_GAP if name is None else 1.0 for name in names]
    high, wide = middle(image, DETAIL).shape[-2:]
    left = 0.08 + max(text_width(name, TEXT) for name in names if name)
    room = WIDTH - left - right
    space = _BETWEEN * (len(widths) - 1)
    # Of an image, in inches: as wide as there is room, and all rows on a page.
    side = min((room - space) / sum(widths), _WIDEST)
    tallest = (HIGHEST - _TOP - _BETWEEN * (len(names) - 1)) / sum(heights)
    side = min(side, tallest * wide / high)
    across = side * sum(widths) + space
    down = side * high / wide * sum(heights) + _BETWEEN * (len(names) - 1)
    left += (room - across) / 2
    canvas, grid = plt.subplots(
        len(names),
        len(widths),
        figsize=(WIDTH, down + _TOP),
        squeeze=False,
        gridspec_kw={
            "left": left / WIDTH,
            "right": (left + across) / WIDTH,
            "bottom": 0.0,
            "top": down / (down + _TOP),
            # matplotlib's are parts of the mean width and height.
            "wspace": _BETWEEN / (side * sum(widths) / len(widths)),
            "hspace": _BETWEEN / (down - _BETWEEN * (len(names) - 1)) * len(names),
            "width_ratios": widths,
            "height_ratios": heights,
        },
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for block, column in enumerate(columns):
        axes = grid[0, block * (shown + 1) + (shown - 1) // 2]
        axes.set_title(noise_text(*column), x=0.5 if shown % 2 else 1.02)
    for axes, name in zip(grid[:, 0], names, strict=True):
        if name is not None:
            axes.annotate(
                name, (0, 0.5), (-4, 0), "axes fraction", "offset points", ha="right", va="center"
            )
    return canvas, grid


def show(axes: Any, image: Any) -> None:
    """One image (C, H, W), of a large one the middle, shown from 0 to 1."""
    pixels = np.clip(np.moveaxis(middle(image, DETAIL), 0, -1), 0, 1)
    if pixels.shape[-1] == 1:
        axes.imshow(pixels[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        axes.imshow(pixels, interpolation="nearest")
