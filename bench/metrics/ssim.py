"""Structural similarity: no unit, data range 1, -1 to 1 and 1 for equal images; higher is better.

The mean over the windows of an image, see `bench.metrics._windows`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bench import Unsupported, metric
from bench.metrics._blocks import blocks
from bench.metrics._windows import SIGMA, side, similarity, strips

if TYPE_CHECKING:
    from bench.core import Array, Values


@metric(
    better="higher",
    title="SSIM",
    decimals=3,
    between=(-1, 1),
    threads=True,
    reference="Wang, Bovik, Sheikh and Simoncelli 2004",
)
def ssim(clean: Array, restored: Array, *, sigma: float = SIGMA) -> Values:
    """Structural similarity of each image, the mean over windows and channels.

    Gaussian window of `sigma` pixels, cut 3.5 sigma from its middle (11x11 at the default, 1.5),
    K1 = 0.01, K2 = 0.03, population covariance, only windows that lie wholly inside the image.
    Equals `skimage.metrics.structural_similarity(gaussian_weights=True, sigma=sigma,
    use_sample_covariance=False, data_range=1.0)` within 1e-6.

    Args:
        clean: float32 (N, C, H, W), data range 1.
        restored: of the same shape.
        sigma: of the window, in pixels, over 0.

    Returns:
        Float64 (N,) in [-1, 1]; NaN where a side is smaller than the window.

    Raises:
        Unsupported: sigma is not over 0.

    Source: Wang, Bovik, Sheikh and Simoncelli 2004, eq. 13.

    Example:
        >>> clean = np.random.default_rng(0).random((1, 1, 28, 28), np.float32)
        >>> ssim(clean, clean).tolist()
        [1.0]
        >>> bool(ssim(clean, 1 - clean)[0] < 0)
        True
        >>> ssim(clean[..., :8], clean[..., :8]).tolist()
        [nan]
        >>> ssim(clean[..., :8], clean[..., :8], sigma=0.8).tolist()
        [1.0]
    """
    if not 0 < sigma < math.inf:
        raise Unsupported(f"sigma={sigma:g}: give a number of pixels over 0")
    n, c, h, w = clean.shape
    if min(h, w) < side(sigma):
        return np.full(n, np.nan)
    if len(list(strips(h, w, sigma))) > 1:
        return _by_strips(clean, restored, sigma)
    result = np.empty(n)
    for block in blocks(clean):
        x, y = (images[block].reshape(-1, h, w) for images in (clean, restored))
        result[block] = _map(x, y, sigma).reshape(len(result[block]), -1).mean(axis=1)
    return result


def _map(x: Array, y: Array, sigma: float) -> Array:
    """SSIM of each window of (N, H, W) images."""
    luminance, contrast = similarity(x, y, sigma)
    luminance *= contrast
    return luminance


def _by_strips(clean: Array, restored: Array, sigma: float) -> Values:
    """SSIM of large images."""
    n, c, h, w = clean.shape
    total = np.zeros(n)
    for image, channel in np.ndindex(n, c):
        for rows in strips(h, w, sigma):
            x, y = (images[image, channel, rows][None] for images in (clean, restored))
            total[image] += _map(x, y, sigma).sum()
    return total / (c * (h - side(sigma) + 1) * (w - side(sigma) + 1))
