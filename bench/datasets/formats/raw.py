"""Camera raw, developed by LibRaw through rawpy: linear RGB of 16 bits.

A sensor's values are a mosaic of colours, no image that methods are made for, so this is the one
format that is converted: demosaicked at full size, with the white balance that the camera wrote,
turned upright; in the camera's own colours, no gamma, no automatic brightness, and the sensor's
white at 65535 whatever the frame holds. Demosaicking interpolates: noise of neighbouring pixels is
correlated, and each file says so in a note. It is only read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from bench.datasets.formats.files import check_pixels, need
from bench.datasets.formats.stored import Stored, UnusableImage

if TYPE_CHECKING:
    from bench.core import Array

_NOTE = (
    "developed from camera raw: demosaicked, linear, with the camera's white balance and in its "
    "own colours; its noise is correlated between neighbouring pixels"
)
#: LibRaw's codes of a quarter turn.
_QUARTER_TURNS = (5, 6)
_WARNINGS = 2  # the process's stream that LibRaw writes to
_LOCK = Lock()


def open_file(path: Path, inner: str) -> Stored:
    """The header, and the developed image later."""
    if inner:
        raise UnusableImage(f"it holds one image, and none named {inner}")
    need("rawpy", "raw", f"{path.suffix} files")
    import rawpy

    with _silent(), rawpy.RawPy() as raw:
        raw.open_file(str(path))
        sizes = raw.sizes
    height, width = sizes.iheight, sizes.iwidth
    if sizes.flip in _QUARTER_TURNS:
        height, width = width, height
    check_pixels(height, width)

    def read(page: int) -> Array:
        with _silent(), rawpy.imread(str(path)) as raw:
            pixels = raw.postprocess(
                gamma=(1, 1),
                no_auto_bright=True,
                adjust_maximum_thr=0.0,  # or white would be each frame's own greatest value
                output_bps=16,
                output_color=rawpy.ColorSpace.raw,
                use_camera_wb=True,
            )
        return np.moveaxis(pixels, -1, 0)

    return Stored((3, height, width), 1, np.dtype(np.uint16), 65535, read, notes=(_NOTE,))


@contextmanager
def _silent() -> Iterator[None]:
    """What LibRaw writes of a damaged file goes nowhere: it raises as well.

    The stream is the process's: one thread at a time.
    """
    with _LOCK:
        kept, nowhere = os.dup(_WARNINGS), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _WARNINGS)
        try:
            yield
        finally:
            os.dup2(kept, _WARNINGS)
            os.close(kept)
            os.close(nowhere)
