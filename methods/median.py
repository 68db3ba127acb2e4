"""Median filter: the classical answer to impulse noise."""

import numpy as np
from scipy.ndimage import median_filter, rank_filter

from bench import Unsupported, method


@method(
    tune={"size": (1, 3, 5, 7), "weight": (1, 3, 5, 7)},
    least={"size": 1, "weight": 1},
    reference="Huang, Yang and Tang 1979; Ko and Lee 1991",
    threads=True,
)
def median(noisy, *, size=3, weight=1):
    """Median over size x size pixels (size 1 does nothing), the centre counted `weight` times.

    Weights are odd; over 1 they leave more pixels as they are: the centre-weighted median.
    """
    if weight % 2 == 0:
        raise Unsupported(f"weight={weight}: give an odd number")
    if weight == 1:
        return median_filter(noisy, size=size, mode="nearest", axes=(-2, -1))
    # The weighted median is the centre, limited to the order statistics that lie (weight - 1) / 2
    # places on either side of the middle (Ko and Lee 1991, property 1).
    middle, aside = size * size // 2, (weight - 1) // 2
    if aside >= middle:
        return noisy
    window = (1, 1, size, size)
    low = rank_filter(noisy, middle - aside, size=window, mode="nearest")
    high = rank_filter(noisy, middle + aside, size=window, mode="nearest")
    return np.clip(noisy, low, high)
