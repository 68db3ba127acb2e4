"""TIFF, decoded by tifffile: grey or RGB of any depth, strips, tiles, planes, BigTIFF, stacks.

A file's pages are images of one unit, all of one shape and type: of a stack, an ImageJ hyperstack
or OME-TIFF each plane, in the order of the file. Channels that are not RGB (stains, wavelengths)
are pages too: they are grey images, each with noise of its own. Smaller versions that a pyramid
holds beside its images are left. Masks, palettes of 16 bits, CMYK, YCbCr, CIELab, raw camera data,
complex values, 12 bits and whatever else is not known to be read right are refused by their tags,
before anything is decoded.

White-is-zero is turned to black-is-zero, 8-bit palettes are looked up, an alpha channel is dropped
where it is opaque, orientation is applied.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import UsageError
from bench.datasets.formats import tiff_tags
from bench.datasets.formats.axes import white_of
from bench.datasets.formats.files import check_pixels, need
from bench.datasets.formats.orientation import swaps_sides, upright
from bench.datasets.formats.stored import Stored, UnusableImage
from bench.datasets.formats.tiff_tags import ORIENTATION, PALETTE, WHITE_IS_ZERO, one

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

    from bench.core import Array

_ADVICE = (
    "save it as grey or RGB of 8, 16 or 32 bits, with no compression, LZW, Deflate, PackBits, "
    "LZMA or Zstandard"
)
#: OME-XML and ImageJ name the axes that pages count: what they say -> what it is.
_AXES = {"SizeC": "channels", "SizeZ": "slices", "SizeT": "frames"}


@dataclass(frozen=True)
class _Pages:
    """Where a file's images lie.

    Attributes:
        offsets: of their directories, or only of the first.
        count: of the images.
    """

    offsets: tuple[int, ...]
    count: int

    @property
    def unlisted(self) -> bool:
        """The file lists the first page alone; the pixels of all follow one another."""
        return self.count > len(self.offsets)


def open_file(path: Path, inner: str) -> Stored:
    """All pages' tags, and their pixels later."""
    if inner:
        raise UnusableImage(f"its pages have no names, such as {inner}")
    with _tiff(path) as file:
        pages, first = _listed(file)
        bilevel = first.bitspersample == 1
        kind = np.dtype(np.uint8) if bilevel else first.dtype.newbyteorder("=")
        white = 1.0 if bilevel else white_of(kind)
        in_colour = first.photometric == 2
        if first.photometric == PALETTE:  # grey or in colour: which of its colours are used says it
            in_colour = any(_decoded(file, pages, i).shape[-1] == 3 for i in range(pages.count))
        notes = _axes(first, pages.count)
    orientation = one(first, ORIENTATION, 1)
    sides = (first.imagelength, first.imagewidth)
    height, width = sides[::-1] if swaps_sides(orientation) else sides

    def read(page: int) -> Array:
        with _tiff(path) as file:
            pixels = upright(_decoded(file, pages, page), orientation)
        if in_colour and pixels.shape[-1] == 1:  # a page of a palette that others use in colour
            pixels = np.repeat(pixels, 3, axis=-1)
        return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))

    shape = (3 if in_colour else 1, height, width)
    return Stored(shape, pages.count, kind, white, read, notes=notes)


def save(target: Path, pages: np.ndarray[Any, Any], like: Path, inner: str) -> None:
    """Pages in the layout, compression and resolution of the first of `like`, upright.

    Its description (OME-XML, ImageJ's) goes with them where they are of its number and type.
    """
    from tifffile import TiffWriter

    with _tiff(like) as file:
        listed, first = _listed(file)
        big, order = file.is_bigtiff, file.byteorder
        same = pages.dtype == first.dtype and len(pages) == listed.count
        options = _options(first, pages)
        if (first.is_ome or first.is_imagej or first.is_shaped) and not same:
            options.pop("description", None)
    if first.photometric == WHITE_IS_ZERO:
        if pages.dtype.kind != "u":
            raise UsageError(f"white-is-zero TIFF holds no {pages.dtype}")
        white = 1 if first.bitspersample == 1 else np.iinfo(pages.dtype).max
        pages = (white - pages).astype(pages.dtype)
    if first.bitspersample == 1 and pages.dtype == np.uint8 and pages.max() <= 1:
        pages = pages.astype(bool)
    with TiffWriter(target, bigtiff=big, byteorder=order) as written:
        for index, page in enumerate(pages):
            image = page if options["planarconfig"] == 2 else np.moveaxis(page, 0, -1)
            if len(page) == 1:
                image = page[0]
            if index:
                options.pop("description", None)
            written.write(image, contiguous=False, metadata=None, **options)


