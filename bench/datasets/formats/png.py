"""What the chunks of a PNG file say before it is decoded (PNG specification, W3C 2003)."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from bench.datasets.formats.stored import UnusableImage

_COLOUR, _ALPHA = 2, 4
#: Of texts in which programs write a camera's orientation.
_ORIENTED = (b"XML:com.adobe.xmp", b"Raw profile type exif", b"Raw profile type APP1")


@dataclass(frozen=True)
class PngHeader:
    """What a PNG file says.

    Attributes:
        depth: bits of a sample.
        colour: its type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.
        key: the colour that stands for transparent, in the file's bits; empty if there is none.
        may_be_turned: an orientation may be said somewhere in it.
    """

    depth: int
    colour: int
    key: tuple[int, ...]
    may_be_turned: bool

    @property
    def deep_colour(self) -> bool:
        """Of 16 bits, and more than grey."""
        return self.depth == 16 and self.colour != 0

    @property
    def in_colour(self) -> bool:
        """RGB."""
        return bool(self.colour & _COLOUR)


def png_header(file: BinaryIO) -> PngHeader:
    """Walks over the chunks of a file, which is at its beginning.

    Raises:
        UnusableImage: it ends before they do.
    """
    size = file.seek(0, os.SEEK_END)
    position, key, turned = 8, (), False
    depth = colour = -1
    while True:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            raise UnusableImage("it is broken: no PNG file that can be read to its end")
        length, name = struct.unpack(">I4s", head)
        if position == 8:
            if name != b"IHDR" or length != 13:
                raise UnusableImage("it is broken: no PNG file that can be read")
            depth, colour = file.read(13)[8:10]
        elif name == b"tRNS" and not colour & 1:
            values = file.read(min(length, 6))
            key = struct.unpack(f">{len(values) // 2}H", values[: len(values) // 2 * 2])
        elif name == b"eXIf":
            turned = True
        elif name in (b"tEXt", b"zTXt", b"iTXt"):
            turned |= file.read(min(length, 40)).startswith(_ORIENTED)
        elif name == b"IEND":
            return PngHeader(depth, colour, key, turned)
        position += 12 + length
        if position > size:
            raise UnusableImage("it is broken: no PNG file that can be read to its end")
