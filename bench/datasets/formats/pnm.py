"""Binary PGM and PPM (Netpbm's P5 and P6), read by NumPy: any white up to 65535, as it is stored.

Pillow spreads other whites than 255 over 8 or 16 bits and cuts 16-bit colours to 8, so it is not
asked here. Plain text (P2, P3), bitmaps and PAM are not taken.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import UsageError
from bench.datasets.formats.files import check_pixels
from bench.datasets.formats.stored import Stored, UnusableImage

if TYPE_CHECKING:
    from bench.core import Array

#: Between the numbers of a header: white space, and comments to the end of their line.
_GAP = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P([56])" + _GAP + _GAP.join([rb"(\d{1,9})"] * 3) + rb"\s")


def open_file(path: Path, inner: str) -> Stored:
    """A header of text, and its pixels later."""
    if inner:
        raise UnusableImage(f"it holds one image, and none named {inner}")
    with path.open("rb") as file:
        found = _HEADER.match(file.read(2**12))
    if not found:
        raise UnusableImage("of PNM files binary PGM and PPM (P5, P6) are taken: save it as PNG")
    magic, *numbers = map(int, found.groups())
    width, height, white = numbers
    channels = 1 if magic == 5 else 3
    if not 0 < white < 65536:
        raise UnusableImage(f"it is broken: its greatest value is said to be {white}")
    check_pixels(height, width)
    # 16 bits stand with the greater byte first.
    kind = np.dtype(np.uint8 if white < 256 else ">u2")
    size, start = channels * height * width * kind.itemsize, found.end()
    there = path.stat().st_size - start
    if there < size:
        raise UnusableImage(f"it is cut short: {there} bytes of pixels are there, not {size}")
    if there > size:
        raise UnusableImage("it holds more than one image: save each to a file")

    def read(page: int) -> Array:
        pixels = np.fromfile(path, kind, size // kind.itemsize, offset=start)
        if pixels.max(initial=0) > white:
            raise UnusableImage(f"it is broken: values are over {white}, which it says is white")
        pixels = pixels.reshape(height, width, channels).astype(kind.newbyteorder("="), copy=False)
        return np.moveaxis(pixels, -1, 0)

    return Stored((channels, height, width), 1, kind.newbyteorder("="), white, read)


def save(target: Path, pages: np.ndarray[Any, Any], like: Path, inner: str) -> None:
    """One image with the white of `like`."""
    stored = open_file(like, inner)
    if len(pages) > 1:
        raise UsageError(f"PNM files hold one image, not {len(pages)}: use TIFF")
    if pages.dtype != stored.dtype or stored.white is None or pages.max() > stored.white:
        raise UsageError(f"values are {stored.dtype}, 0 to {stored.white}, as in {like}")
    _, channels, height, width = pages.shape
    header = f"P{5 if channels == 1 else 6}\n{width} {height}\n{stored.white}\n"
    pixels = np.moveaxis(pages[0], 0, -1).astype(">u2" if stored.dtype.itemsize == 2 else np.uint8)
    target.write_bytes(header.encode() + pixels.tobytes())