def _options(first: TiffPage, pages: np.ndarray[Any, Any]) -> dict[str, Any]:
    """How tifffile is to write pages as the first of a file."""
    _, channels, height, _ = pages.shape
    planes = first.planarconfig if channels == 3 else None
    options: dict[str, Any] = {
        "photometric": "rgb" if channels == 3 else "minisblack",
        "compression": int(first.compression) if first.compression != 1 else None,
        "planarconfig": int(planes) if planes else None,
        "software": False,  # of tifffile
        "extratags": [
            (code, tag.dtype, tag.count, tag.value, True)
            for code in tiff_tags.KEPT
            if (tag := first.tags.get(code))
        ],
    }
    if first.photometric == WHITE_IS_ZERO:
        options["photometric"] = "miniswhite"
    if first.compression == 32946:
        options["compression"] = 8
    floating = pages.dtype.kind == "f"
    if first.predictor != 1 and first.bitspersample != 1:
        options["predictor"] = 3 if floating else 2
        if floating:
            need("imagecodecs", "tiff", "TIFF files of floating-point differences")
    if first.is_tiled:
        options["tile"] = (first.tilelength, first.tilewidth)
    else:
        options["rowsperstrip"] = max(1, min(int(first.rowsperstrip), height))
    if first.description:
        options["description"] = first.description
    if 282 in first.tags and 283 in first.tags:
        options["resolution"] = first.tags[282].value, first.tags[283].value
        options["resolutionunit"] = first.resolutionunit
    return options


@contextmanager
def _tiff(path: Path) -> Iterator[TiffFile]:
    """The file by itself: OME-TIFF may name others, which tifffile would open."""
    from tifffile import TiffFile

    with path.open("rb") as file, TiffFile(file, name=path.name) as tiff:
        yield tiff


def _page(file: TiffFile, offset: int) -> TiffPage:
    from tifffile import TiffPage

    file.filehandle.seek(offset)
    return TiffPage(file, index=0)


def _listed(file: TiffFile) -> tuple[_Pages, TiffPage]:
    """The images of a file, all of one kind, and the first of them.

    Raises:
        UnusableImage: they are not, or are of a kind that is not known to be read right.
    """
    first, offsets = None, []
    for offset in _directories(file):
        page = _page(file, offset)
        if page.subfiletype & tiff_tags.SMALLER and first is not None:
            continue
        _check(page, file.filehandle.size)
        first = first or page
        if tiff_tags.kind(page) != tiff_tags.kind(first):
            raise UnusableImage(
                f"its pages differ, {tiff_tags.described(first)} and {tiff_tags.described(page)}: "
                "save those of one kind to a file"
            )
        offsets.append(offset)
    if first is None:
        raise UnusableImage("it is broken: it lists no image")
    count = _said(first)
    if count <= len(offsets):
        return _Pages(tuple(offsets), len(offsets)), first
    end = first.dataoffsets[0] + count * first.nbytes
    if len(offsets) > 1 or not first.is_contiguous or end > file.filehandle.size:
        raise UnusableImage(f"it says that it holds {count} images, and {len(offsets)} are there")
    return _Pages(tuple(offsets), count), first


