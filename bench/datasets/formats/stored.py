"""What a file holds: images of one unit, as they are stored, each decoded when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from bench.core import Array


class UnusableImage(Exception):
    """A file that is no image, or none that can be taken as it is: why."""


@dataclass(frozen=True)
class Stored:
    """The images of one file, which are of one unit (a stack, a series, a field of view).

    Attributes:
        shape: of each of them, (C, H, W), C = 1 or 3.
        pages: how many there are.
        dtype: of the values that `read` gives: what the file stores, after what the format itself
            says of it (palette, orientation, DICOM's rescaling, FITS's BZERO).
        white: the value that is white where the format says, or custom has it (255 of 8 bits,
            65535 of 16, 1 of one bit); None where it has to be stated: floating point, signed,
            32 bits.
        read: gives page 0, 1, ... as stored values, (C, H, W) in `dtype`; raises `UnusableImage`
            where the file is damaged, `DataError` where the system cannot read it.
        unit: of the values, where the file says ("HU"); else empty.
        notes: what the reader did or left, a line each, where another may be expected: a window
            that is not applied, which axis was taken for colour.
    """

    shape: tuple[int, int, int]
    pages: int
    dtype: np.dtype[np.generic]
    white: float | None
    read: Callable[[int], Array] = field(repr=False)
    unit: str = ""
    notes: tuple[str, ...] = ()
