"""PNG, JPEG, WebP and BMP, decoded by Pillow; PNG of 16 bits in colour by imagecodecs.

Pillow cuts 16-bit colours to 8 bits. Palettes are looked up and grey ones stay grey, an alpha
channel is dropped where it is opaque, and what a camera held upright is turned, as it is to be
seen. PNG files are held to the sums of their chunks.

Written are PNG, WebP (without loss) and BMP; JPEG would lose the pixels that are written. An
embedded colour profile and the resolution are kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from bench.core import UsageError
from bench.datasets.formats.files import MAX_PIXELS, check_pixels, need
from bench.datasets.formats.kinds import kind_of
from bench.datasets.formats.orientation import swaps_sides, upright
from bench.datasets.formats.png import PngHeader, png_header
from bench.datasets.formats.stored import Stored, UnusableImage

if TYPE_CHECKING:
    from PIL.Image import Image

    from bench.core import Array

_ORIENTATION = 274
#: Pillow's name of what pixels are -> channels, type, white.
_MODES: dict[str, tuple[int, type[np.generic], int]] = {
    "1": (1, np.uint8, 1),
    "L": (1, np.uint8, 255),
    "LA": (1, np.uint8, 255),
    "RGB": (3, np.uint8, 255),
    "RGBA": (3, np.uint8, 255),
    "I;16": (1, np.uint16, 65535),
}


def open_file(path: Path, inner: str) -> Stored:
    """A picture's header, and its pixels later."""
    if inner:
        raise UnusableImage(f"it holds one image, and none named {inner}")
    form = kind_of(path).name
    with path.open("rb") as file:
        png = png_header(file) if form == "PNG" else None
        if form == "BMP":
            _check_bmp(file)
        with _opened(file, form) as image:
            width, height = image.size
            check_pixels(height, width)
            if (frames := getattr(image, "n_frames", 1)) > 1:
                raise UnusableImage(f"it holds {frames} images: save each to a file")
            if png and png.deep_colour:
                return _deep_colour(path, png, width, height)
            if image.mode == "P":  # grey or in colour: which of its colours are used says it
                image.load()
                image = _looked_up(image)
            channels, kind, white = _mode(image)
            if swaps_sides(_orientation(image, png)):
                width, height = height, width

    def read(page: int) -> Array:
        return _pixels(path, form, png)

    return Stored((channels, height, width), 1, np.dtype(kind), white, read)


def save(target: Path, pages: np.ndarray[Any, Any], like: Path, inner: str) -> None:
    """One image of 8 bits, or as PNG of 16, in the format of `like`."""
    from PIL import Image

    form = kind_of(like).name
    if form == "JPEG":
        raise UsageError("JPEG would change the pixels: save it as PNG")
    if len(pages) > 1:
        raise UsageError(f"{form} files hold one image, not {len(pages)}: use TIFF")
    pixels = np.moveaxis(pages[0], 0, -1)
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    depths = (np.uint8, np.uint16) if form == "PNG" else (np.uint8,)
    if pixels.dtype not in depths:
        raise UsageError(f"{form} files hold no {pixels.dtype} values: use TIFF")
    if form == "WebP" and pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=-1)  # it knows no grey
    options: dict[str, Any] = {"lossless": True, "exact": True} if form == "WebP" else {}
    with like.open("rb") as file, _opened(file, form) as image:
        kept = {key: image.info[key] for key in ("dpi", "icc_profile") if key in image.info}
        one_bit = image.mode == "1"
    if pixels.dtype == np.uint16 and pixels.ndim == 3:
        need("imagecodecs", "formats", "PNG files of 16 bits in colour")
        from imagecodecs import png_encode

        target.write_bytes(png_encode(np.ascontiguousarray(pixels)))
        return
    if one_bit and pixels.ndim == 2:
        pixels = pixels.astype(bool)
    Image.fromarray(np.ascontiguousarray(pixels)).save(target, form, **kept, **options)


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


