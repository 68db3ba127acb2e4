"""Share of the residual that is structure, not noise: 0 to 1; lower is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric
from bench.metrics._blocks import blocks

if TYPE_CHECKING:
    from bench.core import Array, Values

#: Pixels a side of the blocks whose means are compared.
SIDE = 8


@metric(
    reference="Fisher 1925, intraclass correlation",
    better="lower",
    title="structure",
    decimals=2,
    between=(-1 / (SIDE**2 - 1), 1),
    threads=True,
)
def structure(clean: Array, restored: Array) -> Values:
    """Share of the variance of `restored - clean` that the pixels of a block of 8x8 have in common.

    The residual is taken as r = m + b + e: a mean m of each channel, an effect b that the pixels of
    a block share, and what is each pixel's own, e. By analysis of variance, with n = 64, the mean
    squares B between blocks and W within them estimate n var(b) + var(e) and var(e), so that the
    share var(b) / (var(b) + var(e)) is (B - W) / (B + (n - 1) W) (Fisher 1925, chapter 7; Shrout
    and Fleiss 1979, ICC(1)). White noise has 0, whatever its deviation; patches, waves and stripes
    wider than a block have nearly 1. Of images without detail, as `flat` has them, it is structure
    that was not there; elsewhere lost detail counts as well.

    Args:
        clean: float32 (N, C, H, W), data range 1.
        restored: of the same shape. What is right of and below the last whole block does not count.

    Returns:
        Float64 (N,), from -1/63 to 1; over the channels together. NaN where there is no residual,
        and of images that hold fewer than two blocks.

    Example:
        >>> clean = np.full((2, 1, 16, 16), 0.5, np.float32)
        >>> restored = clean.copy()
        >>> restored[0, :, :, 8:] = 0.6  # two patches
        >>> restored[1, :, :, ::2] = 0.6  # fine stripes
        >>> structure(clean, restored).round(3).tolist()
        [1.0, -0.016]
    """
    result = np.full(len(clean), np.nan)
    height, width = (side // SIDE for side in clean.shape[2:])
    if height * width < 2:
        return result
    for block in blocks(clean):
        whole = np.s_[block, :, : height * SIDE, : width * SIDE]
        error = restored[whole].astype(np.float64) - clean[whole]
        cut = error.reshape(*error.shape[:2], height, SIDE, width, SIDE)
        means = cut.mean(axis=(3, 5), keepdims=True)
        groups, count = clean.shape[1] * (height * width - 1), SIDE**2
        centred = means - means.mean(axis=(2, 4), keepdims=True)
        between = count * np.square(centred).sum(axis=(1, 2, 3, 4, 5)) / groups
        within = np.square(cut - means).sum(axis=(1, 2, 3, 4, 5))
        within /= clean.shape[1] * height * width * (count - 1)
        with np.errstate(invalid="ignore"):
            result[block] = (between - within) / (between + (count - 1) * within)
    return result
