"""One image file, read right or refused by name: PNG, JPEG and TIFF, decoded by Pillow.

Values are what the file says, linearly to [0, 1]: 8 bits over 255, 16 bits over 65535. A decoder
may give pixels that only look right for what it does not know: so its content, not its name, says
what a file is, the file is looked at before it is decoded, and what is not known to be read right
is refused. Tests hold what is taken to an independent reader.
"""

from __future__ import annotations

import errno
import math
import os
import re
import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from bench.core import MEASURED_BYTES, DataError

if TYPE_CHECKING:
    from PIL.Image import Image

    from bench.core import Array

#: Larger images are refused: some methods hold a hundred times as much in memory.
MAX_PIXELS = 2**26
_TAKEN = "PNG, JPEG or TIFF"
#: How a file begins -> its format, as Pillow has it.
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # BigTIFF; of the other byte order Pillow takes none
}

# Of TIFF files the tags that say how pixels are stored.
_SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 254, 258, 259, 262, 266
_DESCRIPTION, _SAMPLES, _PLANES, _PREDICTOR, _COLOURS = 270, 277, 284, 317, 320
_EXTRA, _FORMAT = 338, 339
# And where they lie.
_WIDTH, _HEIGHT, _STRIP_OFFSETS, _STRIP_HEIGHT, _STRIP_COUNTS = 256, 257, 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 322, 323, 324, 325
#: What is read right: photometric interpretation, bits of each sample, extra samples (1 and 2
#: are alpha channels).
_LAYOUTS = {
    (0, (1,), ()), (1, (1,), ()),
    (0, (8,), ()), (1, (8,), ()), (1, (16,), ()), (1, (8, 8), (2,)),
    (2, (8, 8, 8), ()), (2, (8, 8, 8, 8), (1,)), (2, (8, 8, 8, 8), (2,)),
    (3, (8,), ()),
}  # fmt: skip
_PHOTOMETRICS = {
    0: "white-is-zero grey", 1: "grey", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK",
    6: "YCbCr", 8: "CIELab", 32803: "raw camera",
}  # fmt: skip
_FORMATS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_PREDICTED = {5: "LZW", 8: "Deflate", 32946: "Deflate"}
_COMPRESSIONS = {1: "none", 32773: "PackBits", **_PREDICTED}


class UnusableImage(Exception):
    """A file that is no image, or none that can be taken as it is: why."""


