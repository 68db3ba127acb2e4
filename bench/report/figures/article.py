"""The figure of an article: images of several methods side by side, at the size of a page.

Drawn as it will be printed: the text has the size of a caption's, and a pixel of an image is a
pixel in the files: in PDF as it was stored, in PNG a square of whole dots.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import UsageError, printable
from bench.report.content.image_grid import CLEAN, GridOptions, GridRow, ImageGrid
from bench.report.content.noises import field_text
from bench.report.figures.typesetting import SMALL, broken, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from bench.core import Array
    from bench.report.content.kept_images import Opener
    from bench.store import Run

#: Widths by name, in inches: of a column and of the page of the IEEE's journals (252 and 516 pt).
WIDTHS = {"column": 252 / 72.27, "page": 516 / 72.27}
_UNITS = {"in": 1.0, "": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72.27}
_WIDTH = re.compile(r"(\d+(?:\.\d+)?)\s*(in|cm|mm|pt|)")
#: In inches: what an image is wide at least, and what a figure may be wide.
_LEAST, _NARROWEST, _WIDEST = 0.4, 1.0, 20.0
#: Dots an inch in PNG, at least; of images with more pixels as many as show each.
DPI = 300
# In points: between columns, rows and lines; room for a line of text, for the noises at the left.
_GAP, _ROW_GAP, _LINE, _DESCENT, _SIDE = 2.0, 4.0, 8.6, 2.2, 11.0
#: Vermilion of Wong's palette: seen on grey and on most colours, by colour-blind readers too.
_FRAME = "#d55e00"
_FRAME_WIDTH = 0.9


def parse_width(text: str) -> float:
    """A width in inches: `column`, `page`, or a number of inches, or with `in`, `cm`, `mm`, `pt`.

    Points are TeX's, as `\\the\\columnwidth` prints them: 72.27 an inch.

    >>> [round(parse_width(text), 3) for text in ("column", "50.8mm", "229.5pt")]
    [3.487, 2.0, 3.176]

    Raises:
        UsageError: it is none.
    """
    typed = text.strip().lower()
    found = _WIDTH.fullmatch(typed)
    width = WIDTHS.get(typed, float(found[1]) * _UNITS[found[2]] if found else 0.0)
    if not _NARROWEST <= round(width, 6) <= _WIDEST:
        raise UsageError(
            f"{printable(text)!r} is no width of a figure: give column, page, or a length such as "
            f"3.3in, 85mm or 229.5pt, from {_NARROWEST:g} to {_WIDEST:g} inches"
        )
    return width


def article_figure(
    runs: Run | Sequence[Run],
    options: GridOptions | None = None,
    *,
    width: str | float = "column",
    opener: Opener | None = None,
) -> Canvas:
    """The figure of a run's images, or of several runs on the same data.

    Args:
        runs: see `ImageGrid.of`.
        options: what it shows.
        width: see `parse_width`; a number is in inches.
        opener: opens the data of a run, see `ImageGrid.of`.

    Returns:
        A matplotlib figure, of its size in print.

    Raises:
        UsageError: what is asked for was not measured, not kept, or has no room.
        StorageError: a run is damaged.
    """
    return draw(ImageGrid.of(runs, options, opener), parse_width(str(width)))


def draw(grid: ImageGrid, width: float) -> Canvas:
    """A figure so many inches wide.

    Raises:
        UsageError: there is no room for so many columns, or for an inset.
    """
    with setup():
        return _Drawing(grid, width).canvas


@contextmanager
def setup() -> Iterator[None]:
    """How figures are drawn and saved; what matplotlib is otherwise set to comes back."""
    import matplotlib as mpl

    settings = {
        "font.size": SMALL,
        "font.family": "sans-serif",
        "pdf.fonttype": 42,  # TrueType: publishers refuse Type 3
        "image.composite_image": False,  # each image is stored with its own pixels
        "text.parse_math": False,  # names are text from outside: `$` in them begins no formula
        "axes.linewidth": 0.5,
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        # Names may be written in any script; what the font has not shows as a box.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


@dataclass(frozen=True)
class _Place:
    """Where an image stands, in dots from the figure's upper left corner."""

    x: int
    y: int
    width: int
    height: int


