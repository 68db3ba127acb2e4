"""The caption of a figure of images: what it shows, and by which rules it was chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bench.core import level_text
from bench.report.content.crops import Crop
from bench.report.content.image_grid import CLEAN, NOISY
from bench.report.content.noises import field_text, sigma
from bench.report.content.rows import Column
from bench.report.content.words import listed

if TYPE_CHECKING:
    from bench.report.content.image_grid import ImageGrid


def caption(
    grid: ImageGrid,
    text: Callable[[str], str] = str,
    noise: Callable[[Column], str] = field_text,
) -> str:
    """What the figure shows, how its images and crops were chosen, what its numbers are.

    Args:
        grid: what is shown.
        text: escapes text from outside.
        noise: words a noise and its level.
    """
    positions = list(dict.fromkeys(row.position for row in grid.rows))
    columns = list(dict.fromkeys(row.column for row in grid.rows))
    methods = [grid.heading(n) for n in grid.names if n not in (NOISY, CLEAN)]
    shown = [text(grid.heading(NOISY))] if NOISY in grid.names else []
    shown += ["restored by " + listed([text(name) for name in methods])] if methods else []
    shown += [text(grid.heading(CLEAN))] if CLEAN in grid.names else []
    images = f"{grid.split.capitalize()} image{'s' * (len(positions) > 1)}"
    how = "" if grid.options.positions else ", chosen by position, not by result"
    parts = [
        f"{images} {listed(_ranges(positions))} of {text(grid.data)}{how}, "
        f"under {_noises(columns, noise)}: "
        f"{', '.join(shown[:-1])}{', and ' if shown[1:] else ''}{shown[-1]}.",
        *_on_scores(grid, text),
        Crop.parse(grid.options.crop).sentence(grid.sides, _among(grid, len(methods))),
    ]
    if grid.options.inset and grid.sides:
        parts.append("The box is what the inset shows magnified.")
    if grid.options.error:
        parts.append(
            "Below, the absolute differences from the clean image, where values are from 0 to "
            f"1; those above {grid.error_limit:g} are shown as {grid.error_limit:g}."
        )
    if grid.retrained:
        parts.append("Of methods trained several times the first training is shown.")
    return " ".join(filter(None, [*parts, text(grid.chosen)]))


def _among(grid: ImageGrid, methods: int) -> str:
    """The images that crops are found among, see `_row`."""
    if methods > 1:
        return "the restored images shown"
    known = ["the restored", "the clean", "the noisy"]
    chosen = [*known[:1] * methods, *known[1:2] * (CLEAN in grid.names), known[2]]
    return f"{chosen[0]} and {chosen[1]} image"


def _noises(columns: Sequence[Column], noise: Callable[[Column], str]) -> str:
    """The noises in words; of a Gaussian one its kind is said, since its level is a symbol."""
    named = listed([noise(column) for column in columns])
    if any(sigma(column) is None for column in columns):
        return named
    scale = " (of 255)" if any("/255" in level_text(level) for _, level in columns) else ""
    return f"Gaussian noise of {named}{scale}"


def _on_scores(grid: ImageGrid, text: Callable[[str], str]) -> list[str]:
    """What the numbers below the images are."""
    if not grid.scales:
        return []
    named = [
        f"{text(scale.title)} in {text(scale.unit)}" if scale.unit else text(scale.title)
        for scale in grid.scales.values()
    ]
    return [f"Numbers: {listed(named)} of the whole image; bold: the best of the row."]


def _ranges(positions: Sequence[int]) -> list[str]:
    """Positions in words, those that follow each other as a range.

    >>> _ranges([0, 1, 2, 3, 7, 8])
    ['0 to 3', '7', '8']
    """
    groups: list[list[int]] = []
    for position in positions:
        if groups and position == groups[-1][-1] + 1:
            groups[-1].append(position)
        else:
            groups.append([position])
    return [
        text
        for each in groups
        for text in ([f"{each[0]} to {each[-1]}"] if len(each) > 2 else map(str, each))
    ]
