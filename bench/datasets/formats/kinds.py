"""The formats that are taken, and which of them a file is: its content says, not its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bench.datasets.formats.files import check_regular
from bench.datasets.formats.stored import UnusableImage


@dataclass(frozen=True)
class Format:
    """A format of image files.

    Attributes:
        name: for people.
        suffixes: of its files, small letters.
        module: of this folder that opens and saves it.
        beginning: that a file must have, a pattern of bytes; None where it is known by its suffix.
        folder: it is a folder, not a file.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str
    beginning: bytes | None
    folder: bool = False


#: Bytes of a file that `beginning` is looked for in.
_HEAD = 2**8
_TIFF = rb"II\*\0|MM\0\*|II\+\0|MM\0\+"
FORMATS = (
    Format("PNG", (".png",), "pillow", rb"\x89PNG\r\n\x1a\n"),
    Format("JPEG", (".jpg", ".jpeg"), "pillow", rb"\xff\xd8\xff"),
    Format("WebP", (".webp",), "pillow", rb"RIFF....WEBP"),
    Format("BMP", (".bmp",), "pillow", rb"BM"),
    Format("PNM", (".pgm", ".ppm", ".pnm"), "pnm", rb"P[1-7]\s"),
    Format("TIFF", (".tif", ".tiff"), "tiff", _TIFF),
    Format("npy", (".npy",), "npy", rb"\x93NUMPY"),
    Format("npz", (".npz",), "npz", rb"PK\x03\x04|PK\x05\x06"),
    Format("zarr", (".zarr",), "zarr", None, folder=True),
    Format("HDF5", (".h5", ".hdf5"), "hdf5", rb"\x89HDF\r\n\x1a\n"),
    Format("FITS", (".fits", ".fit", ".fts"), "fits", rb"SIMPLE  ="),
    Format("DICOM", (".dcm",), "dicom", rb".{128}DICM"),
    Format(
        "camera raw",
        (".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2"),
        "raw",
        None,
    ),
)
#: Of all files that are taken.
SUFFIXES = tuple(suffix for form in FORMATS for suffix in form.suffixes)


def kind_of(path: Path) -> Format:
    """The format of a file, or of a folder that is one image.

    Raises:
        UnusableImage: it is none that is taken, or no regular file.
        OSError: the system's.
    """
    suffix = path.suffix.lower()
    named = next((form for form in FORMATS if suffix in form.suffixes), None)
    if path.is_dir() and named and named.folder:
        return named
    check_regular(path)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise UnusableImage("it is empty, no image")
    if named and named.beginning is None and not named.folder and not _is_picture(head):
        return named
    for form in sorted(FORMATS, key=lambda form: form is not named):
        if form.beginning is not None and re.match(form.beginning, head, re.DOTALL):
            return form
    names = ", ".join(form.name for form in FORMATS)
    raise UnusableImage(f"it is no image of the kinds that are taken ({names})")


def _is_picture(head: bytes) -> bool:
    """Whether it is a file of another kind under a raw camera file's name; those are as TIFF."""
    others = [form.beginning for form in FORMATS if form.beginning and form.name != "TIFF"]
    return any(re.match(beginning, head, re.DOTALL) for beginning in others)
