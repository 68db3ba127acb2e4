"""Peak signal-to-noise ratio: in dB, data range 1, capped at 100 dB; higher is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.core import PSNR_CAP

if TYPE_CHECKING:
    from bench.core import Values


def psnr(squared_error: Values) -> Values:
    """PSNR of each image from its mean squared error: 10 log10(1 / MSE).

    It takes the error, not the images, because a mean PSNR and a mean MSE are both shown and
    the pixels are read once.

    Args:
        squared_error: (N,), see `mse`.

    Returns:
        Float64 (N,), at most `PSNR_CAP`; at least 0 where both images lie in [0, 1].

    >>> psnr(np.array([0.01, 0.0])).tolist()
    [20.0, 100.0]
    """
    floor = 10.0 ** (-PSNR_CAP / 10)
    return -10.0 * np.log10(np.maximum(squared_error, floor))
