"""Peak signal-to-noise ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Values = npt.NDArray[Any]  # float64 (N,)

PSNR_CAP = 100.0


def psnr(squared_error: Values) -> Values:
    """PSNR in dB from an image's MSE: 10 log10(1 / MSE), capped at 100 dB."""
    floor = 10.0 ** (-PSNR_CAP / 10)
    return -10.0 * np.log10(np.maximum(squared_error, floor))
