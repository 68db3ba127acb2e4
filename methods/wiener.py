"""Adaptive Wiener filter: smooths where the neighbourhood varies no more than noise does."""

import numpy as np
from scipy.ndimage import uniform_filter

from bench import method


@method(
    tune={"size": (3, 5, 7, 9), "strength": (0.0, 1.0, 1.25, 1.5, 2.0, 2.5)},
    least={"size": 1, "strength": 0},
    reference="Lee 1980; Lim 1990, section 9.2",
    threads=True,
)
def wiener(noisy, noise, *, size=5, strength=1.0):
    """Local mean, plus the rest in proportion to the local variance that noise leaves unexplained.

    Mean and variance over size x size pixels; the noise's variance is taken `strength` times
    (0 does nothing).
    """
    mean = uniform_filter(noisy, size, mode="nearest", axes=(-2, -1))
    power = uniform_filter(noisy * noisy, size, mode="nearest", axes=(-2, -1))
    variance = np.maximum(power - mean * mean, np.finfo(np.float32).tiny)
    signal = np.maximum(variance - strength * noise.sigma**2, 0)
    return (mean + signal / variance * (noisy - mean)).astype(np.float32, copy=False)