def read_image(path: Path, *, again: bool = False) -> Array:
    """An image file as float32 (C, H, W) in [0, 1], C = 1 or 3.

    Args:
        path: of the file.
        again: it was read before, and the memory to measure it is taken or there.

    Raises:
        UnusableImage: it is broken, too large, or of a kind that would have to be changed.
        DataError: the system cannot read it, or has no memory for it: that says nothing of it.
    """
    try:
        with _regular_file(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow's, about what is checked here
            return _decoded(file, path, again)
    except (UnusableImage, DataError):
        raise
    except Exception as error:  # whatever Pillow's decoders come upon
        text = " ".join(str(error).split())
        if isinstance(error, MemoryError) or "out of memory" in text:
            raise DataError(f"{path}: not enough memory to read it") from error
        if isinstance(error, OSError) and error.errno:  # the system's: a decoder's has no number
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        raise UnusableImage(
            f"it is broken, or no image ({text or type(error).__name__})"
        ) from error


def _regular_file(path: Path) -> BinaryIO:
    """The file, open; nothing else is opened, since reading a pipe may never end."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnusableImage("it is no regular file")
        return path.open("rb")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            what = "a link to what is not there" if path.is_symlink() else "not there any more"
            raise UnusableImage(f"it is {what}") from error
        raise


def _decoded(file: BinaryIO, path: Path, again: bool) -> Array:
    from PIL import ImageOps

    head = file.read(26)
    form = next((form for start, form in _BEGINNINGS.items() if head.startswith(start)), None)
    if form is None:
        raise UnusableImage(f"it is no image of the kinds that are taken ({_TAKEN})")
    if form == "TIFF":
        _check_tiff(file)
    # Not by its path: Pillow would map the file, and shears TIFF images that are to be turned.
    with _opened(file, form) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise UnusableImage(
                f"{width}x{height} pixels are more than {MAX_PIXELS:,}: cut it into parts"
            )
        if (frames := getattr(image, "n_frames", 1)) > 1:
            raise UnusableImage(f"it holds {frames} images: save each to a file")
        if not again:
            _check_memory(path, width, height, len(image.getbands()))
    depth = 8
    if form == "PNG":
        depth = head[24]
        if depth == 16 and head[25] != 0:
            raise UnusableImage(
                "16 bits a channel are taken of grey images only: save it with 8 bits"
            )
        with _opened(file, form) as image:
            image.verify()  # every chunk's sum, which decoding leaves out
    with _opened(file, form) as image:
        image.load()
        return _values(ImageOps.exif_transpose(image), depth)


def _opened(file: BinaryIO, form: str) -> Image:
    """The file's header, read by the decoder of its format alone."""
    from PIL import Image

    file.seek(0)
    try:
        return Image.open(file, formats=[form])
    except Image.DecompressionBombError as error:
        raise UnusableImage(f"it has more than {MAX_PIXELS:,} pixels: cut it into parts") from error
    except Image.UnidentifiedImageError as error:
        raise UnusableImage(f"it is broken: no {form} file that can be read") from error


def _check_memory(path: Path, width: int, height: int, channels: int) -> None:
    """Measuring an image takes memory: where there is not enough, it is not even decoded."""
    import psutil

    needed = MEASURED_BYTES * width * height * channels
    free = psutil.virtual_memory().available
    if needed > free:
        raise DataError(
            f"{path} has {width}x{height} pixels: to measure it takes about {needed / 2**30:.1f} "
            f"GiB of memory, and {free / 2**30:.1f} are free; cut it into parts"
        )


def _check_tiff(file: BinaryIO) -> None:
    """Refuses what is not known to be read right, by the tags of the file's first image."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    file.seek(0)
    head = file.read(16)
    tags = ImageFileDirectory_v2(head if head[2] == 43 else head[:8])
    file.seek(tags.next)
    tags.load(file)
    # Of a stack ImageJ may list the first image only, and count them here.
    stack = re.search(r"^images=(\d+)$", str(tags.get(_DESCRIPTION, "")), re.MULTILINE)
    if stack and int(stack[1]) > 1:
        raise UnusableImage(f"it holds {stack[1]} images: save each to a file")
    if _lacks_parts(tags, file.seek(0, os.SEEK_END)):
        raise UnusableImage("it is broken: some of its strips or tiles are not there")
    if what := _unknown(tags):
        raise UnusableImage(
            f"TIFF files of {what} are not taken: save it as grey of 8 or 16 bits or RGB of 8 "
            "bits, with no compression, LZW, Deflate or PackBits"
        )


def _unknown(tags: Any) -> str:
    """What of a TIFF file is not known to be read right; empty if all is."""
    photometric, bits = tags.get(_PHOTOMETRIC), tuple(tags.get(_BITS, (1,)))
    extra, formats = tuple(tags.get(_EXTRA, ())), {*tags.get(_FORMAT, (1,))}
    compression, predictor = tags.get(_COMPRESSION, 1), tags.get(_PREDICTOR, 1)
    if formats != {1}:
        return " and ".join(_FORMATS.get(number, "other") for number in sorted(formats)) + " pixels"
    if (photometric, bits, extra) not in _LAYOUTS or tags.get(_SAMPLES, 1) != len(bits):
        pixels = _PHOTOMETRICS.get(photometric, f"photometric {photometric}")
        beside = " with other samples" if extra else ""
        return f"{pixels} pixels of {'+'.join(map(str, bits))} bits{beside}"
    if compression not in _COMPRESSIONS:
        return f"compression {compression}"
    if predictor != 1 and (predictor != 2 or compression not in _PREDICTED or bits == (1,)):
        return f"predictor {predictor}"
    if tags.get(_PLANES, 1) != 1 and bits != (8, 8, 8):
        return "separate planes with other samples"
    if tags.get(_FILL_ORDER, 1) != 1:
        return "bits in reverse order"
    if tags.get(_SUBFILE, 0) != 0:
        return "a smaller version of another image, or a part of several,"
    if photometric == 3 and any(value % 257 and value % 256 for value in tags.get(_COLOURS, ())):
        return "a palette of 16 bits"
    return ""


def _lacks_parts(tags: Any, size: int) -> bool:
    """Whether a TIFF file of `size` bytes lacks pixels, for which Pillow takes any others."""
    high, wide, bits = tags[_HEIGHT], tags[_WIDTH], tuple(tags.get(_BITS, (1,)))
    separate, tiled = tags.get(_PLANES, 1) == 2, _TILE_OFFSETS in tags
    if tiled:
        offsets, counts = tags[_TILE_OFFSETS], tags[_TILE_COUNTS]
        rows, columns = tags[_TILE_HEIGHT], tags[_TILE_WIDTH]
    else:
        offsets, counts = tags[_STRIP_OFFSETS], tags[_STRIP_COUNTS]
        rows, columns = min(tags.get(_STRIP_HEIGHT, high), high), wide
    if rows < 1 or columns < 1:
        return True
    # Counted before anything is made of so many: tags may say what they like.
    parts = math.ceil(high / rows) * math.ceil(wide / columns)
    planes = len(bits) if separate else 1
    if not len(offsets) == len(counts) == parts * planes or min(offsets, default=0) == 0:
        return True
    heights = [rows] * parts if tiled else [min(rows, high - top) for top in range(0, high, rows)]
    heights *= planes
    if any(start + count > size for start, count in zip(offsets, counts, strict=True)):
        return True
    row = math.ceil(columns * (bits[0] if separate else sum(bits)) / 8)
    return tags.get(_COMPRESSION, 1) == 1 and any(
        count < height * row for count, height in zip(counts, heights, strict=True)
    )


def _values(image: Image, depth: int) -> Array:
    """The pixels, float32 (C, H, W) in [0, 1].

    Args:
        image: decoded, upright.
        depth: bits of a sample in the file, in which a colour that stands for transparent is said.
    """
    key = image.info.get("transparency")
    if image.mode == "P":
        image, key = image.convert("RGB" if key is None else "RGBA"), None
        red, green, blue, *_ = (np.asarray(band) for band in image.split())
        if (red == green).all() and (green == blue).all():
            image = image.convert("LA" if image.mode == "RGBA" else "L")
    transparent = False
    if image.mode in ("LA", "RGBA"):
        transparent = bool((np.asarray(image.getchannel("A")) < 255).any())
        image = image.convert("L" if image.mode == "LA" else "RGB")
    if image.mode == "1":
        white = 1
    elif image.mode in ("L", "RGB"):
        white = 255
    elif image.mode.startswith("I;16"):
        white = 65535
    else:
        raise UnusableImage(f"its pixels are of the kind {image.mode}: save it as grey or RGB")
    pixels = np.asarray(image)
    if key is not None:  # in the file's bits, where pixels are spread over 8
        colour = np.minimum(np.multiply(key, 255 // (2 ** min(depth, 8) - 1)), white)
        transparent = bool((pixels == colour).reshape(*pixels.shape[:2], -1).all(axis=-1).any())
    if transparent:
        raise UnusableImage("some of it is transparent: save it without transparency")
    pixels = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    values = pixels.astype(np.float32, order="C")
    values /= np.float32(white)
    return values
