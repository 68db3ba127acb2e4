"""Structural similarity: no unit, data range 1, -1 to 1 and 1 for equal images; higher is better.

Our own, over a whole batch at once: scikit-image takes one image at a time, and is some twenty
times slower over digits. Tests hold the two to each other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bench.core import Array, Values

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5

# Pixels that are scored at a time: what stays in the processor's cache is fast.
_BLOCK = 1 << 15
# Images of more pixels are scored by strips of so many: the fields take 24 times as much memory.
_LARGE, _STRIP = 1 << 20, 1 << 19
# Up to this side a filter is one dense matrix product; beyond it the band is too thin to pay.
_DENSE = 512


def ssim(clean: Array, restored: Array) -> Values:
    """Structural similarity of each image, the mean over windows and channels.

    Gaussian window 11x11 of sigma 1.5, K1 = 0.01, K2 = 0.03, population covariance, only
    windows that lie wholly inside the image. Equals
    `skimage.metrics.structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=1.0)` within 1e-6.

    Args:
        clean: (N, C, H, W), data range 1.
        restored: of the same shape.

    Returns:
        Float64 (N,) in [-1, 1]; NaN where a side is smaller than the window.

    Source: Wang, Bovik, Sheikh and Simoncelli 2004, eq. 13.

    >>> clean = np.random.default_rng(0).random((1, 1, 28, 28), np.float32)
    >>> ssim(clean, clean).tolist()
    [1.0]
    >>> bool(ssim(clean, 1 - clean)[0] < 0)
    True
    >>> ssim(clean[..., :8], clean[..., :8]).tolist()
    [nan]
    """
    n, c, h, w = clean.shape
    if min(h, w) < SSIM_WINDOW:
        return np.full(n, np.nan)
    if h * w > _LARGE:
        return _ssim_by_strips(clean, restored)
    result = np.empty(n)
    step = max(1, _BLOCK // (c * h * w))
    for start in range(0, n, step):
        block = slice(start, start + step)
        maps = _ssim_maps(clean[block].reshape(-1, h, w), restored[block].reshape(-1, h, w))
        result[block] = maps.reshape(-1, c * maps.shape[-2] * maps.shape[-1]).mean(axis=1)
    return result


def _ssim_by_strips(clean: Array, restored: Array) -> Values:
    """SSIM of large images: each window lies in one of the strips, which overlap by ten rows."""
    n, c, h, w = clean.shape
    rows = max(1, _STRIP // w)
    total = np.zeros(n)
    windows = h - SSIM_WINDOW + 1
    for image, channel in np.ndindex(n, c):
        for top in range(0, windows, rows):
            strip = (image, channel, slice(top, min(top + rows, windows) + SSIM_WINDOW - 1))
            total[image] += _ssim_maps(clean[strip][None], restored[strip][None]).sum()
    return total / (c * windows * (w - SSIM_WINDOW + 1))


def _ssim_maps(x: Array, y: Array) -> Array:
    """SSIM of each window of (N, H, W) images: (N, H - 10, W - 10)."""
    # Variances are differences of nearly equal moments, which float32 has too few digits for.
    fields = np.empty((4, *x.shape))
    fields[0], fields[1] = x, y
    x, y, squares, products = fields
    np.multiply(x, x, out=squares)
    np.multiply(y, y, out=products)
    squares += products
    np.multiply(x, y, out=products)
    mx, my, square, product = _windowed(fields)
    c1, c2 = 0.01**2, 0.03**2
    # In place, since new arrays cost more than what is computed: in the end,
    # (2 mx my + c1) / (mx^2 + my^2 + c1) times 2 cov + c2 over the variances + c2.
    luminance = mx * my
    product -= luminance
    mx *= mx
    my *= my
    mx += my
    square -= mx
    square += c2
    product *= 2
    product += c2
    product /= square
    mx += c1
    luminance *= 2
    luminance += c1
    luminance /= mx
    luminance *= product
    return luminance


def _windowed(fields: Array) -> Array:
    """Gaussian means over all windows inside the last two axes, an 11-tap filter for each."""
    h, w = fields.shape[-2:]
    if max(h, w) <= _DENSE:
        return _band(h).T @ (fields @ _band(w))
    from scipy.ndimage import correlate1d  # slow to import, and most images are small

    inside = slice(SSIM_WINDOW // 2, -(SSIM_WINDOW // 2))
    for axis in (-2, -1):
        fields = correlate1d(fields, _taps(), axis=axis)
    return fields[..., inside, inside]


def _taps() -> Array:
    """Weights of the window along an axis, sum 1."""
    offsets = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    taps = np.exp(-0.5 * (offsets / SSIM_SIGMA) ** 2)
    return taps / taps.sum()


@lru_cache(maxsize=16)
def _band(size: int) -> Array:
    """The filter as a matrix (size, size - 10): one product an axis filters a whole batch."""
    windows = size - SSIM_WINDOW + 1
    band = np.zeros((size, windows))
    for tap, weight in enumerate(_taps()):
        band[np.arange(windows) + tap, np.arange(windows)] = weight
    return band
