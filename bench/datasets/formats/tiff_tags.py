"""What of a TIFF file is known to be read right, by its tags, and whether its pixels are there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tifffile import TiffPage

# Tags (TIFF 6.0).
SUBFILE, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 258, 259, 262, 266
ORIENTATION, SAMPLES, PLANES, PREDICTOR, COLOURS = 274, 277, 284, 317, 320
EXTRA, FORMAT, DEPTH, PROFILE = 338, 339, 32997, 34675
_STRIP_OFFSETS, _STRIP_HEIGHT, _STRIP_COUNTS = 273, 278, 279
_TILE_OFFSETS, _TILE_COUNTS = 324, 325

#: Those that a file keeps when its pixels are others: maker, model, software, date and time,
#: artist, copyright, colour profile.
KEPT = (271, 272, 305, 306, 315, 33432, PROFILE)
#: Bits of `SUBFILE`.
SMALLER, MASK = 1, 4
#: Photometric interpretations.
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE = range(4)
_PHOTOMETRICS = {
    0: "white-is-zero grey", 1: "grey", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK",
    6: "YCbCr", 8: "CIELab", 32803: "raw camera",
}  # fmt: skip
_UNSIGNED, _SIGNED, _FLOATING = 1, 2, 3
_FORMATS = {_SIGNED: "signed", _FLOATING: "floating-point", 5: "complex", 6: "complex"}
#: Sample format -> bits of a sample that are taken.
_DEPTHS = {_UNSIGNED: (1, 8, 16, 32), _SIGNED: (8, 16, 32), _FLOATING: (16, 32, 64)}
_ALPHA = ((1,), (2,))
_LZW, _ZSTANDARD = 5, 50000
_PREDICTED = {_LZW: "LZW", 8: "Deflate", 32946: "Deflate", 34925: "LZMA", _ZSTANDARD: "Zstandard"}
_COMPRESSIONS = {1: "none", 32773: "PackBits", **_PREDICTED}


def several(page: TiffPage, code: int, default: tuple[int, ...]) -> tuple[int, ...]:
    """A tag's values, as the file has them."""
    value = page.tags.valueof(code, default)
    return tuple(int(number) for number in np.ravel(value))


def one(page: TiffPage, code: int, default: int) -> int:
    """A tag's only value."""
    (value,) = several(page, code, (default,))
    return value


def unknown(page: TiffPage) -> str:
    """What of a page is not known to be read right; empty if all is."""
    photometric, bits = one(page, PHOTOMETRIC, -1), several(page, BITS, (1,))
    extra, formats = several(page, EXTRA, ()), {*several(page, FORMAT, (_UNSIGNED,))}
    if pixels := _unknown_pixels(photometric, bits, extra, formats, one(page, SAMPLES, 1)):
        return pixels
    compression, predictor = one(page, COMPRESSION, 1), one(page, PREDICTOR, 1)
    if compression not in _COMPRESSIONS:
        return f"compression {compression}"
    fitting = 3 if formats == {_FLOATING} else 2
    if predictor != 1 and (predictor != fitting or compression not in _PREDICTED or bits[0] == 1):
        return f"predictor {predictor}"
    if one(page, FILL_ORDER, 1) != 1:
        return "bits in reverse order"
    if one(page, SUBFILE, 0) & SMALLER:
        return "a smaller version of another image"
    if one(page, DEPTH, 1) != 1:
        return "volumes in one page"
    if photometric == PALETTE and any(
        value % 257 and value % 256 for value in several(page, COLOURS, ())
    ):
        return "a palette of 16 bits"
    return ""


def _unknown_pixels(
    photometric: int, bits: tuple[int, ...], extra: tuple[int, ...], formats: set[int], samples: int
) -> str:
    if len(formats) != 1 or not formats <= set(_DEPTHS):
        return " and ".join(_FORMATS.get(number, "other") for number in sorted(formats)) + " pixels"
    (form,) = formats
    colours = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1}.get(photometric, 0)
    plain = form == _UNSIGNED and bits[0] in (8, 16)
    known = (
        len(set(bits)) == 1
        and bits[0] in _DEPTHS[form]
        and samples == len(bits) == colours + len(extra)
        and (not extra or (extra in _ALPHA and plain and photometric in (BLACK_IS_ZERO, RGB)))
        and (photometric != WHITE_IS_ZERO or form == _UNSIGNED)
        and (photometric != PALETTE or (form, *bits) == (_UNSIGNED, 8))
        and (photometric != RGB or bits[0] != 1)
    )
    if known:
        return ""
    pixels = _PHOTOMETRICS.get(photometric, f"photometric {photometric}")
    kind = f"{_FORMATS[form]} " if form in _FORMATS else ""
    beside = " with other samples" if extra else ""
    return f"{kind}{pixels} pixels of {'+'.join(map(str, bits))} bits{beside}"


def needs_imagecodecs(page: TiffPage) -> str:
    """The compression for which tifffile needs that package; empty if it does not."""
    compression, predictor = one(page, COMPRESSION, 1), one(page, PREDICTOR, 1)
    if compression in (_LZW, _ZSTANDARD) or predictor == 3:
        return _COMPRESSIONS[compression]
    return ""


def lacks_parts(page: TiffPage, size: int) -> bool:
    """Whether pixels of a page are not in the file, of `size` bytes: tifffile makes them black."""
    high, wide = page.imagelength, page.imagewidth
    bits = several(page, BITS, (1,))
    separate, tiled = one(page, PLANES, 1) == 2, _TILE_OFFSETS in page.tags
    if tiled:
        offsets, counts = several(page, _TILE_OFFSETS, ()), several(page, _TILE_COUNTS, ())
        rows, columns = page.tilelength, page.tilewidth
    else:
        offsets, counts = several(page, _STRIP_OFFSETS, ()), several(page, _STRIP_COUNTS, ())
        rows, columns = min(one(page, _STRIP_HEIGHT, high), high), wide
    if rows < 1 or columns < 1:
        return True
    # Counted before anything is made of so many: tags may say what they like.
    parts = math.ceil(high / rows) * math.ceil(wide / columns)
    planes = len(bits) if separate else 1
    if not len(offsets) == len(counts) == parts * planes or min(offsets, default=0) == 0:
        return True
    if any(start + count > size for start, count in zip(offsets, counts, strict=True)):
        return True
    heights = [rows] * parts if tiled else [min(rows, high - top) for top in range(0, high, rows)]
    heights *= planes
    row = math.ceil(columns * (bits[0] if separate else sum(bits)) / 8)
    return one(page, COMPRESSION, 1) == 1 and any(
        count < height * row for count, height in zip(counts, heights, strict=True)
    )


def kind(page: TiffPage) -> tuple[Any, ...]:
    """What has to be the same of all pages of a file."""
    return (
        page.imagelength,
        page.imagewidth,
        several(page, BITS, (1,)),
        several(page, FORMAT, (_UNSIGNED,)),
        one(page, PHOTOMETRIC, -1),
        several(page, EXTRA, ()),
        one(page, ORIENTATION, 1),
    )


def described(page: TiffPage) -> str:
    """A page in words, to tell it from another."""
    photometric, bits = one(page, PHOTOMETRIC, -1), several(page, BITS, (1,))
    form = _FORMATS.get(several(page, FORMAT, (_UNSIGNED,))[0], "")
    colour = _PHOTOMETRICS.get(photometric, f"photometric {photometric}")
    return f"{page.imagewidth}x{page.imagelength} {form} {colour} of {bits[0]} bits".replace(
        "  ", " "
    )
