"""Mean absolute error: in units of the data range, 0 to 1; lower is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric
from bench.metrics._blocks import blocks

if TYPE_CHECKING:
    from bench.core import Array, Values


@metric(reference="none", better="lower", title="MAE", decimals=4, between=(0, 1), threads=True)
def mae(clean: Array, restored: Array) -> Values:
    """Mean absolute error over an image's pixels and channels.

    Args:
        clean: float32 (N, C, H, W), data range 1.
        restored: of the same shape.

    Returns:
        Float64 (N,), at least 0; at most 1 where both lie in [0, 1].

    Example:
        >>> clean = np.zeros((2, 1, 8, 8), np.float32)
        >>> mae(clean, clean + np.float32(0.5)).tolist()
        [0.5, 0.5]
    """
    result = np.empty(len(clean))
    for block in blocks(clean):
        error = np.abs(clean[block] - restored[block])
        result[block] = error.mean(axis=(1, 2, 3), dtype=np.float64)
    return result
