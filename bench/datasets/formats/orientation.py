"""How an image is to be turned, by the orientation that cameras write (TIFF 6.0, page 36)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Orientation -> steps from the image as it is stored to the image as it is to be seen.
_STEPS = {
    2: ("mirror",),
    3: ("turn over", "mirror"),
    4: ("turn over",),
    5: ("transpose",),
    6: ("turn over", "transpose"),
    7: ("turn over", "mirror", "transpose"),
    8: ("mirror", "transpose"),
}


def swaps_sides(orientation: int) -> bool:
    """Whether width and height change places."""
    return "transpose" in _STEPS.get(orientation, ())


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Pixels (H, W, ...) as they are to be seen; what is no orientation turns nothing.

    >>> import numpy as np
    >>> upright(np.array([[1, 2, 3]]), 6).tolist()
    [[1], [2], [3]]
    """
    for step in _STEPS.get(orientation, ()):
        if step == "transpose":
            pixels = pixels.swapaxes(0, 1)
        else:
            pixels = pixels[::-1] if step == "turn over" else pixels[:, ::-1]
    return pixels