def _check_bmp(file: BinaryIO) -> None:
    """Refuses what Pillow would spread over 8 bits, or guess."""
    head = file.read(34)
    if len(head) < 34 or int.from_bytes(head[14:18], "little") < 40:
        raise UnusableImage("BMP files of OS/2, or cut short, are not taken: save it as PNG")
    bits, compression = int.from_bytes(head[28:30], "little"), int.from_bytes(head[30:34], "little")
    if compression or bits not in (1, 8, 24):
        raise UnusableImage(
            f"BMP files of {bits} bits a pixel and compression {compression} are not taken: "
            "save it as PNG"
        )


def _mode(image: Image) -> tuple[int, type[np.generic], int]:
    if image.mode not in _MODES:
        raise UnusableImage(f"its pixels are of the kind {image.mode}: save it as grey or RGB")
    return _MODES[image.mode]


def _orientation(image: Image, png: PngHeader | None) -> int:
    # Of a PNG file without it, Pillow decodes all to look for it at the end.
    if png and not png.may_be_turned:
        return 1
    return int(image.getexif().get(_ORIENTATION, 1))


def _pixels(path: Path, form: str, png: PngHeader | None) -> Array:
    from PIL import ImageOps

    with path.open("rb") as file:
        if png:
            with _opened(file, form) as image:
                image.verify()  # every chunk's sum, which decoding leaves out
        with _opened(file, form) as image:
            image.load()
            return _values(ImageOps.exif_transpose(image), png.depth if png else 8)


def _values(image: Image, depth: int) -> Array:
    """The pixels as stored, (C, H, W).

    Args:
        image: decoded, upright.
        depth: bits of a sample in the file, in which a colour that stands for transparent is said.
    """
    key = image.info.get("transparency")
    if image.mode == "P":
        image, key = _looked_up(image), None
    transparent = False
    if image.mode in ("LA", "RGBA"):
        transparent = bool((np.asarray(image.getchannel("A")) < 255).any())
        image = image.convert("L" if image.mode == "LA" else "RGB")
    _, kind, white = _mode(image)
    pixels = np.asarray(image)
    if key is not None:  # in the file's bits, where pixels are spread over 8
        colour = np.minimum(np.multiply(key, 255 // (2 ** min(depth, 8) - 1)), white)
        transparent = bool((pixels == colour).reshape(*pixels.shape[:2], -1).all(axis=-1).any())
    return _opaque(pixels.astype(kind, copy=False), transparent)


def _looked_up(image: Image) -> Image:
    """An image of a palette as grey or in colour, with alpha where its colours have it."""
    image = image.convert("RGB" if image.info.get("transparency") is None else "RGBA")
    red, green, blue, *_ = (np.asarray(band) for band in image.split())
    if (red == green).all() and (green == blue).all():
        image = image.convert("LA" if image.mode == "RGBA" else "L")
    return image


def _opaque(pixels: np.ndarray[Any, Any], transparent: bool) -> Array:
    if transparent:
        raise UnusableImage("some of it is transparent: save it without transparency")
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _deep_colour(path: Path, png: PngHeader, width: int, height: int) -> Stored:
    """A PNG file of 16 bits in colour, or grey with alpha."""
    need("imagecodecs", "formats", "PNG files of 16 bits in colour")
    with path.open("rb") as file, _opened(file, "PNG") as image:
        orientation = _orientation(image, png)
    channels = 3 if png.in_colour else 1
    if swaps_sides(orientation):
        width, height = height, width

    def read(page: int) -> Array:
        from imagecodecs import png_decode

        with path.open("rb") as file:
            with _opened(file, "PNG") as image:
                image.verify()
            file.seek(0)
            pixels = png_decode(file.read())
        transparent = False
        if pixels.shape[-1] in (2, 4):
            transparent = bool((pixels[..., -1] < 65535).any())
            pixels = pixels[..., :-1]
        elif png.key:
            transparent = bool((pixels == np.array(png.key)).all(axis=-1).any())
        pixels = upright(pixels, orientation)
        return _opaque(pixels[..., 0] if channels == 1 else pixels, transparent)

    return Stored((channels, height, width), 1, np.dtype(np.uint16), 65535, read)
