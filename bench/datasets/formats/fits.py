"""FITS, read by astropy: an image, or a cube whose leading axes count pages.

BZERO and BSCALE are applied, BLANK pixels are NaN, the unit is BUNIT's. Rows are in the file's
order: the first is at the bottom where FITS viewers show it. Colour is no notion of FITS: three
planes are three grey pages. Of several images in a file (HDUs) `file.fits::NAME` or its number
names one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import UsageError
from bench.datasets.formats.axes import check_kind, white_of
from bench.datasets.formats.files import check_pages, check_pixels, need
from bench.datasets.formats.stored import Stored, UnusableImage

if TYPE_CHECKING:
    from bench.core import Array

#: Keywords that are of the values as they were stored.
_STORED = ("BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM", "DATAMIN", "DATAMAX")


def open_file(path: Path, inner: str) -> Stored:
    """The headers, and a plane at a time later."""
    with _hdus(path) as hdus:
        index = _chosen(hdus, inner)
        image = hdus[index]
        *leading, height, width = image.shape
        check_pixels(height, width)
        pages = math.prod(leading)
        if pages < 1:
            raise UnusableImage("it holds no image: one of its axes is 0")
        check_pages(pages)
        _check_tiles(image)
        corner = image.section[(*[0] * len(leading), slice(0, 1), slice(0, 1))]
        kind = check_kind(corner.dtype)
        unit = str(image.header.get("BUNIT", "")).strip()

    def read(page: int) -> Array:
        with _hdus(path) as hdus:
            place = np.unravel_index(page, leading) if leading else ()
            plane = hdus[index].section[(*map(int, place), slice(None), slice(None))]
            return np.array(plane, kind)[None]

    return Stored((1, height, width), pages, kind, white_of(kind), read, unit)


def save(target: Path, pages: np.ndarray[Any, Any], like: Path, inner: str) -> None:
    """Values as they are, under the header of `like`; compressed without loss if that is."""
    from astropy.io import fits

    if pages.shape[1] != 1:
        raise UsageError("FITS knows no colour: save a page a channel")
    with _hdus(like) as hdus:
        index = _chosen(hdus, inner)
        image, primary = hdus[index], hdus[0].header.copy()
        header, leading = image.header.copy(), image.shape[:-2]
        tiles = getattr(image, "tile_shape", None)
    for keyword in _STORED:
        header.remove(keyword, ignore_missing=True)
    values = pages[:, 0]
    values = (
        values.reshape(*leading, *values.shape[1:])
        if math.prod(leading) == len(pages)
        else (values)
    )
    if tiles is not None:
        own: Any = fits.CompImageHDU(
            values, header, compression_type="GZIP_1", quantize_level=0,
            tile_shape=tiles if len(tiles) == values.ndim else None,
        )  # fmt: skip
    elif index:
        own = fits.ImageHDU(values, header)
    else:
        own = fits.PrimaryHDU(values, header)
    parts = [fits.PrimaryHDU(header=primary), own] if index else [own]
    fits.HDUList(parts).writeto(target)


@contextmanager
def _hdus(path: Path) -> Iterator[Any]:
    """All parts of a file, whole.

    Raises:
        UnusableImage: it ends before they do.
    """
    need("astropy", "fits", "FITS files")
    from astropy.io import fits

    with path.open("rb") as file, fits.open(file, memmap=False) as hdus:
        place = hdus[-1].fileinfo()  # the last: so that all are looked for
        end = place["datLoc"] + place["datSpan"]
        if end > path.stat().st_size:
            raise UnusableImage("it is cut short: some of its pixels are not there")
        file.seek(end)
        if file.read().strip(b"\0"):
            raise UnusableImage("it is broken: it goes on after its last part")
        yield hdus


def _check_tiles(image: Any) -> None:
    """Refuses a compressed image that has other tiles than its header says."""
    tile = getattr(image, "tile_shape", None)
    if tile is None:
        return
    said = math.prod(-(-side // own) for side, own in zip(image.shape, tile, strict=True))
    held = len(image.compressed_data)
    if held != said:
        raise UnusableImage(f"it is broken: its header says {said} tiles, and it holds {held}")


def _chosen(hdus: Any, inner: str) -> int:
    """The part that is meant, or the only one with an image."""
    from astropy.io import fits

    images = {
        number: hdu.name
        for number, hdu in enumerate(hdus)
        if hdu.is_image and not isinstance(hdu, fits.GroupsHDU) and len(hdu.shape) > 1
    }
    if inner:
        fitting = [number for number, name in images.items() if inner in (name, str(number))]
        what = f"images named {inner}" if len(fitting) > 1 else f"no image named {inner}"
    else:
        fitting, what = list(images), f"{len(images) or 'no'} images"
    if len(fitting) != 1:
        names = ", ".join(f"{number} ({name})" if name else f"{number}" for number, name in
                          images.items())  # fmt: skip
        raise UnusableImage(
            f"it holds {what}" + (f": name one of {names} as FILE::NAME" if images else "")
        )
    return fitting[0]
