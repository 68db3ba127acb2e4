"""Multi-scale structural similarity: 0 to 1, 1 for equal images; higher is better.

The contrast-structure term of SSIM at several scales, each half as fine as the one before, and its
luminance term at the coarsest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import Unsupported, metric
from bench.metrics._blocks import blocks
from bench.metrics._windows import SIGMA, side, similarity, strips

if TYPE_CHECKING:
    from bench.core import Array, Values

#: Exponents of the scales, from the finest on: what observers found equal.
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@metric(
    better="higher",
    title="MS-SSIM",
    decimals=4,
    between=(0, 1),
    threads=True,
    reference="Wang, Simoncelli and Bovik 2003",
    note="NaN below 176 pixels a side; with scales=2 below 22",
)
def ms_ssim(clean: Array, restored: Array, *, scales: int = 5) -> Values:
    """Multi-scale structural similarity of each image, the mean over its channels.

    Windows as in `ssim`. Between scales pixels are averaged two by two; where a side is odd its
    last pixel pairs with itself, as in the authors' code. Terms under 0 count as 0, as in
    pytorch-msssim and piq.

    Args:
        clean: float32 (N, C, H, W), data range 1.
        restored: of the same shape.
        scales: 1 to 5; fewer than the paper's 5 take its first weights, scaled to the sum 1, so
            that small images have a value. With 1 it is `ssim`, less what is under 0.

    Returns:
        Float64 (N,) in [0, 1]; NaN where a side is under 11 * 2^(scales - 1) pixels: 176 for 5
        scales, 22 for 2.

    Raises:
        Unsupported: scales is not one of 1 to 5.

    Source: Wang, Simoncelli and Bovik 2003, eq. 7.

    Example:
        >>> clean = np.random.default_rng(0).random((1, 1, 28, 28), np.float32)
        >>> ms_ssim(clean, clean).tolist()
        [nan]
        >>> ms_ssim(clean, clean, scales=2).tolist()
        [1.0]
    """
    if scales not in range(1, len(WEIGHTS) + 1):
        raise Unsupported(f"scales={scales}: give a number from 1 to {len(WEIGHTS)}")
    n, c, h, w = clean.shape
    if min(h, w) < side(SIGMA) * 2 ** (scales - 1):
        return np.full(n, np.nan)
    weights = np.array(WEIGHTS[:scales])
    if scales < len(WEIGHTS):
        weights /= weights.sum()
    result = np.empty(n)
    for block in blocks(clean):
        x, y = (images[block].reshape(-1, h, w) for images in (clean, restored))
        result[block] = _of_channels(x, y, weights).reshape(-1, c).mean(axis=1)
    return result


def _of_channels(x: Array, y: Array, weights: Array) -> Values:
    """MS-SSIM of each of (N, H, W)."""
    product = np.ones(len(x))
    for scale, weight in enumerate(weights, start=1):
        whole, contrast = _means(x, y)
        term = whole if scale == len(weights) else contrast
        product *= np.maximum(term, 0) ** weight
        if scale < len(weights):
            x, y = _halved(x), _halved(y)
    return product


def _means(x: Array, y: Array) -> tuple[Values, Values]:
    """SSIM and its contrast-structure term, the means over the windows of each of (N, H, W)."""
    h, w = x.shape[-2:]
    whole, contrast = np.zeros((2, len(x)))
    for rows in strips(h, w, SIGMA):
        luminance, structure = similarity(x[:, rows], y[:, rows], SIGMA)
        contrast += structure.sum(axis=(1, 2))
        whole += np.einsum("nhw,nhw->n", luminance, structure)
    windows = (h - side(SIGMA) + 1) * (w - side(SIGMA) + 1)
    return whole / windows, contrast / windows


def _halved(images: Array) -> Array:
    """Means of 2x2 pixels, (N, H, W) -> (N, ceil(H / 2), ceil(W / 2))."""
    for _ in range(2):
        first, second = images[:, ::2], images[:, 1::2]
        means = first.astype(np.float64)
        pairs = means[:, : second.shape[1]]
        pairs += second
        pairs /= 2
        images = means.swapaxes(1, 2)
    return images
