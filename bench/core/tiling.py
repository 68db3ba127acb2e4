"""How large images are cut into overlapping tiles."""

from __future__ import annotations

from typing import NamedTuple

#: Pixels a side of a tile, unless another number is asked for, and the least of them.
SIDE, LEAST = 1024, 256
#: Tiles begin at multiples of so many pixels, so that networks that halve an image five times, and
#: wavelets of five levels, see the same grid in a tile as in the whole.
GRID = 32
#: Pixels that neighbouring tiles share, at least. Of these each keeps the half on its own side: a
#: method that sees no further than 64 pixels gives what it gives of the whole image.
OVERLAP = 128


def bound(side: int) -> int:
    """Pixels that an image may have to be given whole: those of two tiles.

    >>> bound(1024)  # full HD is whole, what a larger camera gives is cut
    2097152
    """
    return 2 * side * side


class Span(NamedTuple):
    """A tile along one axis: the pixels that it is of, and of these the ones that are kept."""

    seen: slice
    kept: slice

    @property
    def within(self) -> slice:
        """The kept ones, counted from the tile's beginning."""
        return slice(self.kept.start - self.seen.start, self.kept.stop - self.seen.start)


def spans(length: int, side: int) -> list[Span]:
    """An axis of so many pixels cut into tiles of `side`, the last one less by under `GRID`.

    >>> [(span.seen.start, span.seen.stop) for span in spans(1000, 512)]
    [(0, 512), (384, 896), (512, 1000)]
    >>> [(span.kept.start, span.kept.stop) for span in spans(1000, 512)]
    [(0, 448), (448, 704), (704, 1000)]
    """
    if length <= side:
        return [Span(slice(0, length), slice(0, length))]
    step = (side - OVERLAP) // GRID * GRID
    last = -(-(length - side) // GRID) * GRID
    starts = [*range(0, length - side, step), last]
    stops = [*(start + side for start in starts[:-1]), length]
    # Between two tiles the cut is in the middle of what they share.
    cuts = [(stop + after) // 2 for stop, after in zip(stops, starts[1:], strict=False)]
    return [
        Span(slice(start, stop), slice(first, end))
        for start, stop, first, end in zip(starts, stops, [0, *cuts], [*cuts, length], strict=True)
    ]