def _directories(file: TiffFile) -> list[int]:
    """Where the tags of each page lie; a chain that breaks is refused, where tifffile ends it."""
    handle, form = file.filehandle, file.tiff
    if file.is_ndpi:
        raise UnusableImage("NDPI files are not taken: save its images as TIFF")

    def number(position: int, size: int) -> int:
        handle.seek(position)
        data = handle.read(size)
        if len(data) < size:
            raise UnusableImage("it is broken: its list of pages is cut short")
        return int.from_bytes(data, "little" if file.byteorder == "<" else "big")

    offsets: dict[int, None] = {}
    at = number(8 if form.is_bigtiff else 4, form.offsetsize)
    while at:
        if at in offsets:
            raise UnusableImage("it is broken: its list of pages has no end")
        offsets[at] = None
        tags = number(at, form.tagnosize)
        at = number(at + form.tagnosize + tags * form.tagsize, form.offsetsize)
    return list(offsets)


def _check(page: TiffPage, size: int) -> None:
    """Refuses a page that is too large, not whole or not known to be read right."""
    if page.is_stk:
        raise UnusableImage("MetaMorph stacks are not taken: save its images as TIFF")
    if page.subfiletype & tiff_tags.MASK:
        raise UnusableImage("one of its pages is a mask: save its images alone")
    if what := tiff_tags.unknown(page):
        raise UnusableImage(f"TIFF files of {what} are not taken: {_ADVICE}")
    if tiff_tags.lacks_parts(page, size):
        raise UnusableImage("it is broken: some of its strips or tiles are not there")
    check_pixels(page.imagelength, page.imagewidth)
    if page.is_tiled:
        check_pixels(page.tilelength, page.tilewidth)
    if compression := tiff_tags.needs_imagecodecs(page):
        need("imagecodecs", "tiff", f"TIFF files with {compression} compression")


def _said(first: TiffPage) -> int:
    """How many images a file says that it holds, which may list the first alone."""
    if first.is_imagej and (found := re.search(r"^images=(\d+)$", first.description, re.MULTILINE)):
        return int(found[1])
    # tifffile's own say the shape of all.
    if first.is_shaped and (found := re.search(r"shape\W+([\d, ]+)", first.description)):
        pixels = first.imagelength * first.imagewidth * first.samplesperpixel
        return math.prod(int(side) for side in found[1].split(",") if side.strip()) // pixels
    return 1


def _axes(first: TiffPage, count: int) -> tuple[str, ...]:
    """A note of what the pages count, where the file says."""
    if count == 1:
        return ()
    sizes = {}
    for in_ome, axis in _AXES.items():
        said = rf'{in_ome}="(\d+)"' if first.is_ome else rf"^{axis}=(\d+)$"
        found = re.search(said, first.description, re.MULTILINE)
        if found and (first.is_ome or first.is_imagej):
            sizes[axis] = int(found[1])
    told = " x ".join(f"{size} {axis}" for axis, size in sizes.items() if size > 1)
    return (f"its {count} pages are {told}",) if told else ()


def _decoded(file: TiffFile, pages: _Pages, index: int) -> np.ndarray[Any, Any]:
    """A page's pixels, (H, W, 1 or 3), black as 0, as they lie in the file."""
    page = _page(file, pages.offsets[0 if pages.unlisted else index])
    if pages.unlisted:
        file.filehandle.seek(page.dataoffsets[0] + index * page.nbytes)
        kind = page.dtype.newbyteorder(file.byteorder)
        pixels = file.filehandle.read_array(kind, page.size).reshape(page.shape)
        pixels = pixels.astype(kind.newbyteorder("="), copy=False)
    else:
        pixels = page.asarray(maxworkers=1)
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
    if page.photometric == PALETTE:
        colours = (np.moveaxis(page.colormap, 0, -1) >> 8).astype(np.uint8)[pixels[..., 0]]
        grey = (colours == colours[..., :1]).all()
        return colours[..., :1] if grey else colours
    if page.extrasamples:
        if (pixels[..., -1] < np.iinfo(pixels.dtype).max).any():
            raise UnusableImage("some of it is transparent: save it without transparency")
        pixels = pixels[..., :-1]
    if page.photometric == WHITE_IS_ZERO:
        white = 1 if page.bitspersample == 1 else np.iinfo(pixels.dtype).max
        pixels = (white - pixels.astype(np.uint8 if white == 1 else pixels.dtype)).astype(
            np.uint8 if white == 1 else pixels.dtype
        )
    return pixels.astype(np.uint8) if page.bitspersample == 1 else pixels
