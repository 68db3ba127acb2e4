"""The standard deviation of white noise, estimated from the noisy image itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.core.errors import Unsupported

if TYPE_CHECKING:
    from bench.core.dataset import Array

#: No less is estimated, in [0, 1] units: nothing is to be divided by 0.
LEAST = 1e-3


def estimate_sigma(image: Array) -> float:
    """The standard deviation of an image's noise, taken for white and Gaussian.

    The median of the finest diagonal wavelet coefficients (Donoho and Johnstone 1994, section
    4.2), by scikit-image; the mean over channels.

    Args:
        image: float32 (C, H, W).

    Raises:
        Unsupported: a side is less than 2 pixels.
    """
    import numpy as np
    from skimage.restoration import estimate_sigma

    if min(image.shape[1:]) < 2:
        height, width = image.shape[1:]
        raise Unsupported(f"no noise can be estimated from an image of {height}x{width}")
    # Single precision keeps its rounding where all coefficients are 0.
    sigma = float(estimate_sigma(image, channel_axis=0, average_sigmas=True))
    return max(sigma, LEAST) if np.isfinite(sigma) else LEAST
