"""The similarity of two images in each Gaussian window: what SSIM and MS-SSIM are means of.

Our own, over a whole batch at once: scikit-image takes one image at a time, and is some twenty
times slower over digits. Tests hold the two to each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bench.core import Array

SIGMA = 1.5
K1, K2 = 0.01, 0.03

# Images of more pixels are scored by strips of so many: the fields take 24 times as much memory.
_LARGE, _STRIP = 1 << 20, 1 << 19
# Up to this side a filter is one dense matrix product; beyond it the band is too thin to pay.
_DENSE = 512


def side(sigma: float) -> int:
    """Pixels a side of the window: 3.5 sigma to either side, so that sigma 1.5 has 11.

    >>> side(1.5), side(1.0)
    (11, 9)
    """
    return 2 * int(3.5 * sigma + 0.5) + 1


def strips(height: int, width: int, sigma: float) -> Iterator[slice]:
    """Rows of strips, such that each window lies in one of them: they overlap."""
    windows = height - side(sigma) + 1
    rows = max(1, _STRIP // width) if height * width > _LARGE else windows
    for top in range(0, windows, rows):
        yield slice(top, min(top + rows, windows) + side(sigma) - 1)


def similarity(x: Array, y: Array, sigma: float) -> tuple[Array, Array]:
    """Luminance term and contrast-structure term of each window inside.

    Args:
        x, y: (N, H, W), data range 1, neither side smaller than the window.
        sigma: of the Gaussian window, in pixels.

    Returns:
        Two float64 arrays (N, H - side + 1, W - side + 1), whose product is SSIM.

    Source: Wang, Bovik, Sheikh and Simoncelli 2004, eq. 6 and 13, with population covariance.
    """
    # Variances are differences of nearly equal moments, which float32 has too few digits for.
    fields = np.empty((4, *x.shape))
    fields[0], fields[1] = x, y
    x, y, squares, products = fields
    np.multiply(x, x, out=squares)
    np.multiply(y, y, out=products)
    squares += products
    np.multiply(x, y, out=products)
    mx, my, square, product = _windowed(fields, sigma)
    c1, c2 = K1**2, K2**2
    # In place, since new arrays cost more than what is computed: in the end,
    # (2 mx my + c1) / (mx^2 + my^2 + c1), and 2 cov + c2 over the variances + c2.
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
    return luminance, product


def _windowed(fields: Array, sigma: float) -> Array:
    """Gaussian means over all windows inside the last two axes."""
    h, w = fields.shape[-2:]
    if max(h, w) <= _DENSE:
        return _band(h, sigma).T @ (fields @ _band(w, sigma))
    from scipy.ndimage import correlate1d  # slow to import, and most images are small

    edge = side(sigma) // 2
    for axis in (-2, -1):
        fields = correlate1d(fields, _taps(sigma), axis=axis)
    return fields[..., edge : h - edge, edge : w - edge]


def _taps(sigma: float) -> Array:
    """Weights of the window along an axis, sum 1."""
    offsets = np.arange(side(sigma)) - side(sigma) // 2
    taps = np.exp(-0.5 * (offsets / sigma) ** 2)
    return taps / taps.sum()


@lru_cache(maxsize=32)
def _band(size: int, sigma: float) -> Array:
    """The filter as a matrix (size, windows): one product an axis filters a whole batch."""
    windows = size - side(sigma) + 1
    band = np.zeros((size, windows))
    for tap, weight in enumerate(_taps(sigma)):
        band[np.arange(windows) + tap, np.arange(windows)] = weight
    return band
