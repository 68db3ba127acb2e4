"""What an array without names for its axes holds: pages, channels, height and width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.datasets.formats.files import check_pixels
from bench.datasets.formats.stored import UnusableImage

if TYPE_CHECKING:
    from bench.core import Array

_ADVICE = "save it as (H, W), (C, H, W), (N, H, W) or (N, C, H, W) with 1 or 3 channels"


@dataclass(frozen=True)
class Layout:
    """How images lie in an array.

    Attributes:
        shape: of an image, (C, H, W).
        pages: how many there are.
        paged: the array's first axis counts them.
        channels: the axis of an image that counts channels: 0, -1, or None for none.
        note: what else it could have been; empty if nothing.
    """

    shape: tuple[int, int, int]
    pages: int
    paged: bool
    channels: int | None
    note: str = ""

    def page(self, array: Any, index: int) -> Array:
        """An image (C, H, W) of an array, or of what is indexed as one; a copy."""
        return self.image(np.array(array[index] if self.paged else array[()]))

    def image(self, values: Any) -> Array:
        """What stands for one page as (C, H, W)."""
        if self.channels is None:
            return values[None]
        return np.ascontiguousarray(np.moveaxis(values, self.channels, 0))

    def array(self, pages: Any) -> Any:
        """Images (pages, C, H, W) with their axes as here: the way back."""
        if self.channels is None:
            pages = pages[:, 0]
        elif self.channels == -1:
            pages = np.moveaxis(pages, 1, -1)
        return pages if self.paged or len(pages) > 1 else pages[0]


def layout_of(shape: tuple[int, ...]) -> Layout:
    """The images of an array, by its shape.

    Three axes are pages, height and width, unless the first or the last is of 3 (or 1), which
    are channels: three grey images are (3, 1, H, W).

    Raises:
        UnusableImage: it could be several things, or nothing of this kind.

    >>> layout_of((5, 32, 48)).pages
    5
    >>> layout_of((32, 48, 3)).shape
    (3, 32, 48)
    """
    told = f"its shape ({', '.join(map(str, shape))})"
    if len(shape) == 2:
        return _checked(Layout((1, *shape), 1, False, None))
    if len(shape) not in (3, 4):
        raise UnusableImage(f"{told} is none of images: {_ADVICE}")
    paged, (*_, first, second, last) = len(shape) == 4, shape
    leading, trailing = first in (1, 3), last in (1, 3)
    if leading and trailing and {first, second, last} != {1}:
        raise UnusableImage(f"{told} may have its channels first or last: {_ADVICE}")
    pages = shape[0] if paged else 1
    if leading:
        note = ""
        if not paged and first == 3:
            note = f"{told} is taken for one image in colour: three grey ones are (3, 1, H, W)"
        return _checked(Layout((first, second, last), pages, paged, 0, note))
    if trailing:
        return _checked(Layout((last, first, second), pages, paged, -1))
    if paged:
        raise UnusableImage(f"{told} has neither 1 nor 3 channels: {_ADVICE}")
    return _checked(Layout((1, second, last), first, True, None))


def _checked(layout: Layout) -> Layout:
    if layout.pages < 1:
        raise UnusableImage("it holds no image: its first axis is 0")
    check_pixels(*layout.shape[1:])
    return layout


def check_kind(kind: np.dtype[Any]) -> np.dtype[Any]:
    """A type of pixels, in this machine's order of bytes.

    Raises:
        UnusableImage: it is no number, or a complex one.
    """
    if kind.kind not in "buif" or kind.itemsize > 8:
        raise UnusableImage(f"its values are {kind.name}: save them as integers or real numbers")
    return kind.newbyteorder("=")


def white_of(kind: np.dtype[Any]) -> float | None:
    """What is white of a type, by custom: 255 and 65535 of 8 and 16 bits, 1 of a truth value."""
    if kind.kind == "b":
        return 1
    return float(np.iinfo(kind).max) if kind in (np.uint8, np.uint16) else None
