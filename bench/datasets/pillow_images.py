"""Pillow's images: which of them have all that their file has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bench.datasets.formats import UnusableImage, open_image

#: Of a decoder's raw mode: samples of 16 bits each, of which Pillow's 8-bit modes keep the upper 8.
_DEEP = re.compile(r"(L|LA|RGB|RGBA|RGBX|RGBa)(;\w*)*;16[BLN]")
_BITS_PER_SAMPLE = 258


def check_whole(image: Any) -> None:
    """Check that a Pillow image has its file's values.

    Raises:
        UnusableImage: it is of a mode that is not taken, or its 16 bits were cut to 8.
    """
    mode = image.mode
    if mode not in ("L", "RGB", "F", "I") and not mode.startswith("I;16"):
        raise UnusableImage(
            f"it is a PIL image of mode {mode}: convert('L') or convert('RGB') first"
        )
    if mode in ("L", "RGB") and _was_cut(image):
        raise UnusableImage(
            "Pillow cuts the 16 bits of its file to 8: give the path of the file instead"
        )


def _was_cut(image: Any) -> bool:
    """Whether its file holds more than 8 bits a value, as far as it still says so.

    An image that is not decoded yet names its file's raw mode, a TIFF file's tags stay, and one
    that was opened by its file's path is looked up there.
    """
    for tile in getattr(image, "tile", None) or ():
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        raw = arguments[0] if arguments else None
        if isinstance(raw, str) and _DEEP.fullmatch(raw):
            return True
        if tile[0] in ("ppm", "ppm_plain") and any(
            isinstance(value, int) and value > 255 for value in arguments
        ):
            return True
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, ())
    if any(depth > 8 for depth in ([bits] if isinstance(bits, int) else bits)):
        return True
    path = getattr(image, "filename", None)
    if not path or not Path(path).is_file():
        return False
    try:
        return open_image(Path(path)).dtype.itemsize > 1
    except Exception:  # of a file that is gone, or of a kind that only Pillow reads
        return False
