"""Image files: a format a file, each read by one well-kept library.

`open_image` gives what a file holds without decoding it (`Stored`), `save` writes values in the
format of another file, `read_image` is a single image in [0, 1]. What cannot be taken as it is is
an `UnusableImage`, with the reason; nothing is converted that the format does not ask for itself.
"""

from bench.datasets.formats.encoded import Encoded
from bench.datasets.formats.files import MAX_PIXELS, check_memory
from bench.datasets.formats.kinds import SUFFIXES
from bench.datasets.formats.opening import open_image, read_image, save
from bench.datasets.formats.stored import Stored, UnusableImage

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "Encoded",
    "Stored",
    "UnusableImage",
    "check_memory",
    "open_image",
    "read_image",
    "save",
]
