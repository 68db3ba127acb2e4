"""Mean squared error: in squared units of the data range, 0 to 1; lower is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric

if TYPE_CHECKING:
    from bench.core import Array, Values


@metric(reference="none", better="lower", title="MSE", decimals=5, between=(0, 1), threads=True)
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
    difference = (clean - restored).reshape(len(clean), -1)
    return np.einsum("ij,ij->i", difference, difference, dtype=np.float64) / difference.shape[1]
