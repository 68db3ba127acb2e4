"""Median filter: the classical answer to impulse noise."""

from scipy.ndimage import median_filter

from bench import method


@method(tune={"size": (1, 3, 5, 7)}, reference="Huang, Yang and Tang 1979", threads=True)
def median(noisy, *, size=3):
    """Median over size x size pixels (size 1 does nothing)."""
    return median_filter(noisy, size=size, mode="nearest", axes=(-2, -1))