class _Drawing:
    """A figure that is laid out in the dots of its PNG, so that each pixel is whole dots."""

    def __init__(self, grid: ImageGrid, width: float) -> None:
        from matplotlib.figure import Figure as Canvas

        self._grid = grid
        several = len({row.column for row in grid.rows}) > 1
        count = len(grid.names)
        room = width * 72 - (_SIDE if several else 0) - _GAP * (count - 1)
        self._panel = room / count  # in points
        if self._panel < 72 * _LEAST:
            raise UsageError(
                f"{count} images beside each other on {width:.2f} inches would be less than "
                f"{_LEAST} inches wide: show fewer --methods, or give a larger --width"
            )
        sizes = [grid.shown(row, next(iter(row.images.values()))).shape[-2:] for row in grid.rows]
        widest = max(wide for _, wide in sizes)
        across = -(-DPI * self._panel / 72 // widest) * widest  # dots of a panel: whole per pixel
        self._dpi = 72 * across / self._panel
        self._across = int(across)
        self._left = _SIDE * self._dpi / 72 if several else 0.0
        self._gap = self._dots(_GAP)
        self._width = int(width * self._dpi)
        self._heads = {
            name: broken(grid.heading(name), (self._panel + _GAP / 2) / 72) for name in grid.names
        }
        self._stacked = any(self._wide(row) for row in grid.rows)
        self._height = self._laid_out(sizes)
        size = (self._width / self._dpi, self._height / self._dpi)
        self.canvas = Canvas(figsize=size, dpi=self._dpi, facecolor="white")
        for index, row in enumerate(grid.rows):
            self._draw_row(index, row)
        self._draw_heads()
        if several:
            self._draw_noises()
        if grid.options.error:
            self._draw_scale()

    def _dots(self, points: float) -> int:
        return round(points * self._dpi / 72)

    def _wide(self, row: GridRow) -> bool:
        """Whether the scores of a row have no room in one line below its images."""
        texts = ["/".join(text for text, _ in self._scores(row, name)) for name in self._grid.names]
        return any(72 * text_width(text, bold=True) > self._panel + _GAP for text in texts)

    def _scores(self, row: GridRow, name: str) -> list[tuple[str, bool]]:
        """What stands below an image; below the clean one the metrics' names."""
        if name == CLEAN:
            return [(printable(scale.title), False) for scale in self._grid.scales.values()]
        return self._grid.score(row, name)

    def _laid_out(self, sizes: Sequence[tuple[int, int]]) -> int:
        """Find the place of each row, below each other; the figure's height in dots."""
        self._head = self._dots(_LINE * max(map(len, self._heads.values())))
        lines = len(self._grid.scales) if self._stacked else min(1, len(self._grid.scales))
        y = self._head
        self._places: list[_Place] = []
        self._errors: list[int] = []
        for high, wide in sizes:
            factor = max(1, self._across // wide)
            place = _Place((self._across - factor * wide) // 2, y, factor * wide, factor * high)
            self._places.append(place)
            y += place.height + self._dots(_LINE * lines + 1)
            self._errors.append(y)
            y += (place.height + self._gap) * self._grid.options.error + self._dots(_ROW_GAP)
        return y - self._dots(_ROW_GAP)

    def _x(self, name: str) -> int:
        """The left edge of a column."""
        step = self._across + _GAP * self._dpi / 72
        return int(self._left + self._grid.names.index(name) * step)

    def _axes(self, x: int, y: int, width: int, height: int) -> Any:
        """Axes at a place in dots."""
        bottom = self._height - y - height
        box = (x / self._width, bottom / self._height, width / self._width, height / self._height)
        return self.canvas.add_axes(box)

    def _draw_row(self, index: int, row: GridRow) -> None:
        place = self._places[index]
        for name in self._grid.names:
            x = self._x(name) + place.x
            self._draw_image(x, place.y, place, row, row.images[name])
            self._draw_scores(name, place.y + place.height, self._scores(row, name))
            if self._grid.options.error and name != CLEAN:
                self._draw_image(x, self._errors[index], place, row, row.error(name))

    def _draw_image(self, x: int, y: int, place: _Place, row: GridRow, image: Array) -> None:
        """An image (C, H, W), or an error (H, W), of a row; with its crop as an inset if asked."""
        shown = self._grid.shown(row, image)
        axes = self._axes(x, y, place.width, place.height)
        self._fill(axes, shown)
        if row.box is None or not self._grid.options.inset:
            return
        from matplotlib.patches import Rectangle

        box = row.box
        edge: dict[str, Any] = {"edgecolor": _FRAME, "linewidth": _FRAME_WIDTH}
        corner = (box.x - 0.5, box.y - 0.5)
        axes.add_patch(Rectangle(corner, box.side, box.side, fill=False, **edge))
        high, wide = shown.shape[-2:]
        side = magnified(box.side, high, wide)
        factor = place.width // wide
        right, low = 2 * box.x + box.side <= wide, 2 * box.y + box.side <= high
        within = self._axes(
            x + factor * (wide - side if right else 0),
            y + factor * (high - side if low else 0),
            factor * side,
            factor * side,
        )
        self._fill(within, box.of(image))
        for spine in within.spines.values():
            spine.set(visible=True, **edge)

    def _fill(self, axes: Any, image: Array) -> None:
        """Show an image in axes that have its shape, pixel by pixel."""
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        if image.ndim == 2:
            shown: Any = image
            colours: dict[str, Any] = {"cmap": "magma", "vmin": 0, "vmax": self._grid.error_limit}
        else:
            # In bytes, which no colour map rounds again.
            pixels = np.round(255 * image.transpose(1, 2, 0)).astype(np.uint8)
            shown, colours = np.broadcast_to(pixels, (*pixels.shape[:2], 3)), {}
        axes.imshow(shown, interpolation="none", aspect="auto", **colours)

    def _text(self, x: float, y: float, text: str, **how: Any) -> None:
        """A text whose baseline is at a place in dots."""
        at = (x / self._width, 1 - y / self._height)
        self.canvas.text(*at, text, **{"fontsize": SMALL, "va": "baseline", "ha": "center", **how})

    def _draw_heads(self) -> None:
        for name, lines in self._heads.items():
            for above, line in enumerate(reversed(lines)):
                y = self._head - self._dots(_DESCENT + above * _LINE)
                self._text(self._x(name) + self._across / 2, y, line)

    def _draw_scores(self, name: str, y: int, scores: Sequence[tuple[str, bool]]) -> None:
        """The scores below an image that ends at `y`: `29.17/0.829`, or one below the other."""
        centre = self._x(name) + self._across / 2
        lines = [[each] for each in scores] if self._stacked else [list(scores)]
        for number, line in enumerate(lines, 1):
            parts = [part for each in line for part in (("/", False), each)][1:]
            widths = [self._dots(72 * text_width(text, bold=bold)) for text, bold in parts]
            x = centre - sum(widths) / 2
            baseline = y + self._dots(_LINE * number + 1 - _DESCENT)
            for (text, bold), width in zip(parts, widths, strict=True):
                weight = "bold" if bold else "normal"
                self._text(x, baseline, text, ha="left", fontweight=weight)
                x += width

    def _draw_noises(self) -> None:
        """At the left of each group of rows the noise that they are under."""
        groups: dict[Any, list[int]] = {}
        for index, row in enumerate(self._grid.rows):
            groups.setdefault(row.column, []).append(index)
        for column, members in groups.items():
            first, last = self._places[members[0]], self._places[members[-1]]
            centre = (first.y + last.y + last.height) / 2
            self._text(
                self._dots(_SIDE / 2),
                centre,
                printable(field_text(column)),
                rotation=90,
                va="center",
            )

    def _draw_scale(self) -> None:
        """The scale of all errors, in the room that the clean image's leaves."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        place, limit = self._places[0], self._grid.error_limit
        bar = self._axes(self._x(CLEAN), self._errors[0], self._dots(5), place.height)
        of = ScalarMappable(Normalize(0, limit), "magma")
        scale = self.canvas.colorbar(of, cax=bar, ticks=[0, limit / 2, limit])
        scale.outline.set_visible(False)
        bar.set_yticks([0, limit / 2, limit], ["0", f"{limit / 2:g}", f"{limit:g}"])
        for label, side in zip(bar.get_yticklabels(), ("bottom", "center", "top"), strict=True):
            label.set_va(side)  # within the image's height
        bar.tick_params(length=1.5, pad=1.5, width=0.5)
        bar.set_ylabel("error", labelpad=2)


def magnified(side: int, height: int, width: int) -> int:
    """Pixels of the whole image that a crop of it takes as an inset: a whole multiple of its side.

    >>> magnified(53, 321, 481)
    159

    Raises:
        UsageError: it is too large to be magnified.
    """
    factor = min(height, width) // (2 * side)
    if factor < 2:
        raise UsageError(
            f"a crop of {side} pixels cannot be magnified within an image of {width} x {height}: "
            f"give --crop auto,{max(1, min(height, width) // 4)} or less, or leave --inset out"
        )
    return factor * side
