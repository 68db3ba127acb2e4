"""Which part of an image a figure shows: what was typed, or where the methods differ most."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.core import UsageError, printable

if TYPE_CHECKING:
    from bench.core import Array

#: Images no larger than this, in pixels, are shown whole; and so large a crop is at least.
WHOLE, LEAST = 64, 8
# A crop's side, as a share of the image's shorter one: alone, and beside the image as an inset.
_ALONE, _INSET = 4, 6
_FORM = re.compile(r"(?:auto(?:,(?P<side>\d+))?|(?P<x>\d+),(?P<y>\d+),(?P<typed>\d+))")


@dataclass(frozen=True)
class Box:
    """A square of an image: the column and row of its upper left pixel, and its side in pixels."""

    x: int
    y: int
    side: int

    def of(self, image: Array) -> Array:
        """The pixels of an image (C, H, W) within it."""
        return image[..., self.y : self.y + self.side, self.x : self.x + self.side]


@dataclass(frozen=True)
class Crop:
    """A rule that gives each image its box.

    Attributes:
        box: the same of every image; None where each has its own.
        side: in pixels, of boxes that are found; None for a quarter of the shorter side, or a sixth
            where the box is an inset.
        whole: every image is shown as a whole.
    """

    box: Box | None = None
    side: int | None = None
    whole: bool = False

    @classmethod
    def parse(cls, text: str) -> Crop:
        """A rule as typed: `auto`, `auto,80`, `none`, or `x,y,side`.

        >>> Crop.parse("40,60,80").box
        Box(x=40, y=60, side=80)

        Raises:
            UsageError: it is none of these.
        """
        plain = text.replace(" ", "").lower()
        if plain == "none":
            return cls(whole=True)
        found = _FORM.fullmatch(plain)
        side = int(found["side"] or found["typed"] or LEAST) if found else 0
        if found is None or side < LEAST:
            raise UsageError(
                f"--crop {printable(text)!r} is no part of an image: give auto, auto,SIDE, none, "
                f"or X,Y,SIDE in pixels, of a side of {LEAST} or more"
            )
        if found["x"]:
            return cls(box=Box(int(found["x"]), int(found["y"]), side))
        return cls(side=side if found["side"] else None)

    def find(self, restored: Sequence[Array], *, inset: bool = False) -> Box | None:
        """The box of an image; None where it is shown as a whole.

        Args:
            restored: float (C, H, W) in [0, 1], what the shown methods made of it, two at least.
            inset: whether the box is shown beside the whole image.

        Raises:
            UsageError: the image is not so large.
        """
        height, width = restored[0].shape[-2:]
        shorter = min(height, width)
        if self.whole or (self.box is None and self.side is None and shorter <= WHOLE):
            if inset:
                raise UsageError(
                    f"images of {width} x {height} pixels are shown whole, so that --inset has "
                    "nothing to magnify: leave it out, or give --crop auto,SIDE"
                )
            return None
        box = self.box or Box(
            0, 0, self.side or max(LEAST, shorter // (_INSET if inset else _ALONE))
        )
        if box.x + box.side > width or box.y + box.side > height:
            raise UsageError(
                f"a crop of {box.side} pixels at {box.x},{box.y} leaves the image of {width} x "
                f"{height}: give --crop another"
            )
        return box if self.box else where_they_differ(restored, box.side)

    def sentence(self, sides: Sequence[int], among: str) -> str:
        """The rule, for a caption.

        Args:
            sides: of the boxes that were found.
            among: the images that `find` was given, in words.
        """
        if not sides:
            return ""
        if self.box:
            return (
                f"Crops: {self.box.side} pixels a side, from column {self.box.x} and row "
                f"{self.box.y} of the image, chosen by hand."
            )
        each = sorted(set(sides))
        size = str(each[0]) if len(each) == 1 else f"{each[0]} to {each[-1]}"
        return (
            f"Crops: {size} pixels a side, of each image where {among} differ most: the window "
            "with the largest variance between them, summed over its pixels."
        )


def where_they_differ(restored: Sequence[Array], side: int) -> Box:
    """The window of the largest variance between images, summed over its pixels and channels.

    Of several alike the uppermost, and of these the leftmost.

    Args:
        restored: float (C, H, W) each, two at least.
        side: of the window, in pixels.

    >>> flat, spot = np.zeros((1, 9, 9)), np.zeros((1, 9, 9))
    >>> spot[0, 5, 6] = 1.0
    >>> where_they_differ([flat, spot], 3)
    Box(x=4, y=3, side=3)
    """
    shown = np.clip(np.stack(restored).astype(np.float64), 0, 1)
    spread = shown.var(axis=0).sum(axis=0)
    sums = np.pad(spread.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    windows = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    # Sums of the same numbers differ in their last digits by where they are taken.
    most = windows >= windows.max() - 1e-9 * max(1e-9, sums[-1, -1])
    y, x = np.unravel_index(int(most.argmax()), most.shape)
    return Box(int(x), int(y), side)
