"""Mean squared error: in squared units of the data range, 0 to 1; lower is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric
from bench.metrics._blocks import blocks

if TYPE_CHECKING:
    from bench.core import Array, Values

# Pixels whose squares are added up at a time, in float64.
_CHUNK = 8192


@metric(better="lower", title="MSE", decimals=5, between=(0, 1), threads=True)
def mse(clean: Array, restored: Array) -> Values:
    """Mean squared error over an image's pixels and channels.

    Args:
        clean: float32 (N, C, H, W), data range 1.
        restored: of the same shape.

    Returns:
        Float64 (N,), at least 0; at most 1 where both lie in [0, 1].

    Example:
        >>> clean = np.zeros((2, 1, 8, 8), np.float32)
        >>> mse(clean, clean + np.float32(0.5)).tolist()
        [0.25, 0.25]
    """
    total = np.zeros(len(clean))
    for block in blocks(clean):
        x, y = (images[block].reshape(block.stop - block.start, -1) for images in (clean, restored))
        for start in range(0, x.shape[1], _CHUNK):
            chunk = np.s_[:, start : start + _CHUNK]
            error = (x[chunk] - y[chunk]).astype(np.float64)
            # Of each row with itself: by far the quickest of NumPy's ways to add up squares.
            total[block] += np.matmul(error[:, None, :], error[:, :, None]).ravel()
    return total / max(1, clean[:1].size)
